"""What was fetched of a feed, kept as Parquet in the home, a file a year: nothing is fetched twice, and a cut loses a
year at most. It may be deleted; then everything is fetched again.

A row says what Alpaca had of a symbol and a session: a bar, or, without prices, that there was none; and the action of
the session. A file is written whole or not at all, and one that cannot be read is none.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

BAR = ("open", "high", "low", "close", "volume")
VALUES = (*BAR, "dividend", "split_ratio")
KEY = ("session", "symbol")


class KeptBars:
    """Rows indexed by session and symbol, with VALUES and when they were retrieved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def rows(self, first: date, last: date) -> pd.DataFrame:
        years = [self._read(year) for year in range(first.year, last.year + 1)]
        kept = pd.concat([year for year in years if len(year)]) if any(map(len, years)) else no_rows()
        days = kept.index.get_level_values("session")
        return kept[(days >= pd.Timestamp(first)) & (days <= pd.Timestamp(last))]

    def add(self, rows: pd.DataFrame) -> None:
        """Rows take the place of what was kept of their session and symbol."""
        for year, added in rows.groupby(rows.index.get_level_values("session").year):
            before = self._read(int(year))
            whole = pd.concat([before[~before.index.isin(added.index)], added]) if len(before) else added
            self._write(int(year), whole.sort_index())

    def _read(self, year: int) -> pd.DataFrame:
        try:
            rows = pq.read_table(self._file(year), partitioning=None).to_pandas()
            return rows.astype({"session": "datetime64[s]", "symbol": object}).set_index(list(KEY))
        except (OSError, pa.ArrowException, KeyError, ValueError):
            return no_rows()

    def _write(self, year: int, rows: pd.DataFrame) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f"{year}.{os.getpid()}.unfinished"
        try:
            pq.write_table(pa.Table.from_pandas(rows.reset_index(), preserve_index=False), unfinished)
            unfinished.replace(self._file(year))
        finally:
            unfinished.unlink(missing_ok=True)

    def _file(self, year: int) -> Path:
        return self._folder / f"{year}.parquet"


def no_rows() -> pd.DataFrame:
    index = pd.MultiIndex.from_arrays([pd.DatetimeIndex([], dtype="datetime64[s]"), pd.Index([], dtype=object)])
    kinds = {**dict.fromkeys(VALUES, "float64"), "retrieved_at": "datetime64[us]"}
    return pd.DataFrame(columns=list(kinds), index=index.set_names(list(KEY))).astype(kinds)
