"""What README says can be done as it says: its example of extensions loads, its files and variables are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "portfolio_pipeline"
(EXAMPLE,) = re.findall(r"One file with one of each:\n\n((?:    .*\n|\n)+)", README)
PATHS = sorted(
    set(re.findall(r"`((?:core|ports|portfolio_pipeline|portfolio_pipeline_tests|dbt_like_sql)/[\w./]+)`", README))
)
VARIABLES = re.findall(r"`([A-Z_]+)`", "".join(re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", README, re.MULTILINE)))

ADDED = """
from portfolio_pipeline.adapters.wiring import wire
wired = wire()
wired.settings, wired.market_data, wired.broker, wired.alerts
from portfolio_pipeline.adapters.alerts import ALERT_CHANNELS
from portfolio_pipeline.adapters.broker import BROKERS
from portfolio_pipeline.adapters.market_data import VENDORS
from portfolio_pipeline.core.features.families import FAMILY
from portfolio_pipeline.core.performance.metrics import METRICS
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS
from portfolio_pipeline.core.risk.limits.registry import LIMITS
from portfolio_pipeline.core.risk.measures.registry import MEASURES
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
registries = METRICS, MEASURES, LIMITS, ALLOCATION_METHODS, FAMILY, STRATEGY_TYPES, ALERT_CHANNELS, VENDORS, BROKERS
print(*(list(registry)[-1] for registry in registries), Limits(positions=20).value("positions"))
"""


def test_the_example_of_extensions_adds_one_of_each(tmp_path: Path) -> None:
    (tmp_path / "extensions").mkdir()
    (tmp_path / "extensions" / "mine.py").write_text(dedent(EXAMPLE), encoding="utf-8")
    chosen = {"MARKET_DATA": "mine", "TRADING_MODE": "MINE", "ALERTS": "log,file"}
    done = subprocess.run(
        [sys.executable, "-c", ADDED],
        env={**os.environ, **chosen, "DAGSTER_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "worst_return best_63d positions first_most gap above file mine MINE 20.0\n"


@pytest.mark.parametrize("path", PATHS)
def test_a_file_that_it_names_is_there(path: str) -> None:
    assert (ROOT / path).exists() or (PACKAGE / path).exists()


def test_it_names_the_environment_variables_that_are_read() -> None:
    source = (PACKAGE / "adapters" / "environment.py").read_text(encoding="utf-8")
    assert set(VARIABLES) == set(re.findall(r"variables(?:\.get\(|\[)\"([A-Z_]+)\"", source))
