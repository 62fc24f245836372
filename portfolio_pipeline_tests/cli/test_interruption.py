"""Stopping the command while it computes: one message that says what is stored, and the way to go on."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from portfolio_pipeline_tests.cli.house import House, small
from portfolio_pipeline_tests.web_ui.served import ROOT, environment, portfolio


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_stopped_in_the_middle_says_what_is_stored(stop: signal.Signals, tmp_path: Path) -> None:
    code, said = stopped_after("features", stop, small(tmp_path / "home"), "up", "--sessions", "40")
    assert code == 130
    assert said[-1] == (
        "Interrupted. No session is complete yet; what assets had finished is stored and stays."
        " `portfolio up` goes on from there."
    )
    assert not [line for line in said if "Traceback" in line or "RUN_FAILED" in line or "web UI" in line]


def test_sessions_that_were_complete_before_are_named(tmp_path: Path) -> None:
    assert House(tmp_path).does("backfill", "--from", "2024-07-01", "--to", "2024-07-02")[0] == 0
    more = ("backfill", "--from", "2024-07-03", "--to", "2024-07-05")
    code, said = stopped_after("prices", signal.SIGINT, tmp_path, *more)
    assert code == 130
    assert said[-1].startswith("Interrupted. Every session through 2024-07-02 is complete; what assets had finished")


def stopped_after(asset: str, stop: signal.Signals, home: Path, *arguments: str) -> tuple[int, list[str]]:
    """Stop the command when the asset is done; its exit code and what it said."""
    command = subprocess.Popen(
        portfolio(*arguments),
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert command.stdout is not None
    said = []
    for line in command.stdout:
        said.append(line.rstrip("\n"))
        if f" {asset}: " in line:
            command.send_signal(stop)
    return command.wait(timeout=60), said
