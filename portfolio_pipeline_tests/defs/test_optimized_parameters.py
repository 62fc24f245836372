"""The asset optimized_parameters on a real database: parts of a range, runs cut short, cards that change."""

from __future__ import annotations

import json
import os
import signal
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
from portfolio_pipeline.components.strategy import parameters as module
from portfolio_pipeline.components.strategy.parameters import parameters_asset
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables.market import REGIMES
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Transaction, Warehouse
from portfolio_pipeline_tests.core.markets import market
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.stored_panels import store_panel

SETTINGS = load_settings(PACKAGE_ROOT / "portfolio.yaml")
SYMBOLS = SETTINGS.symbols[:6]
PANEL = replace(market(360, 6, seed=8), symbols=SYMBOLS)
DAYS = [day.astype(date) for day in PANEL.sessions]
# A mixture that changes within few sessions.
NIMBLE: dict[str, Any] = {"half_life_sessions": 20, "mixture": 3, "renewed_share": 0.0, "trust": 0.5}
TABLES = ("optimized_parameters", "parameter_mixtures", "optimization_results", "search_statistics")


def card(*, parameters: dict[str, Any] | None = None, stage: str = "active", **search: Any) -> StrategyCard:
    return StrategyCard.model_validate(
        {
            "name": "tested",
            "type": "momentum",
            "description": "for tests",
            "symbols": {"only": SYMBOLS},
            "parameters": {"slow": [84, 126], "trend_window": [50, 100], "top": {"low": 2, "high": 4, "step": 1}}
            | (parameters or {}),
            "search": {"window_sessions": 60, "trials": 12, "objective": "return", "switch_margin": 0.02, **NIMBLE}
            | search,
            "honesty": {"blocks": 4},
            "stage": stage,
        }
    )


def materialise(
    warehouse: Any, card: StrategyCard, first: int, last: int, *, instance: dg.DagsterInstance | None = None
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [parameters_asset(card)],
        resources={"warehouse": warehouse, "settings": SETTINGS, "clock": FixedClock.after_close(DAYS[-1])},
        tags={
            "dagster/asset_partition_range_start": DAYS[first].isoformat(),
            "dagster/asset_partition_range_end": DAYS[last].isoformat(),
        },
        raise_on_error=False,
        instance=instance,
    )


def tables(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    return {name: frame(warehouse.read(name)) for name in TABLES}


def forget(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        for name in TABLES:
            transaction.delete(name, None)


def assert_same(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    for name, rows in expected.items():
        pd.testing.assert_frame_equal(found[name], rows, check_exact=True, obj=name)


METHODS: dict[str, dict[str, Any]] = {
    "exhaustive": {"trials": 1000, "cadence": "weekly", "parameters": {"slow_share": 0.5, "trend_filter": "symbol"}},
    "nsga2": {"method": "nsga2", "renewal": "monthly", "objective": ["return", "drawdown"]},
    "tpe": {
        "method": "tpe",
        "renewal": "monthly",
        "rule": "best_neighbourhood",
        "holdout_sessions": 5,
        "stage": "candidate",
    },
}


class CancelledAfter:
    """The warehouse of a run that a person cancels on the way: what the UI writes down, and the signal it sends."""

    def __init__(self, warehouse: Warehouse, transactions: int, instance: dg.DagsterInstance) -> None:
        self._warehouse, self._left, self._instance = warehouse, transactions, instance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._warehouse.transaction() as transaction:
            yield transaction
        self._left -= 1
        if self._left == 0:
            (run,) = self._instance.get_runs()
            self._instance.report_run_canceling(run)
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_cancelled_on_the_way_keeps_what_is_stored_and_the_next_one_comes_to_the_same_tables(
    duckdb_warehouse: Warehouse, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = card(**METHODS[method])
    store_panel(duckdb_warehouse, PANEL)
    assert materialise(duckdb_warehouse, tried, 262, 297).success
    whole = tables(duckdb_warehouse)
    assert whole["optimized_parameters"]["changed"].sum() > 1
    forget(duckdb_warehouse)

    monkeypatch.setattr(module, "STORED_TOGETHER", 10)
    with dg.DagsterInstance.ephemeral() as instance:
        cancelled = materialise(CancelledAfter(duckdb_warehouse, 2, instance), tried, 262, 297, instance=instance)
        (run,) = instance.get_runs()
        assert not cancelled.success
        assert run.status == dg.DagsterRunStatus.CANCELED
        kept = tables(duckdb_warehouse)
        assert len(kept["optimized_parameters"]) == len(kept["search_statistics"]) == 20
        assert_same(kept, {name: rows[rows["session"] < np.datetime64(DAYS[282])] for name, rows in whole.items()})

        assert materialise(duckdb_warehouse, tried, 262, 297, instance=instance).success
    assert_same(tables(duckdb_warehouse), whole)


def test_sessions_one_by_one_and_a_range_that_is_stored_in_parts_fill_the_same_tables(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = card(**METHODS["nsga2"])
    store_panel(warehouse, PANEL)
    for row in range(268, 274):
        materialise(warehouse, tried, row, row)
    alone = tables(warehouse)
    forget(warehouse)
    monkeypatch.setattr(module, "STORED_TOGETHER", 3)
    assert materialise(warehouse, tried, 268, 273).success
    assert_same(tables(warehouse), alone)


def test_the_ui_is_told_how_far_it_is_and_shown_what_was_found(duckdb_warehouse: Warehouse) -> None:
    store_panel(duckdb_warehouse, PANEL)
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialise(duckdb_warehouse, card(trials=60), 300, 320, instance=instance)
        said = [record.event_log_entry.user_message for record in instance.get_records_for_run(result.run_id).records]
    assert [text for text in said if "parameter sets" in text][-1] == "60 of 60 parameter sets"
    (event,) = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
        if event.step_materialization_data.materialization.partition == DAYS[320].isoformat()
    ]
    shown: dict[str, Any] = {name: value.value for name, value in event.metadata.items()}
    stored = tables(duckdb_warehouse)["optimized_parameters"].iloc[-1]
    assert shown["reason"] == stored["reason"]
    assert shown["score"] == round(float(stored["score"]), 6)
    assert shown["best sets"].splitlines()[4].startswith("| 1 | ")
    assert shown["picture"].count("data:image/svg+xml") == 3


def test_a_set_that_the_card_no_longer_allows_is_left_and_one_it_allows_goes_on(duckdb_warehouse: Warehouse) -> None:
    store_panel(duckdb_warehouse, PANEL)
    old: dict[str, Any] = {"rule": "best_neighbourhood", "switch_margin": 9}
    assert materialise(duckdb_warehouse, card(**old), 300, 305).success
    used = tables(duckdb_warehouse)["optimized_parameters"]["parameters"].iloc[-1]
    sticky = card(trials=3, **old)
    assert materialise(duckdb_warehouse, sticky, 306, 306).success
    row = tables(duckdb_warehouse)["optimized_parameters"].iloc[-1]
    assert row["parameters"] == used
    assert row["trials"] in (3, 4)
    narrower = card(parameters={"top": 4 if '"top": 4' not in used else 2}, **old)
    assert materialise(duckdb_warehouse, narrower, 307, 307).success
    row = tables(duckdb_warehouse)["optimized_parameters"].iloc[-1]
    assert row["changed"]
    assert row["reason"] == "first choice by return"


def test_what_a_card_still_allows_of_a_mixture_goes_on_in_use(duckdb_warehouse: Warehouse) -> None:
    store_panel(duckdb_warehouse, PANEL)
    kept: dict[str, Any] = {"mixture": 6, "trust": 0.0, "renewed_share": 1.0}
    assert materialise(duckdb_warehouse, card(**kept), 300, 305).success
    before = tables(duckdb_warehouse)["parameter_mixtures"].tail(6)
    held = before["parameters"].map(lambda text: json.loads(text)["top"])
    assert len(set(held)) > 1
    left = int(held.iloc[0])
    narrower = card(parameters={"top": {"low": left, "high": left, "step": 1}}, **kept)
    assert materialise(duckdb_warehouse, narrower, 306, 306).success
    after = tables(duckdb_warehouse)["parameter_mixtures"]
    after = after[after["session"] == after["session"].max()]
    assert after["parameters"].tolist() == before["parameters"][held == left].tolist()
    np.testing.assert_allclose(after["share"], 1 / (held == left).sum())
    row = tables(duckdb_warehouse)["optimized_parameters"].iloc[-1]
    assert row["changed"]
    assert row["members"] == (held == left).sum()
    assert row["reason"].startswith("kept")


def test_a_card_that_looks_at_regimes_asks_for_them(duckdb_warehouse: Warehouse) -> None:
    tried = card(regime_share=0.5)
    assert dg.AssetKey(["regimes"]) in parameters_asset(tried).dependency_keys
    assert dg.AssetKey(["regimes"]) not in parameters_asset(card()).dependency_keys
    store_panel(duckdb_warehouse, PANEL)
    failed = materialise(duckdb_warehouse, tried, 300, 301)
    (failure,) = [str(event.event_specific_data) for event in failed.all_events if event.is_step_failure]
    assert "REGIMES_MISSING" in failure

    chances = np.random.default_rng(1).dirichlet(np.ones(len(REGIMES)), len(DAYS))
    rows = pd.DataFrame({f"probability_{name}": chances[:, place] for place, name in enumerate(REGIMES)})
    rows["session"], rows["regime"] = PANEL.sessions.astype("datetime64[s]"), REGIMES[0]
    duckdb_warehouse.replace("regimes", SessionRange(DAYS[50], DAYS[-1]), rows[50:])
    assert materialise(duckdb_warehouse, tried, 300, 301).success
    by_regime = tables(duckdb_warehouse)
    forget(duckdb_warehouse)
    assert materialise(duckdb_warehouse, card(), 300, 301).success
    assert not by_regime["optimization_results"].equals(tables(duckdb_warehouse)["optimization_results"])
    with duckdb_warehouse.transaction() as transaction:
        transaction.delete("regimes", SessionRange.single(DAYS[200]))
    (failure,) = [
        str(event.event_specific_data)
        for event in materialise(duckdb_warehouse, tried, 302, 303).all_events
        if event.is_step_failure
    ]
    assert str(DAYS[200]) in failure
