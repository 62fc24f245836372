"""A dry run sends nothing, says so, and otherwise tells what the broker behind it tells."""

from __future__ import annotations

from portfolio_pipeline.adapters.broker.dry_run import DryRunBroker
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.tickets import OrderState
from portfolio_pipeline_tests.adapters.broker_orders import DAYS, HOUSE, PRICES, RANGE, order, some_orders
from portfolio_pipeline_tests.fakes.broker import FakeBroker

WEEK = SessionRange(DAYS[0], DAYS[4])


def test_nothing_is_sent_and_every_order_is_reported_as_planned_with_the_reason() -> None:
    broker = FakeBroker(HOUSE, PRICES)
    told = DryRunBroker(broker).submit(WEEK, some_orders(list(WEEK)))
    assert broker.calls == []
    assert {report.client_order_id for report in told} == {one.client_order_id for one in some_orders(list(WEEK))}
    assert {(report.state, report.error) for report in told} == {(OrderState.PLANNED, "DRY_RUN: nothing was sent")}
    assert broker.account(DAYS[5]).holdings == {}
    assert broker.fills(RANGE) == ()
    assert broker.reports(WEEK) == ()


def test_an_order_that_was_sent_earlier_is_reported_as_the_broker_has_it() -> None:
    broker = FakeBroker(HOUSE, PRICES)
    [sent] = broker.submit(SessionRange.single(DAYS[0]), [order(DAYS[0], "BBB", 5)])
    told = DryRunBroker(broker).submit(
        SessionRange.single(DAYS[0]), [order(DAYS[0], "BBB", 5), order(DAYS[0], "AAA", 5)]
    )
    assert [report.state for report in told] == [OrderState.PLANNED, OrderState.ACCEPTED]
    assert told[1] == sent


def test_all_questions_are_answered_by_the_broker_behind_it() -> None:
    broker = FakeBroker(HOUSE, PRICES)
    broker.submit(WEEK, some_orders(list(WEEK)))
    dry = DryRunBroker(broker)
    assert dry.mode == broker.mode
    assert dry.account(DAYS[4]) == broker.account(DAYS[4])
    assert dry.reports(WEEK) == broker.reports(WEEK) != ()
    assert dry.fills(WEEK) == broker.fills(WEEK) != ()
