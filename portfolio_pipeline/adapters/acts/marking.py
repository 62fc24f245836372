"""Marking the account at quotes while the market is open, and telling people when it stands past a limit.

Asked for by the sensor, by the job and by `portfolio marks` alike. It looks and warns: no order follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from portfolio_pipeline.core.calendar.sessions import (
    NEW_YORK,
    SessionRange,
    closure_name,
    is_session,
    next_session,
    session_close,
)
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.ports import Alert, Alerts, TellsQuotes

if TYPE_CHECKING:
    from portfolio_pipeline.adapters.wiring import Wiring
    from portfolio_pipeline.core.books.fills import Fill
    from portfolio_pipeline.core.execution.intraday import MarkedAccount
    from portfolio_pipeline.core.risk.breaches import Breach

ABOUT = "intraday_limits"
OPENS = time(9, 30)


class NothingToMark(PortfolioError):
    """Why the account is not marked now. No failure: it is asked again."""


def mark_account(wired: Wiring) -> tuple[MarkedAccount, tuple[Breach, ...]]:
    """Mark the account now and store it; raises `NothingToMark` when there is nothing to do it with."""
    from portfolio_pipeline.adapters.closing_book import closing_book
    from portfolio_pipeline.core.execution.intraday import marked_account
    from portfolio_pipeline.core.tables import INTRADAY_MARKS

    now = wired.clock.now()
    session = _open_session(now)
    if not wired.is_real:
        raise NothingToMark("TRADING_IS_MADE_UP", found=wired.environment.trading_mode, expected="PAPER or LIVE")
    source = wired.market_data
    if not isinstance(source, TellsQuotes):
        raise NothingToMark("NO_QUOTES", found=wired.environment.market_data, expected="a vendor that has quotes")
    with wired.warehouse.reading() as reader:
        closed = closing_book(reader)
    if closed is None:
        raise NothingToMark("NO_ACCOUNT_YET", remedy="Run `portfolio up` first.")
    fills = _fills_since(wired, closed.session, session)
    symbols = sorted({*closed.book.positions, *(fill.symbol for fill in fills)})
    quotes = source.quotes(symbols) if symbols else {}
    at = now.astimezone(UTC).replace(tzinfo=None)
    marked = marked_account(session, at, closed.book, closed.closes, fills, quotes, wired.settings.quality, closed.peak)
    with wired.warehouse.transaction() as tx:
        tx.insert(INTRADAY_MARKS.name, marked.rows())
    breaches = marked.breaches(wired.settings)
    _tell(wired.alerts, breaches)
    return marked, breaches


def _open_session(now: datetime) -> date:
    here = now.astimezone(NEW_YORK)
    today = here.date()
    if not is_session(today):
        raise NothingToMark("MARKET_CLOSED", found=f"{today:%A %Y-%m-%d}: {closure_name(today)}")
    if not (here.time() >= OPENS and now < session_close(today)):
        raise NothingToMark("MARKET_CLOSED", found=f"{here:%H:%M} in New York")
    return today


def _fills_since(wired: Wiring, closed: date, session: date) -> Sequence[Fill]:
    """What was executed since the stored close. Orders are noted on the way, so the account is ours meanwhile."""
    lock = wired.locks.take("account", "marking the account at quotes")
    if lock is None:
        raise NothingToMark("AT_WORK", found=wired.locks.holder("account"), remedy="It is asked again.")
    try:
        first = next_session(closed)
        return wired.broker.fills(SessionRange(first, session), so_far=True) if first <= session else ()
    finally:
        lock.release()


def _tell(alerts: Alerts, breaches: Sequence[Breach]) -> None:
    """Once for as long as the same limits are passed: how far is in the table, and is no news every five minutes."""
    if not breaches:
        alerts.over(ABOUT, "The account is inside its limits at quotes.")
        return
    passed = ", ".join(sorted(f"{breach.rule} of {breach.subject} ({breach.limit:g})" for breach in breaches))
    message = f"At quotes the account stands past {passed}. Nothing was decided. Look: portfolio marks."
    alerts.send(Alert("high", "A limit is passed during the day", message, ABOUT))
