"""A risk-based core over all classes: hierarchical risk parity, partly blended with inverse volatility.

Hierarchical risk parity is compiled (`core.weighing`) because a search makes thousands of calls.
Parameter sets that differ in their shares only have all of it in common.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.features.families import RETURN_1D
from portfolio_pipeline.core.features.family import Family
from portfolio_pipeline.core.features.kernels import covariance
from portfolio_pipeline.core.market.indicators import AtRows, Inputs
from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.weighing.hierarchical_risk_parity import LINKAGES, by_linkage


class DiversifiedParameters(p.Parameters):
    """Covariances come from `window` daily returns; `inverse_volatility_share` of the capital ignores correlations."""

    window: Annotated[int, p.Range(42, 252, 21)] = 126
    linkage: Annotated[Literal["single", "average", "ward"], p.choices("single", "average", "ward")] = "single"
    inverse_volatility_share: Annotated[float, p.Range(0.0, 1.0, 0.025)] = 0.25


class Diversified:
    """Always invested, long only: on a long-short card it holds the same."""

    name: ClassVar[str] = "diversified"
    description: ClassVar[str] = "Spreads risk over everything by hierarchical risk parity."
    inputs: ClassVar[tuple[Family, ...]] = (RETURN_1D,)
    Parameters: ClassVar[type[p.Parameters]] = DiversifiedParameters

    def window(self, parameters: DiversifiedParameters) -> int:
        return parameters.window + 1

    def target_weights(
        self, inputs: Inputs, parameters: DiversifiedParameters, rows: Array, *, long_short: bool = False
    ) -> Array:
        window, share = parameters.window, parameters.inverse_volatility_share
        at = inputs.at(rows)
        parts = at.shared(("risk_parts", window), partial(_risk_parts, inputs, at, window))
        weights: Array = (1.0 - share) * parts[parameters.linkage] + share * parts["inverse"]
        return weights


def _risk_parts(inputs: Inputs, at: AtRows, window: int) -> dict[str, Array]:
    """Shares by inverse volatility and by risk parity for each linkage, [rows, symbols].

    All at once, since a covariance costs more than the clusters made of it, and is too large to be kept.
    """
    parts = {name: np.zeros(at.traded.shape) for name in ("inverse", *LINKAGES)}
    for k, row in enumerate(at.rows.tolist()):
        held, cov = _covariance(inputs, window, row)
        if len(held) > 0:
            inverse = 1.0 / np.sqrt(np.diag(cov))
            parts["inverse"][k, held] = inverse / inverse.sum()
            for method, weights in by_linkage(cov).items():
                parts[method][k, held] = weights
    return parts


def _covariance(inputs: Inputs, window: int, row: int) -> tuple[Array, Array]:
    """The symbols that can be held at a row, and their covariance: a bar, a full window of returns, some movement."""
    returns = inputs.returns[max(0, row + 1 - window) : row + 1]
    if len(returns) < window:
        return np.empty(0, np.int64), np.empty((0, 0))
    # Where a return is NaN, so is the deviation, and no comparison holds.
    held = np.flatnonzero(inputs.traded[row] & (returns.std(axis=0) > 1e-10))
    return held, covariance(np.ascontiguousarray(returns[:, held]))
