"""The cash sleeve: a symbol that holds what no strategy has use for, as far as the limits let it.

It comes after the book has been scaled: what is idle then is idle in earnest. The limit on the symbol itself counts
what the strategies want of it, too. Which book holds it is decided in `core.books`: the reserve. Time: the sleeve of a
session follows from the weights of that session alone.
"""

from __future__ import annotations

import math

import numpy as np

from portfolio_pipeline.core.arrays import Array


def sleeve_weights(requested: Array, place: int, *, largest_gross: float, largest_weight: float | None) -> Array:
    """Beside `requested` [sessions, symbols]: what of the sleeve, which stands at `place`, to hold as well."""
    # Added exactly: a symbol of weight 0, which only a range knows of, changes no bit.
    idle = np.array([largest_gross - math.fsum(np.abs(weights).tolist()) for weights in requested])
    if largest_weight is not None:
        idle = np.minimum(idle, largest_weight - requested[:, place])
    found: Array = np.maximum(idle, 0.0)
    return found
