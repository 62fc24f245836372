"""Where the portfolio, a strategy, or the account stands after a session's close: its state and what it remembers.

How it gets there is in `machine`; its row, in `rows`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, get_args

State = Literal["normal", "reduced", "paused", "liquidated", "cooling", "re_entering"]
STATES: tuple[State, ...] = get_args(State)
WITHOUT_RISK: tuple[State, ...] = ("paused", "liquidated", "cooling")


@dataclass(frozen=True)
class Standing:
    """One state. `factor` is the part of the full risk that it leaves; `adds` says whether anything may grow.

    `equity` and `peak` are of the paper that its drawdown is measured on, 1 at the beginning. `rule`, `found` and
    `limit` say what broke, empty where nothing did; `reason` is a person's, where one has decided.
    """

    state: State = "normal"
    since: date | None = None
    sessions: int = 0
    step: int = 0
    factor: float = 1.0
    adds: bool = True
    equity: float = 1.0
    peak: float = 1.0
    rule: str = ""
    found: float | None = None
    limit: float | None = None
    reviewed: bool = False
    release: str = ""
    reason: str = ""

    @property
    def drawdown(self) -> float:
        """Below the peak, positive."""
        return 1.0 - self.equity / self.peak

    @property
    def restricts(self) -> bool:
        """Whether it leaves less than everything: reductions then pass whatever limits the way."""
        return self.factor < 1.0 or not self.adds

    def normal(self) -> Standing:
        """What a rule goes on from that had nothing to do with this state."""
        return Standing(equity=self.equity, peak=self.peak)

    def held_by(
        self, rule: str, before: Standing | None, session: date, found: float, limit: float, release: str
    ) -> Standing:
        """This normal standing, reduced by a rule that answers figures of the session alone."""
        same = before is not None and before.state == "reduced" and before.rule == rule
        since, sessions = (before.since, before.sessions + 1) if before is not None and same else (session, 1)
        return replace(
            self,
            state="reduced",
            since=since,
            sessions=sessions,
            rule=rule,
            found=found,
            limit=limit,
            release=release,
        )

    def told(self) -> str:
        """Why a weight was cut, in the words of aggregated_targets."""
        if self.reason:
            return f"by hand: {self.reason}"
        figures = "" if self.found is None or self.limit is None else f" {self.found:.4g}, limit {self.limit:.4g}"
        return f"{self.state.replace('_', ' ')} since {self.since}: {self.rule}{figures}"
