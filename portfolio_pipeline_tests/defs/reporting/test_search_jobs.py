"""The jobs `search` and `sensitivity`, and what a request keeps: in tables of its own, whole or not at all."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.calendar.sessions import SessionRange, sessions_between
from portfolio_pipeline.core.requests.asked import SearchRequest
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables.market import REGIMES
from portfolio_pipeline.defs.reporting.search import search, sensitivity
from portfolio_pipeline.ports import Rows, Transaction, Warehouse
from portfolio_pipeline.reports.search_page import markdown_page
from portfolio_pipeline.reports.search_request import SearchReport, search_on_request, stored_search
from portfolio_pipeline_tests.backtest_house import FIRST, LAST, SETTINGS, STRATEGY
from portfolio_pipeline_tests.defs.test_optimized_parameters import DAYS, METHODS, PANEL, card, materialise, tables
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.search_house import SPACE, own_rows, store_search_house, writes_elsewhere
from portfolio_pipeline_tests.stored_panels import store_panel

CLOCK = FixedClock.after_close(LAST)
# As the launchpad has them: as typed, or as a card has them.
ASKED: dict[str, Any] = {"strategy": STRATEGY, "space": SPACE | {"slow": [80, 100]}}


def run(
    job: dg.JobDefinition,
    warehouse: Any,
    *,
    ok: bool = True,
    instance: dg.DagsterInstance | None = None,
    **config: Any,
) -> dg.ExecuteInProcessResult:
    (op,) = (node.name for node in job.nodes)
    return job.execute_in_process(
        run_config={"ops": {op: {"config": config}}} if config else None,
        resources={"warehouse": warehouse, "settings": SETTINGS, "strategies": load_cards(), "clock": CLOCK},
        raise_on_error=ok,
        instance=instance,
    )


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = (event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_OUTPUT)
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def asked(warehouse: Warehouse, card: StrategyCard, last: date, **request: Any) -> SearchReport:
    wanted = SearchRequest(last=last, **request)
    return search_on_request(warehouse, SETTINGS, (card,), card.name, wanted, now=CLOCK.now())


def test_the_run_shows_what_was_found_and_keeps_it(warehouse: Warehouse) -> None:
    store_search_house(warehouse)
    before = writes_elsewhere(warehouse)
    found = shown(run(search, warehouse, **ASKED))
    page = found["report"]
    assert f"## SIMULATED · {STRATEGY}, searched" in page
    assert "|  | best set, searched | best set, held out | would be used, searched | would be used, held out |" in page
    assert page.count("](data:image/svg+xml,") == 2
    assert "### Requests that are kept" in page
    assert len(page) < 200_000  # it is kept in the event log
    rows = own_rows(warehouse)
    assert rows["search_requests"]["request"].tolist() == [found["request"]]
    assert len(rows["search_request_trials"]) == 54
    assert rows["search_request_trials"]["share"].sum() == pytest.approx(1.0)
    assert writes_elsewhere(warehouse) == before


def test_the_same_question_keeps_the_same_rows_and_another_one_leaves_them(warehouse: Warehouse) -> None:
    store_search_house(warehouse)
    run(search, warehouse, **ASKED)
    first = own_rows(warehouse)
    run(search, warehouse, **ASKED)
    again = own_rows(warehouse)
    run(search, warehouse, **ASKED, objective="return")
    both = own_rows(warehouse)
    name = first["search_requests"]["request"][0]
    for table, rows in first.items():
        pd.testing.assert_frame_equal(again[table], rows, check_exact=True)
        mine = both[table][both[table]["request"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, rows, check_exact=True)
    assert len(both["search_requests"]) == 2


def test_other_prices_or_another_rate_of_cash_are_another_question(duckdb_warehouse: Warehouse) -> None:
    store_search_house(duckdb_warehouse)
    run(search, duckdb_warehouse, **ASKED)
    with duckdb_warehouse.transaction() as transaction:
        transaction.execute("update features set adjusted_close = adjusted_close * 1.0001 where symbol = 'TLT'")
    run(search, duckdb_warehouse, **ASKED)
    store_cash(duckdb_warehouse, FIRST, LAST)
    run(search, duckdb_warehouse, **ASKED)
    assert len(own_rows(duckdb_warehouse)["search_requests"]) == 3


def test_words_are_not_taken_for_emphasis(duckdb_warehouse: Warehouse) -> None:
    store_search_house(duckdb_warehouse)
    page = shown(run(search, duckdb_warehouse, **ASKED, objective="sharpe=0.7,drawdown=0.3"))["report"]
    assert page.count(r"0.7\*sharpe + 0.3\*drawdown") == 3


def test_a_request_that_is_kept_is_shown_again_from_its_rows_alone(duckdb_warehouse: Warehouse) -> None:
    store_search_house(duckdb_warehouse)
    found = shown(run(search, duckdb_warehouse, **ASKED))
    with duckdb_warehouse.transaction() as transaction:
        transaction.delete("features", None)
    assert shown(run(search, duckdb_warehouse, show=found["request"][:6])) == found
    assert markdown_page(stored_search(duckdb_warehouse, found["request"])) in found["report"]


@pytest.mark.parametrize("method", [*METHODS, "by regime"])
def test_scores_and_choice_are_those_of_the_asset_that_begins_at_the_session(
    duckdb_warehouse: Warehouse, method: str
) -> None:
    tried = card(regime_share=0.5) if method == "by regime" else card(**METHODS[method])
    store_panel(duckdb_warehouse, PANEL)
    store_regimes(duckdb_warehouse)
    store_cash(duckdb_warehouse, DAYS[0], DAYS[-1])
    row = 300 + int(np.flatnonzero(due(PANEL.sessions[300:], tried.search.cadence))[1])
    assert materialise(duckdb_warehouse, tried, row, row).success
    stored = tables(duckdb_warehouse)
    report = asked(duckdb_warehouse, tried, DAYS[row], held_out=0.0)

    chosen = report.trials[report.trials["share"] > 0.0].sort_values(["share", "rank"], ascending=[False, True])
    members = stored["parameter_mixtures"]
    assert dict(zip(chosen["parameters"], chosen["share"], strict=True)) == dict(
        zip(members["parameters"], members["share"], strict=True)
    )
    assert stored["optimized_parameters"]["reason"].tolist() == [report.row["reason"]]
    best = stored["optimization_results"].set_index("parameters")
    trials = report.trials.set_index("parameters").loc[best.index]
    for column in ("score", "plateau_score"):
        assert trials[column].to_numpy().tobytes() == best[column].to_numpy().tobytes()
    assert report.row["objective"] == stored["optimized_parameters"]["objective"][0]


def store_cash(warehouse: Warehouse, first: date, last: date) -> None:
    days = pd.DataFrame({"session": np.array(sessions_between(first, last), dtype="datetime64[s]")})
    warehouse.replace("cash_returns", SessionRange(first, last), days.assign(cash_return=0.0002, origin="a rate"))


def store_regimes(warehouse: Warehouse) -> None:
    chances = np.random.default_rng(4).dirichlet(np.ones(len(REGIMES)), len(DAYS))
    rows = pd.DataFrame({f"probability_{name}": chances[:, place] for place, name in enumerate(REGIMES)})
    rows = rows.assign(session=PANEL.sessions.astype("datetime64[s]"), regime=np.array(REGIMES)[chances.argmax(axis=1)])
    warehouse.replace("regimes", SessionRange(DAYS[0], DAYS[-1]), rows)


def test_what_comes_after_the_range_changes_nothing_of_it(duckdb_warehouse: Warehouse) -> None:
    store_panel(duckdb_warehouse, PANEL)
    before = asked(duckdb_warehouse, card(), DAYS[320])
    with duckdb_warehouse.transaction() as transaction:
        transaction.execute(f"update features set adjusted_close = 1 where session > date '{DAYS[320]}'")
    after = asked(duckdb_warehouse, card(), DAYS[320])
    assert after.request == before.request
    pd.testing.assert_frame_equal(after.trials, before.trials, check_exact=True)


class CancelledWhileStoring:
    """The warehouse of a run that a person terminates while its rows are written: the signal the UI sends."""

    def __init__(self, warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
        self._warehouse, self._instance = warehouse, instance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._warehouse.transaction() as transaction:
            yield _Interrupted(transaction, self._instance)


class _Interrupted:
    def __init__(self, transaction: Transaction, instance: dg.DagsterInstance) -> None:
        self._transaction, self._instance = transaction, instance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    def insert(self, table: str, rows: Rows) -> int:
        count = self._transaction.insert(table, rows)
        (run,) = self._instance.get_runs()
        self._instance.report_run_canceling(run)
        os.kill(os.getpid(), signal.SIGINT)
        return count


def test_a_run_that_is_terminated_while_it_writes_leaves_nothing(duckdb_warehouse: Warehouse) -> None:
    store_search_house(duckdb_warehouse)
    with dg.DagsterInstance.ephemeral() as instance:
        warehouse = CancelledWhileStoring(duckdb_warehouse, instance)
        result = run(search, warehouse, ok=False, instance=instance, **ASKED)
        assert not result.success
        assert instance.get_runs()[0].status == dg.DagsterRunStatus.CANCELED
    assert all(rows.empty for rows in own_rows(duckdb_warehouse).values())


def test_the_run_says_how_far_it_is(duckdb_warehouse: Warehouse) -> None:
    store_search_house(duckdb_warehouse)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(search, duckdb_warehouse, instance=instance, **ASKED)
        said = [record.event_log_entry.user_message for record in instance.get_records_for_run(result.run_id).records]
    assert "54 of 54 parameter sets" in said


def test_sensitivity_is_a_table_and_a_picture_on_the_page_of_the_run(duckdb_warehouse: Warehouse) -> None:
    store_search_house(duckdb_warehouse)
    before = writes_elsewhere(duckdb_warehouse)
    page = shown(run(sensitivity, duckdb_warehouse, **ASKED, given={"fast": 30}))["report"]
    assert "Around the set that was given: fast=30" in page
    assert page.count("](data:image/svg+xml,") == 1
    assert "| fast | 20 |" in page
    assert "|  | 30 * |" in page
    assert len(page) < 200_000
    assert writes_elsewhere(duckdb_warehouse) == before
    assert all(rows.empty for rows in own_rows(duckdb_warehouse).values())


@pytest.mark.parametrize(
    ("job", "config", "message"),
    [
        (search, {}, "RANGE_TOO_SHORT"),
        (search, {"strategy": "trend_bnds"}, "STRATEGY_UNKNOWN: found=trend_bnds"),
        (search, {"strategy": STRATEGY, "first": "soon"}, "NOT_A_DATE: found=soon"),
        (search, {"strategy": STRATEGY, "space": {"fats": 1}}, "PARAMETER_UNKNOWN: found=fats"),
        (search, {"strategy": STRATEGY, "space": {"fast": {"low": 90}}}, "SPACE_WRONG"),
        (search, {"strategy": STRATEGY, "trials": -1}, "SEARCH_WRONG: at=trials"),
        (search, {"strategy": STRATEGY, "last": "2031-01-02"}, "PRICES_MISSING"),
        (search, {"show": "nothing"}, "REQUEST_UNKNOWN: found=nothing"),
        (sensitivity, {"strategy": STRATEGY, "given": {"fast": "soon"}}, "PARAMETER_WRONG: found=fast=soon"),
        (sensitivity, {"strategy": STRATEGY, "around": "me"}, "AROUND_WRONG: found=me"),
    ],
)
def test_a_mistake_fails_the_run_with_its_message(
    duckdb_warehouse: Warehouse, job: dg.JobDefinition, config: dict[str, Any], message: str
) -> None:
    store_search_house(duckdb_warehouse)
    result = run(job, duckdb_warehouse, ok=False, **config)
    (failure,) = (event.step_failure_data for event in result.all_events if event.is_step_failure)
    assert failure.user_failure_data is not None
    assert message in str(failure.user_failure_data.description)
    assert all(rows.empty for rows in own_rows(duckdb_warehouse).values())
