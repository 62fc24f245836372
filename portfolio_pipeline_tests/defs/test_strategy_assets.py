"""The assets of strategies and regimes on a real database: ranges, restarts, refusals, checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.components.strategy import strategy_definitions
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.defs.market.regimes import regime_is_stable, regimes
from portfolio_pipeline.ports import Transaction, Warehouse
from portfolio_pipeline_tests import chain
from portfolio_pipeline_tests.core.markets import market, with_another_future
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.stored_panels import store_panel

SETTINGS = load_settings(PACKAGE_ROOT / "portfolio.yaml")
SYMBOLS = SETTINGS.symbols[:6]  # all equities, SPY first
PANEL = replace(market(320, 6, seed=8), symbols=SYMBOLS)
DAYS = [day.astype(date) for day in PANEL.sessions]
CARD = StrategyCard.model_validate(
    {
        "name": "tested",
        "type": "momentum",
        "description": "for tests",
        "symbols": {"only": SYMBOLS},
        "parameters": {"slow": [84, 126], "trend_window": [50, 100], "top": {"low": 2, "high": 4, "step": 1}},
        "search": {"window_sessions": 60, "trials": 8, "objective": "return", "half_life_sessions": 20, "mixture": 3}
        | {"renewed_share": 0.0, "trust": 0.5},
    }
)
TABLES = (
    "optimized_parameters",
    "parameter_mixtures",
    "optimization_results",
    "search_statistics",
    "strategy_targets",
    "strategy_returns",
    "strategy_paper_books",
    "regimes",
)
PARTS: list[Any] = [*(strategy_definitions(CARD).assets or []), regimes]


def materialise(
    warehouse: Warehouse,
    first: int,
    last: int,
    *,
    selection: list[str] | None = None,
    ok: bool = True,
) -> dg.ExecuteInProcessResult:
    sessions = SessionRange(DAYS[first], DAYS[last])
    return chain.materialise(
        PARTS,
        sessions,
        warehouse=warehouse,
        selection=selection,
        raise_on_error=ok,
        settings=SETTINGS,
        clock=FixedClock.after_close(DAYS[-1]),
    )


def tables(warehouse: Warehouse, last: int = len(DAYS) - 1) -> dict[str, pd.DataFrame]:
    return {name: frame(warehouse.read(name, SessionRange(DAYS[0], DAYS[last]))) for name in TABLES}


def assert_same(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    for name, rows in expected.items():
        pd.testing.assert_frame_equal(found[name], rows, check_exact=True, obj=name)


def forget(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        for name in TABLES:
            transaction.delete(name, None)


def test_a_range_its_sessions_and_overlapping_ranges_fill_the_same_tables(warehouse: Warehouse) -> None:
    store_panel(warehouse, PANEL)
    assert materialise(warehouse, 288, 296).success
    whole = tables(warehouse)
    assert all(len(rows) for rows in whole.values())
    assert whole["optimized_parameters"]["changed"].sum() > 1
    forget(warehouse)
    for row in range(288, 291):
        materialise(warehouse, row, row)
    materialise(warehouse, 290, 294)
    materialise(warehouse, 293, 296)
    assert_same(tables(warehouse), whole)


def test_another_future_changes_nothing_that_was_stored(duckdb_warehouse: Warehouse) -> None:
    store_panel(duckdb_warehouse, PANEL)
    materialise(duckdb_warehouse, 288, 308)
    before = tables(duckdb_warehouse, 298)
    store_panel(duckdb_warehouse, with_another_future(PANEL, 298))
    materialise(duckdb_warehouse, 288, 308)
    assert_same(tables(duckdb_warehouse, 298), before)


def test_what_is_stored_holds_together(duckdb_warehouse: Warehouse) -> None:
    store_panel(duckdb_warehouse, PANEL)
    result = materialise(duckdb_warehouse, 288, 303)
    found = tables(duckdb_warehouse)
    returns, book = found["strategy_returns"], found["strategy_paper_books"]
    equity = (book["quantity"] * book["price"]).groupby(book["session"]).sum()
    np.testing.assert_allclose(equity, np.cumprod(1 + returns["net_return"]), rtol=1e-12)
    assert len(found["strategy_targets"]) == 16 * len(SYMBOLS)
    checks = {evaluation.check_name: evaluation.passed for evaluation in result.get_asset_check_evaluations()}
    assert checks["parameters_in_range"]
    assert checks["targets_within_strategy_limits"]


def test_a_gap_before_the_range_is_refused_with_the_remedy(duckdb_warehouse: Warehouse) -> None:
    store_panel(duckdb_warehouse, PANEL)
    materialise(duckdb_warehouse, 288, 290)
    result = materialise(duckdb_warehouse, 293, 294, ok=False)
    assert not result.success
    messages = [str(event.event_specific_data) for event in result.all_events if event.is_step_failure]
    assert any("PREVIOUS_SESSION_MISSING" in message for message in messages)
    assert len(tables(duckdb_warehouse)["strategy_targets"]) == 3 * len(SYMBOLS)


@pytest.mark.parametrize(
    ("first", "last", "selection", "reason"),
    [
        (291, 292, ["tested/strategy_targets"], "PARAMETERS_MISSING"),
        (291, 305, ["regimes"], "FEATURES_MISSING"),
    ],
)
def test_what_has_to_be_there_first_is_named(
    duckdb_warehouse: Warehouse, first: int, last: int, selection: list[str], reason: str
) -> None:
    store_panel(duckdb_warehouse, PANEL.rows(0, 300))
    materialise(duckdb_warehouse, 288, 290)
    result = materialise(duckdb_warehouse, first, last, selection=selection, ok=False)
    assert [reason in str(event.event_specific_data) for event in result.all_events if event.is_step_failure] == [True]


def test_a_session_without_any_feature_is_a_hole_that_is_named(duckdb_warehouse: Warehouse) -> None:
    store_panel(duckdb_warehouse, PANEL)
    with duckdb_warehouse.transaction() as transaction:
        transaction.delete("features", SessionRange.single(DAYS[200]))
    result = materialise(duckdb_warehouse, 288, 289, selection=["regimes"], ok=False)
    (failure,) = [str(event.event_specific_data) for event in result.all_events if event.is_step_failure]
    assert "FEATURES_INCOMPLETE" in failure
    assert str(DAYS[200]) in failure


class TamperedWith:
    """A warehouse into which somebody else writes right after each transaction."""

    def __init__(self, warehouse: Warehouse, statement: str) -> None:
        self._warehouse, self._statement = warehouse, statement

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._warehouse.transaction() as transaction:
            yield transaction
            transaction.execute(self._statement)


@pytest.mark.parametrize(
    ("noun", "check", "statement"),
    [
        (
            "optimized_parameters",
            "parameters_in_range",
            """update parameter_mixtures set parameters = replace(parameters, '"top": ', '"top": 9')""",
        ),
        (
            "strategy_targets",
            "targets_within_strategy_limits",
            "update strategy_targets set weight = -0.2, decided = true",
        ),
    ],
)
def test_a_check_fails_on_rows_that_break_the_card_and_stops_what_follows(
    duckdb_warehouse: Warehouse, noun: str, check: str, statement: str
) -> None:
    store_panel(duckdb_warehouse, PANEL)
    materialise(duckdb_warehouse, 288, 289)
    tampered: Any = TamperedWith(duckdb_warehouse, statement)
    result = materialise(tampered, 288, 289, selection=[f"tested/{noun}", "tested/strategy_honesty"], ok=False)
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed, evaluation.blocking) == (check, False, True)
    assert result.asset_materializations_for_node("tested__strategy_honesty") == []


def test_a_change_of_regime_is_reported_as_a_warning(duckdb_warehouse: Warehouse) -> None:
    store_panel(duckdb_warehouse, PANEL)
    materialise(duckdb_warehouse, 255, 319, selection=["regimes"])
    names = tables(duckdb_warehouse)["regimes"]["regime"].tolist()
    changes = [row for row in range(1, len(names)) if names[row] != names[row - 1]]
    calm = next(row for row in range(1, len(names)) if row not in changes)
    for row, passed in ((changes[0], False), (calm, True)):
        found = regime_is_stable.function(SessionRange.single(DAYS[255 + row]), duckdb_warehouse)
        assert found.passed is passed
        assert found.severity == dg.AssetCheckSeverity.WARN
