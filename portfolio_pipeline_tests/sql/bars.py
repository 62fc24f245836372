"""Random bars for tests of SQL models: gaps, late listings, delistings, splits, dividends."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange, sessions_between


def random_bars(sessions: SessionRange, symbols: int, seed: int = 1) -> pd.DataFrame:
    """Rows of prices. Symbol 0 misses no bar; 1 pauses for most of a year; the others miss bars here and there."""
    days = sessions_between(sessions.first, sessions.last)
    random, count = np.random.default_rng(seed), len(days)
    frames = []
    for number in range(symbols):
        close = 50 * np.exp(np.cumsum(random.normal(0, 0.012, count)))
        there = random.random(count) > (0 if number == 0 else 0.03)
        if number == 1:
            there[count // 4 : count // 4 + 200] = False
        if number == 2:
            there[: count // 3] = False
        if number == 3:
            there[-count // 4 :] = False
        bars = pd.DataFrame(
            {
                "session": days,
                "symbol": f"S{number:02d}",
                "open": close,
                "high": close,
                "low": close,
                "close": close,
                "volume": 1e6,
                "dividend": np.where(random.random(count) < 0.02, close * 0.006, 0.0),
                "split_ratio": random.choice([1.0, 2.0, 0.25], count, p=[0.99, 0.006, 0.004]),
                "source": "test",
                "retrieved_at": pd.Timestamp(2020, 1, 1),
            }
        )
        frames.append(bars[there])
    return pd.concat(frames, ignore_index=True)


def session_range(first: date, last: date) -> SessionRange:
    """The sessions from one day to another, which need not be sessions."""
    days = sessions_between(first, last)
    return SessionRange(days[0], days[-1])
