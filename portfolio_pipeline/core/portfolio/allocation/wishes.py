"""What the method of the settings asks for, tilted by momentum where they say so, beside what locks keep."""

from __future__ import annotations

import math

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio.allocation.figures import total_return
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS, Known
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

_TIE = 0.005
"""Returns that are less apart are partly a tie: ranks that swap move no share at once."""


def requested_shares(known: Known, settings: Allocation, locked: Array | None = None) -> Array:
    """What the method asks for. Locked shares come first (NaN for who has none); the others share out the rest."""
    size = len(known.strategies)
    locked = np.full(size, np.nan) if locked is None else locked
    free = np.isnan(locked)
    method = ALLOCATION_METHODS[settings.method]
    wish = method.wish(known.last(settings.sessions_of_method), settings)
    if wish.shape != (size,) or not np.isfinite(wish).all() or (wish < 0.0).any():
        raise ConfigurationError(
            "ALLOCATION_METHOD_WRONG",
            method=method.name,
            found=wish.tolist(),
            expected=f"{size} finite numbers, none below 0",
            remedy="Mend the method, or choose another.",
        )
    if settings.overlay == "momentum":
        tilted = wish * (1.0 + settings.overlay_strength * ranks(known.last(settings.overlay_sessions).returns))
        wish = tilted * (math.fsum(wish) / math.fsum(tilted)) if tilted.any() else wish
    total = math.fsum(wish[free])
    left = max(0.0, 1.0 - math.fsum(locked[~free]))
    if method.exact and not settings.fully_invested and total <= left:
        return np.where(free, wish, locked)
    return np.where(free, wish * (left / total) if total else 0.0, locked)


def ranks(returns: Array) -> Array:
    """The rank of each by its return over the window, from -1 to 1; who has too short a history is at 0."""
    earned = total_return(returns)
    known = np.flatnonzero(~np.isnan(earned))
    found = np.zeros(len(earned))
    for place in known:
        others = known[known != place]
        if len(others):
            found[place] = np.clip((earned[place] - earned[others]) / _TIE, -1.0, 1.0).mean()
    return found
