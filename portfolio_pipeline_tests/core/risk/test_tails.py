"""Value at risk and shortfall against numpy, scipy, empyrical and long draws; intervals against a plain bootstrap."""

from __future__ import annotations

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from portfolio_pipeline.core.risk.measures import of_tails
from portfolio_pipeline.core.risk.measures.of_tails import cornish_fisher, historical, parametric
from portfolio_pipeline_tests.core.risk.books import seen

PASTS = st.lists(st.floats(-0.2, 0.2), min_size=20, max_size=80).map(lambda values: np.array([values]))


@given(PASTS)
def test_the_historical_way_agrees_with_numpy_and_empyrical(past: np.ndarray) -> None:
    at_risk, shortfall = (figure[0] for figure in historical(past, 0.95))
    assert at_risk == pytest.approx(-empyrical.value_at_risk(past[0], 0.05), abs=1e-12)
    assert at_risk == pytest.approx(-np.percentile(past[0], 5), abs=1e-12)
    assert at_risk - 1e-12 <= shortfall <= -past.min() + 1e-12


@given(PASTS)
def test_more_confidence_is_never_less_at_risk_and_a_shortfall_never_below_it(past: np.ndarray) -> None:
    for way in (historical, parametric, cornish_fisher):
        (low, low_tail), (high, high_tail) = (way(past, confidence) for confidence in (0.95, 0.99))
        assert high[0] >= low[0] - 1e-12
        assert high_tail[0] >= low_tail[0] - 1e-12
        assert low_tail[0] >= low[0] - 1e-12
        assert high_tail[0] >= high[0] - 1e-12


def test_a_shortfall_is_the_mean_of_the_sessions_beyond_value_at_risk() -> None:
    at_risk, shortfall = historical(np.linspace(-0.10, 0.10, 101)[None], 0.95)
    assert at_risk[0] == pytest.approx(0.09)
    assert shortfall[0] == pytest.approx(0.095)


@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_the_parametric_way_is_that_of_a_normal_distribution(confidence: float) -> None:
    past = np.random.default_rng(1).normal(0.001, 0.02, (1, 252))
    normal = stats.norm(past.mean(), past.std(ddof=1))
    at_risk, shortfall = parametric(past, confidence)
    assert at_risk[0] == pytest.approx(-normal.ppf(1 - confidence), rel=1e-12)
    beyond = -normal.expect(lambda value: value, ub=normal.ppf(1 - confidence), conditional=True)
    assert shortfall[0] == pytest.approx(beyond, rel=1e-6)


@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_the_cornish_fisher_way_is_the_expansion_with_skew_and_kurtosis_of_scipy(confidence: float) -> None:
    past = np.random.default_rng(2).standard_t(6, (1, 252)) * 0.01 - 0.002 * np.random.default_rng(3).random((1, 252))
    skew, excess = stats.skew(past[0]), stats.kurtosis(past[0])

    def quantile(z: float) -> float:
        by_kurtosis = (z**3 - 3 * z) * excess / 24 - (2 * z**3 - 5 * z) * skew**2 / 36
        return float(past.mean() + past.std(ddof=1) * (z + (z**2 - 1) * skew / 6 + by_kurtosis))

    at_risk, shortfall = cornish_fisher(past, confidence)
    tail = stats.norm.ppf(1 - confidence)
    assert at_risk[0] == pytest.approx(-quantile(tail), rel=1e-9)
    beyond, _ = integrate.quad(lambda z: quantile(z) * stats.norm.pdf(z), -12, tail)
    assert shortfall[0] == pytest.approx(-beyond / (1 - confidence), rel=1e-7)


def test_a_past_that_does_not_move_is_without_risk_and_without_noise() -> None:
    for way in (historical, parametric, cornish_fisher):
        assert [figure[0] for figure in way(np.zeros((1, 252)), 0.99)] == [0.0, 0.0]


@pytest.mark.parametrize("percent", [95, 99])
def test_intervals_are_those_of_a_plain_bootstrap(percent: int) -> None:
    """A plain one, with far more draws; ours may differ by the noise of its own few."""
    one, generator = seen(), np.random.default_rng(5)
    drawn = generator.choice(one.past[-1], (4_000, 252))
    plain = np.array(historical(drawn, percent / 100.0))
    for kind in (0, 1):
        for end, quantile in ((0, 0.05), (1, 0.95)):
            found = of_tails.interval(one, percent, kind, end)[-1]
            nearby = np.quantile(plain[kind], [quantile - 0.045, quantile + 0.045])
            assert nearby[0] <= found <= nearby[1]


def test_intervals_hold_the_figure_and_are_the_same_whenever_asked() -> None:
    one, again = seen(), seen()
    for percent, confidence in of_tails.CONFIDENCES.items():
        figures = one.over_past(lambda past, level=confidence: historical(past, level), 2)  # type: ignore[misc]
        for kind in (0, 1):
            low, high = (of_tails.interval(one, percent, kind, end) for end in (0, 1))
            assert (low <= high).all()
            assert np.mean((low <= figures[kind]) & (figures[kind] <= high)) > 0.9
            np.testing.assert_array_equal(low, of_tails.interval(again, percent, kind, 0))


def test_losses_of_strategies_are_put_together_by_their_correlations() -> None:
    one = seen()
    pasts = np.array([past[-1] for past in one.past_of_parts])
    losses = np.maximum(-np.percentile(pasts, 5, axis=1), 0.0)
    expected = np.sqrt(losses @ np.corrcoef(pasts) @ losses)
    assert of_tails.across_strategies(one, 0.95)[-1] == pytest.approx(expected, rel=1e-9)
