"""Made-up paper returns of strategies whose true yearly Sharpe ratio is known: quiet, clustered, skewed, mostly idle.

A Sharpe ratio of 0 makes every return a fair game: its mean is zero whatever came before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from portfolio_pipeline.core.arrays import Array

Market = Callable[[np.random.Generator, int, int, float], Array]
"""Returns [paths, sessions] of so many paths and sessions with this Sharpe ratio."""

YEAR = 252
DAILY = 0.10 / np.sqrt(YEAR)  # a volatility of 10 % a year


def _tails(generator: np.random.Generator, *shape: int) -> Array:
    """Student's t with 5 degrees of freedom, of variance 1."""
    returns: Array = generator.standard_t(5, shape) / np.sqrt(5 / 3)
    return returns


def fat_tails(generator: np.random.Generator, paths: int, sessions: int, sharpe: float) -> Array:
    returns: Array = DAILY * (_tails(generator, paths, sessions) + sharpe / np.sqrt(YEAR))
    return returns


def clusters(generator: np.random.Generator, paths: int, sessions: int, sharpe: float) -> Array:
    """GARCH(1, 1) with fat tails."""
    variance, moves = np.ones(paths), np.empty((paths, sessions))
    for t in range(sessions):
        moves[:, t] = np.sqrt(variance) * _tails(generator, paths)
        variance = np.minimum(0.02 + 0.10 * moves[:, t] ** 2 + 0.88 * variance, 100.0)
    returns: Array = DAILY * (moves + sharpe / np.sqrt(YEAR))
    return returns


def jumping_volatility(generator: np.random.Generator, paths: int, sessions: int, sharpe: float) -> Array:
    """4 or 40 % a year, for half a year each."""
    turns = generator.random((paths, sessions)) < 1 / 120
    daily = np.where(np.cumsum(turns, axis=1) % 2, 0.40, 0.04) / np.sqrt(YEAR)
    returns: Array = daily * (_tails(generator, paths, sessions) + sharpe / np.sqrt(YEAR))
    return returns


def sold_options(generator: np.random.Generator, paths: int, sessions: int, sharpe: float) -> Array:
    """A little gained nearly every session, and 6 % lost in one about once a year."""
    crash, calm = 0.06, 0.003
    moves = calm * generator.standard_normal((paths, sessions)) + crash / YEAR
    moves -= crash * (generator.random((paths, sessions)) < 1 / YEAR)
    returns: Array = moves + sharpe / np.sqrt(YEAR) * np.sqrt(calm**2 + crash**2 / YEAR)
    return returns


def mostly_idle(generator: np.random.Generator, paths: int, sessions: int, sharpe: float) -> Array:
    """At work for ten sessions now and then, a tenth of the time; the Sharpe ratio is that of the sessions at work."""
    at_work = np.repeat(generator.random((paths, -(-sessions // 10))) < 0.1, 10, axis=1)[:, :sessions]
    returns: Array = np.where(at_work, 2 * fat_tails(generator, paths, sessions, sharpe), 0.0)
    return returns


MARKETS: Mapping[str, Market] = {
    "fat_tails": fat_tails,
    "clusters": clusters,
    "jumping_volatility": jumping_volatility,
    "sold_options": sold_options,
    "mostly_idle": mostly_idle,
}
