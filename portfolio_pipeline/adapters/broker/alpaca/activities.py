"""The account's activities: what was executed, and what moved cash beside that. They are the truth about both.

An execution belongs to the session in whose hours it happened: prints of a close come in up to some minutes after it,
and what is traded later in the evening belongs to the next one. A booking has a day and no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TypeVar

from portfolio_pipeline.adapters.alpaca.client import AlpacaClient, Refused
from portfolio_pipeline.adapters.broker.alpaca.words import Answer, Unreadable, cents, decimal, moment, price, units
from portfolio_pipeline.core.books.cash_flows import OF_SHARES, CashFlow
from portfolio_pipeline.core.books.fills import Fill, Side
from portfolio_pipeline.core.calendar.sessions import (
    NEW_YORK,
    SessionRange,
    is_session,
    next_session,
    previous_session,
    session_close,
    sessions_between,
)
from portfolio_pipeline.core.errors import BrokerError

T = TypeVar("T")
FILL = "FILL"
PAGE = 100
AFTER_THE_CLOSE = timedelta(minutes=10)


class Activities:
    def __init__(self, client: AlpacaClient) -> None:
        self._client = client
        self._names: dict[str, str] = {}

    def fills(self, sessions: SessionRange, names: Mapping[str, str]) -> tuple[Fill, ...]:
        """The executions of the sessions, each once. `names` are the orders' own, by the broker's identifier."""
        before = previous_session(sessions.first) or sessions.first
        query = {"after": _text(_end(before)), "until": _text(_end(sessions.last) + timedelta(seconds=1))}
        found: dict[str, Fill] = {}
        for row in self._rows(f"/account/activities/{FILL}", query):
            fill = _read(partial(self._fill, row, names))
            if sessions.first <= fill.session <= sessions.last:
                found[fill.fill_id] = fill
        return tuple(sorted(found.values(), key=lambda fill: (fill.session, fill.fill_id)))

    def cash_flows(self, sessions: SessionRange) -> tuple[CashFlow, ...]:
        """What was booked in the sessions beside executions, by the session of its day or the next one."""
        before = previous_session(sessions.first) or sessions.first
        query = {
            "after": _text(datetime.combine(before, datetime.min.time(), NEW_YORK)),
            "until": _text(datetime.combine(sessions.last + timedelta(days=1), datetime.min.time(), NEW_YORK)),
        }
        found: dict[str, CashFlow] = {}
        for row in self._rows("/account/activities", query):
            flow = None if row.get("activity_type") == FILL else _read(partial(_cash_flow, row))
            if flow is not None and sessions.first <= flow.session <= sessions.last:
                found[flow.flow_id] = flow
        return tuple(sorted(found.values(), key=lambda flow: (flow.session, flow.flow_id)))

    def _rows(self, path: str, query: Mapping[str, object]) -> Iterator[Answer]:
        """All pages, oldest first, until one brings nothing new."""
        token, known = None, set[str]()
        while True:
            asked = {**query, "direction": "asc", "page_size": PAGE, **({"page_token": token} if token else {})}
            page = self._client.get(path, asked)
            if not isinstance(page, list) or not all(isinstance(row, dict) and row.get("id") for row in page):
                raise _unreadable("a list with identifiers")
            new = {str(row["id"]) for row in page} - known
            yield from page
            if len(page) < PAGE or not new:
                return
            known |= new
            token = page[-1]["id"]

    def _fill(self, row: Answer, names: Mapping[str, str]) -> Fill:
        when = moment(row["transaction_time"])
        side = Side.SELL if str(row["side"]).startswith("sell") else Side.BUY
        order = str(row.get("order_id") or "")
        return Fill(
            session=_session_of(when.replace(tzinfo=UTC)),
            fill_id=str(row["id"]),
            client_order_id=names.get(order) or self._name_of(order),
            symbol=str(row["symbol"]),
            quantity=side.signed(_executed(row)),
            price=price(row["price"]),
            commission=0,
            filled_at=when,
        )

    def _name_of(self, order: str) -> str:
        """The client_order_id of an order that is not ours; somebody has traded by other means."""
        if order not in self._names:
            try:
                told = self._client.get(f"/orders/{order}") if order else {}
            except Refused:
                told = {}
            self._names[order] = str(told.get("client_order_id") or f"order {order}")
        return self._names[order]


def _executed(row: Answer) -> int:
    """Parts of an order come in finer fractions than books have: rounded so that together they are the whole."""
    if row.get("cum_qty") is None:
        return units(row["qty"])
    return units(row["cum_qty"]) - units(decimal(row["cum_qty"]) - decimal(row["qty"]))


def _cash_flow(row: Answer) -> CashFlow | None:
    """None for what moves neither cash nor shares to others, as a split."""
    if row.get("status") == "canceled":
        return None
    amount = cents(row.get("net_amount") or "0")
    quantity = units(row.get("qty") or "0") if row.get("activity_type") in OF_SHARES else 0
    if not amount and not quantity:
        return None
    day = date.fromisoformat(str(row["date"])[:10])
    return CashFlow(
        session=day if is_session(day) else next_session(day),
        flow_id=str(row["id"]),
        kind=str(row.get("activity_type")),
        amount=amount,
        symbol=row.get("symbol") or None,
        note=str(row.get("description") or ""),
        quantity=quantity,
    )


def _read(reading: Callable[[], T]) -> T:
    try:
        return reading()
    except (Unreadable, KeyError) as missing:
        raise _unreadable(f"an activity with all it has to have; {missing}") from None


def _end(session: date) -> datetime:
    return session_close(session) + AFTER_THE_CLOSE


def _session_of(when: datetime) -> date:
    day = when.astimezone(NEW_YORK).date()
    return next(s for s in sessions_between(day, day + timedelta(days=14)) if when <= _end(s))


def _text(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unreadable(expected: str) -> BrokerError:
    return BrokerError(
        "ANSWER_UNREADABLE", of="account activities", expected=expected, remedy="Give the same command again."
    )
