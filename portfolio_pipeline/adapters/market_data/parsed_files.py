"""The rows of price files, kept as Parquet in the home so that no file is parsed twice.

A parsed file's name is a digest of where the file is, and one of all else that its rows follow from: its size and the
nanosecond it was changed in, and the code that read it. So nothing has to be kept up to date: a changed file has no
parsed one yet. A parsed file that cannot be read is made again.

What a file held before it changed is kept beside, until whoever compares the two says that it is done: a run that is
cut off in between does not lose what changed.
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
_BARS = [name for name in _SCHEMA.names if name != "place"]
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
        place, known = f"{path.absolute()}", f"{status.st_size}\n{status.st_mtime_ns}\n{_reader()}"
        changed = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)
        return cls(path, folder / f"{_digest(place)}-{_digest(known)}.parquet", changed)


class ParsedFiles:
    """Rows of files, in the order of the files and, within each, as they stand there."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._before = folder, folder / "before"

    def rows(
        self, files: Sequence[Path], *, after: date, through: date, symbols: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """The rows dated after one day and up to another, with `retrieved_at`, when their file was last changed."""
        sources = [_Source.of(path, self._folder) for path in files]
        try:
            self._parse_what_is_new(sources)
            try:
                found = _read(sources, after, through, symbols)
            except (pa.ArrowException, OSError):
                for source in sources:
                    source.parsed.unlink(missing_ok=True)
                self._parse_what_is_new(sources)
                found = _read(sources, after, through, symbols)
        except OSError as error:
            raise DataError(
                "PRICE_FILES_NOT_KEPT",
                found=self._folder,
                why=error.strerror or str(error),
                remedy="Make this folder writable, or point DAGSTER_HOME at another place.",
            ) from None
        return _as_frame(found, sources)

    def bars_that_differ(self, files: Sequence[Path], *, through: date) -> pd.DataFrame:
        """Session and symbol of each row up to a day that a file holds otherwise than before it changed, or not at all.

        A file that is new held nothing before; of the first files ever read nothing is said.
        """
        now = {_place_of(source.parsed): source.parsed for source in (_Source.of(path, self._folder) for path in files)}
        differing = [_differing(path, now.get(_place_of(path)), through) for path in sorted(self._before.glob("*"))]
        return pd.concat([_differing(None, None, through), *differing]).drop_duplicates(ignore_index=True)

    def forget_what_was(self) -> None:
        for path in self._before.glob("*"):
            path.unlink(missing_ok=True)

    def _parse_what_is_new(self, sources: Sequence[_Source]) -> None:
        self._before.mkdir(parents=True, exist_ok=True)
        there = {path for path in self._folder.iterdir() if path != self._before}
        known = {_place_of(path) for path in there if path.suffix == ".parquet" and "-" in path.stem}
        remembered = {_place_of(path) for path in self._before.iterdir()}
        for source in sources:
            if source.parsed not in there:
                if known and _place_of(source.parsed) not in known | remembered:
                    (self._before / source.parsed.name).touch()
                _keep(source)
        for stale in there - {source.parsed for source in sources}:
            if _place_of(stale) in known - remembered:
                stale.replace(self._before / stale.name)
            else:
                stale.unlink(missing_ok=True)


def _place_of(parsed: Path) -> str:
    """What the names of all that was ever parsed of one file have in common."""
    return parsed.stem.partition("-")[0]


def _differing(before: Path | None, now: Path | None, through: date) -> pd.DataFrame:
    """Session and symbol of the rows that only one of two parsed files has."""
    held, holds = _bars_of(before, through), _bars_of(now, through)
    if held.equals(holds):
        return held.select(["session", "symbol"]).slice(0, 0).to_pandas()
    compared = held.to_pandas().merge(holds.to_pandas(), how="outer", on=_BARS, indicator="of")
    return compared.loc[compared["of"] != "both", ["session", "symbol"]]


def _bars_of(parsed: Path | None, through: date) -> pa.Table:
    """The rows up to a day; none of a file that is not there, or that cannot be read any more."""
    try:
        if parsed is not None:
            bars = pq.ParquetFile(parsed).read(columns=_BARS, use_threads=False)
            return bars.filter(pc.less_equal(bars["session"], pa.scalar(through)))
    except (pa.ArrowException, OSError):
        pass
    return _SCHEMA.empty_table().select(_BARS)


def _keep(source: _Source) -> None:
    parsed = rows_of_file(source.path)
    values = {name: parsed[name] for name in COLUMNS[1:]} | {
        "session": parsed["session"].to_numpy().astype("datetime64[D]"),
        "place": np.arange(len(parsed)),
    }
    rows = pa.Table.from_arrays(
        [pa.array(values[field.name], field.type, from_pandas=True) for field in _SCHEMA], schema=_SCHEMA
    ).sort_by([("session", "ascending"), ("place", "ascending")])
    partial = source.parsed.with_suffix(f".{os.getpid()}")
    pq.write_table(rows, partial, row_group_size=max(_SMALLEST_GROUP, len(rows) // _MOST_GROUPS))
    partial.replace(source.parsed)


def _read(sources: Sequence[_Source], after: date, through: date, symbols: Sequence[str] | None) -> pa.Table:
    """The kept rows of those days, and of those symbols if any are named, with the number of their source."""
    kept = ds.dataset([str(source.parsed) for source in sources], schema=_SCHEMA, format="parquet")
    wanted = (pc.field("session") > after) & (pc.field("session") <= through)
    if symbols is not None:
        wanted &= pc.field("symbol").isin(list(symbols))
    rows = kept.to_table(columns=[*_SCHEMA.names, _NUMBER], filter=wanted)
    return rows.sort_by([(_NUMBER, "ascending"), ("place", "ascending")])


def _as_frame(rows: pa.Table, sources: Sequence[_Source]) -> pd.DataFrame:
    changed = np.array([source.changed for source in sources], dtype="datetime64[us]")
    frame = rows.select(COLUMNS).to_pandas(date_as_object=False)
    return frame.assign(
        session=frame["session"].to_numpy().astype("datetime64[s]"), retrieved_at=changed[rows[_NUMBER].to_numpy()]
    )


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]


@cache
def _reader() -> str:
    """What a file's rows depend on besides the file."""
    return f"{pd.__version__} {sha256(Path(price_file.__file__).read_bytes()).hexdigest()}"
