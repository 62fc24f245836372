"""Arrays as the house uses them: rows of a table spread over sessions and names, and back; gaps carried forward.

A wide array has sessions down and names (symbols, strategies) across. Nothing here knows what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    return spreading(rows, sessions, names, by=by)(value, missing)


def spreading(rows: pd.DataFrame, sessions: Array, names: Sequence[str], *, by: str) -> Callable[[str, float], Array]:
    """As `spread`, for several columns of the same rows: where each row belongs is found once."""
    row, column = _places(days(rows), sessions.astype("datetime64[D]")), _named(rows[by], names)
    wanted = (row >= 0) & (column >= 0)
    row, column = row[wanted], column[wanted]

    def spread_out(value: str, missing: float) -> Array:
        values = np.full((len(sessions), len(names)), missing)
        values[row, column] = rows[value].to_numpy(dtype=np.float64)[wanted]
        return values

    return spread_out


def _places(wanted: Array, ascending: Array) -> Array:
    """Where each of `wanted` stands in `ascending`; -1 where it does not."""
    if not len(ascending):
        return np.full(len(wanted), -1)
    places = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return np.where(ascending[places] == wanted, places, -1)


def _named(values: pd.Series, names: Sequence[str]) -> Array:
    """Where each value stands among the names; -1 where it does not. Arrow finds text fastest."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pa.array(values, from_pandas=True)
    if pa.types.is_dictionary(text.type):
        text = text.dictionary_decode()
    found = pc.index_in(text.cast(pa.string()), value_set=pa.array(list(names), pa.string()))
    return np.asarray(pc.fill_null(found, -1)).astype(np.int64)


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
