"""From which session on each part of a home is there: the market, the strategies on paper, the account.

The account begins with the first trading session. In front of it stand the sessions that indicators and searches need
(`market`), the last of which the strategies already trade on paper (`strategies`). Decided once, when a home is begun,
and kept; how many sessions are needed is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, Self

import pyarrow as pa

from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session, sessions_between
from portfolio_pipeline.core.errors import SessionError

Part = Literal["market", "strategies", "account"]
PARTS: tuple[Part, ...] = ("market", "strategies", "account")


@dataclass(frozen=True)
class WarmUp:
    """How many sessions stand in front of the first trading session, and how many of them are traded on paper."""

    sessions: int
    on_paper: int


@dataclass(frozen=True)
class Beginnings:
    """The first session of each part; none begins before the one it follows from."""

    market: date
    strategies: date
    account: date

    @classmethod
    def planned(cls, trading: SessionRange, warm_up: WarmUp, earliest: date) -> Self:
        """For these trading sessions, with what there is of the warm-up from `earliest` on."""
        known = sessions_between(earliest, trading.last)
        account = max(trading.first, known[0]) if known else trading.first

        def before(count: int) -> date:
            return max(previous_session(account, count) or known[0], known[0]) if known else account

        return cls(before(warm_up.sessions), before(min(warm_up.on_paper, warm_up.sessions)), account)

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
        return (
            f"The first trading session is {self.account}: account, orders and performance begin there. Prices,"
            f" features and regimes begin at {self.market}, strategies on paper at {self.strategies}."
        )
