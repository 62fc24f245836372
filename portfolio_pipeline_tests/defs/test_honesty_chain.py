"""From prices to the verdict, through the real assets: noise is recognised as noise, a planted effect as one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.components.strategy import strategy_definitions
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.defs.market.features import features
from portfolio_pipeline.defs.market.prices import prices
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import Tables, active_settings, materialise
from portfolio_pipeline_tests.core.planted_markets import random_walks
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData

SYMBOLS = active_settings().symbols[:12]
SESSIONS = 900
TABLES = ("optimized_parameters", "search_statistics", "strategy_returns", "strategy_honesty")
CARDS = tuple(
    StrategyCard.model_validate(
        {
            "name": stage,
            "type": "momentum",
            "description": "for tests",
            "stage": stage,
            "symbols": {"only": SYMBOLS},
            "direction": "long_short",
            "parameters": {"slow": [84, 126], "trend_filter": "none", "trend_window": 50},
            "search": {"trials": 100, "window_sessions": 252, "cadence": "weekly"},
            "sizing": {"maximum_weight": 0.5},
            "honesty": {"when_doubted": "no_new_capital"},
        }
    )
    for stage in ("active", "candidate")
)


def house() -> Settings:
    settings = active_settings()
    return settings.model_copy(update={"universe": settings.universe[: len(SYMBOLS)]})


def bars(panel: PricePanel) -> pd.DataFrame:
    """The panel as rows of prices."""
    columns = ("open", "high", "low", "close", "volume", "dividend", "split_ratio")
    rows = pd.DataFrame({name: getattr(panel, name).ravel() for name in columns})
    rows["session"] = np.repeat(panel.sessions, len(SYMBOLS)).astype("datetime64[s]")
    rows["symbol"] = np.tile(np.array(SYMBOLS, dtype=object), len(panel.sessions))
    return rows.assign(retrieved_at=pd.Timestamp("2020-01-01").as_unit("us"))


class Market:
    """A market of the test's own, its house, and the assets of its strategies."""

    def __init__(self, folder: Path, panel: PricePanel, cards: tuple[StrategyCard, ...] = CARDS) -> None:
        self.warehouse: Warehouse = open_warehouse(f"duckdb:///{folder}/portfolio.duckdb")
        self.warehouse.prepare()
        self.panel = panel
        self.days = [day.item() for day in panel.sessions]
        built = dg.Definitions.merge(*(strategy_definitions(card) for card in cards))
        self._parts: list[Any] = [prices, features, *(built.assets or ())]

    def materialise(self, first: int, last: int) -> dict[str, dg.AssetCheckEvaluation]:
        """All assets for the sessions at these positions; what the checks of strategy_honesty said."""
        sessions = SessionRange(self.days[first], self.days[last])
        result = materialise(
            self._parts,
            sessions,
            warehouse=self.warehouse,
            market_data=ScriptedMarketData(bars(self.panel)),
            settings=house(),
            clock=FixedClock.after_close(self.days[-1]),
        )
        return {
            found.asset_key.path[0]: found
            for found in result.get_asset_check_evaluations()
            if found.asset_key.path[-1] == "strategy_honesty"
        }

    def tables(self, last: int = SESSIONS - 1) -> Tables:
        known = SessionRange(self.days[0], self.days[last])
        return {name: self.warehouse.read(name, known).to_pandas() for name in TABLES}


def verdicts(tables: Tables, strategy: str) -> pd.DataFrame:
    rows = tables["strategy_honesty"]
    return rows[rows["strategy"] == strategy].set_index("session")


def same(found: Tables, expected: Tables) -> None:
    for name, rows in expected.items():
        pd.testing.assert_frame_equal(found[name], rows, check_exact=True, obj=name)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, dict[str, dg.AssetCheckEvaluation]]:
    market = Market(tmp_path_factory.mktemp("planted"), random_walks(SYMBOLS, SESSIONS, 1, persistence=0.2))
    checks = market.materialise(0, SESSIONS - 1)
    return market.tables(), checks


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_market_of_pure_noise_is_recognised_as_noise(tmp_path: Path, seed: int) -> None:
    market = Market(tmp_path, random_walks(SYMBOLS, SESSIONS, seed), CARDS[:1])
    checks = market.materialise(0, SESSIONS - 1)
    found = verdicts(market.tables(), "active")
    # How seldom luck is believed, over many markets, is tested beside the core.
    assert (found["verdict"] == "believed").mean() <= 0.05
    assert (found["takes_new_capital"] == (found["verdict"] != "doubted")).all()
    check, newest = checks["active"], found.iloc[-1]
    assert (check.check_name, check.blocking) == ("results_are_believed", False)
    assert check.passed == (newest["verdict"] != "doubted")
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.description == f"active is {newest['verdict']}: {newest['reasons']}"


def test_a_planted_effect_is_recognised_as_one(
    planted: tuple[Tables, dict[str, dg.AssetCheckEvaluation]],
) -> None:
    tables, checks = planted
    found = verdicts(tables, "active")
    assert found["verdict"].iloc[-1] == "believed"
    assert (found["verdict"].iloc[-250:] == "believed").mean() >= 0.9
    assert found["evidence"].iloc[-1] >= 20
    assert found["efficiency"].iloc[-1] > 0.5
    assert checks["active"].passed


def test_a_candidate_with_an_effect_is_ready_for_promotion_and_takes_no_capital_before(
    planted: tuple[Tables, dict[str, dg.AssetCheckEvaluation]],
) -> None:
    tables, checks = planted
    assert (checks["candidate"].check_name, checks["candidate"].passed) == ("ready_for_promotion", True)
    assert not verdicts(tables, "candidate")["takes_new_capital"].any()
    statistics = tables["search_statistics"].set_index("strategy")
    assert statistics.loc["active", "path_loss"].isna().all()
    assert statistics.loc["candidate", "path_loss"].iloc[-1] == 0.0


def test_a_range_is_its_sessions_one_by_one_and_another_future_changes_nothing(
    tmp_path: Path, planted: tuple[Tables, dict[str, dg.AssetCheckEvaluation]]
) -> None:
    expected, _ = planted
    market = Market(tmp_path, random_walks(SYMBOLS, SESSIONS, 1, persistence=0.2))
    known, other = market.panel, random_walks(SYMBOLS, SESSIONS, 77)
    turn = SESSIONS - 3

    def changed(name: str) -> np.ndarray:
        later = getattr(other, name)[turn:] * (known.close[turn - 1] / other.close[turn - 1])
        return np.vstack([getattr(known, name)[:turn], later])

    market.panel = replace(
        known, open=changed("open"), high=changed("high"), low=changed("low"), close=changed("close")
    )
    market.materialise(0, SESSIONS - 1)
    found = market.tables()
    assert not found["strategy_honesty"].equals(expected["strategy_honesty"])
    same(market.tables(turn - 1), {name: up_to(rows, market.days[turn - 1]) for name, rows in expected.items()})
    with market.warehouse.transaction() as transaction:
        for name in ("prices", "features", *TABLES, "optimization_results", "strategy_targets", "strategy_paper_books"):
            transaction.delete(name, SessionRange(market.days[turn], market.days[-1]))
    market.panel = known
    for row in range(turn, SESSIONS):
        market.materialise(row, row)
    same(market.tables(), expected)


def up_to(rows: pd.DataFrame, session: object) -> pd.DataFrame:
    return rows[rows["session"] <= session].reset_index(drop=True)
