"""The simulated broker's own records: its tables (`sim_*`) as books, orders, reports and executions, and back.

Reading and writing only; what is played, and when, is decided in `simulated`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd

from portfolio_pipeline.core.books.book import Book, Position, to_cents, to_currency, to_shares, to_units
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, session_close
from portfolio_pipeline.core.execution.fill_model import Outcome, executed_at
from portfolio_pipeline.core.execution.rows import ORDER_COLUMNS, fill_rows, fills_of, order_row, orders_of
from portfolio_pipeline.core.execution.tickets import Order, OrderReport, OrderState
from portfolio_pipeline.core.tables import SIM_ACCOUNT, SIM_FILLS, SIM_ORDERS, SIM_OUTCOMES, SIM_POSITIONS, Table
from portfolio_pipeline.ports import Transaction

_CANCELED = "CANCELED: before it came to the market"
PLAYED = (SIM_OUTCOMES, SIM_FILLS, SIM_POSITIONS, SIM_ACCOUNT)
"""What playing a session writes; orders are written when they are received."""


def clock(tx: Transaction) -> tuple[date | None, date]:
    """The session at which the account was opened, and the last one played."""
    return tx.oldest(SIM_ACCOUNT.name), tx.newest(SIM_ACCOUNT.name) or date.min


def open_account(tx: Transaction, session: date, cash: float) -> None:
    """A new account with cash and nothing else; what there was of an account opened later is forgotten."""
    for table in (SIM_ORDERS, *PLAYED):
        tx.delete(table.name, None)
    tx.insert(SIM_ACCOUNT.name, pd.DataFrame([(session, cash, cash)], columns=list(SIM_ACCOUNT.column_names)))


def stored_book(tx: Transaction, session: date) -> Book:
    single = SessionRange.single(session)
    cash = tx.read(SIM_ACCOUNT.name, single).to_pylist()[0]["cash"]
    positions = {
        row["symbol"]: Position(
            to_units(row["quantity"]),
            row["price"] if row["average_cost"] is None else row["average_cost"],
            row["price"],
            row["sessions_without_bar"],
        )
        for row in tx.read(SIM_POSITIONS.name, single).to_pylist()
    }
    return Book(to_cents(cash), positions)


def stored_orders(tx: Transaction, sessions: SessionRange | None) -> list[Order]:
    """The orders received for these sessions; all there are when None."""
    return orders_of(tx.read(SIM_ORDERS.name, sessions, columns=ORDER_COLUMNS))


def canceled_orders(tx: Transaction, sessions: SessionRange) -> list[Order]:
    """The orders received for these sessions that were canceled before they came to the market."""
    canceled = {"state": str(OrderState.CANCELED)}
    return orders_of(tx.read(SIM_ORDERS.name, sessions, where=canceled))


def cancel_received(tx: Transaction, session: SessionRange, names: Sequence[str]) -> None:
    """Cancel accepted orders of a session that is not played yet."""
    rows = tx.read(SIM_ORDERS.name, session).to_pylist()
    for row in rows:
        if row["client_order_id"] in names and row["state"] == OrderState.ACCEPTED:
            row["state"], row["error"] = str(OrderState.CANCELED), _CANCELED
    tx.replace(SIM_ORDERS.name, session, pd.DataFrame(rows, columns=list(SIM_ORDERS.column_names)))


def stored_reports(tx: Transaction, sessions: SessionRange) -> tuple[OrderReport, ...]:
    """The orders decided in the sessions, with what has become of them so far."""
    received = tx.read(SIM_ORDERS.name, sessions).to_pylist()
    ended = SessionRange(sessions.first, next_session(sessions.last))
    outcomes = {row["client_order_id"]: row for row in tx.read(SIM_OUTCOMES.name, ended).to_pylist()}
    reports = []
    for row in received:
        untouched = {"filled_quantity": 0.0, "updated_at": _at_close(row["session"])}
        latest = outcomes.get(row["client_order_id"], {**row, **untouched})
        reports.append(
            OrderReport(
                session=row["session"],
                client_order_id=row["client_order_id"],
                state=OrderState(latest["state"]),
                broker_order_id=row["broker_order_id"],
                filled_quantity=to_units(latest["filled_quantity"]),
                updated_at=latest["updated_at"],
                error=latest["error"],
            )
        )
    return tuple(reports)


def stored_fills(tx: Transaction, sessions: SessionRange) -> tuple[Fill, ...]:
    return tuple(fills_of(tx.read(SIM_FILLS.name, sessions)))


class Journal:
    """The rows that playing writes, by table."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[Any]] = defaultdict(list)
        self._fills: list[Fill] = []

    def frame(self, table: Table) -> pd.DataFrame:
        if table is SIM_FILLS:
            return fill_rows(self._fills)
        return pd.DataFrame(self._rows[table.name], columns=list(table.column_names))

    def received(self, orders: Sequence[tuple[Order, str | None]]) -> None:
        """Orders as they came in, each with the reason it is refused for, or None."""
        for order, error in orders:
            state = OrderState.ACCEPTED if error is None else OrderState.REFUSED
            told = {"broker_order_id": f"SIM-{order.client_order_id}", "state": str(state), "error": error}
            self._rows[SIM_ORDERS.name].append({**order_row(order), **told})

    def canceled(self, orders: Sequence[Order]) -> None:
        """Orders that were taken back before they came to the market."""
        for order in orders:
            told = {"broker_order_id": f"SIM-{order.client_order_id}", "state": str(OrderState.CANCELED)}
            self._rows[SIM_ORDERS.name].append({**order_row(order), **told, "error": _CANCELED})

    def executed(self, session: date, outcomes: Sequence[Outcome]) -> None:
        closing = _at_close(session)
        for outcome in outcomes:
            name = outcome.order.client_order_id
            executed = executed_at(outcome.order, session)
            moment = executed if outcome.state is OrderState.FILLED else closing
            filled = to_shares(abs(outcome.quantity))
            self._rows[SIM_OUTCOMES.name].append((session, name, str(outcome.state), filled, moment, outcome.note))
            if outcome.quantity:
                self._fills.append(
                    Fill(
                        session=session,
                        fill_id=f"{name}/1",
                        client_order_id=name,
                        symbol=outcome.order.symbol,
                        quantity=outcome.quantity,
                        price=outcome.price,
                        commission=outcome.commission,
                        filled_at=executed,
                    )
                )

    def closed(self, session: date, book: Book) -> None:
        self._rows[SIM_ACCOUNT.name].append((session, to_currency(book.cash), to_currency(book.equity)))
        self._rows[SIM_POSITIONS.name] += [
            (session, symbol, to_shares(held.quantity), held.price, held.sessions_without_bar, held.average_cost)
            for symbol, held in sorted(book.positions.items())
        ]


def _at_close(session: date) -> datetime:
    return session_close(session).replace(tzinfo=None)
