"""Small random markets for the tests of strategies and back-tests: missing bars, a late listing, a delisting."""

from __future__ import annotations

from functools import cache

import numpy as np

from portfolio_pipeline.core.calendar.sessions import all_sessions, as_days
from portfolio_pipeline.core.market.panel import PricePanel


@cache
def market(sessions: int = 700, symbols: int = 8, seed: int = 1, *, missing: float = 0.01) -> PricePanel:
    """Symbol 1 is listed late, symbol 2 is delisted, single bars are missing."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0.0003, 0.008, (sessions, 1))
    close = 50.0 * np.cumprod(1.0 + shared + rng.normal(0.0, 0.01, (sessions, symbols)), axis=0)
    opens = close * (1.0 + rng.normal(0.0, 0.003, close.shape))
    gone = rng.random(close.shape) < missing
    gone[: sessions // 4, 1] = True
    gone[3 * sessions // 4 :, 2] = True
    dividend = np.where(rng.random(close.shape) < 0.01, 0.3, 0.0)
    split = np.where(rng.random(close.shape) < 0.002, 2.0, 1.0)
    return _panel(np.where(gone, np.nan, opens), np.where(gone, np.nan, close), dividend, split)


def closes_only(close: np.ndarray) -> PricePanel:
    """A market that opens where it closes."""
    return _panel(close, close, np.zeros(close.shape), np.ones(close.shape))


def with_another_future(panel: PricePanel, row: int) -> PricePanel:
    """The same market up to `row`, and a quite different one after it."""
    rng = np.random.default_rng(99)
    later = (np.arange(len(panel.sessions)) > row)[:, None]

    def changed(values: np.ndarray) -> np.ndarray:
        other = np.where(rng.random(values.shape) < 0.1, np.nan, 50.0 * rng.lognormal(0.0, 0.3, values.shape))
        return np.where(later, other, values)

    close = changed(panel.close)
    opens = np.where(later, close * 1.01, panel.open)
    return PricePanel(
        panel.sessions, panel.symbols, opens, close, close, close, panel.volume, panel.dividend, panel.split_ratio
    )


def up_to(panel: PricePanel, row: int | np.integer) -> PricePanel:
    """What is known at the close of `row`."""
    return panel.rows(0, int(row) + 1)


def _panel(opens: np.ndarray, close: np.ndarray, dividend: np.ndarray, split: np.ndarray) -> PricePanel:
    # From the first month of 2010 on; the calendar's sessions without a gap.
    first = next(i for i, day in enumerate(all_sessions()) if day.year == 2010)
    days = as_days(all_sessions()[first : first + len(close)])
    names = tuple(f"S{i:02d}" for i in range(close.shape[1]))
    high, low = np.fmax(opens, close), np.fmin(opens, close)
    return PricePanel(days, names, opens, high, low, close, np.full(close.shape, 1e6), dividend, split)
