"""One file of prices as rows: cells (`price_table`) in columns (`price_columns`) of days and numbers, judged as a file.

Rows for strange symbols or days are handed over as they are; what is wrong with a bar is for `core.market.quality` to
say. What is wrong with a file, or with a row that cannot be read as a bar at all, is said here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from portfolio_pipeline.adapters.market_data.price_columns import (
    LAYOUTS,
    NUMBERS,
    PRICES,
    laid_out,
    tidy_symbols,
)
from portfolio_pipeline.adapters.market_data.price_days import days_and_moments
from portfolio_pipeline.adapters.market_data.price_numbers import numbers
from portfolio_pipeline.adapters.market_data.price_table import OTHER_KINDS, SUFFIXES, table_of
from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import DataError

__all__ = ["COLUMNS", "LAYOUTS", "OTHER_KINDS", "SUFFIXES", "Reading", "read"]
COLUMNS = ("session", "symbol", *PRICES, "dividend", "split_ratio")
_OTHERS_ARE_READ = "Mend it; the other rows are read."


@dataclass(frozen=True)
class Reading:
    """The rows of a file in COLUMNS, in its order, and what of it could not be read."""

    rows: pd.DataFrame
    refusals: tuple[DataError, ...] = ()


def read(path: Path) -> Reading:
    """What a file holds; it gives no row at all when it is refused as a whole."""
    try:
        rows, refusals = _read(path)
    except DataError as refusal:
        rows, refusals = _no_rows(), [refusal]
    told = [DataError(one.reason, file=path, remedy=one.remedy, **one.figures) for one in refusals]
    return Reading(rows, tuple(told))


def _read(path: Path) -> tuple[pd.DataFrame, Sequence[DataError]]:
    if not path.name.lower().endswith(SUFFIXES):
        raise DataError(
            "PRICE_FILE_OF_ANOTHER_KIND",
            found=path.suffix,
            expected="Parquet or CSV",
            remedy="Save it as Parquet or CSV, or take it out of the folder.",
        )
    names, cells = table_of(path)
    rows = laid_out(names, cells, _stem(path))
    if rows.empty:
        raise DataError("PRICE_FILE_EMPTY", found="names of columns and no row", remedy="Take it out, or fill it.")
    days, moments = days_and_moments(rows["session"])
    found, wrong = numbers({name: rows[name] for name in NUMBERS if name in rows})
    read = pd.DataFrame({"session": days.astype("datetime64[s]"), "symbol": tidy_symbols(rows["symbol"])})
    read = read.assign(**{name: found[name] for name in PRICES}).assign(volume=_filled(found, "volume", 0.0))
    paid, gained = _filled(found, "dividend", 0.0), _filled(found, "capital_gain", 0.0)
    read = read.assign(dividend=paid + gained, split_ratio=_filled(found, "split_ratio", 1.0))
    _refuse_intraday(read, moments)
    if "yahoo_split" in found:
        read = read.assign(split_ratio=_splits_of_yahoo(read, found["yahoo_split"]))
    refusals = []
    if np.isnat(days).any():
        refusals.append(_refused_rows("PRICE_DATE_UNREADABLE", "session", rows, np.isnat(days), "YYYY-MM-DD"))
    for name, places in wrong.items():
        if places.any():
            refusals.append(_refused_rows("PRICE_NUMBER_UNREADABLE", name, rows, places, "a number"))
    left_out = np.logical_or.reduce([np.isnat(days), *wrong.values()])
    if left_out.mean() > 0.5:
        raise refusals[0]
    return (read[~left_out].reset_index(drop=True) if left_out.any() else read), refusals


def _filled(found: dict[str, Array], name: str, neutral: float) -> Array:
    if name not in found:
        return np.array(neutral)
    return np.where(np.isnan(found[name]), neutral, found[name])


def _stem(path: Path) -> str:
    """The file's name without what says its kind."""
    name = path.name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def _refused_rows(reason: str, column: str, rows: pd.DataFrame, places: Array, expected: str) -> DataError:
    first, count = int(places.argmax()), int(places.sum())
    cell = repr(rows[column].iloc[first])
    return DataError(
        reason,
        column=column,
        row=first + 1,
        found=cell if count == 1 else f"{cell} and {count - 1} more",
        expected=expected,
        remedy=_OTHERS_ARE_READ,
    )


def _refuse_intraday(rows: pd.DataFrame, moments: Array) -> None:
    """Several different rows for most days of a symbol are bars of minutes or hours."""
    if not rows.duplicated(["session", "symbol"]).any():
        return
    bars = rows.assign(moment=moments).drop_duplicates()
    days = bars.groupby(["session", "symbol"], sort=False)["moment"].agg(["size", "nunique"])
    several, at_times = (days["size"] > 1).mean() > 0.5, (days["nunique"] > 1).mean() > 0.5
    if at_times or (several and len(days) >= 5):
        raise DataError(
            "PRICE_BARS_NOT_DAILY",
            found=f"{len(bars):,} bars for {len(days):,} days of a symbol",
            expected="one bar for each day and symbol",
            remedy="Bring daily bars.",
        )


def _splits_of_yahoo(rows: pd.DataFrame, ratios: Array) -> Array:
    """Ratios that are still to be applied: Yahoo writes 0 for none, and past prices as if a split had always been.

    Whether they are is seen at the price: it goes on where it was. A file that begins with the split shows nothing,
    and then it is handed over.
    """
    ratios = np.where(np.isnan(ratios) | (ratios == 0), 1.0, ratios)
    ordered = rows.assign(place=np.arange(len(rows))).sort_values(["symbol", "session"])
    before = ordered.groupby("symbol")["close"].shift().sort_index().to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        move = np.log(rows["close"].to_numpy() / before)
        contained = (ratios != 1.0) & (np.abs(move) < np.abs(move + np.log(ratios)))
    return np.where(contained, 1.0, ratios)


def _no_rows() -> pd.DataFrame:
    days = pd.Series(dtype="datetime64[s]")
    return pd.DataFrame(
        {"session": days, "symbol": pd.Series(dtype=object), **{n: pd.Series(dtype=float) for n in COLUMNS[2:]}}
    )
