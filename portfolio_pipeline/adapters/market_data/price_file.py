"""One file of prices, Parquet or CSV, as rows.

Three layouts, told apart from the columns (`date` may stand for `session`):
  bars         session, symbol, open, high, low, close, volume and, if there are any, dividend, split_ratio
  closes only  session, symbol, close: open, high and low are the close
  wide closes  session and one column per symbol; an empty cell is no bar

Closes come without volume: it is stored as 0, which reads "not known". Rows for strange symbols or days are handed over
as they are; what is wrong with a row is for `core.market.quality` to say. What is wrong with a file is said here.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa

from portfolio_pipeline.core.errors import DataError

SUFFIXES = (".parquet", ".csv")
LAYOUTS = (
    "session, symbol, open, high, low, close, volume; or session, symbol, close; or session and a column per symbol"
)
_PRICES = ("open", "high", "low", "close", "volume")
_ACTIONS = {"dividend": 0.0, "split_ratio": 1.0}
COLUMNS = ("session", "symbol", *_PRICES, *_ACTIONS)


def rows_of_file(path: Path) -> pd.DataFrame:
    """The rows of one file in COLUMNS, in the order of the file; a file that cannot be read is refused."""
    rows = _read(path)
    rows.columns = [str(name).strip() for name in rows.columns]
    known = {name.lower(): name for name in rows.columns}
    day = known.get("session", known.get("date"))
    if day is None:
        _refuse_columns(path, rows, "session")
    if "symbol" not in known:
        rows = _unpivoted(path, rows, day)
    else:
        rows = rows.rename(
            columns={original: name for name, original in known.items() if name not in ("session", "date")}
        )
        rows = rows.rename(columns={day: "session"})
    if not set(_PRICES) & set(rows.columns) - {"close", "volume"}:
        rows = rows.assign(**{name: rows["close"] for name in ("open", "high", "low") if "close" in rows})
        rows = rows if "volume" in rows else rows.assign(volume=0.0)
    missing = [name for name in _PRICES if name not in rows]
    if missing:
        _refuse_columns(path, rows, ", ".join(missing))
    return pd.DataFrame(
        {
            "session": _days(path, rows["session"]),
            "symbol": rows["symbol"].astype("string").fillna("").astype(str).str.strip(),
            **{name: _numbers(path, rows, name) for name in _PRICES},
            **{
                name: _numbers(path, rows, name).fillna(neutral) if name in rows else neutral
                for name, neutral in _ACTIONS.items()
            },
        }
    )


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".csv":
            # NA is a ticker like any other: only an empty cell is empty.
            return pd.read_csv(
                path, keep_default_na=False, na_values=[""], encoding="utf-8-sig", dtype_backend="numpy_nullable"
            )
        table = pd.read_parquet(path)
        return table.reset_index() if table.index.name else table
    except (OSError, ValueError, pa.ArrowException) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            "PRICE_FILE_UNREADABLE", found=path, why=why, remedy="Mend the file or take it out of the folder."
        ) from None


def _unpivoted(path: Path, rows: pd.DataFrame, day: str) -> pd.DataFrame:
    """Wide closes as rows. A file of bars that merely lacks its symbol column is not taken for one."""
    if {name.lower() for name in rows.columns} & set(_PRICES):
        _refuse_columns(path, rows, "symbol")
    if len(rows.columns) < 2:
        _refuse_columns(path, rows, "a column per symbol")
    long = rows.rename(columns={day: "session"}).melt("session", var_name="symbol", value_name="close")
    return long[long["close"].notna()]


def _refuse_columns(path: Path, rows: pd.DataFrame, missing: str) -> NoReturn:
    raise DataError(
        "PRICE_COLUMNS_MISSING",
        file=path,
        missing=missing,
        found=", ".join(map(str, rows.columns[:12])),
        remedy=f"A file holds {LAYOUTS}.",
    )


def _days(path: Path, values: pd.Series) -> np.ndarray:
    """Days without a time, as datetime64[s]; one that cannot be read refuses the file."""
    readable = values if pd.api.types.is_datetime64_any_dtype(values) else values.astype("string")
    days = pd.to_datetime(readable, errors="coerce", format="ISO8601")
    if days.isna().any():
        wrong = values[days.isna()]
        raise DataError(
            "PRICE_DATE_UNREADABLE",
            file=path,
            row=int(np.flatnonzero(days.isna())[0]) + 1,
            found=repr(wrong.iloc[0]) if len(wrong) == 1 else f"{wrong.iloc[0]!r} and {len(wrong) - 1} more",
            expected="YYYY-MM-DD",
            remedy="Mend these dates.",
        )
    if days.dt.tz is not None:
        days = days.dt.tz_localize(None)
    sessions: np.ndarray = days.to_numpy().astype("datetime64[D]").astype("datetime64[s]")
    return sessions


def _numbers(path: Path, rows: pd.DataFrame, name: str) -> pd.Series:
    """The column as floats, empty cells as NaN; text among the numbers refuses the file."""
    numbers = pd.to_numeric(rows[name], errors="coerce").astype("Float64")
    wrong = (numbers.isna() & rows[name].notna()).to_numpy(dtype=bool, copy=True)
    if wrong.any():  # words for "no number" are none
        wrong[wrong] = (rows[name][wrong].astype(str).str.lower() != "nan").to_numpy(dtype=bool)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise DataError(
            "PRICE_NUMBER_UNREADABLE",
            file=path,
            column=name,
            row=place + 1,
            found=repr(rows[name].iloc[place]),
            expected="a number",
            remedy="Mend the cell; leave it empty when there is no value.",
        )
    return numbers.astype("float64")
