"""The figures stored beside a decision, against empyrical; one session alone as many."""

from __future__ import annotations

import empyrical
import numpy as np
import pytest

from portfolio_pipeline.core.portfolio.rebalancing.inputs import FIGURES, WINDOW, inputs
from portfolio_pipeline_tests.core.portfolio.test_allocation import paper


def test_they_are_those_of_empyrical_over_a_quarter() -> None:
    returns = paper(120)
    returns[::7, 1] = 0.0
    found = inputs(returns, 40)
    for row, column in ((0, 0), (17, 1), (39, 4)):
        window = returns[120 - 40 + row + 1 - WINDOW : 120 - 40 + row + 1, column]
        assert len(window) == WINDOW
        figures = {name: found[name][row, column] for name in FIGURES}
        assert figures["mean_return"] == pytest.approx(252 * window.mean())
        assert figures["volatility"] == pytest.approx(empyrical.annual_volatility(window))
        assert figures["sharpe"] == pytest.approx(empyrical.sharpe_ratio(window))
        assert figures["max_drawdown"] == pytest.approx(empyrical.max_drawdown(window))
        assert figures["win_rate"] == pytest.approx((window > 0).sum() / (window != 0).sum())


def test_a_session_alone_has_the_same_bits_as_many_and_what_is_short_is_said_not_to_be_known() -> None:
    returns = paper(150)
    returns[:100, 2] = np.nan
    returns[:, 3] = 0.0
    whole = inputs(returns, 120)
    for row in range(0, 120, 7):
        alone = inputs(returns[: 150 - 120 + row + 1], 1)
        for name in FIGURES:
            np.testing.assert_array_equal(alone[name][0], whole[name][row])
    assert np.isnan(whole["volatility"][: 100 - 30 + 19, 2]).all()
    assert not np.isnan(whole["volatility"][100 - 30 + 19 :, 2]).any()
    assert np.isnan(whole["sharpe"][:, 3]).all()
    assert np.isnan(whole["win_rate"][:, 3]).all()
    assert (whole["max_drawdown"][19:, 3] == 0.0).all()
