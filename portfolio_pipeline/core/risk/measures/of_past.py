"""Measures of the returns that today's targets would have had: volatility, value at risk, shortfall, worst runs.

NaN policy: past returns are never NaN; with fewer than SHORT_WINDOW sessions there is no figure, and those over a year
use what there is from then on, but for the volatility over a full year. Time: the past ends with the session itself.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.risk.measures.measure import Measure

SHORT_WINDOW = 63
LONG_WINDOW = 252
CONFIDENCE = 0.95


def volatility(past: Array) -> float:
    """Sample standard deviation, a year."""
    return float(past.std(ddof=1)) * math.sqrt(SESSIONS_PER_YEAR)


def value_at_risk(past: Array, confidence: float = CONFIDENCE) -> float:
    """Loss that is exceeded in 1 - confidence of the sessions, linear between the two sessions beside it."""
    ordered = np.sort(past)
    place = (1.0 - confidence) * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return -float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))


def expected_shortfall(past: Array, confidence: float = CONFIDENCE) -> float:
    """Mean loss in the sessions that lose at least the value at risk."""
    limit = -value_at_risk(past, confidence)
    return -math.fsum(past[past <= limit]) / int((past <= limit).sum())


def worst_run(past: Array, sessions: int) -> float:
    """The worst compounded return over so many sessions in a row."""
    runs = np.ones(len(past) - sessions + 1)
    for lag in range(sessions):
        runs *= 1.0 + past[lag : lag + len(runs)]
    return float(runs.min()) - 1.0


VOLATILITIES = tuple(
    Measure(f"volatility_{window}d", f"volatility_{window}d", ("past",), volatility, window=window, fewest=window)
    for window in (SHORT_WINDOW, LONG_WINDOW)
)
VALUE_AT_RISK = Measure(
    "value_at_risk_95", "value_at_risk_95", ("past",), value_at_risk, window=LONG_WINDOW, fewest=SHORT_WINDOW
)
EXPECTED_SHORTFALL = Measure(
    "expected_shortfall_95",
    "expected_shortfall_95",
    ("past",),
    expected_shortfall,
    window=LONG_WINDOW,
    fewest=SHORT_WINDOW,
)
WORST_RUNS = tuple(
    Measure(
        name=f"worst_{sessions}d",
        metric="return",
        needs=("past",),
        compute=partial(worst_run, sessions=sessions),
        scope="stress",
        subject=f"worst_{sessions}d",
        window=LONG_WINDOW,
        fewest=SHORT_WINDOW,
    )
    for sessions in (1, 5)
)
