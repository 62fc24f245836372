"""What people have said by hand, as planner, gate and books ask for it; with the strategies' books where need be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from functools import partial

from portfolio_pipeline.adapters.said import stored_instructions
from portfolio_pipeline.core.books.book import Book
from portfolio_pipeline.core.books.positions import Instructed, as_they_are, stored_ledger
from portfolio_pipeline.core.books.reconciliation import Reconciled
from portfolio_pipeline.core.books.strategy_books import Ledger, wishes
from portfolio_pipeline.core.calendar.continuity import previous_state_session
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.execution.by_hand.approvals import Approvals
from portfolio_pipeline.core.execution.by_hand.effect import instructed
from portfolio_pipeline.core.execution.by_hand.hands import Books, Hands
from portfolio_pipeline.core.execution.by_hand.instructions import Instructions
from portfolio_pipeline.core.execution.tickets import by_session
from portfolio_pipeline.core.market.bars import NO_BARS, Bars
from portfolio_pipeline.core.portfolio.session_targets import NO_TARGETS, SessionTargets
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import ACCOUNT, APPROVALS, POSITIONS
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Broker, Reader
from portfolio_pipeline.reads.reconciled import is_own
from portfolio_pipeline.reads.trading import TradingInputs, trading_inputs


def stored_approvals(reader: Reader, settings: Settings, key: bytes) -> Approvals:
    return Approvals.of_rows(settings.approval, reader.read(APPROVALS.name).to_pylist(), key)


def hands_for(
    reader: Reader, broker: Broker, settings: Settings, sessions: SessionRange, inputs: TradingInputs, key: bytes
) -> Callable[[Reconciled], Hands]:
    """Makes what is asked session by session, of the account as it was reconciled; the broker is asked only then."""
    said, approvals = stored_instructions(reader, key), stored_approvals(reader, settings, key)
    if not said.begun(sessions.last):
        return lambda account: Hands(said, approvals)
    base = reader.newest(ACCOUNT.name, before=sessions.first)
    if broker.mode == "SIMULATED":
        previous_state_session(sessions.first, base)
    if base is None:
        return partial(_begun, said, approvals, broker, settings, sessions, inputs)
    # Nobody may have been at work for days: the books are carried over them as the table positions will have them.
    since, single = SessionRange(next_session(base), sessions.last), SessionRange.single(base)
    known = inputs if since.first == sessions.first else trading_inputs(reader, since)
    held, account = (frame(reader.read(table.name, single)) for table in (POSITIONS, ACCOUNT))

    def opened(now: Reconciled) -> Hands:
        books = _books(settings, known, broker, stored_ledger(held, account))
        seen, asked = known.bars.get(base, NO_BARS), known.targets.get(base, NO_TARGETS)
        asked = instructed(base, asked, said, books.ledger, known.shares.get(base, {}), seen)
        books.wished = wishes(books.ledger, asked, seen, books.cash_buffer)
        told = broker.fills(SessionRange(since.first, sessions.first))
        books.fills = by_session(fill for fill in told if is_own(broker.mode, fill.client_order_id))
        books.payments, books.outside = now.flows, now.outside
        hands = Hands(said, approvals, books)
        for session in since:
            if session < sessions.first:
                hands.instruct(session, known.targets.get(session, NO_TARGETS), known.bars.get(session, NO_BARS))
        return hands

    return opened


def _begun(
    said: Instructions,
    approvals: Approvals,
    broker: Broker,
    settings: Settings,
    sessions: SessionRange,
    inputs: TradingInputs,
    _: Reconciled,
) -> Hands:
    """Of an account that begins."""
    books = _books(settings, inputs, broker, Ledger.opened(Book.of(broker.account(sessions.first))))
    books.open = False
    return Hands(said, approvals, books)


def instructed_for(reader: Reader, sessions: SessionRange, inputs: TradingInputs, key: bytes) -> Instructed:
    """The same for whoever has the books."""
    said = stored_instructions(reader, key)
    if not said.begun(sessions.last):
        return as_they_are

    def asked(session: date, targets: SessionTargets, ledger: Ledger, bars: Bars) -> SessionTargets:
        return instructed(session, targets, said, ledger, inputs.shares.get(session, {}), bars)

    return asked


def _books(settings: Settings, inputs: TradingInputs, broker: Broker, ledger: Ledger) -> Books:
    delisted = settings.delist_after_sessions if broker.mode == "SIMULATED" else sys.maxsize
    pays = broker.mode != "SIMULATED"
    return Books(ledger, {}, inputs.shares, settings.orders.cash_buffer, delisted, pays=pays)
