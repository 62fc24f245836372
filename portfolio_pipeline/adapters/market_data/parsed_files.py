"""The rows of price files, kept as Parquet in the home so that no file is parsed twice.

A parsed file's name is a digest of all that its rows follow from: where the file is, its size and the nanosecond it was
changed in, and the code that read it. So nothing has to be kept up to date: a changed file has no parsed one yet, and
one that nothing asks for any more is deleted. A parsed file that cannot be read is made again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from portfolio_pipeline.adapters.market_data import price_file
from portfolio_pipeline.adapters.market_data.price_file import COLUMNS, rows_of_file
from portfolio_pipeline.core.errors import DataError

_SCHEMA = pa.schema(
    [("session", pa.date32()), ("symbol", pa.string()), *((name, pa.float64()) for name in COLUMNS[2:])]
).append(pa.field("place", pa.int64()))
_NUMBER = "__fragment_index"  # Arrow's name for the number of the file a row was read from
# Rows are kept by session, in groups that a reader of few sessions can pass over.
_SMALLEST_GROUP, _MOST_GROUPS = 1_024, 64


@dataclass(frozen=True)
class _Source:
    """A price file as it is now, and where its rows are kept."""

    path: Path
    parsed: Path
    changed: datetime

    @classmethod
    def of(cls, path: Path, folder: Path) -> _Source:
        status = path.stat()
        known = f"{path.absolute()}\n{status.st_size}\n{status.st_mtime_ns}\n{_reader()}"
        changed = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)
        return cls(path, folder / f"{sha256(known.encode()).hexdigest()}.parquet", changed)


class ParsedFiles:
    """Rows of files, in the order of the files and, within each, as they stand there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def rows(self, files: Sequence[Path], *, after: date, through: date) -> pd.DataFrame:
        """The rows dated after one day and up to another, with `retrieved_at`, when their file was last changed."""
        sources = [_Source.of(path, self._folder) for path in files]
        try:
            self._parse_what_is_new(sources)
            try:
                found = _read(sources, after, through)
            except (pa.ArrowException, OSError):
                for source in sources:
                    source.parsed.unlink(missing_ok=True)
                self._parse_what_is_new(sources)
                found = _read(sources, after, through)
        except OSError as error:
            raise DataError(
                "PRICE_FILES_NOT_KEPT",
                found=self._folder,
                why=error.strerror or str(error),
                remedy="Make this folder writable, or point DAGSTER_HOME at another place.",
            ) from None
        return _as_frame(found, sources)

    def _parse_what_is_new(self, sources: Sequence[_Source]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        there = set(self._folder.iterdir())
        for source in sources:
            if source.parsed not in there:
                _keep(source)
        for stale in there - {source.parsed for source in sources}:
            stale.unlink(missing_ok=True)


def _keep(source: _Source) -> None:
    parsed = rows_of_file(source.path)
    rows = pa.Table.from_pandas(
        parsed.assign(session=parsed["session"].dt.date, place=np.arange(len(parsed))),
        schema=_SCHEMA,
        preserve_index=False,
    ).sort_by([("session", "ascending"), ("place", "ascending")])
    partial = source.parsed.with_suffix(f".{os.getpid()}")
    pq.write_table(rows, partial, row_group_size=max(_SMALLEST_GROUP, len(rows) // _MOST_GROUPS))
    partial.replace(source.parsed)


def _read(sources: Sequence[_Source], after: date, through: date) -> pa.Table:
    """The kept rows of those days, with the number of their source."""
    kept = ds.dataset([str(source.parsed) for source in sources], schema=_SCHEMA, format="parquet")
    wanted = (pc.field("session") > after) & (pc.field("session") <= through)
    rows = kept.to_table(columns=[*_SCHEMA.names, _NUMBER], filter=wanted)
    return rows.sort_by([(_NUMBER, "ascending"), ("place", "ascending")])


def _as_frame(rows: pa.Table, sources: Sequence[_Source]) -> pd.DataFrame:
    changed = np.array([source.changed for source in sources], dtype="datetime64[us]")
    frame = rows.select(COLUMNS).to_pandas(date_as_object=False)
    return frame.assign(
        session=frame["session"].to_numpy().astype("datetime64[s]"), retrieved_at=changed[rows[_NUMBER].to_numpy()]
    )


@cache
def _reader() -> str:
    """What a file's rows depend on besides the file."""
    return f"{pd.__version__} {sha256(Path(price_file.__file__).read_bytes()).hexdigest()}"
