"""Rows and the types they stand for: what goes into a table comes out of it unchanged."""

from __future__ import annotations

from datetime import date, datetime
from typing import get_args

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill, Side
from portfolio_pipeline.core.execution.rows import (
    cash_flow_rows,
    cash_flows_of,
    fill_rows,
    fills_of,
    orders_of,
    outcome_rows,
    submission_rows,
    ticket_rows,
    tickets_of,
)
from portfolio_pipeline.core.execution.tickets import (
    TAKEN,
    OrderReport,
    OrderState,
    OrderType,
    Ticket,
    TimeInForce,
    Verdict,
    by_session,
)
from portfolio_pipeline.core.tables import CASH_FLOWS, FILLS, ORDER_OUTCOMES, ORDERS, SUBMISSIONS, Table
from portfolio_pipeline.core.tables.rows import checked

DAY = date(2024, 3, 1)
NEXT = date(2024, 3, 4)
NOON = datetime(2024, 3, 1, 17)  # noqa: DTZ001 as the tables hold it: UTC without a zone
PRICES = st.floats(0.01, 1e5).map(lambda price: round(price, 6))
UNITS = st.integers(-(10**13), 10**13).filter(bool)
CENTS = st.integers(0, 10**12)
NAMES = st.integers(0, 10**6).map("order-{:07d}".format)


def stored(table: Table, rows: pd.DataFrame) -> pa.Table:
    """The rows as the warehouse would give them back."""
    return checked(table, rows).sort_by([(name, "ascending") for name in table.key])


TICKETS = st.builds(
    Ticket,
    session=st.sampled_from([DAY, NEXT]),
    client_order_id=NAMES,
    symbol=st.sampled_from(["AAA", "BBB"]),
    quantity=UNITS,
    reference_price=PRICES,
    target_weight=st.floats(-1, 1),
    reason=st.just("want 1 %"),
    verdict=st.sampled_from(get_args(Verdict)),
    limit_price=st.none() | PRICES,
    time_in_force=st.sampled_from(TimeInForce),
)
FILLED = st.builds(
    Fill,
    session=st.sampled_from([DAY, NEXT]),
    fill_id=NAMES,
    client_order_id=NAMES,
    symbol=st.just("AAA"),
    quantity=UNITS,
    price=PRICES,
    commission=CENTS,
    filled_at=st.just(NOON),
)


@examples(max_examples=60, deadline=None)
@given(tickets=st.lists(TICKETS, max_size=5, unique_by=lambda ticket: (ticket.session, ticket.client_order_id)))
def test_tickets_come_back_from_their_rows_unchanged(tickets: list[Ticket]) -> None:
    rows = stored(ORDERS, ticket_rows(tickets))
    expected = sorted(tickets, key=lambda ticket: (ticket.session, ticket.client_order_id))
    assert tickets_of(rows) == expected
    assert orders_of(rows) == [ticket.order for ticket in expected]


@examples(max_examples=60, deadline=None)
@given(fills=st.lists(FILLED, max_size=5, unique_by=lambda fill: (fill.session, fill.fill_id)))
def test_fills_come_back_from_their_rows_unchanged_and_in_the_order_of_their_identifiers(fills: list[Fill]) -> None:
    expected = sorted(fills, key=lambda fill: (fill.session, fill.fill_id))
    assert fills_of(stored(FILLS, fill_rows(fills))) == expected
    assert fills_of(checked(FILLS, fill_rows(fills))) == expected


def test_bookings_come_back_from_their_rows_unchanged() -> None:
    flows = [
        CashFlow(DAY, "a", "CSD", 123_456, None, "in"),
        CashFlow(DAY, "b", "FEE", -1, "SPY"),
        CashFlow(NEXT, "c", "JNLS", 0, "SPY", "shares of another account", -7_250_001),
    ]
    rows = cash_flow_rows(flows)
    assert rows["quantity"].isna().tolist() == [True, True, False]
    assert cash_flows_of(stored(CASH_FLOWS, rows)) == flows


def test_rows_speak_in_shares_sides_and_currency() -> None:
    [sold] = ticket_rows([Ticket(DAY, "a", "AAA", -2_500_000, 9.5, 0.1, "because", limit_price=9.0)]).to_dict("records")
    assert (sold["side"], sold["quantity"], sold["order_type"], sold["limit_price"]) == ("sell", 2.5, "limit", 9.0)
    assert (sold["time_in_force"], sold["verdict"]) == ("day", "accepted")
    [bought] = fill_rows([Fill(DAY, "a/1", "a", "AAA", 3_000_000, 9.5, 42, NOON)]).to_dict("records")
    assert (bought["side"], bought["quantity"], bought["commission"]) == ("buy", 3.0, 0.42)


def test_a_report_is_a_row_of_submissions_and_at_its_end_one_of_order_outcomes() -> None:
    report = OrderReport(DAY, "a", OrderState.PARTIALLY_FILLED, "SIM-a", 1_500_000, NOON, "VOLUME_SHARE_REACHED")
    [told] = stored(SUBMISSIONS, submission_rows([report])).to_pylist()
    assert told == {
        "session": DAY,
        "client_order_id": "a",
        "state": "partially_filled",
        "broker_order_id": "SIM-a",
        "filled_quantity": 1.5,
        "updated_at": NOON,
        "error": "VOLUME_SHARE_REACHED",
    }
    [ended] = stored(ORDER_OUTCOMES, outcome_rows([(NEXT, report)])).to_pylist()
    del told["broker_order_id"]
    assert ended == {**told, "session": NEXT}


@pytest.mark.parametrize("table", [SUBMISSIONS, ORDER_OUTCOMES])
def test_every_state_that_a_table_may_hold_is_a_state_of_an_order(table: Table) -> None:
    assert {OrderState(state) for state in table.column("state").one_of} <= set(OrderState)


def test_the_words_of_the_orders_table_are_those_of_the_types() -> None:
    assert set(ORDERS.column("side").one_of) == set(Side)
    assert set(ORDERS.column("order_type").one_of) == set(OrderType)
    assert set(ORDERS.column("time_in_force").one_of) == set(TimeInForce)
    assert set(ORDERS.column("verdict").one_of) == set(get_args(Verdict))


def test_an_order_that_was_never_on_a_market_was_not_taken() -> None:
    assert {state for state in OrderState if state not in TAKEN} == {
        *("planned", "held", "submitting", "refused", "unknown")
    }


def test_what_belongs_to_a_session_keeps_its_order() -> None:
    tickets = [Ticket(day, name, "AAA", 1, 1.0, 0.0, "") for day, name in ((NEXT, "b"), (DAY, "c"), (NEXT, "a"))]
    found = by_session(tickets)
    assert {day: [ticket.client_order_id for ticket in own] for day, own in found.items()} == {
        DAY: ["c"],
        NEXT: ["b", "a"],
    }
