"""Figures of a past that fades against weighted sums of pandas, and no sight of the future."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.performance.fading import Fading, paired_evidence
from portfolio_pipeline.core.performance.windows import METRICS

RANDOM = np.random.default_rng(11)
NET = RANDOM.normal(0.0004, 0.01, (5, 400))
NET[3] = 0.0
TRADED_AT = np.arange(3, 400, 5)
TURNOVER = RANDOM.uniform(0, 0.4, (5, len(TRADED_AT)))
BEGIN, HALF_LIFE = 40, 60


def figures(rows: np.ndarray) -> dict[str, np.ndarray]:
    found = Fading(NET, TURNOVER, BEGIN, HALF_LIFE, TRADED_AT).metrics(rows, workers=2)
    return dict(zip(METRICS, found, strict=True))


def test_they_are_the_exponentially_weighted_moments_of_pandas() -> None:
    rows = np.array([55, 90, 399])
    found = figures(rows)
    returns = pd.DataFrame(NET[:, BEGIN:].T)
    weighted = returns.ewm(halflife=HALF_LIFE, adjust=True)
    mean, deviation = weighted.mean().iloc[rows - BEGIN], weighted.std(bias=False).iloc[rows - BEGIN]
    np.testing.assert_allclose(found["volatility"], deviation * np.sqrt(252), rtol=1e-9, atol=1e-12)
    moving = [0, 1, 2, 4]
    np.testing.assert_allclose(found["sharpe"][:, moving], (mean / deviation * np.sqrt(252))[moving], rtol=1e-9)
    assert (found["sharpe"][:, 3] == 0.0).all()
    downside = np.sqrt(returns.clip(upper=0).pow(2).ewm(halflife=HALF_LIFE).mean().iloc[rows - BEGIN])
    np.testing.assert_allclose(found["sortino"][:, moving], (mean / downside * np.sqrt(252))[moving], rtol=1e-9)
    growth = np.log1p(returns).ewm(halflife=HALF_LIFE).mean().iloc[rows - BEGIN]
    np.testing.assert_allclose(found["return"], np.expm1(growth * 252), rtol=1e-9, atol=1e-12)
    wins = (returns > 0).astype(float).ewm(halflife=HALF_LIFE).mean().iloc[rows - BEGIN]
    np.testing.assert_allclose(found["hit_rate"], wins, rtol=1e-9, atol=1e-12)
    traded = np.zeros(NET.shape)
    traded[:, TRADED_AT] = TURNOVER
    bought = pd.DataFrame(traded[:, BEGIN:].T).ewm(halflife=HALF_LIFE).mean().iloc[rows - BEGIN]
    np.testing.assert_allclose(found["turnover"], bought * 252, rtol=1e-9)
    assert np.isnan(found["calmar"]).all()
    assert np.isnan(found["deepest_fall"]).all()


def test_two_sessions_are_needed() -> None:
    found = figures(np.array([BEGIN - 1, BEGIN, BEGIN + 1]))["sharpe"]
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2]).all()


def test_a_session_has_the_same_bits_whichever_others_are_asked_for_and_in_whatever_order() -> None:
    whole = Fading(NET, TURNOVER, BEGIN, HALF_LIFE, TRADED_AT).metrics(np.arange(50, 400))
    again = Fading(NET, TURNOVER, BEGIN, HALF_LIFE, TRADED_AT)
    for rows in (np.arange(50, 60), np.arange(60, 61), np.array([200, 399]), np.array([70]), np.arange(300, 310)):
        np.testing.assert_array_equal(again.metrics(rows), whole[:, rows - 50])


def test_another_future_changes_nothing() -> None:
    other = NET.copy()
    other[:, 301:] = 0.5
    rows = np.arange(100, 301)
    found = Fading(other, TURNOVER, BEGIN, HALF_LIFE, TRADED_AT).metrics(rows)
    np.testing.assert_array_equal(found, Fading(NET, TURNOVER, BEGIN, HALF_LIFE, TRADED_AT).metrics(rows))


def test_who_lost_everything_has_no_return_left() -> None:
    lost = NET.copy()
    lost[0, 100] = -1.0
    found = Fading(lost, TURNOVER, BEGIN, HALF_LIFE, TRADED_AT).metrics(np.array([99, 100, 399]))[0, :, 0]
    assert found[0] > -1.0
    assert (found[1:] == -1.0).all()


@pytest.mark.parametrize("shares", [[1.0], [0.25, 0.75]])
def test_the_evidence_of_a_mixture_is_its_paired_difference_in_standard_errors(shares: list[float]) -> None:
    places, default, row = np.arange(len(shares)), 4, 350
    keep = 0.5 ** (1 / HALF_LIFE)
    found = paired_evidence(NET, places, np.array(shares), default, BEGIN, row, keep)
    ages = np.arange(row - BEGIN, -1, -1)
    weights = keep**ages / (keep**ages).sum()
    mine, other = np.array(shares) @ NET[places, BEGIN : row + 1], NET[default, BEGIN : row + 1]

    def scaled(values: np.ndarray) -> np.ndarray:
        mean = weights @ values
        result: np.ndarray = values / np.sqrt(weights @ (values - mean) ** 2)
        return result

    difference = scaled(mine) - scaled(other)
    mean = weights @ difference
    error = np.sqrt((weights @ (difference - mean) ** 2) * (weights**2).sum())
    assert found == pytest.approx(mean / error, rel=1e-9)


def test_there_is_no_evidence_for_what_never_moved_or_is_the_default_itself() -> None:
    one = np.ones(1)
    assert paired_evidence(NET, np.array([3]), one, 4, BEGIN, 350, 0.99) == 0.0
    assert paired_evidence(NET, np.array([0]), one, 3, BEGIN, 350, 0.99) == 0.0
    assert paired_evidence(NET, np.array([4]), one, 4, BEGIN, 350, 0.99) == 0.0
