"""Beginning a home: which session it trades first, and the sessions in front of it that its cards need.

Decided at the first start and written down before anything is loaded, so that a start that was killed goes on with it.
Not here: which sessions are missing of what was decided (`stored_history`).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from portfolio_pipeline.cli.terminal import say
from portfolio_pipeline.core.arrays import days
from portfolio_pipeline.core.calendar.beginnings import Beginnings, WarmUp
from portfolio_pipeline.core.calendar.sessions import (
    FIRST_SESSION,
    SessionRange,
    last_closed_session,
    previous_session,
    sessions_between,
)
from portfolio_pipeline.core.tables import ACCOUNT, BEGINNINGS, PRICES
from portfolio_pipeline.reads.beginnings import stored_beginnings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio_pipeline.adapters.wiring import Wiring
    from portfolio_pipeline.core.settings import Settings
    from portfolio_pipeline.core.strategies.card import StrategyCard
    from portfolio_pipeline.ports import MarketData

YEARS = 5


def begin(wired: Wiring, sessions: int | None) -> None:
    """Decide where an empty home begins, say it and write it down; a home that has begun stays as it is."""
    with wired.warehouse.reading() as reader:
        begun, filled = stored_beginnings(reader), reader.oldest(PRICES.name) is not None
    if begun is not None or filled:
        begin_account(wired)
        return
    from portfolio_pipeline.adapters.cards import load_cards

    trading = first_trading_sessions(last_closed_session(wired.clock.now()), sessions)
    warm_up = chosen_warm_up(wired.settings, load_cards(wired.environment))
    if wired.is_real:
        require_open_account(wired, trading.last)
    begun = plan(trading, warm_up, wired.settings, wired.market_data)
    if wired.is_real:
        begun = begun.with_account_at(trading.last)
    _write_down(wired, begun)
    _tell(begun, trading, warm_up)


def require_open_account(wired: Wiring, session: date) -> None:
    """Refuse to begin with an account that cannot be asked now, before years of research are computed for it."""
    if wired.broker.tradable(SessionRange.single(session)) is None:
        wired.broker.account(session)  # says why


def begin_account(wired: Wiring) -> None:
    """Where a start has not come as far as the account at a real broker, let it begin with the newest session.

    Of the session with which it was to begin nothing can be known any more.
    """
    if not wired.is_real:
        return
    with wired.warehouse.reading() as reader:
        begun, lived = stored_beginnings(reader), reader.newest(ACCOUNT.name)
    newest = last_closed_session(wired.clock.now())
    if begun is None or lived is not None or begun.account == newest:
        return
    require_open_account(wired, newest)
    moved = begun.with_account_at(newest)
    _write_down(wired, moved)
    say(f"Nothing of the account was stored so far. {moved}")


def _write_down(wired: Wiring, begun: Beginnings) -> None:
    with wired.warehouse.transaction() as transaction:
        transaction.delete(BEGINNINGS.name, None)
        transaction.insert(BEGINNINGS.name, begun.rows())


def first_trading_sessions(last: date, count: int | None) -> SessionRange:
    """Up to the last closed session: so many, or five years."""
    if count is None:
        five_years_ago = last.replace(year=last.year - YEARS, day=min(last.day, 28))
        return SessionRange(sessions_between(five_years_ago, last)[0], last)
    return SessionRange(previous_session(last, count - 1) or FIRST_SESSION, last)


def chosen_warm_up(settings: Settings, cards: Sequence[StrategyCard]) -> WarmUp:
    """What the cards need, or what the settings say instead."""
    from portfolio_pipeline.core.search.warm_up import warm_up_needed

    if settings.warm_up == "none":
        return WarmUp(0, 0)
    needed = warm_up_needed(cards, settings.allocation.sessions_seen)
    return needed if settings.warm_up == "auto" else WarmUp(settings.warm_up, needed.on_paper)


def plan(trading: SessionRange, warm_up: WarmUp, settings: Settings, market_data: MarketData) -> Beginnings:
    """No earlier than the settings allow and the source has bars."""
    wanted = Beginnings.planned(trading, warm_up, settings.history_start)
    has = first_bar(market_data, settings.symbols, SessionRange(wanted.market, trading.last))
    return Beginnings.planned(trading, warm_up, max(settings.history_start, has or FIRST_SESSION))


def first_bar(market_data: MarketData, symbols: Sequence[str], sessions: SessionRange) -> date | None:
    """The first session that the source has a bar of; None when it has none at all, which whoever loads it will say."""
    for asked in (SessionRange.single(sessions.first), sessions):  # as a rule the first is there, and little is read
        delivered = set(days(market_data.bars(symbols, asked)).tolist())
        found = next((session for session in asked if session in delivered), None)
        if found is not None:
            return found
    return None


def _tell(begun: Beginnings, trading: SessionRange, warm_up: WarmUp) -> None:
    if begun.targets > trading.first:
        say(f"There is no history before {begun.targets}: trading begins there instead of {trading.first}.", "yellow")
    if not warm_up.sessions:
        if begun.targets < begun.account:
            say(f"{begun}")
        return
    there = len(sessions_between(begun.market, begun.targets)) - 1
    short = "" if there == warm_up.sessions else f" of the {warm_up.sessions:,} that the cards need: there are no more"
    say(f"Warm-up: {there:,} sessions before the first trading session are loaded too{short}. {begun}")
