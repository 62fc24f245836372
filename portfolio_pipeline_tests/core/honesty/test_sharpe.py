"""Probabilistic and deflated Sharpe ratios: against skfolio and factor-qc, and one session at a time against many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from portfolio_pipeline.core.honesty import (
    deflated_sharpe_ratio,
    deflation_by_session,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe_ratio,
    sharpe_ratio,
)


def skewed(seed: int, sessions: int = 504, trials: int = 40) -> np.ndarray:
    """Fat-tailed, skewed returns with different means."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_t(4, (sessions, trials)) + 0.3 * rng.exponential(1.0, (sessions, trials))
    return 0.01 * (noise + rng.normal(-0.2, 0.1, trials))


@pytest.mark.parametrize("seed", range(5))
def test_probabilities_equal_skfolio_to_twelve_digits(seed: int) -> None:
    measures = pytest.importorskip("skfolio.measures")
    returns = skewed(seed)
    sharpes = np.array([sharpe_ratio(column) for column in returns.T])
    best = returns[:, sharpes.argmax()]
    assert probabilistic_sharpe_ratio(best, 0.05) == pytest.approx(
        measures.probabilistic_sharpe_ratio(best, 0.05), rel=1e-12
    )
    assert deflated_sharpe_ratio(best, sharpes) == pytest.approx(
        measures.deflated_sharpe_ratio(best, sharpes), rel=1e-12
    )
    assert expected_maximum_sharpe(sharpes, 17.5) == pytest.approx(
        measures.expected_max_sharpe_ratio(17.5, float(sharpes.std(ddof=1))), rel=1e-12
    )


def test_probabilities_equal_the_published_formula() -> None:
    returns = skewed(3)
    sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    best = returns[:, sharpes.argmax()]
    normal, count, sessions = stats.norm, sharpes.size, best.size
    luck = sharpes.std(ddof=1) * (
        (1 - np.euler_gamma) * normal.isf(1 / count) + np.euler_gamma * normal.isf(1 / (count * np.e))
    )
    variance = 1 - stats.skew(best) * sharpes.max() + stats.kurtosis(best, fisher=False) * sharpes.max() ** 2 / 4
    variance -= sharpes.max() ** 2 / 4
    expected = normal.cdf((sharpes.max() - luck) / np.sqrt(variance / (sessions - 1)))
    assert deflated_sharpe_ratio(best, sharpes) == pytest.approx(expected, rel=1e-12)


def test_missing_returns_are_left_out_as_skfolio_leaves_them_out() -> None:
    measures = pytest.importorskip("skfolio.measures")
    returns = skewed(1)[:, 0].copy()
    returns[::7] = np.nan
    assert probabilistic_sharpe_ratio(returns) == pytest.approx(measures.probabilistic_sharpe_ratio(returns), rel=1e-12)


def test_the_minimum_track_record_equals_factor_qc_and_is_just_long_enough() -> None:
    factor_qc = pytest.importorskip("factor_qc")
    returns = 0.01 * np.random.default_rng(5).standard_t(5, 600) + 0.0008
    needed = minimum_track_record(returns, confidence=0.95)
    record = factor_qc.stats.skew_kurt(returns)
    assert needed == pytest.approx(
        factor_qc.minimum_track_record_length(sharpe_ratio(returns), 0.0, *record, confidence=0.95), rel=1e-6
    )
    assert minimum_track_record(-returns) == np.inf


@pytest.mark.parametrize("returns", [np.zeros(100), np.full(100, 0.01), np.array([0.01, 0.02]), np.full(9, np.nan)])
def test_what_does_not_vary_or_is_too_short_is_not_known(returns: np.ndarray) -> None:
    assert np.isnan(probabilistic_sharpe_ratio(returns))
    assert np.isnan(minimum_track_record(returns))


def test_a_single_trial_is_not_deflated() -> None:
    returns = skewed(2)[:, 0]
    assert deflated_sharpe_ratio(returns, np.array([sharpe_ratio(returns)])) == probabilistic_sharpe_ratio(returns)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100.0), trials=st.integers(2, 5_000))
@settings(max_examples=40, deadline=None)
def test_probabilities_do_not_change_with_scale_and_fall_with_trials(seed: int, scale: float, trials: int) -> None:
    returns = skewed(seed, sessions=120, trials=8)
    sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    probability = deflated_sharpe_ratio(returns[:, 0], sharpes, trials)
    assert 0.0 <= probability <= probabilistic_sharpe_ratio(returns[:, 0])
    assert deflated_sharpe_ratio(returns[:, 0] * scale, sharpes, trials) == pytest.approx(probability, rel=1e-9)
    assert deflated_sharpe_ratio(returns[:, 0], sharpes[::-1], trials) == pytest.approx(probability, rel=1e-9)
    assert deflated_sharpe_ratio(returns[:, 0], sharpes, trials + 1) <= probability


def test_each_session_is_judged_on_its_own_window() -> None:
    returns, window, rows = skewed(7, sessions=300, trials=12), 120, np.array([118, 119, 200, 299])
    chosen = np.array([0, 3, 5, -1])
    found = deflation_by_session(returns, chosen, rows, window=window, trials=500)
    assert np.isnan(found.deflated[[0, 3]]).all()
    assert found.trials == 500
    for i in (1, 2):
        past = returns[rows[i] + 1 - window : rows[i] + 1]
        sharpes = past.mean(axis=0) / past.std(axis=0, ddof=1)
        own = past[:, chosen[i]]
        assert found.sharpe[i] == pytest.approx(sharpes[chosen[i]], rel=1e-12)
        assert found.probabilistic[i] == pytest.approx(probabilistic_sharpe_ratio(own), rel=1e-12)
        assert found.deflated_by_all_trials[i] == pytest.approx(deflated_sharpe_ratio(own, sharpes, 500), rel=1e-9)
        assert found.deflated[i] == pytest.approx(
            deflated_sharpe_ratio(own, sharpes, found.effective_trials[i]), rel=1e-9
        )
        assert found.deflated_by_all_trials[i] <= found.deflated[i] <= found.probabilistic[i]


@pytest.mark.parametrize(("told", "counted"), [(None, 12), (1, 12), (11, 12), (12, 12), (13, 13), (500, 500)])
def test_fewer_trials_than_there_are_columns_are_never_believed(told: int | None, counted: int) -> None:
    returns, window = skewed(7, sessions=200, trials=12), 120
    found = deflation_by_session(returns, np.array([3]), np.array([150]), window=window, trials=told)
    past = returns[151 - window : 151]
    sharpes = past.mean(axis=0) / past.std(axis=0, ddof=1)
    assert found.trials == counted
    assert found.deflated_by_all_trials[0] == pytest.approx(
        deflated_sharpe_ratio(past[:, 3], sharpes, counted), rel=1e-9
    )


def test_the_trials_are_all_that_have_a_figure_unless_another_number_is_told() -> None:
    sharpes = np.array([0.1, np.nan, 0.2, 0.4])
    known = sharpes[~np.isnan(sharpes)]
    assert expected_maximum_sharpe(sharpes) == expected_maximum_sharpe(known) == expected_maximum_sharpe(known, 3)
    assert expected_maximum_sharpe(known, 2) < expected_maximum_sharpe(known) < expected_maximum_sharpe(known, 4)


def test_a_range_of_sessions_gives_the_bits_of_single_ones_and_the_future_changes_nothing() -> None:
    returns, rows = skewed(8, sessions=400, trials=30), np.arange(150, 300)
    chosen = rows % 30
    together = deflation_by_session(returns, chosen, rows, window=126)
    other_future = returns.copy()
    other_future[300:] = 0.5
    for history in (returns[:300], other_future):
        alone = [deflation_by_session(history[: row + 1], [row % 30], [row], window=126) for row in (150, 222, 299)]
        for one, i in zip(alone, (0, 72, 149), strict=True):
            for name in ("sharpe", "probabilistic", "effective_trials", "deflated", "deflated_by_all_trials"):
                assert getattr(one, name)[0].tobytes() == getattr(together, name)[i].tobytes()


@pytest.mark.parametrize("wrong", [np.full((200, 3), np.nan), np.zeros(200), np.zeros((200, 0))])
def test_a_matrix_with_holes_or_of_another_shape_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="returns must be"):
        deflation_by_session(wrong, [0], [150], window=100)


def test_a_session_outside_the_history_is_refused() -> None:
    with pytest.raises(ValueError, match=r"within 0\.\.199"):
        deflation_by_session(skewed(0, 200, 3), [0], [200], window=100)
