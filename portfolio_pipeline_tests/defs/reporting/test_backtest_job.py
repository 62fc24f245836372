"""The job `backtest`: the report is on the page of its run, and what is wrong with the config is said there too."""

from __future__ import annotations

from typing import Any

import dagster as dg
import numpy as np
import pytest

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.core.backtest.request import BacktestRequest
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.defs.automation.sensors import failed_runs
from portfolio_pipeline.defs.reporting.backtest import backtest
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reports.backtest import backtest_report
from portfolio_pipeline_tests.backtest_house import LAST, RUN_FIRST, SETTINGS, STRATEGY, store_backtest_house
from portfolio_pipeline_tests.fakes.alerts import RecordedAlerts
from portfolio_pipeline_tests.fakes.clock import FixedClock


def run(
    warehouse: Warehouse, *, ok: bool = True, instance: dg.DagsterInstance | None = None, **config: Any
) -> dg.ExecuteInProcessResult:
    return backtest.execute_in_process(
        run_config={"ops": {"report": {"config": config}}} if config else None,
        resources={"warehouse": warehouse, "settings": SETTINGS, "strategies": load_cards()},
        raise_on_error=ok,
        instance=instance,
    )


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = (event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_OUTPUT)
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def test_the_run_shows_figures_pictures_months_and_trades_of_every_set(duckdb_warehouse: Warehouse) -> None:
    store_backtest_house(duckdb_warehouse)
    result = run(duckdb_warehouse, strategy=STRATEGY, first="2024-03-01", sets=[{"speeds": 1}, {"fast": 20}], trades=7)
    found = shown(result)
    assert found["back-test"] == f"SIMULATED · {STRATEGY}, 2024-03-01 to {LAST}"
    page = found["report"]
    assert f"|  | speeds=1 | fast=20 | default | chosen at {LAST} | as it was run | SPY held |" in page
    assert "| Parameters are | by hand | by hand | fixed | in sample | out of sample |  |" in page
    assert page.count("](data:image/svg+xml,") == 2
    assert "### speeds=1: the newest 7 of" in page
    assert page.split("Held at the close |")[1].count("\n| 2024-") == 7
    assert len(page) < 200_000  # it is kept in the event log


def test_it_runs_from_the_launchpad_as_it_is(duckdb_warehouse: Warehouse) -> None:
    store_backtest_house(duckdb_warehouse)
    found = shown(run(duckdb_warehouse))
    assert load_cards()[0].name in found["back-test"]
    assert "The honest column is missing" in found["report"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"strategy": "trend_bnds"}, "STRATEGY_UNKNOWN: found=trend_bnds"),
        ({"strategy": STRATEGY, "sets": [{"fast": "soon"}]}, "PARAMETER_WRONG: found=fast=soon"),
        ({"strategy": STRATEGY, "first": "soon"}, "NOT_A_DATE: found=soon"),
        ({"strategy": STRATEGY, "last": "2031-01-02"}, "PRICES_MISSING"),
        ({"strategy": STRATEGY, "trades": -1}, "TRADES_NEGATIVE: found=-1"),
    ],
)
def test_a_mistake_fails_the_run_with_its_message(
    duckdb_warehouse: Warehouse, config: dict[str, Any], message: str
) -> None:
    store_backtest_house(duckdb_warehouse)
    result = run(duckdb_warehouse, ok=False, **config)
    (failure,) = (event.step_failure_data for event in result.all_events if event.is_step_failure)
    assert failure.user_failure_data is not None
    assert message in str(failure.user_failure_data.description)


def test_a_mistake_in_a_question_is_no_alarm(duckdb_warehouse: Warehouse) -> None:
    alerts = RecordedAlerts()
    with dg.instance_for_test() as instance:
        result = run(duckdb_warehouse, ok=False, instance=instance, strategy="trend_bnds")
        context = dg.build_run_status_sensor_context(
            sensor_name=failed_runs.name,
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"alerts": alerts, "clock": FixedClock.after_close(LAST)},
        )
        failed_runs(context.for_run_failure())
    assert alerts.sent == []


def test_what_was_run_is_read_from_either_database(warehouse: Warehouse) -> None:
    store_backtest_house(warehouse)
    report = backtest_report(warehouse, SETTINGS, load_cards(), STRATEGY, BacktestRequest(first=RUN_FIRST))
    columns = {column.label: column for column in report.columns}
    assert list(columns) == ["default", f"chosen at {LAST}", "as it was run", "SPY held"]
    np.testing.assert_allclose(columns["as it was run"].net_return, np.full(60, 0.001))
    np.testing.assert_allclose(columns["as it was run"].exposure, np.full(60, 0.8))
    assert report.parameters[f"chosen at {LAST}"] == "fast=20, slow=80, speeds=1, volatility_window=60"


def test_prices_after_the_range_change_nothing_in_it(duckdb_warehouse: Warehouse) -> None:
    store_backtest_house(duckdb_warehouse)
    last = previous_session(LAST, 20)
    assert last is not None

    def net_returns() -> list[np.ndarray]:
        request = BacktestRequest(first=RUN_FIRST, last=last)
        report = backtest_report(duckdb_warehouse, SETTINGS, load_cards(), STRATEGY, request)
        return [column.net_return for column in report.columns]

    before = net_returns()
    with duckdb_warehouse.transaction() as transaction:
        transaction.delete("prices", SessionRange(previous_session(LAST, 19) or LAST, LAST))
    for one, other in zip(before, net_returns(), strict=True):
        np.testing.assert_array_equal(one, other)
