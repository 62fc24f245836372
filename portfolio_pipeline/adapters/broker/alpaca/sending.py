"""Sending every order exactly once, whatever happens on the way.

It is written down that an order is about to be sent before it is. When no answer comes, or none that says what became
of it, the order is looked for by its identifier. That it is not found proves nothing, as it may still be on its way: it
is sent once more, with the same identifier, of which the broker takes only one. What cannot be proved stays `unknown`,
and nothing after it is sent. So whoever is killed at any point begins again at the top and comes to the same end.

An order for an auction that takes none at the moment, or that the broker refuses for it, goes out for the day: it is
the same intent, under the same identifier, and there is only one of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from portfolio_pipeline.adapters.alpaca.client import WHEN_IT_ANSWERS, AlpacaClient, Refused, Unclear
from portfolio_pipeline.adapters.broker.alpaca.journal import Journal
from portfolio_pipeline.adapters.broker.alpaca.words import (
    Answer,
    Unreadable,
    is_that_order,
    order_of,
    report_of,
    request_of,
    sent_otherwise,
)
from portfolio_pipeline.core.books.reconciliation import ForeignOrder
from portfolio_pipeline.core.calendar.sessions import next_session, session_close
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.core.execution.attempts import IN_DOUBT, OVER, Attempt
from portfolio_pipeline.core.execution.orders import session_of
from portfolio_pipeline.core.execution.tickets import Order, OrderState, TimeInForce
from portfolio_pipeline.core.execution.windows import takes
from portfolio_pipeline.ports.broker import TradingMode

_POSTS = 3
_PAGE = 500
_FEW = 3
_NOT_THERE = frozenset({OrderState.PLANNED, OrderState.REFUSED})
"""States of an order that the broker does not have; if it has it all the same, the broker is right."""


class Swept(NamedTuple):
    """What looking through the orders of a session has found."""

    doubted: bool
    """Of some it is still not known what became of them."""
    strangers: tuple[Attempt, ...]
    """Ours by their names, and nobody here knew of them; of each something was executed, or still may be."""


class Sender:
    def __init__(
        self, client: AlpacaClient, journal: Journal, mode: TradingMode, sleep: Callable[[float], None]
    ) -> None:
        self._client, self._journal, self._mode, self._sleep = client, journal, mode, sleep

    def plan(self, orders: Sequence[Order]) -> None:
        """Write down what is to be sent, in one transaction; an identifier that another order has is refused."""
        known = self._journal.of_orders([order.client_order_id for order in orders])
        for order in orders:
            if order.client_order_id in known and known[order.client_order_id].order != order:
                raise reused(order.client_order_id)
        now = self._journal.now()
        self._journal.add([Attempt.planned(order, now) for order in orders if order.client_order_id not in known])

    def send(self, orders: Sequence[Order], next_close: datetime | None = None) -> bool:
        """Send what is planned and was not sent yet, one after the other, up to the first of which nobody knows what
        became. Says whether it has come to the end of them. `next_close` is the market's, as the broker has it.
        """
        known = self._journal.of_orders([order.client_order_id for order in orders])
        try:
            for place, order in enumerate(orders):
                self._client.doing = f"{place} of {len(orders)} orders are sent."
                attempt = known[order.client_order_id]
                if attempt.state is not OrderState.PLANNED and attempt.state not in IN_DOUBT:
                    continue
                if self._sent(attempt, next_close).state in IN_DOUBT:
                    return False
            return True
        finally:
            self._client.doing = ""
            self._journal.flush()

    def unsent(self, orders: Sequence[Order]) -> bool:
        """Whether any of these was not sent yet, as far as is proved."""
        known = self._journal.of_orders([order.client_order_id for order in orders])
        return any(one.state is OrderState.PLANNED or one.state in IN_DOUBT for one in known.values())

    def sweep(self, session: date) -> Swept:
        """Ask for all orders since the session's close, and adopt what is ours, whether we know of it or not."""
        known = self._journal.of_late(session)
        listed = self._listed(session)
        strangers = [
            answer for name, answer in listed.items() if name not in known and session_of(self._mode, name) == session
        ]
        adopted = [Attempt.planned(order_of(answer, session), self._journal.now()) for answer in strangers]
        self._journal.add(adopted)
        found = self._refresh({**known, **{one.order.client_order_id: one for one in adopted}}, listed)
        new = {one.order.client_order_id for one in adopted}
        stand = [one for name, one in found.items() if name in new and (one.filled_quantity or one.state not in OVER)]
        return Swept(bool(still_in_doubt(found.values())), tuple(stand))

    def canceled(self, attempts: Mapping[str, Attempt]) -> dict[str, Attempt]:
        """Ask for what is not over to be canceled, and look until it is, or for as long as patience lasts.

        What was never sent is given up: it is noted as canceled, and so never sent.
        """
        never = [one for one in attempts.values() if one.state is OrderState.PLANNED]
        now = self._journal.now()
        self._journal.add([one.then(OrderState.CANCELED, now, "CANCELED: before it was sent") for one in never])
        known = {name: one for name, one in attempts.items() if one.state is not OrderState.PLANNED}
        known |= self._refresh(known, {})
        asked: set[str] = set()
        for pause in (*self._client.patience.lookups, None):
            open_ = [one for one in known.values() if one.state not in OVER and one.broker_order_id]
            for one in open_:
                if one.broker_order_id not in asked:
                    self._ask_to_cancel(one, asked)
            if open_:
                known |= self._refresh(known, {})
            if pause is None or all(one.state in OVER for one in known.values()):
                break
            self._sleep(pause)
        return known

    def _ask_to_cancel(self, attempt: Attempt, asked: set[str]) -> None:
        """Whether it is refused or nobody knows: what the order says afterwards is what counts."""
        assert attempt.broker_order_id is not None
        try:
            self._client.delete(f"/orders/{attempt.broker_order_id}")
        except Unclear:
            return  # asked again after a pause
        except Refused:
            pass
        asked.add(attempt.broker_order_id)

    def foreign(self) -> tuple[ForeignOrder, ...]:
        """The open orders that others have given."""
        query = {"status": "open", "limit": _PAGE, "direction": "asc", "nested": "false"}
        page = self._client.get("/orders", query)
        if not isinstance(page, list):
            raise _unreadable("a list of orders", page)
        rows = [row for row in page if isinstance(row, dict)]
        names = [str(row.get("client_order_id") or f"order {row.get('id')}") for row in rows]
        return tuple(
            ForeignOrder(
                name, str(row.get("symbol")), f"{row.get('side')} {row.get('qty') or row.get('notional')} {name}"
            )
            for name, row in zip(names, rows, strict=True)
            if session_of(self._mode, name) is None
        )

    def refreshed(self, attempts: Mapping[str, Attempt]) -> dict[str, Attempt]:
        """The newest notes on what is not over yet, with what the broker says of it now."""
        return self._refresh(attempts, {})

    def _refresh(self, attempts: Mapping[str, Attempt], listed: Mapping[str, Answer]) -> dict[str, Attempt]:
        open_ = {
            name: attempt
            for name, attempt in attempts.items()
            if (attempt.state in _NOT_THERE and name in listed)
            or (attempt.state not in OVER and attempt.state is not OrderState.PLANNED)
        }
        if not open_:
            return {}
        if not listed and len(open_) > _FEW:
            listed = self._listed(min(attempt.order.session for attempt in open_.values()))
        found = {}
        for name, attempt in open_.items():
            answer = listed.get(name) or self._looked_up_or_unreachable(name)
            found[name] = self._as_told(attempt, answer) if answer is not None else self._absent(attempt)
        self._journal.add([new for name, new in found.items() if new != open_[name]])
        return found

    def _listed(self, since: date) -> dict[str, Answer]:
        """Every order that was sent since the close of a session, ours or not, by its client_order_id."""
        after = session_close(since) - timedelta(hours=1)
        found: dict[str, Answer] = {}
        while True:
            query = {"status": "all", "limit": _PAGE, "direction": "asc", "after": _text(after), "nested": "false"}
            page = self._client.get("/orders", query)
            if not isinstance(page, list):
                raise _unreadable("a list of orders", page)
            rows = [row for row in page if isinstance(row, dict) and row.get("client_order_id")]
            new = [row for row in rows if row["client_order_id"] not in found]
            found |= {row["client_order_id"]: row for row in new}
            if len(page) < _PAGE or not new:
                return found
            # A page may end among orders of one moment: it is asked for again.
            after = datetime.fromisoformat(str(rows[-1]["submitted_at"])[:19]).replace(tzinfo=UTC)

    def _sent(self, attempt: Attempt, next_close: datetime | None) -> Attempt:
        """Sent, as often as it takes to know what became of it."""
        order, doubted_at = attempt.order, attempt.happened_at if attempt.state in IN_DOUBT else None
        kind, why = order.time_in_force, attempt.error or ""
        if not takes(kind, self._journal.now().replace(tzinfo=UTC), next_close):
            kind = TimeInForce.DAY
        for _ in range(_POSTS):
            attempt = attempt.then(OrderState.SUBMITTING, self._journal.now(), sent_otherwise(order, kind))
            self._journal.add([attempt])
            refusal = None
            try:
                answer = self._client.post("/orders", request_of(order, kind))
                if isinstance(answer, dict) and is_that_order(answer, order):
                    return self._noted(self._as_told(attempt, answer))
                why = "an answer that is not this order"
            except Unclear as unclear:
                why = str(unclear)
            except Refused as refused:
                if doubted_at is None and not _is_duplicate(refused):
                    if kind is not TimeInForce.DAY:
                        kind = TimeInForce.DAY
                        continue
                    return self._noted(attempt.then(OrderState.REFUSED, self._journal.now(), _reason(order, refused)))
                refusal, why = refused, str(refused)
            try:
                answer = self._looked_up(order.client_order_id, self._client.patience.lookups)
            except Unclear as unclear:
                return self._unknown(attempt, f"{why}; and looking for it: {unclear}")
            if answer is not None:
                return self._noted(self._as_told(attempt, answer))
            if refusal is not None:
                if doubted_at is not None and not _is_duplicate(refusal) and self._has_arrived_by_now(doubted_at):
                    if kind is not TimeInForce.DAY:
                        kind = TimeInForce.DAY
                        continue
                    return self._noted(attempt.then(OrderState.REFUSED, self._journal.now(), _reason(order, refusal)))
                return self._unknown(attempt, f"{why}; and it is not found")
            doubted_at = doubted_at or attempt.happened_at
        return self._unknown(attempt, f"{why}; sent {_POSTS} times, and not found")

    def _as_told(self, attempt: Attempt, answer: Answer) -> Attempt:
        """The note after what the broker has said of the order; the same one where that is nothing new."""
        if not is_that_order(answer, attempt.order):
            error = "ID_OF_ANOTHER_ORDER: the broker has another order by this identifier, and took no second one"
            if (attempt.state, attempt.error) == (OrderState.REFUSED, error):
                return attempt
            return attempt.then(OrderState.REFUSED, self._journal.now(), error)
        try:
            report = report_of(answer, attempt.order.session)
        except Unreadable:  # it is there; what else is told of it cannot be read
            return attempt.then(OrderState.ACCEPTED, self._journal.now()) if attempt.state in IN_DOUBT else attempt
        otherwise = sent_otherwise(attempt.order, answer.get("time_in_force"))
        if otherwise is not None:
            report = replace(report, error="; ".join(filter(None, (otherwise, report.error))))
        now = attempt.told(report)
        same = (now.state, now.filled_quantity, now.broker_order_id, now.error) == (
            attempt.state,
            attempt.filled_quantity,
            attempt.broker_order_id,
            attempt.error,
        )
        return attempt if same else now

    def _absent(self, attempt: Attempt) -> Attempt:
        """An order that the broker does not know of. After its session that is a proof: it was good for one day."""
        if attempt.state not in IN_DOUBT:
            return attempt
        if session_close(next_session(attempt.order.session)).replace(tzinfo=None) < self._journal.now():
            return attempt.then(
                OrderState.REFUSED, self._journal.now(), "NEVER_ARRIVED: its session is over, and nobody has it"
            )
        if attempt.state is OrderState.UNKNOWN:
            return attempt
        # Since when it is in doubt is since when it was sent.
        return attempt.then(OrderState.UNKNOWN, attempt.happened_at, "NOT_FOUND: sent, and not found so far")

    def _unknown(self, attempt: Attempt, why: str) -> Attempt:
        return self._noted(attempt.then(OrderState.UNKNOWN, attempt.happened_at, f"OUTCOME_UNKNOWN: {why}"))

    def _noted(self, attempt: Attempt) -> Attempt:
        self._journal.add([attempt], at_once=False)
        return attempt

    def _has_arrived_by_now(self, sent_at: datetime) -> bool:
        """What was sent so long ago would have been found."""
        return (self._journal.now() - sent_at).total_seconds() > self._client.patience.in_flight

    def _looked_up_or_unreachable(self, name: str) -> Answer | None:
        try:
            return self._looked_up(name, self._client.patience.questions)
        except Unclear as unclear:
            raise BrokerError(
                "BROKER_UNREACHABLE",
                found=unclear,
                remedy=WHEN_IT_ANSWERS,
            ) from None

    def _looked_up(self, name: str, pauses: Sequence[float]) -> Answer | None:
        """The order by this identifier; None when it is not found, however often it is asked for."""
        unclear: Unclear | None = None
        for pause in (*pauses, None):
            try:
                answer = self._client.get_once("/orders:by_client_order_id", {"client_order_id": name})
                if isinstance(answer, dict) and answer.get("client_order_id") == name:
                    return answer
                unclear = Unclear("an answer that is not this order")
            except Refused as refused:
                unclear = None if refused.status == 404 else Unclear(str(refused))
            except Unclear as other:
                unclear = other
            if pause is not None:
                self._sleep(pause)
        if unclear is not None:
            raise unclear
        return None


def reused(name: str) -> BrokerError:
    return BrokerError(
        "CLIENT_ORDER_ID_REUSED", found=name, remedy="Another order carries it already: plan the session anew."
    )


def still_in_doubt(attempts: Iterable[Attempt]) -> list[Attempt]:
    return [attempt for attempt in attempts if attempt.state in IN_DOUBT]


def _is_duplicate(refused: Refused) -> bool:
    return refused.status in (409, 422) and "client_order_id" in refused.message and "unique" in refused.message


def _reason(order: Order, refused: Refused) -> str:
    words = refused.message.lower()
    unknown = "asset" in words and ("not found" in words or "could not find" in words)
    return f"UNKNOWN_SYMBOL: found={order.symbol}. {refused}" if unknown else f"BROKER_REFUSED: {refused}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unreadable(expected: str, found: Any) -> BrokerError:
    return BrokerError(
        "ANSWER_UNREADABLE",
        found=type(found).__name__,
        expected=expected,
        remedy="Nothing more was sent. Give the same command again.",
    )
