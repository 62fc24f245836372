"""What an allocation method is, and what it may know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portfolio_pipeline.core.arrays import Array

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the strategies that share out capital at the close of a session, and of nobody else.

    `returns` [sessions, strategies] are net paper returns above cash, out of sample: a window that ends with that
    session, NaN before a strategy had any. `exposure`, of the same sessions, is how much of its capital a strategy's
    own targets hold, longs and shorts together; NaN where there were none. `held` are the shares of the session
    before, 0 where there were none. `classes` is the asset class that a strategy trades, `several` if there are more.
    """

    strategies: tuple[str, ...]
    returns: Array
    exposure: Array
    held: Array
    classes: tuple[str, ...]

    def last(self, sessions: int) -> Known:
        """The same of no more than so many sessions."""
        if len(self.returns) <= sessions:
            return self
        return replace(self, returns=self.returns[-sessions:], exposure=self.exposure[-sessions:])


Wish = Callable[[Known, "Allocation"], Array]


@dataclass(frozen=True)
class AllocationMethod:
    """One method. `wish` says, from what is known and the settings, how much each strategy should have.

    What comes back is not negative and finite, one number a strategy. Numbers are relative: what locked shares leave is
    shared out in proportion to them. With `exact` they are the shares themselves, and what is missing to 1 stays in
    cash. A method sees `window_sessions` of the settings, or `sessions` if that is more; exposures are there if it says
    that it needs them.
    """

    name: str
    wish: Wish
    exact: bool = False
    sessions: int = 0
    needs_exposure: bool = False
