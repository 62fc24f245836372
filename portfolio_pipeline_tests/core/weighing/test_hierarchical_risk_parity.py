"""Hierarchical risk parity beside PyPortfolioOpt and SciPy, by every linkage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pypfopt import HRPOpt
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from portfolio_pipeline.core.weighing.hierarchical_risk_parity import (
    LINKAGES,
    by_linkage,
    cluster_order,
    hierarchical_risk_parity,
)


@pytest.mark.parametrize("method", ["single", "average", "ward"])
@pytest.mark.parametrize("symbols", [1, 2, 3, 17, 30])
def test_hierarchical_risk_parity_is_that_of_pypfopt(symbols: int, method: str) -> None:
    rng = np.random.default_rng(symbols)
    returns = pd.DataFrame(
        rng.normal(0, 0.01, (150, symbols)) * rng.uniform(0.5, 3, symbols) + rng.normal(0, 0.01, (150, 1))
    )
    returns.columns = [f"S{i:02d}" for i in range(symbols)]
    found = hierarchical_risk_parity(returns.cov().to_numpy(), method)
    expected = pd.Series(HRPOpt(returns).optimize(method)) if symbols > 1 else pd.Series([1.0])
    np.testing.assert_allclose(found, expected.to_numpy(), rtol=1e-10)


@pytest.mark.parametrize("method", ["single", "average", "ward"])
def test_clusters_stand_in_the_order_of_scipys_leaves(method: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        distance = squareform(rng.uniform(0.1, 1.0, 435))
        expected = leaves_list(linkage(squareform(distance), method))
        np.testing.assert_array_equal(cluster_order(distance, LINKAGES.index(method)), expected)


def test_all_linkages_at_once_are_each_by_itself() -> None:
    returns = np.random.default_rng(4).normal(size=(300, 12)) @ np.random.default_rng(5).normal(size=(12, 12))
    cov = np.cov(returns.T)
    for method, weights in by_linkage(cov).items():
        np.testing.assert_array_equal(weights, hierarchical_risk_parity(cov, method))
