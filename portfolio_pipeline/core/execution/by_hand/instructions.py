"""What a person has said about orders, as rows and back, and which of it is in force at a session.

What it does to a session's targets is in `effect`; whether it may be said, in `saying`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

import pandas as pd

from portfolio_pipeline.core.books.book import to_shares, to_units
from portfolio_pipeline.core.tables import ORDER_INSTRUCTIONS, ORDER_PLANS

Kind = Literal["order", "sell_all", "close", "flatten", "withdraw", "cancel", "modify"]
KINDS: tuple[str, ...] = get_args(Kind)
_OF_ORDERS = ("cancel", "modify")
HOUSE = "orders.rejects"
"""Who has said that a refused order is to be smaller: a policy of the settings, and no person."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One word of a person; `quantity` in units, negative to sell, and of `modify` without sign."""

    number: int
    kind: Kind
    session: date
    who: str
    why: str
    made_at: datetime
    strategy: str = ""
    symbol: str = ""
    quantity: int | None = None
    limit_price: float | None = None
    order: str = ""
    withdraws: int | None = None

    @property
    def told(self) -> str:
        return self.why if self.who == HOUSE else f"by hand: {self.who}, {self.why}"


@dataclass(frozen=True)
class Instructions:
    """Everything that was said, in the order in which it was."""

    said: tuple[Instruction, ...] = ()

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Instructions:
        return cls(tuple(sorted(map(_of_row, rows), key=lambda one: one.number)))

    def begun(self, session: date) -> bool:
        """Whether anything may be in force at the session that says what books hold."""
        return any(one.session <= session and one.kind not in (*_OF_ORDERS, "withdraw") for one in self.said)

    def in_force(self, session: date) -> tuple[Instruction, ...]:
        """What has begun by the session and was not withdrawn by then; nothing about single tickets."""
        over = {one.withdraws for one in self.said if one.kind == "withdraw" and one.session <= session}
        return tuple(
            one
            for one in self.said
            if one.session <= session and one.number not in over and one.kind not in (*_OF_ORDERS, "withdraw")
        )

    def flattened(self, session: date) -> Instruction | None:
        return next((one for one in self.in_force(session) if one.kind == "flatten"), None)

    def closed(self, session: date) -> dict[str, Instruction]:
        """The strategies that shall have nothing."""
        return {one.strategy: one for one in self.in_force(session) if one.kind == "close"}

    def locked(self, session: date) -> dict[tuple[str, str], Instruction]:
        """The symbols of strategies that stay as they are since a person ordered them, until all of it was sold."""
        locks: dict[tuple[str, str], Instruction] = {}
        for one in self.in_force(session):
            if one.kind == "order":
                locks[one.strategy, one.symbol] = one
            elif one.kind == "sell_all":
                locks.pop((one.strategy, one.symbol), None)
        return locks

    def given_at(self, session: date) -> tuple[Instruction, ...]:
        """Orders and sales of this very session."""
        return tuple(
            one for one in self.in_force(session) if one.session == session and one.kind in ("order", "sell_all")
        )

    def canceled(self, session: date) -> dict[str, Instruction]:
        """Tickets of the session that are not to be at the broker, by their identifiers."""
        return {one.order: one for one in self.said if one.session == session and one.kind in _OF_ORDERS}

    def modified(self, session: date) -> tuple[Instruction, ...]:
        return tuple(one for one in self.said if one.session == session and one.kind == "modify")

    def shrunk(self, session: date) -> dict[str, Instruction]:
        """The tickets of the session that were refused and are to be smaller, by their identifiers."""
        return {one.order: one for one in self.modified(session) if one.who == HOUSE}

    def newest_for(self, session: date) -> Instruction | None:
        """The newest word that changes what is ordered in the session."""
        own = (one for one in self.said if one.session == session and one.kind != "cancel")
        return max(own, key=lambda one: one.number, default=None)

    @property
    def next_number(self) -> int:
        return max((one.number for one in self.said), default=0) + 1


NOTHING_SAID = Instructions()


def instruction_rows(said: Sequence[Instruction], seals: Sequence[str]) -> pd.DataFrame:
    """Rows of order_instructions."""
    rows = [
        (
            *(one.number, one.kind, one.session, one.strategy, one.symbol),
            *(None if one.quantity is None else to_shares(one.quantity), one.limit_price, one.order, one.withdraws),
            *(one.why, one.who, one.made_at, seal),
        )
        for one, seal in zip(said, seals, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(ORDER_INSTRUCTIONS.column_names))
    return frame.astype({"quantity": "float64", "limit_price": "float64", "withdraws": "Int64"})


def plan_rows(said: Instructions, sessions: Iterable[date]) -> pd.DataFrame:
    """Rows of order_plans, for orders that are planned with what was said so far."""
    newest = ((session, said.newest_for(session)) for session in sessions) if said.said else ()
    rows = [(session, one.number) for session, one in newest if one is not None]
    return pd.DataFrame(rows, columns=list(ORDER_PLANS.column_names))


def _of_row(row: Mapping[str, Any]) -> Instruction:
    return Instruction(
        number=row["instruction_id"],
        kind=row["kind"],
        session=row["session"],
        who=row["who"],
        why=row["reason"],
        made_at=row["recorded_at"],
        strategy=row["strategy"],
        symbol=row["symbol"],
        quantity=None if row["quantity"] is None else to_units(row["quantity"]),
        limit_price=row["limit_price"],
        order=row["client_order_id"],
        withdraws=row["withdraws"],
    )
