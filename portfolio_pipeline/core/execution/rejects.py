"""What is done about orders that a broker did not carry out: by which reason, and who is told.

Nothing is ever sent in their place within their session: what is missing is what the next plan begins with. Which words
a broker has for a reason is said here, in the house's words where there are any. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from portfolio_pipeline.core.alerting.alert import Alert, Severity
from portfolio_pipeline.core.books.book import to_shares
from portfolio_pipeline.core.execution.attempts import Attempt
from portfolio_pipeline.core.execution.tickets import OrderState
from portfolio_pipeline.core.sections import Section

Answer = Literal["alert", "skip"]
PREFIX = "order:"
"""What the matters of these alerts begin with."""


class Rejects(Section):
    """What is done about an order that was not carried out, by the reason: `alert` tells people at once, `skip` leaves
    it to the tables. Either way nothing is sent in its place; the next plan begins with what the account has then.

    `leftover` is what a day order had not traded when its session ended. Words that nobody knows are `other`.
    """

    buying_power: Answer = "alert"
    shares: Answer = "alert"
    shorting: Answer = "alert"
    not_tradable: Answer = "alert"
    wash_trade: Answer = "alert"
    price: Answer = "alert"
    canceled: Answer = "alert"
    leftover: Answer = "skip"
    other: Answer = "alert"


_WORDS = (
    ("buying_power", ("buying power", "insufficient balance", "insufficient cash")),
    ("shares", ("insufficient qty", "insufficient quantity", "held_for_orders")),
    ("shorting", ("sold short", "short sell", "to short", "borrow")),
    ("wash_trade", ("wash trade", "opposite side")),
    ("not_tradable", ("unknown_symbol", "not tradable", "not active", "not fractionable", "halt", "suspended")),
    ("price", ("limit price", "limit_price", "sub-penny", "price increment", "collar")),
)
_SEVERITY: dict[OrderState, Severity] = {
    OrderState.UNKNOWN: "critical",
    OrderState.SUBMITTING: "critical",
    OrderState.REFUSED: "high",
    OrderState.REJECTED: "high",
    OrderState.CANCELED: "medium",
    OrderState.REPLACED: "medium",
    OrderState.EXPIRED: "medium",
}


def reason_of(attempt: Attempt) -> str:
    """Why an order was not carried out: the name of a setting of `Rejects`."""
    if attempt.state is OrderState.EXPIRED:
        return "leftover"
    if attempt.state in (OrderState.CANCELED, OrderState.REPLACED):
        return "canceled"
    words = (attempt.error or "").lower()
    return next((reason for reason, known in _WORDS if any(word in words for word in known)), "other")


def not_carried_out(attempts: Iterable[Attempt], answers: Rejects) -> list[Alert]:
    """What people are told of orders that came to another end than planned, or of which nobody knows what became."""
    found = []
    for one in attempts:
        severity = _SEVERITY.get(one.state)
        if severity is None:
            continue
        in_doubt = severity == "critical"
        reason = reason_of(one)
        if in_doubt or getattr(answers, reason) == "alert":
            found.append(Alert(severity, _title(one), _message(one, reason), matter_of(one)))
    return found


def still_open(attempts: Iterable[Attempt]) -> list[Alert]:
    """Of orders that stand although their session is over."""
    remedy = "Its session is over, and it still may be executed: cancel it on the broker's page of the account."
    return [Alert("high", _title(one), f"{_of(one)}. {remedy}", matter_of(one)) for one in attempts]


def matter_of(attempt: Attempt) -> str:
    return f"{PREFIX}{attempt.order.client_order_id}"


def _title(one: Attempt) -> str:
    return f"Order {one.order.side} {one.order.symbol} of {one.order.session} is {one.state}"


def _of(one: Attempt) -> str:
    return (
        f"{one.order.client_order_id}: {to_shares(one.filled_quantity):g} of {to_shares(abs(one.order.quantity)):g}"
        " shares are filled"
    )


def _message(one: Attempt, reason: str) -> str:
    why = f"; {one.error}" if one.error else ""
    if _SEVERITY[one.state] == "critical":
        return f"{_of(one)}, as far as is known{why}. It is looked for, and nothing is sent in its place."
    return f"{_of(one)}{why} ({reason}). Nothing is sent in its place; the next plan begins with what the account has."
