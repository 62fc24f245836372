"""What is done about orders that a broker did not carry out: by which reason, and who is told.

What was refused for want of money or shares may be made smaller: that is a word like a person's (`by_hand`), which
planner and gate read, while the session can still be planned. Otherwise nothing is sent in an order's place, and what
is missing is what the next plan begins with. Which words a broker has for a reason is said here, in the house's words
where there are any. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Annotated, Literal

from pydantic import Field

from portfolio_pipeline.core.alerting.alert import Alert, Severity
from portfolio_pipeline.core.books.book import SHARE, to_shares, to_units
from portfolio_pipeline.core.execution.attempts import Attempt
from portfolio_pipeline.core.execution.tickets import OrderReport, OrderState
from portfolio_pipeline.core.sections import Section, SomeFraction, Whole

Answer = Literal["alert", "skip"]
Smaller = Literal["shrink", "alert", "skip"]
PREFIX = "order:"
"""What the matters of these alerts begin with."""


class Rejects(Section):
    """What is done about an order that was not carried out, by the reason: `alert` tells people at once, `skip` leaves
    it to the tables; then nothing is sent in its place, and the next plan begins with what the account has.

    `shrink` plans it once more, with `shrink_to` of its quantity or what the broker says is there, up to `shrink_times`
    times, as long as the market has not opened; after that people are told. `leftover` is what a day order had not
    traded when its session ended. Words that nobody knows are `other`.
    """

    buying_power: Smaller = "shrink"
    shares: Smaller = "shrink"
    shorting: Answer = "alert"
    not_tradable: Answer = "alert"
    wash_trade: Answer = "alert"
    price: Answer = "alert"
    canceled: Answer = "alert"
    leftover: Answer = "skip"
    other: Answer = "alert"
    shrink_to: SomeFraction = 0.9
    shrink_times: Annotated[Whole, Field(ge=0, le=20)] = 3


_AVAILABLE = re.compile(r"available: ([0-9]+(?:\.[0-9]+)?)")
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


def reason_of(attempt: Attempt | OrderReport) -> str:
    """Why an order was not carried out: the name of a setting of `Rejects`."""
    if attempt.state is OrderState.EXPIRED:
        return "leftover"
    if attempt.state in (OrderState.CANCELED, OrderState.REPLACED):
        return "canceled"
    words = (attempt.error or "").lower()
    return next((reason for reason, known in _WORDS if any(word in words for word in known)), "other")


def smaller(report: OrderReport, quantity: int, answers: Rejects, lot: int) -> int:
    """How much of an order for `quantity` units is tried in its place, without sign; 0 for nothing.

    What the broker says is there, where it says so, and else a part of it; in multiples of `lot` shares, unless it was
    for a fraction.
    """
    reason = reason_of(report)
    refused = report.state in (OrderState.REFUSED, OrderState.REJECTED) and not report.filled_quantity
    if not refused or getattr(answers, reason) != "shrink":
        return 0
    wanted = abs(quantity)
    told = _AVAILABLE.search(report.error or "") if reason == "shares" else None
    left = to_units(float(told[1])) if told else int(wanted * answers.shrink_to)
    if not quantity % SHARE:
        left -= left % (lot * SHARE)
    return left if left < wanted else 0


def not_carried_out(
    attempts: Iterable[Attempt], answers: Rejects, shrunk: Collection[str] = frozenset()
) -> list[Alert]:
    """What people are told of orders that came to another end than planned, or of which nobody knows what became; but
    not of those that were `shrunk`, of which the smaller order tells.
    """
    found = []
    for one in attempts:
        severity = _SEVERITY.get(one.state)
        if severity is None:
            continue
        in_doubt = severity == "critical"
        reason = reason_of(one)
        if in_doubt or (getattr(answers, reason) != "skip" and one.order.client_order_id not in shrunk):
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
