"""What an allocation method is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio_pipeline.core.arrays import Array

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

Wish = Callable[[Array, Sequence[str], "Allocation"], Array]


@dataclass(frozen=True)
class AllocationMethod:
    """One method. `wish` says, from the window of net paper returns [sessions, strategies], how much each should have.

    The window ends with the session that is decided, and holds NaN before a strategy had returns. What comes back is
    not negative and finite, one number a strategy. Numbers are relative: what locked shares leave is shared out in
    proportion to them. With `exact` they are the shares themselves, and what is missing to 1 stays in cash.
    """

    name: str
    wish: Wish
    exact: bool = False
