"""Rows of orders, submissions, attempts, outcomes, fills and cash flows, and the types they stand for, and back.

Where rows become types, shares become units and amounts cents, and the side becomes the sign; and back. What a table
holds is declared in `core.tables`. No judgement belongs here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from portfolio_pipeline.core.books.book import to_cents, to_currency, to_shares, to_units
from portfolio_pipeline.core.books.cash_flows import OF_BOOKS, CashFlow
from portfolio_pipeline.core.books.fills import Fill, Side
from portfolio_pipeline.core.execution.attempts import Attempt
from portfolio_pipeline.core.execution.tickets import Order, OrderReport, OrderState, OrderType, Ticket, TimeInForce
from portfolio_pipeline.core.market.bars import Asset, SessionBars
from portfolio_pipeline.core.tables import (
    BROKER_ASSETS,
    CASH_FLOWS,
    FILLS,
    ORDER_ATTEMPTS,
    ORDER_OUTCOMES,
    ORDERS,
    SUBMISSIONS,
)

_INTENT = ("symbol", "side", "quantity", "order_type", "limit_price", "time_in_force")
ORDER_COLUMNS = ("session", "client_order_id", *_INTENT)
"""What a table has to hold for `orders_of`."""


def ticket_rows(tickets: Iterable[Ticket]) -> pd.DataFrame:
    """Rows of the orders table."""
    rows = [
        {
            **order_row(ticket.order),
            "reason": ticket.reason,
            "verdict": ticket.verdict,
            "reference_price": ticket.reference_price,
            "target_weight": ticket.target_weight,
        }
        for ticket in tickets
    ]
    return pd.DataFrame(rows, columns=list(ORDERS.column_names))


def tickets_of(rows: pa.Table) -> list[Ticket]:
    """The tickets that rows of the orders table hold."""
    return [
        Ticket(
            session=order.session,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            quantity=order.quantity,
            reference_price=row["reference_price"],
            target_weight=row["target_weight"],
            reason=row["reason"],
            verdict=row["verdict"],
            limit_price=order.limit_price,
            time_in_force=order.time_in_force,
        )
        for row, order in ((row, _order(row)) for row in rows.to_pylist())
    ]


def order_row(order: Order) -> dict[str, object]:
    """The columns that every table of orders has in common."""
    return {
        "session": order.session,
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": str(order.side),
        "quantity": to_shares(abs(order.quantity)),
        "order_type": str(order.order_type),
        "limit_price": order.limit_price,
        "time_in_force": str(order.time_in_force),
    }


def orders_of(rows: pa.Table) -> list[Order]:
    """The orders that rows with at least `ORDER_COLUMNS` hold."""
    return [_order(row) for row in rows.select(list(ORDER_COLUMNS)).to_pylist()]


def submission_rows(reports: Iterable[OrderReport]) -> pd.DataFrame:
    """Rows of the submissions table."""
    return pd.DataFrame(map(_report_row, reports), columns=list(SUBMISSIONS.column_names))


def outcome_rows(ended: Iterable[tuple[date, OrderReport]]) -> pd.DataFrame:
    """Rows of order_outcomes: the reports on orders that came to their end, each with the session it ended in."""
    rows = [{**_report_row(report), "session": session} for session, report in ended]
    return pd.DataFrame(rows, columns=list(ORDER_OUTCOMES.column_names))


def attempt_rows(attempts: Iterable[Attempt]) -> pd.DataFrame:
    """Rows of order_attempts."""
    rows = [
        {
            **order_row(attempt.order),
            "number": attempt.number,
            "state": str(attempt.state),
            "broker_order_id": attempt.broker_order_id,
            "filled_quantity": to_shares(attempt.filled_quantity),
            "happened_at": attempt.happened_at,
            "error": attempt.error,
        }
        for attempt in attempts
    ]
    return pd.DataFrame(rows, columns=list(ORDER_ATTEMPTS.column_names))


def attempts_of(rows: pa.Table) -> list[Attempt]:
    """The notes that rows of order_attempts hold."""
    return [
        Attempt(
            order=_order(row),
            number=row["number"],
            state=OrderState(row["state"]),
            happened_at=row["happened_at"],
            broker_order_id=row["broker_order_id"],
            filled_quantity=to_units(row["filled_quantity"]),
            error=row["error"],
        )
        for row in rows.to_pylist()
    ]


def asset_rows(session: date, assets: Iterable[Asset]) -> pd.DataFrame:
    """Rows of broker_assets."""
    return pd.DataFrame([(session, *one) for one in assets], columns=list(BROKER_ASSETS.column_names))


def know_assets(bars: Mapping[date, SessionBars], rows: pa.Table) -> None:
    """Rows of broker_assets, put to the bars of their sessions."""
    for row in rows.to_pylist():
        if row["session"] in bars:
            bars[row["session"]].assets[row["symbol"]] = Asset(*(row[name] for name in Asset._fields))


def cash_flow_rows(flows: Iterable[CashFlow]) -> pd.DataFrame:
    """Rows of cash_flows."""
    rows = [
        {
            "session": flow.session,
            "flow_id": flow.flow_id,
            "kind": flow.kind,
            "symbol": flow.symbol,
            "amount": to_currency(flow.amount),
            "quantity": to_shares(flow.quantity) if flow.quantity else None,
            "origin": "books" if flow.kind in OF_BOOKS else "broker",
            "note": flow.note,
        }
        for flow in flows
    ]
    return pd.DataFrame(rows, columns=list(CASH_FLOWS.column_names)).astype({"quantity": "float64"})


def cash_flows_of(rows: pa.Table) -> list[CashFlow]:
    """The bookings that rows of cash_flows hold."""
    return [
        CashFlow(
            *(row["session"], row["flow_id"], row["kind"], to_cents(row["amount"]), row["symbol"], row["note"]),
            to_units(row["quantity"] or 0.0),
        )
        for row in rows.to_pylist()
    ]


def fill_rows(fills: Iterable[Fill]) -> pd.DataFrame:
    """Rows of the fills table."""
    rows = [
        {
            "session": fill.session,
            "fill_id": fill.fill_id,
            "client_order_id": fill.client_order_id,
            "symbol": fill.symbol,
            "side": str(Side.of(fill.quantity)),
            "quantity": to_shares(abs(fill.quantity)),
            "price": fill.price,
            "commission": to_currency(fill.commission),
            "filled_at": fill.filled_at,
        }
        for fill in fills
    ]
    return pd.DataFrame(rows, columns=list(FILLS.column_names))


def fills_of(rows: pa.Table) -> list[Fill]:
    """The executions that rows of the fills table hold, in the order of sessions and of their identifiers."""
    fills = [
        Fill(
            session=row["session"],
            fill_id=row["fill_id"],
            client_order_id=row["client_order_id"],
            symbol=row["symbol"],
            quantity=Side(row["side"]).signed(to_units(row["quantity"])),
            price=row["price"],
            commission=to_cents(row["commission"]),
            filled_at=row["filled_at"],
        )
        for row in rows.to_pylist()
    ]
    return sorted(fills, key=lambda fill: (fill.session, fill.fill_id))


def _order(row: Mapping[str, Any]) -> Order:
    return Order(
        session=row["session"],
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        quantity=Side(row["side"]).signed(to_units(row["quantity"])),
        limit_price=row["limit_price"] if row["order_type"] == OrderType.LIMIT else None,
        time_in_force=TimeInForce(row["time_in_force"]),
    )


def _report_row(report: OrderReport) -> dict[str, object]:
    return {
        "session": report.session,
        "client_order_id": report.client_order_id,
        "state": str(report.state),
        "broker_order_id": report.broker_order_id,
        "filled_quantity": to_shares(report.filled_quantity),
        "updated_at": report.updated_at,
        "error": report.error,
    }
