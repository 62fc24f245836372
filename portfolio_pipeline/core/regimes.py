"""Market regimes by rules: a trend's strength, the level of volatility and how alike everything moves.

Each figure becomes a soft membership between 0 and 1, and the memberships a tree of probabilities that add up to 1:
crisis or not; if not, transition or a clear trend; if clear, bull or bear, each quiet or volatile.

NaN policy: sessions without a bar of the benchmark carry its last close forward; symbols without a full window are left
out of the correlation. Sees the past only. Before there is a year of the benchmark, every regime is as likely as any
other and the regime is called transition. Names are in `regime_names`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.kernels import covariance, rolling_mean_std
from portfolio_pipeline.core.panel import Array, PricePanel
from portfolio_pipeline.core.regime_names import REGIMES
from portfolio_pipeline.core.strategies.inputs import Inputs

TREND_WINDOW = 126
VOLATILITY_WINDOW = 20
VOLATILITY_MEMORY = 504
CORRELATION_WINDOW = 60
SESSIONS_NEEDED = 252


@dataclass(frozen=True, eq=False)
class MarketState:
    """The three figures at some sessions. NaN where there is not enough history."""

    trend_strength: Array  # mean over standard deviation of the benchmark's returns, times the root of their number
    volatility_level: Array  # share of the past two years' 20-session volatilities that are not above today's
    average_correlation: Array  # mean over all pairs of symbols; 0 when there are none


def market_state(panel: PricePanel, benchmark: str, rows: Array) -> MarketState:
    """The figures at `rows` of a panel that starts at the first stored session."""
    inputs = Inputs(panel)
    returns = inputs.returns[:, [panel.symbols.index(benchmark)]]
    known = np.flatnonzero(~np.isnan(returns[:, 0]))
    first = known[0] + SESSIONS_NEEDED - 1 if len(known) else len(returns)
    mean, deviation = rolling_mean_std(returns, TREND_WINDOW)
    volatility = rolling_mean_std(returns, VOLATILITY_WINDOW)[1][:, 0]

    shape = len(rows)
    strength, level, correlation = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    for k, row in enumerate(rows):
        if row < first:
            continue
        spread = deviation[row, 0]
        strength[k] = mean[row, 0] / spread * np.sqrt(TREND_WINDOW) if spread > 1e-10 else 0.0
        past = volatility[max(0, row + 1 - VOLATILITY_MEMORY) : row + 1]
        past = past[~np.isnan(past)]
        level[k] = np.count_nonzero(past <= volatility[row]) / len(past)
        correlation[k] = _average_correlation(inputs.returns[row + 1 - CORRELATION_WINDOW : row + 1])
    return MarketState(strength, level, correlation)


def probabilities(state: MarketState) -> Array:
    """Probability of each of REGIMES, [sessions, regimes]; rows add up to 1."""
    known = ~np.isnan(state.trend_strength)
    strength = np.where(known, state.trend_strength, 0.0)
    level = np.where(known, state.volatility_level, 0.0)
    correlation = np.where(known, state.average_correlation, 0.0)

    rising = _soft_step(strength / 0.4)
    volatile = _soft_step((level - 0.65) / 0.1)
    crisis = (1.0 - rising) * _soft_step((level - 0.9) / 0.03) * _soft_step((correlation - 0.35) / 0.1)
    unclear = 1.0 / (1.0 + (strength / 0.25) ** 2)
    clear = (1.0 - crisis) * (1.0 - unclear)
    tree = {
        "bull_quiet": clear * rising * (1.0 - volatile),
        "bull_volatile": clear * rising * volatile,
        "bear_quiet": clear * (1.0 - rising) * (1.0 - volatile),
        "bear_volatile": clear * (1.0 - rising) * volatile,
        "transition": (1.0 - crisis) * unclear,
        "crisis": crisis,
    }
    return np.where(known[:, None], np.stack([tree[name] for name in REGIMES], axis=1), 1.0 / len(REGIMES))


def most_probable(chances: Array) -> list[str]:
    """The regime of each row; transition where all are as likely."""
    undecided = (chances == chances[:, :1]).all(axis=1)
    return [
        "transition" if tied else REGIMES[best] for tied, best in zip(undecided, chances.argmax(axis=1), strict=True)
    ]


def _soft_step(x: Array) -> Array:
    """From 0 to 1 around 0. Roots and quotients only, which have the same bits in arrays of any length."""
    return 0.5 * (1.0 + x / np.sqrt(1.0 + x * x))


def _average_correlation(returns: Array) -> float:
    complete = np.ascontiguousarray(returns[:, ~np.isnan(returns).any(axis=0)])
    if complete.shape[1] == 0:
        return 0.0
    cov = covariance(complete)
    moving = np.diag(cov) > 1e-20
    cov, count = cov[np.ix_(moving, moving)], int(moving.sum())
    if count < 2:
        return 0.0
    deviation = np.sqrt(np.diag(cov))
    return float(((cov / np.outer(deviation, deviation)).sum() - count) / (count * (count - 1)))
