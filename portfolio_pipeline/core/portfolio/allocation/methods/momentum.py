"""In proportion to the Sharpe ratio, lifted so that the worst has LIFT where it would have less.

Who has too short a history is a middling one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.figures import sharpe, usual_where_unknown
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

LIFT = 0.1


def _wish(known: Known, settings: Allocation) -> Array:
    return lifted(usual_where_unknown(sharpe(known.returns), LIFT))


def lifted(scores: Array) -> Array:
    """Score - lowest + LIFT where the lowest is below 0, the score where it is above LIFT; in between, in between."""
    return scores + max(0.0, LIFT - float(scores.min()))


MOMENTUM = AllocationMethod("momentum", _wish)
