"""Whoever uses the package adds to it from outside: one of each kind, in a home of their own, used for real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.adapters.extensions import load_extensions
from portfolio_pipeline.adapters.settings import active_settings
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]

FROM_THE_HOME = """
from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np

from portfolio_pipeline.adapters.alerts import ALERT_CHANNELS, Channel
from portfolio_pipeline.adapters.broker import BROKERS, BrokerKind
from portfolio_pipeline.adapters.broker.simulated import SimulatedBroker
from portfolio_pipeline.adapters.market_data import VENDORS, Vendor
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.core.features.families import FAMILY
from portfolio_pipeline.core.features.family import Family
from portfolio_pipeline.core.performance.metrics import METRICS, Metric
from portfolio_pipeline.core.risk.limits import registry as limits
from portfolio_pipeline.core.risk.limits.limit import PortfolioLimit
from portfolio_pipeline.core.risk.limits.setting import Setting
from portfolio_pipeline.core.risk.measures import registry as measures
from portfolio_pipeline.core.risk.measures.measure import Measure
from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES


GAP = FAMILY.add(
    Family(
        "gap",
        "close over its mean of {window} sessions",
        "ratio",
        inputs=("carried_close", "sma"),
        sees="the window",
        missing="before it is full",
        compute=lambda close, mean, window: close / mean,
    )
)


class AboveParameters(p.Parameters):
    window: Annotated[int, p.Range(2, 8, 2)] = 4


class Above:
    name: ClassVar[str] = "above"
    description: ClassVar[str] = "Holds what stands above its own average, in equal parts."
    inputs: ClassVar[tuple[Family, ...]] = (GAP,)
    Parameters: ClassVar[type[p.Parameters]] = AboveParameters

    def window(self, parameters):
        return parameters.window

    def target_weights(self, inputs, parameters, rows, *, long_short=False):
        at = inputs.at(rows)
        held = at.traded & (at.feature(GAP, parameters.window) > 1)
        return held / np.maximum(held.sum(axis=1, keepdims=True), 1)


class Positions(PortfolioLimit):
    name = "positions"
    setting = Setting(default=None, low=0, high=500, unit="count")
    metric = "positions_held"

    def of_whole(self, portfolio):
        return float(sum(weight != 0 for weight in portfolio.weights.values()))


class Practice(SimulatedBroker):
    def submit(self, *arguments, **named):
        (Path(os.environ["DAGSTER_HOME"]) / "submitted").touch()
        return super().submit(*arguments, **named)


class Planted(SimulatedMarketData):
    def bars(self, symbols, sessions):
        return super().bars(symbols, sessions).assign(source="PLANTED")

    @property
    def source(self):
        return "PLANTED"


class InAFile:
    def send(self, alert):
        (Path(os.environ["DAGSTER_HOME"]) / "alerts").write_text(alert.title)


STRATEGY_TYPES.add(Above())
limits.register(Positions())
measures.register(Measure("best_5d", "best_5d", ("past",), lambda past: past.max(), window=5, fewest=5))
METRICS.add(Metric("worst_return", "fraction", lambda series: np.minimum.accumulate(series.values)))
ALERT_CHANNELS.add(Channel("in_a_file", InAFile))
VENDORS.add(Vendor("planted", lambda environment, settings: Planted(settings.universe)))
BROKERS.add(BrokerKind("PRACTICE", Practice))
"""
INSTALLED = """
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS, AllocationMethod

ALLOCATION_METHODS.add(
    AllocationMethod("by_rank", lambda known, settings: 1.0 / (1.0 + known.returns[0].argsort()))
)
"""
SETTINGS = """
universe:
  - {symbol: SPY, asset_class: equity, group: us_large, name: stocks}
  - {symbol: TLT, asset_class: bond, group: treasury_long, name: bonds}
shipped_strategies: none
allocation: {method: by_rank, maximum: 1.0}
limits: {positions: 2}
warm_up: none
"""
CARD = """
name: mine
type: above
description: mine
symbols: {only: [SPY, TLT]}
rebalance: daily
search: {window_sessions: 20, trials: 4}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a house with extensions, in which thirty sessions have been run."""
    folder = tmp_path_factory.mktemp("extended")
    files = {
        "home/extensions/mine.py": FROM_THE_HOME,
        "home/portfolio.yaml": SETTINGS,
        "home/strategies/mine.yaml": CARD,
        "site/by_rank.py": INSTALLED,
        "site/by_rank-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: by-rank\nVersion: 1\n",
        "site/by_rank-1.dist-info/entry_points.txt": "[portfolio_pipeline.extensions]\nby_rank = by_rank\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "PORTFOLIO_CONFIG")}
    environment = {
        **kept,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(folder / "site"))),
        "DAGSTER_HOME": str(folder / "home"),
        "MARKET_DATA": "planted",
        "TRADING_MODE": "PRACTICE",
        "ALERTS": "log,in_a_file",
    }
    done = python(environment, "-m", "portfolio_pipeline.cli", "up", "--no-ui", "--sessions", "30")
    assert done.returncode == 0, done.stdout + done.stderr
    return environment


def python(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=280
    )


def found(house: dict[str, str], query: str) -> list[object]:
    home = Path(house["DAGSTER_HOME"])
    rows = open_warehouse(f"duckdb:///{home / 'portfolio.duckdb'}").query(query).to_pylist()
    return [value for row in rows for value in row.values()]


def test_a_vendor_of_ones_own_delivers_the_prices(house: dict[str, str]) -> None:
    assert found(house, "select distinct source from prices") == ["PLANTED"]


def test_a_strategy_type_on_a_feature_family_of_ones_own_is_searched_and_trades_for_a_card_of_the_home(
    house: dict[str, str],
) -> None:
    assert found(house, "select distinct strategy from optimized_parameters") == ["mine"]
    (searched,) = found(house, "select max(trials) from optimized_parameters")
    assert searched == 4
    (held,) = found(house, "select count(*) from strategy_targets where strategy = 'mine' and weight > 0")
    assert held


def test_an_allocation_method_of_an_installed_package_shares_out_the_capital(house: dict[str, str]) -> None:
    assert found(house, "select distinct method from strategy_weights") == ["by_rank"]
    assert found(house, "select distinct requested_weight from strategy_weights") == [1.0]


def test_a_metric_of_ones_own_is_stored_for_every_scope(house: dict[str, str]) -> None:
    scopes = found(house, "select distinct scope from metrics where metric = 'worst_return' order by 1")
    assert scopes == found(house, "select distinct scope from metrics order by 1")
    (smallest,) = found(house, "select min(value) from metrics where metric = 'return_1d' and scope = 'benchmark'")
    assert smallest in found(house, "select value from metrics where metric = 'worst_return' and scope = 'benchmark'")


def test_a_limit_of_ones_own_is_set_in_the_settings_and_stands_beside_its_figure(house: dict[str, str]) -> None:
    query = "select distinct {} from risk_metrics where metric = 'positions_held'"
    assert found(house, query.format("limit_value")) == [2.0]
    assert max(found(house, query.format("value"))) <= 2.0  # type: ignore[type-var, operator]


def test_a_measure_of_ones_own_is_taken_once_it_has_seen_enough(house: dict[str, str]) -> None:
    taken, sessions = found(house, "select count(value), count(*) from risk_metrics where metric = 'best_5d'")
    assert 0 < taken < sessions  # type: ignore[operator]


def test_a_broker_of_ones_own_is_given_the_orders(house: dict[str, str]) -> None:
    assert (Path(house["DAGSTER_HOME"]) / "submitted").exists()


def test_a_channel_of_ones_own_takes_the_alerts(house: dict[str, str]) -> None:
    code = "from portfolio_pipeline.adapters.wiring import wire; from portfolio_pipeline.ports import Alert\n"
    done = python(house, "-c", code + "wire().alerts.send(Alert('high', 'something', 'happened'))")
    assert done.returncode == 0, done.stderr
    assert (Path(house["DAGSTER_HOME"]) / "alerts").read_text() == "something"


def test_what_was_added_is_among_what_a_wrong_name_is_told(house: dict[str, str]) -> None:
    done = python({**house, "MARKET_DATA": "plant"}, "-m", "portfolio_pipeline.cli", "status")
    assert done.returncode == 1
    assert "simulated or files or alpaca or planted (did you mean planted?)" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n\nraise OSError('no key')\n", r"mine\.py:3, why=OSError: no key"),
        ("x = 1\ndef f(:\n", r"mine\.py:2, why=SyntaxError"),
        ("import nowhere_to_be_found\n", r"mine\.py:1, why=ModuleNotFoundError"),
        (
            "from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES\n"
            "STRATEGY_TYPES.add(STRATEGY_TYPES['trend'])\n",
            r"mine\.py:2, why=STRATEGY_TYPE_TAKEN: found=trend",
        ),
    ],
)
def test_a_broken_extension_is_one_message_with_file_and_line_however_often_it_is_met(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "extensions").mkdir()
    (tmp_path / "extensions" / "mine.py").write_text(text)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="EXTENSION_BROKEN: at=.*" + words):
            load_extensions(tmp_path)


def test_settings_name_an_allocation_method_that_there_is(tmp_path: Path) -> None:
    (tmp_path / "portfolio.yaml").write_text(SETTINGS.replace("by_rank", "equall"))
    with pytest.raises(
        ConfigurationError,
        match=r"entry=allocation\.method, found=equall, expected=one of equal, .*did you mean equal\?",
    ):
        active_settings(read_environment({"DAGSTER_HOME": str(tmp_path)}))
