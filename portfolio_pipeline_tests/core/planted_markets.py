"""Markets of pure noise, and the same with an effect planted in them that a momentum strategy can find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from portfolio_pipeline.core.calendar.sessions import all_sessions, as_days
from portfolio_pipeline.core.market.panel import PricePanel

LASTS = 120
DAILY = 0.01


def random_walks(symbols: Sequence[str], sessions: int, seed: int, *, persistence: float = 0.0) -> PricePanel:
    """Prices that share a market and wander.

    `persistence` is the planted effect: a drift of each symbol's own for 120 sessions, in units of its daily
    volatility. Without it nothing that is known today says anything about tomorrow.
    """
    generator = np.random.default_rng(seed)
    shape = (sessions, len(symbols))
    drift = np.repeat(generator.standard_normal((sessions // LASTS + 1, len(symbols))), LASTS, axis=0)[:sessions]
    moves = 0.7 * generator.standard_normal((sessions, 1)) + generator.standard_normal(shape) + persistence * drift
    close = 100.0 * np.cumprod(1.0 + DAILY * moves, axis=0)
    opens = np.vstack([close[:1], close[:-1]])
    first = next(place for place, day in enumerate(all_sessions()) if day.year == 2012)
    return PricePanel(
        as_days(all_sessions()[first : first + sessions]),
        tuple(symbols),
        opens,
        np.fmax(opens, close),
        np.fmin(opens, close),
        close,
        np.full(shape, 1e6),
        np.zeros(shape),
        np.ones(shape),
    )
