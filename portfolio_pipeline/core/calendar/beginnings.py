"""From which session on each part of a home is there: the market, strategies on paper, the portfolio's targets, the
account.

Targets and account begin with the first trading session. In front of it stand the sessions that indicators and searches
need (`market`), the last of which the strategies already trade on paper (`strategies`). Where a real broker keeps the
account, it begins with the newest session: there is no other account of that broker to be known, and everything up to
it is research. Decided once, when a home is begun, and kept; how many sessions are needed is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, Self

import pyarrow as pa

from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session, sessions_between
from portfolio_pipeline.core.errors import SessionError

Part = Literal["market", "strategies", "targets", "account"]
PARTS: tuple[Part, ...] = ("market", "strategies", "targets", "account")


@dataclass(frozen=True)
class WarmUp:
    """How many sessions stand in front of the first trading session, and how many of them are traded on paper."""

    sessions: int
    on_paper: int


@dataclass(frozen=True)
class Beginnings:
    """The first session of each part; none begins before the one it follows from.

    Without `targets` of their own they begin with the account.
    """

    market: date
    strategies: date
    account: date
    targets: date = date.max

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", min(self.targets, self.account))

    @classmethod
    def planned(cls, trading: SessionRange, warm_up: WarmUp, earliest: date) -> Self:
        """For these trading sessions, with what there is of the warm-up from `earliest` on."""
        known = sessions_between(earliest, trading.last)
        account = max(trading.first, known[0]) if known else trading.first

        def before(count: int) -> date:
            return max(previous_session(account, count) or known[0], known[0]) if known else account

        return cls(before(warm_up.sessions), before(min(warm_up.on_paper, warm_up.sessions)), account)

    def with_account_at(self, session: date) -> Self:
        """The same research, and an account that begins with another session."""
        return replace(self, account=session)

    @classmethod
    def of_rows(cls, stored: pa.Table) -> Self | None:
        """From the table of this name; None where it is empty."""
        found = {row["part"]: row["session"] for row in stored.to_pylist()}
        return cls(**found) if found else None

    def rows(self) -> pa.Table:
        return pa.Table.from_pylist([{"part": part, "session": self.of(part)} for part in PARTS])

    def of(self, part: Part) -> date:
        first: date = getattr(self, part)
        return first

    def kept(self, part: Part, sessions: SessionRange) -> SessionRange | None:
        """The part of a range that is there for a part of the home; None when it ends before."""
        first = self.of(part)
        return SessionRange(max(first, sessions.first), sessions.last) if sessions.last >= first else None

    def require(self, part: Part, sessions: SessionRange, what: str) -> None:
        """Refuse sessions before the part's first one."""
        if sessions.first < self.of(part):
            raise SessionError(
                "BEFORE_THE_BEGINNING",
                of=what,
                found=sessions,
                expected=f"{self.of(part)} or later",
                remedy=f"Nothing was changed. {self}",
            )

    def __str__(self) -> str:
        if self.market == self.account:
            return f"Everything begins with the first trading session, {self.account}."
        if self.targets < self.account:
            return (
                f"The account begins at {self.account}, with what the broker holds then. Everything before is research:"
                f" prices, features and regimes from {self.market} on, strategies on paper from {self.strategies},"
                f" shares of capital and targets from {self.targets}."
            )
        return (
            f"The first trading session is {self.account}: account, orders and performance begin there. Prices,"
            f" features and regimes begin at {self.market}, strategies on paper at {self.strategies}."
        )
