"""The asset positions and its checks: holdings, cash and equity at each close, of the account and of every strategy's
book.

It fills positions, account and trades, which belong together. Only reading, calling `core.books.positions` and
writing belong here. The broker is not asked but for what a new account begins with, and for the parts of a cent that
it counts: a check compares what it says with what was computed.
"""

import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import date
from functools import partial

import dagster as dg

from portfolio_pipeline.adapters.entries import entries_at
from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.books.book import Book, to_cents, to_currency, to_shares, to_units
from portfolio_pipeline.core.books.cash_flows import OF_BOOKS, ROUNDING, CashFlow, rounding
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.positions import Holdings, books_that_do_not_add_up, hold, stored_ledger
from portfolio_pipeline.core.books.trades import Entries
from portfolio_pipeline.core.books.unclaimed import NOTHING_OUTSIDE, Outside, own
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.execution.rows import cash_flow_rows, cash_flows_of, fills_of
from portfolio_pipeline.core.execution.tickets import by_session
from portfolio_pipeline.core.market.bars import without_payments
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    ACCOUNT,
    AGGREGATED_TARGETS,
    BEGINNINGS,
    CASH_FLOWS,
    CASH_RETURNS,
    CORPORATE_ACTIONS,
    FILLS,
    ORDER_INSTRUCTIONS,
    POSITIONS,
    PRICES,
    RECONCILIATION,
    RECONCILIATION_DECISIONS,
    SHARE_EXCHANGES,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
    TRADES,
)
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Broker, Warehouse
from portfolio_pipeline.reads.beginnings import stored_beginnings
from portfolio_pipeline.reads.hands import instructed_for
from portfolio_pipeline.reads.reconciled import outside_by_session, stored_differences
from portfolio_pipeline.reads.state import rows_before
from portfolio_pipeline.reads.trading import trading_inputs
from portfolio_pipeline.reports.pictures import line_picture, simulated


@session_check(blocking=True)
def books_add_up_to_account(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """The strategies' books and the reserve are together the account: every quantity, and all money to the cent."""
    with warehouse.reading() as reader:
        held, account = frame(reader.read(POSITIONS.name, sessions)), frame(reader.read(ACCOUNT.name, sessions))
    wrong = books_that_do_not_add_up(held, account)
    remedy = "Materialise positions again from the first of these sessions on."
    return check_result(wrong.to_dict("records"), checked=len(held) + len(account), remedy=remedy)


@session_check()
def positions_tie_to_broker(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
) -> dg.AssetCheckResult:
    """Cash to the cent and every quantity are what the broker says, at the newest session of the range.

    A book goes on from the session before, so what is right at the end was right on the way; and a real broker
    answers for the newest session only.
    """
    session = sessions.last
    if broker.tradable(SessionRange.single(session)) is None:  # it does not tell how it was
        return check_result([], checked=0)
    single, mine = SessionRange.single(session), {"book": ACCOUNT_BOOK}
    with warehouse.reading() as reader:
        rows = reader.read(POSITIONS.name, single, where=mine).to_pylist()
        cash = sum(to_cents(row["cash"]) for row in reader.read(ACCOUNT.name, single, where=mine).to_pylist())
    held = {row["symbol"]: to_units(row["quantity"]) for row in rows}
    told = broker.account(session)
    there = {symbol: holding.quantity for symbol, holding in told.holdings.items()}
    offending = [
        {"session": session, "symbol": symbol, "computed": to_shares(computed), "broker": to_shares(stated)}
        for symbol in sorted({*held, *there})
        if (computed := held.get(symbol, 0)) != (stated := there.get(symbol, 0))
    ]
    if cash != told.cash:
        amounts = {"computed": to_currency(cash), "broker": to_currency(told.cash)}
        offending.append({"session": session, "symbol": "cash", **amounts})
    remedy = "Materialise fills and positions again, from the first session that differs."
    return check_result(offending, checked=len({*held, *there}) + 1, remedy=remedy)


@session_asset(
    table=POSITIONS,
    group="execution",
    reads=(
        BEGINNINGS,
        FILLS,
        RECONCILIATION,
        RECONCILIATION_DECISIONS,
        AGGREGATED_TARGETS,
        STRATEGY_TARGETS,
        STRATEGY_WEIGHTS,
        PRICES,
        CORPORATE_ACTIONS,
        CASH_RETURNS,
        ORDER_INSTRUCTIONS,
    ),
    also_fills=(ACCOUNT, TRADES, CASH_FLOWS, SHARE_EXCHANGES),
    checks=(
        books_add_up_to_account,
        positions_tie_to_broker,
    ),
)
def positions(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    broker: dg.ResourceParam[Broker],
    plan_key: dg.ResourceParam[bytes],
) -> Stored:
    ledger, before = None, None
    entries: Entries = {}
    with warehouse.reading() as reader:
        account = rows_before(reader, ACCOUNT, sessions.first)
        if account is not None:
            before = previous_session(sessions.first)
            assert before is not None
            ledger = stored_ledger(frame(reader.read(POSITIONS.name, SessionRange.single(before))), account)
            entries = entries_at(reader, before)
        inputs = trading_inputs(reader, sessions)
        instructed = instructed_for(reader, sessions, inputs, plan_key)
        executed = by_session(fills_of(reader.read(FILLS.name, sessions)))
        booked = cash_flows_of(reader.read(CASH_FLOWS.name, sessions, where={"origin": "broker"}))
        differences, decisions = stored_differences(reader)
    outside = outside_by_session(broker.mode, sessions, executed, differences, decisions)
    booked += [flow for one in differences if one.session in sessions and (flow := one.flow) is not None]
    opening = Book()
    if ledger is None:
        opening = _opening(warehouse, broker, settings, sessions.first, outside.get(sessions.first, NOTHING_OUTSIDE))
    real = broker.mode != "SIMULATED"
    carry = partial(
        hold,
        sessions,
        before=before,
        fills={day: _without(some, outside.get(day, NOTHING_OUTSIDE).fills) for day, some in executed.items()},
        outside=outside,
        # A real broker books dividends and interest itself, and says itself what is no longer traded.
        bars={session: without_payments(bars) for session, bars in inputs.bars.items()} if real else inputs.bars,
        targets=inputs.targets,
        shares=inputs.shares,
        opening=opening,
        instructed=instructed,
        cash_buffer=settings.orders.cash_buffer,
        delist_after_sessions=sys.maxsize if real else settings.delist_after_sessions,
        entries=entries,
    )
    held = carry(ledger=deepcopy(ledger), payments=by_session(booked))
    if real:
        rounded = _rounding(broker, sessions, held, executed, booked)
        if rounded is not None:
            booked = [flow for flow in booked if flow.flow_id != rounded.flow_id] + [rounded]
            held = carry(ledger=ledger, payments=by_session(booked))
    with warehouse.transaction() as tx:
        rows = tx.replace(POSITIONS.name, sessions, held.positions)
        tx.replace(TRADES.name, sessions, held.trades)
        if real:
            entered = [flow for flow in booked if flow.kind in OF_BOOKS]
            tx.replace(CASH_FLOWS.name, sessions, cash_flow_rows(entered), where={"origin": "books"})
            tx.replace(SHARE_EXCHANGES.name, sessions, held.exchanges)
        # Last: from here on the sessions are lived through, and what was written of them while they were under way,
        # by whoever followed the orders, would stay.
        tx.replace(ACCOUNT.name, sessions, held.account)
    newest = held.account[held.account["session"] == sessions.last].set_index("book")
    whole = newest.loc[ACCOUNT_BOOK]
    metadata = {
        "equity": float(whole["equity"]),
        "cash": float(whole["cash"]),
        "gross exposure": float(whole["gross_exposure"]),
        "profit and loss": float(whole["profit_and_loss"]),
        "symbols held": int(
            (held.positions.loc[held.positions["session"] == sessions.last, "book"] == ACCOUNT_BOOK).sum()
        ),
        "trades of all books": int((held.trades["session"] == sessions.last).sum()),
        **{f"equity {book}": float(equity) for book, equity in newest["equity"].items() if book != ACCOUNT_BOOK},
    }
    return Stored(rows, metadata, lambda origin: _picture(warehouse, sessions.last, origin))


def _without(fills: Sequence[Fill], foreign: Sequence[Fill]) -> Sequence[Fill]:
    """Our own executions."""
    return [fill for fill in fills if fill not in foreign] if foreign else fills


def _opening(warehouse: Warehouse, broker: Broker, settings: Settings, first: date, outside: Outside) -> Book:
    """What the account begins with: made-up money, or the cash that a real broker holds, as it was told at that close.

    The shares that it holds are somebody else's: they come from `outside`.
    """
    if broker.mode == "SIMULATED":
        return Book(to_cents(settings.simulated_broker.initial_cash))
    single = SessionRange.single(first)
    with warehouse.reading() as reader:
        begun, stored = stored_beginnings(reader), frame(reader.read(ACCOUNT.name, single))
        held = frame(reader.read(POSITIONS.name, single))
    if begun is not None and begun.account != first:
        raise SessionError(
            "ACCOUNT_NOT_BEGUN",
            found=first,
            expected=f"{begun.account}, of which nothing was stored",
            remedy="Of a session that is over the broker does not tell what was held. Begin with the newest one:"
            " portfolio up.",
        )
    if broker.tradable(single) is None and len(stored):
        begun_with = stored_ledger(held, stored).account
    else:
        begun_with = Book.of(broker.account(first))
    return own(begun_with, {symbol: holding.quantity for symbol, holding in outside.moved.items()})


def _rounding(
    broker: Broker,
    sessions: SessionRange,
    held: Holdings,
    executed: Mapping[date, Sequence[Fill]],
    booked: Sequence[CashFlow],
) -> CashFlow | None:
    """Parts of a cent by which the newest cash is another than the broker's, which has not rounded every booking."""
    last = sessions.last
    if broker.tradable(SessionRange.single(last)) is None:
        return None
    mine = held.account[(held.account["session"] == last) & (held.account["book"] == ACCOUNT_BOOK)]
    so_far = sum(flow.amount for flow in booked if flow.kind == ROUNDING and flow.session == last)
    bookings = sum(map(len, executed.values())) + sum(flow.kind != ROUNDING for flow in booked)
    return rounding(last, to_cents(float(mine["cash"].iloc[0])) - so_far, broker.account(last).cash, bookings)


def _picture(warehouse: Warehouse, last: date, origin: Sequence[str]) -> str:
    """Equity of every book since the account was opened."""
    with warehouse.reading() as reader:
        first = reader.oldest(ACCOUNT.name) or last
        rows = frame(reader.read(ACCOUNT.name, SessionRange(first, last), columns=["session", "book", "equity"]))
    drawn = rows[rows["book"] != ACCOUNT_BOOK].pivot_table(index="session", columns="book", values="equity")
    lines = {str(book): drawn[book].to_numpy() for book in drawn.columns}
    title = simulated("Equity of the strategies' books", origin)
    return line_picture(title, drawn.index.to_numpy(), lines)
