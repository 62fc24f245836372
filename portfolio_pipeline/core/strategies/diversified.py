"""A risk-based core over all classes: hierarchical risk parity, partly blended with inverse volatility.

Hierarchical risk parity is written here on arrays because a search makes hundreds of calls, and pypfopt's takes some
190 times as long (31 symbols, 252 sessions); it follows the same steps, and pypfopt's HRPOpt is its test.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from portfolio_pipeline.core.kernels import bisect_risk, covariance
from portfolio_pipeline.core.panel import Array
from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.strategies.inputs import Inputs


class DiversifiedParameters(p.Parameters):
    """Covariances come from `window` daily returns; `inverse_volatility_share` of the capital ignores correlations."""

    window: Annotated[int, p.Range(63, 252, 63)] = 126
    linkage: Annotated[Literal["single", "average", "ward"], p.choices("single", "average", "ward")] = "single"
    inverse_volatility_share: Annotated[float, p.Range(0.0, 1.0, 0.25)] = 0.25


class Diversified:
    """Always invested, long only: on a long-short card it holds the same."""

    name: ClassVar[str] = "diversified"
    description: ClassVar[str] = "Spreads risk over everything by hierarchical risk parity."
    inputs: ClassVar[tuple[str, ...]] = ("prices",)
    Parameters: ClassVar[type[p.Parameters]] = DiversifiedParameters

    def window(self, parameters: DiversifiedParameters) -> int:
        return parameters.window + 1

    def target_weights(
        self, inputs: Inputs, parameters: DiversifiedParameters, rows: Array, *, long_short: bool = False
    ) -> Array:
        window, method, share = parameters.window, parameters.linkage, parameters.inverse_volatility_share
        weights = np.zeros((len(rows), len(inputs.panel.symbols)))
        for k, row in enumerate(rows.tolist()):
            held, cov = inputs.shared(("covariance", window, row), partial(_covariance, inputs, window, row))
            if len(held) > 0:
                parity = inputs.shared(("parity", window, method, row), partial(hierarchical_risk_parity, cov, method))
                inverse = 1.0 / np.sqrt(np.diag(cov))
                weights[k, held] = (1.0 - share) * parity + share * inverse / inverse.sum()
        return weights


def _covariance(inputs: Inputs, window: int, row: int) -> tuple[Array, Array]:
    """The symbols that can be held at a row, and their covariance: a bar, a full window of returns, some movement."""
    returns = inputs.returns[max(0, row + 1 - window) : row + 1]
    usable = inputs.traded[row] & ~np.isnan(returns).any(axis=0) & (len(returns) == window)
    held = np.flatnonzero(usable & (inputs.volatility(window)[row] > 1e-10))
    return held, covariance(np.ascontiguousarray(returns[:, held]))


def hierarchical_risk_parity(cov: Array, method: str = "single") -> Array:
    """Weights for a covariance matrix without zero variances, as López de Prado's bisection gives them."""
    if len(cov) == 1:
        return np.ones(1)
    deviation = np.sqrt(np.diag(cov))
    distance = np.sqrt(np.clip((1.0 - cov / np.outer(deviation, deviation)) / 2.0, 0.0, 1.0))
    order = leaves_list(linkage(squareform(distance, checks=False), method))
    return bisect_risk(cov, order.astype(np.int64))
