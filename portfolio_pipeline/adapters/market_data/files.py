"""Bars from a folder of Parquet and CSV files that somebody else keeps.

Which files there are, and which of their rows are wanted, belongs here; how a file is read is `price_file`'s matter,
and that none is read twice is `parsed_files`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from portfolio_pipeline.adapters.market_data.parsed_files import ParsedFiles
from portfolio_pipeline.adapters.market_data.price_file import LAYOUTS, OTHER_KINDS, SUFFIXES
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.tables import PRICES
from portfolio_pipeline.ports import ChangedPast


class FileMarketData:
    """All files of a folder and of the folders in it; what has changed in them since the last call is read anew."""

    source = "FILES"

    def __init__(self, folder: Path, parsed: Path) -> None:
        self.folder = folder
        self._parsed = ParsedFiles(parsed)

    def bars(self, symbols: Sequence[str], sessions: SessionRange) -> pd.DataFrame:
        """Every row dated within the sessions, or on closed days just before one of them, whatever its symbol."""
        before = previous_session(sessions.first) or sessions.first - timedelta(days=1)
        rows = self._parsed.rows(self._files(), after=before, through=sessions.last)
        return rows.assign(source=self.source)[list(PRICES.column_names)]

    def changed_past(self, symbols: Sequence[str], before: date) -> ChangedPast:
        last = previous_session(before) or before - timedelta(days=1)
        suspects = self._parsed.bars_that_differ(self._files(), through=last)
        suspects = suspects[suspects["symbol"].isin(list(symbols))]
        if suspects.empty:
            return ChangedPast(suspects, suspects)
        first = suspects["session"].min() - timedelta(days=1)
        rows = self._parsed.rows(self._files(), after=first, through=last, symbols=suspects["symbol"].unique().tolist())
        wanted = pd.MultiIndex.from_arrays([pd.to_datetime(suspects["session"]), suspects["symbol"]])
        found = pd.MultiIndex.from_frame(rows[["session", "symbol"]])
        bars = rows[found.isin(wanted)].assign(source=self.source)[list(PRICES.column_names)]
        return ChangedPast(bars, suspects[~wanted.isin(found)])

    def past_is_recorded(self) -> None:
        self._parsed.forget_what_was()

    def refusals(self) -> list[DataError]:
        return self._parsed.refusals(self._files())

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            raise DataError("PRICE_FOLDER_MISSING", found=self.folder, remedy="Point MARKET_DATA_PATH at a folder.")
        try:
            files = sorted(path for path in self.folder.rglob("*") if self._is_of_prices(path))
        except OSError as error:
            raise DataError("PRICE_FOLDER_UNREADABLE", found=self.folder, why=error.strerror) from None
        if not files:
            raise DataError(
                "PRICE_FOLDER_EMPTY",
                found=f"no file in {self.folder}",
                expected="Parquet or CSV files",
                remedy=f"Put files there with {LAYOUTS}.",
            )
        return files

    def _is_of_prices(self, path: Path) -> bool:
        """Whether it is meant as a price file; what systems leave lying about begins with a dot or two underscores."""
        inside = path.relative_to(self.folder).parts
        left_over = any(part.startswith((".", "~", "__")) for part in inside)
        return path.name.lower().endswith((*SUFFIXES, *OTHER_KINDS)) and not left_over and path.is_file()
