"""From raw weights to targets: scaled to a volatility, capped per position, capped in gross exposure.

Each row is sized by itself with returns up to its session. What a cap cuts off stays in cash.
"""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.kernels import weighted_volatility
from portfolio_pipeline.core.panel import Array
from portfolio_pipeline.core.strategies.card import Sizing
from portfolio_pipeline.core.strategies.inputs import Inputs


def sized(inputs: Inputs, weights: Array, rows: Array, sizing: Sizing) -> Array:
    """The target weights. Where the volatility window is not full yet, or nothing moved, they are not scaled."""
    if sizing.volatility_target is not None and len(rows):
        volatility = weighted_volatility(
            inputs.returns, np.asarray(rows, np.int64), np.ascontiguousarray(weights), sizing.volatility_window
        )
        known = volatility > 1e-10
        weights = weights * np.where(known, sizing.volatility_target / np.where(known, volatility, 1.0), 1.0)[:, None]
    weights = np.clip(weights, -sizing.maximum_weight, sizing.maximum_weight)
    gross = np.abs(weights).sum(axis=1, keepdims=True)
    # Adding 0.0 turns the -0.0 of a scaled-down short into 0.0: a database may not keep the sign.
    return (
        weights * np.where(gross > sizing.maximum_gross, sizing.maximum_gross / np.where(gross > 0, gross, 1.0), 1.0)
        + 0.0
    )
