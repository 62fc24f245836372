"""A price file as a table of cells, before anybody asks what they mean: Parquet, or delimited text as people have it.

Text may be UTF-8, UTF-16 or Latin-1, with a byte order mark or without, compressed by gzip, separated by commas,
semicolons, tabs or bars, with one line of names or, as yfinance writes it, two or three.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from portfolio_pipeline.adapters.market_data.price_columns import Name, are_fields, is_text
from portfolio_pipeline.adapters.market_data.price_numbers import EMPTY
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.words import printable

SUFFIXES = (".parquet", ".csv", ".tsv", ".parquet.gz", ".csv.gz", ".tsv.gz")
# What people also put into such folders, and what is not read. It is said, not passed over.
OTHER_KINDS = (".xlsx", ".xls", ".json", ".jsonl", ".feather", ".orc", ".h5", ".pkl", ".zip", ".xz", ".bz2")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SPELLINGS_OF_EMPTY = sorted({spelled for word in EMPTY for spelled in (word, word.upper(), word.title(), "NaN")})
_HEAD = 100_000


def table_of(path: Path) -> tuple[list[Name], pd.DataFrame]:
    """The names of the columns and their cells."""
    try:
        data = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            data = gzip.decompress(data)
        kind = path.name.lower().removesuffix(".gz")
        return _parquet(data) if kind.endswith(".parquet") else _delimited(_decoded(data))
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        TypeError,
        KeyError,
        NotImplementedError,
        pa.ArrowException,
    ) as error:
        why = printable(str(error).splitlines()[0] if str(error) else type(error).__name__, 200)
        raise DataError(
            "PRICE_FILE_UNREADABLE", why=why, remedy="Mend the file or take it out of the folder."
        ) from None


def _parquet(data: bytes) -> tuple[list[Name], pd.DataFrame]:
    rows = pq.ParquetFile(io.BytesIO(data)).read().to_pandas()
    if any(rows.index.names) or not isinstance(rows.index, pd.RangeIndex):
        levels = rows.index.to_frame(index=False)
        levels.columns = [str(name or "") for name in rows.index.names]
        if rows.columns.nlevels > 1:
            levels.columns = pd.MultiIndex.from_tuples(
                [(name,) + ("",) * (rows.columns.nlevels - 1) for name in levels]
            )
        rows = pd.concat([levels, rows.reset_index(drop=True)], axis=1)
    names = [tuple(map(str, name)) if isinstance(name, tuple) else (str(name),) for name in rows.columns]
    return [tuple(part.strip() for part in name) for name in names], rows


def _decoded(data: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding)
    head = data[:400]
    if head[1::2].count(0) * 2 > len(head[1::2]):
        return data.decode("utf-16-le")
    if head[::2].count(0) * 2 > len(head[::2]):
        return data.decode("utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _delimited(text: str) -> tuple[list[Name], pd.DataFrame]:
    start = text[:_HEAD].lstrip().lower()
    if re.match(r"<(!doctype|html|\?xml|head|body)|[{\[]", start):
        raise ValueError(f"a web page or an answer of a server: {printable(start, 40)}")
    lines = text[:_HEAD].splitlines()
    skipped = next((n for n, line in enumerate(lines) if line.strip()), len(lines))
    declared = re.fullmatch(r'"?sep=(.)"?', lines[skipped].strip()) if skipped < len(lines) else None
    if declared:
        skipped += 1
    if skipped >= len(lines):
        raise ValueError("nothing in it")
    unquoted = re.sub(r'"[^"]*"', "", lines[skipped])
    separator = declared[1] if declared else max(",;\t|", key=unquoted.count)
    head = [[cell.strip() for cell in row] for row in _rows(lines[skipped : skipped + 3], separator)]
    names, used = _names(head)
    return names, _cells(text, names, skipped + used, separator)


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    return list(csv.reader(lines, delimiter=separator))


def _names(head: Sequence[Sequence[str]]) -> tuple[list[Name], int]:
    """The names of the columns, and over how many lines they go."""
    first = list(head[0])
    while first and not first[-1]:
        first.pop()
    second = list(head[1]) if len(head) > 1 else []
    if len(first) != len(second) or not _two_lines_of_names(first[1:], second[1:]):
        return [(name,) for name in first], 1
    names: list[Name] = [("Date",), *zip(first[1:], second[1:], strict=True)]
    third = head[2] if len(head) > 2 else ["?"]
    return names, 2 if any(third[1:]) else 3


def _two_lines_of_names(first: Sequence[str], second: Sequence[str]) -> bool:
    if are_fields(first):
        return bool(second) and all(cell and not re.fullmatch(r"[-+\d.,]+|nan|null", cell.lower()) for cell in second)
    return are_fields(second)


def _cells(text: str, names: Sequence[Name], skipped: int, separator: str) -> pd.DataFrame:
    """The rows below the names. Words stay words: NA, TRUE and 0700 are tickers like any other."""
    words = [place for place, name in enumerate(names) if is_text(name[0])]
    rows = _read(text, len(names), skipped, separator, words)
    texts = [place for place in range(len(names)) if place not in words and not _is_plain(rows[place])]
    wanted = [place for place in texts if len(names[place]) > 1 or _wants_numbers(names, place)]
    if wanted:  # a column of another way of writing numbers: 1.234 is one of its thousands, too
        rows = _read(text, len(names), skipped, separator, range(len(names)))
    if rows[len(names)].notna().any():
        place = int(rows[len(names)].notna().to_numpy().argmax())
        raise ValueError(f"row {place + 1} has more cells than there are names")
    return rows.drop(columns=[len(names)])


def _wants_numbers(names: Sequence[Name], place: int) -> bool:
    single = [name[0] for name in names]
    return are_fields([single[place]]) or not any(are_fields([name]) for name in single)


def _is_plain(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _read(text: str, width: int, skipped: int, separator: str, words: Sequence[int]) -> pd.DataFrame:
    empty = {place: [""] if place in words else _SPELLINGS_OF_EMPTY for place in range(width)} | {width: [""]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)  # that a row is too long is said by its last column
        return pd.read_csv(
            io.StringIO(text),
            header=None,
            names=range(width + 1),
            index_col=False,
            skiprows=skipped,
            sep=separator,
            dtype=dict.fromkeys([*words, width], "string"),
            keep_default_na=False,
            na_values=empty,
            dtype_backend="numpy_nullable",
            low_memory=False,
        )
