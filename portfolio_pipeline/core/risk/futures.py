"""What the next year may bring to the targets of a session, by resampling: Monte Carlo by block bootstrap.

Each of PATHS years is put together from blocks of BLOCK sessions in a row of what today's targets would have earned
over the past HISTORY sessions: so it has their fat tails, and calm and wild spells as long as a block. It knows of
nothing that the past does not hold, and targets do not react on the way.

NaN policy: past returns are never NaN; with fewer than FEWEST sessions of past there are no rows. Time: the past ends
with the session itself; draws are seeded by the session.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pandas as pd
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.returns import scenario
from portfolio_pipeline.core.risk.measures.kernels import next_random
from portfolio_pipeline.core.risk.measures.of_past import DRAWDOWN
from portfolio_pipeline.core.risk.measures.ranges import SeenRange
from portfolio_pipeline.core.tables import RISK_FUTURES

PATHS, BLOCK, HISTORY, FEWEST = 1_000, 20, 1_260, 252
HORIZONS = tuple(range(21, 253, 21))
BANDS = (5, 25, 50, 75, 95)
DEPTHS = (5, 10, 15, 20, 25)
"""Drawdowns, in percent, whose probability is told."""


def risk_futures(seen: SeenRange) -> pd.DataFrame:
    """Rows of risk_futures for the last session that is seen, one for each horizon."""
    earned = scenario(seen.weights[-1], seen.by_symbol)[1:][-HISTORY:]
    if len(earned) < FEWEST:
        return pd.DataFrame(columns=RISK_FUTURES.column_names)
    session = seen.sessions[-1]
    limit = DRAWDOWN.value(seen.caps)
    grown, fallen = futures(earned, float(seen.paper_drawdowns[-1]), crc32(f"risk_futures{session}".encode()))
    bands = np.quantile(grown, np.array(BANDS) / 100.0, axis=1) - 1.0
    columns: dict[str, object] = {
        "session": np.repeat(session.astype("datetime64[s]"), len(HORIZONS)),
        "horizon_sessions": list(HORIZONS),
        **{f"return_p{band:02d}": values for band, values in zip(BANDS, bands, strict=True)},
        **{f"drawdown_{depth:02d}": (fallen <= -depth / 100.0).mean(axis=1) for depth in DEPTHS},
        "drawdown_limit": np.nan if limit is None else limit,
        "probability_of_limit": np.nan if limit is None else (fallen <= limit).mean(axis=1),
    }
    return pd.DataFrame(columns)[list(RISK_FUTURES.column_names)]


def futures(earned: Array, drawdown: float, seed: int) -> tuple[Array, Array]:
    """What 1 becomes on each path, and its deepest drawdown so far, at each horizon: [horizons, PATHS] each.

    Drawdowns go on from `drawdown` (0 or negative), that of today.
    """
    return _futures(earned, drawdown, np.uint64(seed), PATHS, BLOCK, np.array(HORIZONS))


@njit(cache=True, nogil=True)
def _futures(
    earned: Array, drawdown: float, seed: np.uint64, paths: int, block: int, horizons: Array
) -> tuple[Array, Array]:  # pragma: no cover
    grown, fallen = np.empty((len(horizons), paths)), np.empty((len(horizons), paths))
    state = seed
    starts = len(earned) - block + 1
    for path in range(paths):
        value, peak, deepest, at, place = 1.0, 1.0 / (1.0 + drawdown), drawdown, 0, 0
        for t in range(horizons[-1]):
            if t % block == 0:
                state, chance = next_random(state)
                at = int(chance * starts)
            value *= 1.0 + earned[at + t % block]
            peak = max(peak, value)
            deepest = min(deepest, value / peak - 1.0)
            if t + 1 == horizons[place]:
                grown[place, path], fallen[place, path] = value, deepest
                place += 1
    return grown, fallen
