"""What people say about orders, for the command and the web UI: checked against what is stored, and one row more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from portfolio_pipeline.adapters.said import note, stored_instructions
from portfolio_pipeline.core.books.book import Book, Position, to_cents, to_units, value
from portfolio_pipeline.core.calendar.sessions import (
    SessionRange,
    last_closed_session,
    previous_session,
    session_to_decide,
)
from portfolio_pipeline.core.errors import ConfigurationError, SessionError
from portfolio_pipeline.core.execution.attempts import OVER
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction, Instructions
from portfolio_pipeline.core.execution.by_hand.saying import Asked, Known, in_words, instruction
from portfolio_pipeline.core.execution.by_hand.sizing import Money
from portfolio_pipeline.core.execution.fill_model import worst_cost
from portfolio_pipeline.core.execution.rows import tickets_of
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.execution.tickets import OrderReport, OrderState
from portfolio_pipeline.core.registry import near
from portfolio_pipeline.core.tables import (
    ACCOUNT,
    ORDER_INSTRUCTIONS,
    ORDERS,
    POSITIONS,
    PRICES,
    SESSION_ORIGINS,
    STRATEGY_WEIGHTS,
)
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE
from portfolio_pipeline.core.words import clean
from portfolio_pipeline.ports import Broker, Reader, Warehouse


@dataclass(frozen=True)
class Noted:
    """What is in the database now, what it means, and whether the session it is for was planned before."""

    row: Instruction
    told: str
    planned_already: bool


def say_about_orders(
    warehouse: Warehouse, settings: TradingTerms, strategies: Sequence[str], asked: Asked, now: datetime, key: bytes
) -> Noted:
    """Write it down, or say why it cannot be."""
    if asked.kind == "modify" and session_to_decide(now) != last_closed_session(now):
        raise SessionError(
            "MARKET_IS_OPEN",
            found=asked.order,
            remedy="Nothing was written. While the market is open an order can only be canceled: portfolio order"
            " cancel. What is left of it is decided anew at the close.",
        )
    with warehouse.transaction() as tx:
        known = _known(tx, settings, tuple(strategies), now, key)
        row = instruction(asked, known)
        note(tx, key, [row])
        planned = tx.newest(SESSION_ORIGINS.name, where={"session": row.session}) is not None
    return Noted(row, in_words(row, known), planned)


def cancel_orders(
    warehouse: Warehouse,
    broker: Broker,
    names: Sequence[str],
    why: str,
    who: str,
    now: datetime,
    key: bytes,
) -> tuple[OrderReport, ...]:
    """Ask for orders of the newest session, or of the one before, to be canceled: those of these names, or all that are
    open. It is written down first, so that none of them is sent again. Says how they stand then. What was said before
    may be altered: it stops nobody from canceling.
    """
    if not why.strip():
        raise ConfigurationError("REASON_MISSING", expected="why it is done by hand", remedy="Give it with --why.")
    newest, moment = last_closed_session(now), now.astimezone(UTC).replace(tzinfo=None)
    sessions = SessionRange(previous_session(newest) or newest, newest)
    told = {report.client_order_id: report for report in broker.reports(sessions)}
    with warehouse.transaction() as tx:
        tickets = {one.client_order_id: one for one in tickets_of(tx.read(ORDERS.name, sessions))}
        said = Instructions.of_rows(tx.read(ORDER_INSTRUCTIONS.name).to_pylist())
        at = {name: one.session for name, one in tickets.items()} | {name: one.session for name, one in told.items()}
        unsent = [
            name
            for name, one in tickets.items()
            if name not in told and one.session == newest and one.verdict == "accepted"
        ]
        open_ = [name for name, one in told.items() if one.state not in OVER]
        chosen = list(names) or [*open_, *(name for name in unsent if name not in said.canceled(newest))]
        for name in chosen:
            _require_open(name, at, told)
        new = [name for name in chosen if name not in said.canceled(at[name])]
        rows = [
            Instruction(said.next_number + place, "cancel", at[name], clean(who), clean(why), moment, order=name)
            for place, name in enumerate(new)
        ]
        note(tx, key, rows)
    days = sorted({at[name] for name in chosen})
    asked = {day: [name for name in chosen if at[name] == day] for day in days}
    found = {one.client_order_id: one for day, own in asked.items() for one in broker.cancel(day, own)}
    never = "CANCELED: before it was sent"
    return tuple(
        found.get(name) or OrderReport(at[name], name, OrderState.CANCELED, None, 0, moment, never) for name in chosen
    )


def _require_open(name: str, known: Mapping[str, date], told: Mapping[str, OrderReport]) -> None:
    if name not in known:
        raise ConfigurationError(
            "ORDER_UNKNOWN",
            found=name,
            expected="an order of the newest session" + near(name, known),
            remedy="Nothing was canceled. portfolio order list names them.",
        )
    if name in told and told[name].state in OVER:
        raise ConfigurationError(
            "ORDER_IS_OVER",
            found=name,
            state=told[name].state,
            remedy="Nothing was canceled, for nothing is left of it.",
        )


def _known(reader: Reader, settings: TradingTerms, strategies: tuple[str, ...], now: datetime, key: bytes) -> Known:
    session, moment = session_to_decide(now), now.astimezone(UTC).replace(tzinfo=None)
    said = stored_instructions(reader, key)
    tickets = {one.client_order_id: one for one in tickets_of(reader.read(ORDERS.name, SessionRange.single(session)))}
    priced, newest = reader.newest(PRICES.name), reader.newest(ACCOUNT.name)
    closes = (
        {}
        if priced is None
        else {
            row["symbol"]: row["close"]
            for row in reader.read(PRICES.name, SessionRange.single(priced), columns=["symbol", "close"]).to_pylist()
        }
    )
    books = {} if newest is None else _books(reader, newest)
    money = _money(reader, books, newest, settings)
    own = {name: book for name, book in books.items() if name not in (ACCOUNT_BOOK, RESERVE) and name in money}
    return Known(session, moment, settings, said, strategies, closes, own, money, tickets)


def _books(reader: Reader, session: date) -> dict[str, Book]:
    single = SessionRange.single(session)
    books = {row["book"]: Book(to_cents(row["cash"])) for row in reader.read(ACCOUNT.name, single).to_pylist()}
    for row in reader.read(POSITIONS.name, single).to_pylist():
        held = Position(to_units(row["quantity"]), row["average_cost"], row["price"], row["sessions_without_bar"])
        books[row["book"]].positions[row["symbol"]] = held
    return books


def _money(reader: Reader, books: dict[str, Book], session: date | None, settings: TradingTerms) -> dict[str, Money]:
    """Of every strategy that has a share of the capital, or a book that is not empty."""
    if session is None:
        return {}
    rows = reader.read(STRATEGY_WEIGHTS.name, SessionRange.single(session), columns=["strategy", "weight"]).to_pylist()
    shares = {row["strategy"]: float(row["weight"]) for row in rows if row["weight"]}
    account = books[ACCOUNT_BOOK]
    power = int(max(account.cash, 0) / (1.0 + worst_cost(settings.costs, settings.simulated_broker)))
    found = {}
    for name, book in books.items():
        if name in shares or book.positions:
            held = sum(value(position.quantity, position.price) for position in book.positions.values())
            found[name] = Money(round(shares.get(name, 0.0) * account.equity), held, book.cash, power)
    return found
