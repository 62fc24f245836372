"""A home of its own, and real commands given in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS, read_environment
from portfolio_pipeline.adapters.wiring import Wiring, wire
from portfolio_pipeline_tests import forked

ROOT = Path(__file__).resolve().parents[2]
CLI = (sys.executable, "-m", "portfolio_pipeline.cli")
_OURS = {"DATABASE_URL", "MARKET_DATA", "MARKET_DATA_PATH", "TRADING_MODE", "PORTFOLIO_CONFIG"}
_OF_PYTHON = ("TZ", "LANG", "LC_ALL", "PYTHONUTF8")
"""What Python itself reads when it starts."""


SMALL_SETTINGS = (
    SHIPPED_SETTINGS.read_text(encoding="utf-8")
    .replace("warm_up: auto", "warm_up: none")
    .replace("strategies: all", "strategies: [trend_bonds]")
)


def small(home: Path) -> Path:
    """A new home that begins with its first trading session, with one strategy: it computes in seconds."""
    home.mkdir(mode=0o700, parents=True)
    settings = home / "portfolio.yaml"
    settings.touch(mode=0o600)
    settings.write_text(SMALL_SETTINGS, encoding="utf-8")
    return home


class House:
    def __init__(self, home: Path, **variables: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in _OURS}
        self.home = home
        self.environment = {**kept, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT), **variables}

    @property
    def wired(self) -> Wiring:
        return wire(read_environment(self.environment))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command of `portfolio`, or Python with `-c`."""
        command = [sys.executable, *arguments] if arguments[0] == "-c" else [*CLI, *arguments]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def does(self, *arguments: str) -> tuple[int, str]:
        """The exit code, and what was said and complained of; without a start of its own, unless it is about that."""
        if arguments[0] == "-c" or any(self.environment.get(name) != os.environ.get(name) for name in _OF_PYTHON):
            return self.does_from_its_start(*arguments)
        done = forked.done(arguments, self.environment)
        assert "Traceback" not in done.stdout, done.stdout
        return done.returncode, done.stdout

    def does_from_its_start(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=240)
        assert "Traceback" not in said, said
        return process.returncode, said

    def runs(self) -> list[dg.DagsterRun]:
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            return list(instance.get_runs())
