"""Evidence from paper returns: what it is, what it sees, and how seldom it is wrong however often one looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from portfolio_pipeline.core.honesty import evidence_of
from portfolio_pipeline.core.honesty.evidence import LARGEST_LOSS, LEARNING, MOST, prior
from portfolio_pipeline_tests.core.honesty.paper_returns import MARKETS, fat_tails

RETURNS = arrays(
    np.float64, st.integers(0, 120), elements=st.one_of(st.floats(-0.3, 0.3), st.just(0.0), st.just(np.nan))
)
TEN_YEARS = 2_520


def by_hand(returns: np.ndarray, side: int) -> list[float]:
    """Money bet on the returns of each session, one bet and one session after the other."""
    sharpes, shares = prior()
    money: list[float] = list(shares)
    past: list[float] = []
    found: list[float] = []
    for value in returns.tolist():
        if not math.isnan(value) and abs(value) > 1e-9:
            if len(past) >= LEARNING:
                weights = [0.5 ** (age / 63) for age in range(len(past))]
                squares = [weight * one**2 for weight, one in zip(weights, reversed(past), strict=True)]
                volatility = math.sqrt(sum(squares) / sum(weights))
                for k, sharpe in enumerate(sharpes):
                    money[k] *= max(0.0, 1 + side * min(sharpe / volatility, 10) * value)
                if side < 0 and sum(money) < 1:
                    money = list(shares)
                if sum(money) > MOST:
                    money = [one * MOST / sum(money) for one in money]
            past.append(value)
        found.append(sum(money))
    return found


@given(returns=RETURNS)
@settings(max_examples=60, deadline=None)
def test_evidence_is_what_bets_placed_by_hand_become(returns: np.ndarray) -> None:
    found = evidence_of(returns)
    np.testing.assert_allclose(found.gain, by_hand(returns, 1), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(found.loss, by_hand(returns, -1), rtol=1e-9)
    np.testing.assert_array_equal(found.active, np.cumsum(np.abs(np.nan_to_num(returns)) > 1e-9))
    assert (found.loss >= 1.0 - 1e-12).all()


@given(returns=RETURNS, cut=st.integers(0, 120))
@settings(max_examples=60, deadline=None)
def test_another_future_changes_no_bit_of_the_past(returns: np.ndarray, cut: int) -> None:
    known, whole = evidence_of(returns[:cut].copy()), evidence_of(returns)
    assert known.gain.tobytes() == whole.gain[:cut].tobytes()
    assert known.loss.tobytes() == whole.loss[:cut].tobytes()


@given(returns=RETURNS, places=st.lists(st.integers(0, 119), max_size=20), idle=st.sampled_from([0.0, np.nan, 1e-12]))
@settings(max_examples=60, deadline=None)
def test_idle_and_missing_sessions_say_nothing(returns: np.ndarray, places: list[int], idle: float) -> None:
    among = np.insert(returns, [min(place, len(returns)) for place in places], idle)
    at = np.flatnonzero(np.abs(np.nan_to_num(among)) > 1e-9)
    found, known = evidence_of(among), evidence_of(returns)
    busy = np.abs(np.nan_to_num(returns)) > 1e-9
    assert found.gain[at].tobytes() == known.gain[busy].tobytes()
    assert found.loss[at].tobytes() == known.loss[busy].tobytes()


def test_a_strategy_that_never_traded_has_no_evidence_of_anything() -> None:
    found = evidence_of(np.zeros(500))
    assert set(found.gain) == set(found.loss) == {1.0}
    assert not found.active.any()


def test_returns_without_volatility_are_bet_on_no_higher_than_the_largest_loss_allows() -> None:
    found = evidence_of(np.full(300, 0.0001))
    assert found.gain[-1] == pytest.approx((1 + 0.0001 / LARGEST_LOSS) ** (300 - LEARNING), rel=1e-9)


def test_evidence_is_bounded_so_that_it_can_still_be_lost() -> None:
    found = evidence_of(np.full(8_000, 0.002))
    assert found.gain[-1] == pytest.approx(MOST)
    assert np.isfinite(found.gain).all()


@given(
    outcomes=st.lists(st.tuples(st.floats(0.001, LARGEST_LOSS), st.floats(0.001, 0.3)), min_size=1, max_size=3),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=60, deadline=None)
def test_nothing_is_won_on_average_from_a_fair_game_whatever_its_history(
    outcomes: list[tuple[float, float]], seed: int
) -> None:
    """After any past, a session that loses `low` or gains `high` at fair odds leaves the money as it is on average."""
    past = np.random.default_rng(seed).standard_t(3, 60) * 0.01
    before = evidence_of(past).gain[-1]
    for low, high in outcomes:
        lost, won = (evidence_of(np.append(past, value)).gain[-1] for value in (-low, high))
        assert (high * lost + low * won) / (low + high) == pytest.approx(min(before, MOST), rel=1e-9)


@pytest.mark.parametrize("market", MARKETS)
def test_a_worthless_strategy_seldom_ever_reaches_a_level_in_ten_years_of_daily_looks(market: str) -> None:
    returns = MARKETS[market](np.random.default_rng(3), 600, TEN_YEARS, 0.0)
    highest = np.array([evidence_of(path).gain.max() for path in returns])
    for level in (5, 10, 20):
        error = np.sqrt((1 - 1 / level) / level / len(highest))
        assert np.mean(highest >= level) <= 1 / level + error


def test_evidence_of_skill_and_of_loss_is_found() -> None:
    skilled, losing = (fat_tails(np.random.default_rng(4), 100, TEN_YEARS, sharpe) for sharpe in (1.0, -1.0))
    assert np.mean([evidence_of(path).gain.max() >= 20 for path in skilled]) >= 0.75
    assert np.mean([evidence_of(path).loss.max() >= 10 for path in skilled]) <= 0.05
    assert np.mean([evidence_of(path).loss.max() >= 10 for path in losing]) >= 0.9


def test_a_good_past_does_not_hide_bad_years() -> None:
    generator = np.random.default_rng(5)
    good, bad = fat_tails(generator, 50, 1_260, 1.5), fat_tails(generator, 50, 756, -2.0)
    found = [evidence_of(np.concatenate(paths)).loss[-1] for paths in zip(good, bad, strict=True)]
    assert np.mean(np.array(found) >= 10) >= 0.7
