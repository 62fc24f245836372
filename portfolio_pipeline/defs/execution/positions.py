"""The asset positions and its checks: holdings, cash and equity at each close, of the account and of every strategy's
book.

It fills two tables, positions and account, which belong together. Only reading, calling `core.books.positions` and
writing belong here. The broker is not asked: a check compares what it says with what was computed.
"""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.books.book import to_cents, to_currency, to_shares, to_units
from portfolio_pipeline.core.books.positions import books_that_do_not_add_up, hold, stored_ledger
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.core.execution.rows import fills_of
from portfolio_pipeline.core.execution.tickets import by_session
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    ACCOUNT,
    AGGREGATED_TARGETS,
    CASH_RETURNS,
    CORPORATE_ACTIONS,
    FILLS,
    POSITIONS,
    PRICES,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
)
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Broker, Warehouse
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
    reads=(FILLS, AGGREGATED_TARGETS, STRATEGY_TARGETS, STRATEGY_WEIGHTS, PRICES, CORPORATE_ACTIONS, CASH_RETURNS),
    also_fills=(ACCOUNT,),
    checks=(
        books_add_up_to_account,
        positions_tie_to_broker,
    ),
)
def positions(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> Stored:
    ledger, before = None, None
    with warehouse.reading() as reader:
        account = rows_before(reader, ACCOUNT, sessions.first)
        if account is not None:
            before = previous_session(sessions.first)
            assert before is not None
            ledger = stored_ledger(frame(reader.read(POSITIONS.name, SessionRange.single(before))), account)
        inputs = trading_inputs(reader, sessions)
        executed = by_session(fills_of(reader.read(FILLS.name, sessions)))
    held = hold(
        sessions,
        ledger,
        before,
        executed,
        inputs.bars,
        inputs.targets,
        inputs.shares,
        initial_cash=settings.simulated_broker.initial_cash,
        cash_buffer=settings.orders.cash_buffer,
        delist_after_sessions=settings.delist_after_sessions,
    )
    with warehouse.transaction() as tx:
        rows = tx.replace(POSITIONS.name, sessions, held.positions)
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
        **{f"equity {book}": float(equity) for book, equity in newest["equity"].items() if book != ACCOUNT_BOOK},
    }
    return Stored(rows, metadata, lambda origin: _picture(warehouse, sessions.last, origin))


def _picture(warehouse: Warehouse, last: date, origin: Sequence[str]) -> str:
    """Equity of every book since the account was opened."""
    with warehouse.reading() as reader:
        first = reader.oldest(ACCOUNT.name) or last
        rows = frame(reader.read(ACCOUNT.name, SessionRange(first, last), columns=["session", "book", "equity"]))
    drawn = rows[rows["book"] != ACCOUNT_BOOK].pivot_table(index="session", columns="book", values="equity")
    lines = {str(book): drawn[book].to_numpy() for book in drawn.columns}
    title = simulated("Equity of the strategies' books", origin)
    return line_picture(title, drawn.index.to_numpy(), lines)
