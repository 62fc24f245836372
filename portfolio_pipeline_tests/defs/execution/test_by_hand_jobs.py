"""Orders by hand from the web UI: the same rows as the commands write, and a sensor that carries them out."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from portfolio_pipeline.adapters.broker import open_broker
from portfolio_pipeline.defs.execution.by_hand import approve_orders, cancel_by_hand, order_by_hand, said_by_hand
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.defs.execution.test_by_hand import ROOMY
from portfolio_pipeline_tests.defs.execution.test_execution import DAYS, RANGE, Desk
from portfolio_pipeline_tests.fakes.clock import FixedClock

CLOCK = FixedClock.after_close(DAYS[-1])


class Named:
    """A card, as far as orders by hand ask for it."""

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def desk(duckdb_warehouse: Warehouse) -> Desk:
    desk = Desk(duckdb_warehouse, ROOMY).filled_in()
    assert desk.run(RANGE).success
    return desk


def given(desk: Desk) -> dict[str, Any]:
    cards = tuple(map(Named, ("alpha", "beta", "gamma")))
    broker = open_broker("SIMULATED", desk.house, desk.warehouse)
    return {
        "warehouse": desk.warehouse,
        "settings": desk.house,
        "strategies": cards,
        "clock": CLOCK,
        "broker": broker,
        "plan_key": desk.plan_key,
    }


def does(desk: Desk, job: dg.JobDefinition, op: str, **config: object) -> dg.ExecuteInProcessResult:
    run_config = {"ops": {op: {"config": config}}}
    return job.execute_in_process(run_config=run_config, resources=given(desk), raise_on_error=False)


def asked(desk: Desk) -> object:
    known = given(desk)
    return said_by_hand(
        dg.build_sensor_context(),
        warehouse=known["warehouse"],
        settings=known["settings"],
        clock=known["clock"],
        plan_key=known["plan_key"],
    )


def test_a_word_about_a_planned_session_is_carried_out_by_the_sensor_once(desk: Desk) -> None:
    assert isinstance(asked(desk), dg.SkipReason)
    symbol = desk.table("positions", session=DAYS[-1], book="alpha")["symbol"].iloc[0]
    assert does(desk, order_by_hand, "order", action="sell_all", strategy="alpha", symbol=symbol, why="a test").success
    [row] = desk.table("order_instructions").to_dict("records")
    assert (row["kind"], row["strategy"], row["symbol"], row["who"]) == ("sell_all", "alpha", symbol, "web UI")
    request = asked(desk)
    assert isinstance(request, dg.RunRequest)
    assert (request.partition_key, request.run_key) == (str(DAYS[-1]), f"{DAYS[-1]}-1-0")
    assert desk.run(type(RANGE).single(DAYS[-1]), "orders", "submissions").success
    assert isinstance(asked(desk), dg.SkipReason)


def test_what_cannot_be_is_refused_in_one_message(desk: Desk) -> None:
    failed = does(desk, order_by_hand, "order", action="buy", strategy="alfa", symbol="CCC", quantity=1, why="x")
    [event] = failed.get_step_failure_events()
    assert "STRATEGY_UNKNOWN: found=alfa" in str(event.step_failure_data.user_failure_data)
    assert not does(desk, order_by_hand, "order", action="flatten", why="x").success
    assert not does(desk, approve_orders, "approve", why="x").success
    assert not len(desk.table("order_instructions"))


def test_everything_open_is_canceled_and_stays_so(desk: Desk) -> None:
    planned = desk.table("orders", session=DAYS[-1])
    assert len(planned)
    assert does(desk, cancel_by_hand, "cancel", why="a test").success
    assert set(desk.table("order_instructions")["client_order_id"]) == set(planned["client_order_id"])
    assert set(desk.table("sim_orders", session=DAYS[-1])["state"]) == {"canceled"}
    assert desk.run(type(RANGE).single(DAYS[-1])).success
    assert set(desk.table("sim_orders", session=DAYS[-1])["state"]) == {"canceled"}
