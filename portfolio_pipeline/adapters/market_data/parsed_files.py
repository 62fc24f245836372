"""The rows of price files, kept as Parquet in the home so that no file is parsed twice.

A parsed file's name is a digest of where the file is, and one of all else that its rows follow from: its size and the
nanosecond it was changed in, and the code that read it. So nothing has to be kept up to date: a changed file has no
parsed one yet. A parsed file that cannot be read is made again.

What could not be read of a file is kept beside its rows. A file that cannot be read at all has no parsed one.

What a file held before it changed is kept beside, until whoever compares the two says that it is done: a run that is
cut off in between does not lose what changed. Nor does a file that cannot be read for a while: what it held before is
kept until it can be compared.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
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

from portfolio_pipeline.adapters.market_data.price_file import COLUMNS, read
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

    @property
    def refused(self) -> Path:
        """Where it stands what could not be read of the file."""
        return self.parsed.with_suffix(".json")


class ParsedFiles:
    """Rows of files, in the order of the files and, within each, as they stand there."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._before = folder, folder / "before"

    def rows(
        self, files: Sequence[Path], *, after: date, through: date, symbols: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """The rows dated after one day and up to another, with `retrieved_at`, when their file was last changed.

        What cannot be read is left out; `refusals` says what that is. Refused when no file can be read at all.
        """
        sources = self._sources(files)
        try:
            readable = self._readable(sources)
            try:
                found = _read(readable, after, through, symbols)
            except (pa.ArrowException, OSError):
                for source in readable:
                    source.parsed.unlink(missing_ok=True)
                readable = self._readable(sources)
                found = _read(readable, after, through, symbols)
        except OSError as error:
            raise DataError(
                "PRICE_FILES_NOT_KEPT",
                found=self._folder,
                why=error.strerror or str(error),
                remedy="Make this folder writable, or point DAGSTER_HOME at another place.",
            ) from None
        return _as_frame(found, readable)

    def refusals(self, files: Sequence[Path]) -> list[DataError]:
        """What could not be read of the files, and why."""
        sources, there = self._sources(files), set(self._folder.glob("*.json"))
        return [refusal for source in sources if source.refused in there for refusal in _told(source.refused)]

    def bars_that_differ(self, files: Sequence[Path], *, through: date) -> pd.DataFrame:
        """Session and symbol of each row up to a day that a file holds otherwise than before it changed, or not at all.

        A file that is new held nothing before; of the first files ever read nothing is said, nor of one that cannot be
        read now.
        """
        now = {_place_of(source.parsed): source for source in self._sources(files)}
        unreadable = self._unreadable()
        differing = [
            _differing(_held(path), _holds(now.get(_place_of(path))), through)
            for path in sorted(self._before.glob("*"))
            if _place_of(path) not in unreadable
        ]
        return pd.concat([_differing(None, None, through), *differing]).drop_duplicates(ignore_index=True)

    def forget_what_was(self) -> None:
        unreadable = self._unreadable()
        for path in self._before.glob("*"):
            if _place_of(path) not in unreadable:
                path.unlink(missing_ok=True)

    def _sources(self, files: Iterable[Path]) -> list[_Source]:
        return [_Source.of(path, self._folder) for path in files]

    def _readable(self, sources: Sequence[_Source]) -> list[_Source]:
        """Those of which there are rows, after what is new among them was parsed."""
        self._before.mkdir(parents=True, exist_ok=True)
        there = {path for path in self._folder.iterdir() if path != self._before}
        known = _places(path for path in there if path.suffix == ".parquet" and "-" in path.stem)
        remembered = _places(self._before.iterdir())
        for source in sources:
            if source.parsed not in there and not (source.refused in there and _gives_no_rows(source.refused)):
                if known and _place_of(source.parsed) not in known | remembered:
                    (self._before / source.parsed.name).touch()
                _keep(source)
        for stale in there - {kept for source in sources for kept in (source.parsed, source.refused)}:
            if stale.suffix == ".parquet" and _place_of(stale) in known - remembered:
                stale.replace(self._before / stale.name)
            else:
                stale.unlink(missing_ok=True)
        kept = set(self._folder.glob("*.parquet"))
        readable = [source for source in sources if source.parsed in kept]
        if not readable:
            raise self.refusals([source.path for source in sources])[0]
        return readable

    def _unreadable(self) -> set[str]:
        """The places of files that cannot be read at all."""
        return _places(self._folder.glob("*.json")) - _places(self._folder.glob("*.parquet"))


def _places(paths: Iterable[Path]) -> set[str]:
    return {_place_of(path) for path in paths}


def _place_of(parsed: Path) -> str:
    """What the names of all that was ever parsed of one file have in common."""
    return parsed.stem.partition("-")[0]


def _differing(held: pa.Table | None, holds: pa.Table | None, through: date) -> pd.DataFrame:
    """Session and symbol of the rows up to a day that only one of two files' tables has."""
    before, now = _through(held, through), _through(holds, through)
    if before.equals(now):
        return before.select(["session", "symbol"]).slice(0, 0).to_pandas()
    compared = before.to_pandas().merge(now.to_pandas(), how="outer", on=_BARS, indicator="of")
    return compared.loc[compared["of"] != "both", ["session", "symbol"]]


def _through(bars: pa.Table | None, last: date) -> pa.Table:
    if bars is None:
        return _SCHEMA.empty_table().select(_BARS)
    return bars.filter(pc.less_equal(bars["session"], pa.scalar(last)))


def _held(parsed: Path) -> pa.Table | None:
    """The bars of a file before it changed. If they cannot be read any more, all that it holds now counts as new, and
    the judge compares it with what is stored."""
    try:
        return _bars_of(parsed)
    except (pa.ArrowException, OSError):
        return None


def _holds(source: _Source | None) -> pa.Table | None:
    """The bars of a file as it is now; None when it is gone."""
    if source is None:
        return None
    try:
        return _bars_of(source.parsed)
    except (pa.ArrowException, OSError):
        _keep(source)
        return _bars_of(source.parsed)


def _bars_of(parsed: Path) -> pa.Table:
    return pq.ParquetFile(parsed).read(columns=_BARS, use_threads=False)


def _keep(source: _Source) -> None:
    """Write down the rows of a file, if it can be read, and what of it cannot."""
    reading = read(source.path)
    if reading.refusals:
        told = [{"reason": one.reason, "remedy": one.remedy, "figures": one.figures} for one in reading.refusals]
        said = json.dumps({"rows": len(reading.rows), "refusals": told}, default=str)
        _write(source.refused, lambda path: path.write_text(said, encoding="utf-8"))
    if reading.rows.empty:
        source.parsed.unlink(missing_ok=True)
        return
    parsed = reading.rows
    values = {name: parsed[name] for name in COLUMNS[1:]} | {
        "session": parsed["session"].to_numpy().astype("datetime64[D]"),
        "place": np.arange(len(parsed)),
    }
    rows = pa.Table.from_arrays(
        [pa.array(values[field.name], field.type, from_pandas=True) for field in _SCHEMA], schema=_SCHEMA
    ).sort_by([("session", "ascending"), ("place", "ascending")])
    size = max(_SMALLEST_GROUP, len(rows) // _MOST_GROUPS)
    _write(source.parsed, lambda path: pq.write_table(rows, path, row_group_size=size))


def _write(place: Path, write: Callable[[Path], object]) -> None:
    partial = place.with_suffix(f".{os.getpid()}")
    write(partial)
    partial.replace(place)


def _told(refused: Path) -> list[DataError]:
    told = json.loads(refused.read_text(encoding="utf-8"))["refusals"]
    return [DataError(one["reason"], remedy=one["remedy"], **one["figures"]) for one in told]


def _gives_no_rows(refused: Path) -> bool:
    try:
        return bool(json.loads(refused.read_text(encoding="utf-8"))["rows"] == 0)
    except (OSError, ValueError):
        return False


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
    parts = sorted(Path(__file__).parent.glob("price_*.py"))
    return f"{pd.__version__} {sha256(b''.join(part.read_bytes() for part in parts)).hexdigest()}"
