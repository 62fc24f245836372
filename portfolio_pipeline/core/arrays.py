"""Arrays as the house uses them: rows of a table spread over sessions and names, and back; gaps carried forward.

A wide array has sessions down and names (symbols, strategies) across. Nothing here knows what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd  # imported where a frame is made: commands that only look do without it

Array = np.ndarray


def spread(
    rows: pd.DataFrame, value: str, sessions: Array, names: Sequence[str], *, by: str, missing: float = np.nan
) -> Array:
    """`value` as float64 [sessions, names], `missing` where there is no row; rows outside both are left out."""
    import pandas as pd

    values = np.full((len(sessions), len(names)), missing)
    row = pd.Index(sessions.astype("datetime64[s]")).get_indexer(pd.Index(days(rows).astype("datetime64[s]")))
    column = pd.Index(list(names)).get_indexer(pd.Index(rows[by]))
    wanted = (row >= 0) & (column >= 0)
    values[row[wanted], column[wanted]] = rows[value].to_numpy(dtype=np.float64)[wanted]
    return values


def long(sessions: Array, names: Sequence[str], *, by: str, **values: Array) -> pd.DataFrame:
    """One row per session and name, with each array of `values` ([sessions, names]) as a column."""
    import pandas as pd

    columns: dict[str, object] = {
        "session": np.repeat(sessions.astype("datetime64[s]"), len(names)),
        by: pd.Categorical(np.tile(np.array(names, dtype=object), len(sessions)), categories=list(names)),
    }
    return pd.DataFrame(columns | {name: np.asarray(array).ravel() for name, array in values.items()})


def by_session(rows: pd.DataFrame, name: str, value: str) -> dict[date, dict[str, float]]:
    """`value` by `name`, session by session."""
    found: dict[date, dict[str, float]] = {}
    for day, key, number in zip(days(rows).tolist(), rows[name], rows[value].tolist(), strict=True):
        found.setdefault(day, {})[key] = number
    return found


def first_row(values: Array) -> int:
    """Position of the first number of a column that is NaN where there is no row; its length if there is none."""
    present = ~np.isnan(values)
    return int(present.argmax()) if present.any() else len(values)


def days(rows: pd.DataFrame) -> Array:
    """The sessions of the rows, one per row, as datetime64[D]."""
    sessions: Array = rows["session"].to_numpy().astype("datetime64[D]")
    return sessions


def forward_fill(values: Array, limit: int | None = None) -> Array:
    """Carry the last number down over NaN, at most `limit` rows far. Sees the past only."""
    missing = np.isnan(values)
    if not missing.any():
        return values.copy()
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(missing, -1, rows), axis=0)
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    hidden = last < 0
    if limit is not None:
        hidden |= rows - last > limit
    return np.where(hidden, np.nan, filled)
