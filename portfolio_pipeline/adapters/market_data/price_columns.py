"""What the columns of a price file are called, and which layout they make: rows of bars come out, as yet unread.

Layouts, told apart by the names alone:
  bars         a day, a symbol, open, high, low, close and, if there are any, volume, dividend, split ratio
  closes only  a day, a symbol, close: open, high and low are the close
  one symbol   either of these without a symbol: it is the file's name, where that is in capitals (`AAPL.csv`)
  wide closes  a day and one column per symbol; an empty cell is no bar
  two levels   a name and a symbol above each column, in either order, as yfinance writes them

Not here: what a cell says (`price_days`, `price_numbers`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pandas as pd

from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.words import printable

LAYOUTS = (
    "session, symbol, open, high, low, close, volume; or session, symbol, close; or session and a column per symbol"
)
PRICES = ("open", "high", "low", "close", "volume")
ACTIONS = {"dividend": 0.0, "split_ratio": 1.0, "yahoo_split": 0.0, "capital_gain": 0.0}
NUMBERS = (*PRICES, *ACTIONS)

Name = tuple[str, ...]
"""A column's name; two words where there are two levels."""

# Where several could be the day, the first one is.
_DAYS = (
    "session",
    "date",
    "day",
    "trade date",
    "trading day",
    "datetime",
    "timestamp",
    "time",
    "index",
    "unnamed: 0",
    "",
)
_SYMBOLS = ("symbol", "ticker")
_ALIASES = {
    **{name: name for name in PRICES},
    "vol": "volume",
    **dict.fromkeys(("dividend", "dividends", "dividend amount", "divcash"), "dividend"),
    **dict.fromkeys(
        ("split ratio", "splitratio", "split", "splits", "split factor", "splitfactor", "split coefficient"),
        "split_ratio",
    ),
    **dict.fromkeys(("stock splits", "stock split"), "yahoo_split"),
    "capital gains": "capital_gain",
}
_FIELDS = {"open", "high", "low", "close", "adj close", "volume", "dividends", "stock splits", "capital gains"}
_TICKER = re.compile(r"[A-Z][A-Z0-9.\-]{0,9}")


def plain(name: str) -> str:
    return re.sub(r"[\s_]+", " ", name.strip()).lower()


def is_text(name: str) -> bool:
    """Whether cells of such a column are words, however much they look like numbers."""
    return plain(name) in (*_DAYS, *_SYMBOLS)


def are_fields(names: Sequence[str]) -> bool:
    """Whether these are names of values as yfinance writes them, and nothing else."""
    return bool(names) and {plain(name) for name in names} <= _FIELDS


def laid_out(names: Sequence[Name], cells: pd.DataFrame, stem: str) -> pd.DataFrame:
    """The cells as columns session, symbol, open, high, low, close, volume and those of ACTIONS that are there."""
    names = [_levels(name) for name in names]
    cells = cells.set_axis(range(len(names)), axis=1)
    if any(len(name) > 1 for name in names):
        return _completed(_two_levels(names, cells), names)
    single = [name[0] for name in names]
    known = [plain(name) for name in single]
    _refuse_twice(single, known)
    day = next((known.index(name) for name in _DAYS if name in known), None)
    if day is None:
        _refuse_missing(names, "session")
    symbol = next((known.index(name) for name in _SYMBOLS if name in known), None)
    if symbol is None and "close" not in known and len(_FIELDS & set(known)) < 3:
        return _completed(_wide(single, cells, day), names)
    rows = {"session": cells[day]} | {
        _ALIASES[name]: cells[place] for place, name in enumerate(known) if name in _ALIASES and place != day
    }
    _refuse_unknown_actions(single, known)
    if symbol is not None:
        return _completed(pd.DataFrame({**rows, "symbol": cells[symbol]}), names)
    if not _TICKER.fullmatch(stem):
        _refuse_missing(names, "symbol", "Add it, or name the file after its symbol, in capitals: AAPL.csv.")
    return _completed(pd.DataFrame({**rows, "symbol": stem}), names)


def tidy_symbols(symbols: pd.Series) -> pd.Series:
    """As the universe spells them: without blanks around them, in capitals, classes of shares after a dot."""
    if pd.api.types.is_bool_dtype(symbols):
        raise DataError(
            "PRICE_SYMBOL_UNREADABLE",
            found="true and false for symbols",
            expected="text",
            remedy="Write the column as text: TRUE is a ticker.",
        )
    codes, found = pd.factorize(symbols)
    tidied = np.array([*(_tidied(str(symbol)) for symbol in found), ""], dtype=object)
    return pd.Series(tidied[codes], index=symbols.index)


def _tidied(symbol: str) -> str:
    symbol = symbol.strip()
    symbol = symbol.upper() if symbol.islower() else symbol
    return re.sub(r"^([A-Z]{1,5})[-/ ]([A-Z])$", r"\1.\2", symbol)


def _levels(name: Name) -> Name:
    """A name of two levels that was written as one: `('Close', 'AAPL')`."""
    if len(name) == 1 and re.fullmatch(r"\('.*', '.*'\)", name[0]):
        try:
            return tuple(map(str, ast.literal_eval(name[0])))
        except (ValueError, SyntaxError):
            return name
    return name


def _two_levels(names: Sequence[Name], cells: pd.DataFrame) -> pd.DataFrame:
    first = [name for name in names if len(name) > 1 and all(name)]
    level = next((level for level in (0, 1) if are_fields([name[level] for name in first])), None)
    day = next((n for n, name in enumerate(names) if plain(name[0]) in _DAYS), None)
    if level is None or day is None or any(len(name) > 2 for name in names):
        _refuse_missing(names, "session" if day is None else "open, high, low, close above or below the symbols")
    columns: dict[str, dict[str, pd.Series]] = {}
    for place, name in enumerate(names):
        if place != day and len(name) > 1:
            meant = _ALIASES.get(plain(name[level]))
            values = columns.setdefault(name[1 - level], {})
            if meant in values:
                _refuse_same([" ".join(name)])
            if meant is not None:
                values[meant] = cells[place]
    parts = [pd.DataFrame({"session": cells[day], "symbol": symbol, **values}) for symbol, values in columns.items()]
    rows = pd.concat(parts, ignore_index=True)
    return rows[rows.get("close", rows["session"]).notna()]


def _wide(names: Sequence[str], cells: pd.DataFrame, day: int) -> pd.DataFrame:
    if len(names) < 2:
        _refuse_missing([(name,) for name in names], "a column per symbol")
    named = cells.set_axis(list(names), axis=1)
    long = named.melt(names[day], var_name="symbol", value_name="close", ignore_index=True)
    return long[long["close"].notna()].rename(columns={names[day]: "session"})


def _completed(rows: pd.DataFrame, names: Sequence[Name]) -> pd.DataFrame:
    """With open, high and low where there are closes alone; a volume that is not there is 0: not known."""
    rows = rows.reset_index(drop=True)
    if not {"open", "high", "low"} & set(rows.columns) and "close" in rows:
        rows = rows.assign(open=rows["close"], high=rows["close"], low=rows["close"])
    missing = [name for name in PRICES[:4] if name not in rows]
    if missing:
        _refuse_missing(names, ", ".join(missing))
    return rows if "volume" in rows else rows.assign(volume=0.0)


def _refuse_missing(names: Sequence[Name], missing: str, remedy: str = "") -> NoReturn:
    found = ", ".join(printable(" ".join(name)) for name in names[:12])
    raise DataError("PRICE_COLUMNS_MISSING", missing=missing, found=found, remedy=remedy or f"A file holds {LAYOUTS}.")


def _refuse_twice(names: Sequence[str], known: Sequence[str]) -> None:
    meanings = [_ALIASES.get(name, name) for name in known]
    twice = [name for name, meant in zip(names, meanings, strict=True) if meant and meanings.count(meant) > 1]
    if twice:
        _refuse_same(twice)


def _refuse_same(names: Sequence[str]) -> NoReturn:
    raise DataError(
        "PRICE_COLUMNS_TWICE",
        found=", ".join(names),
        expected="one column for each value",
        remedy="Take out the column that is not meant.",
    )


def _refuse_unknown_actions(names: Sequence[str], known: Sequence[str]) -> None:
    """A split or dividend that would be passed over is not left to chance."""
    strange = [
        name
        for name, word in zip(names, known, strict=True)
        if ("split" in word or "dividend" in word) and word not in _ALIASES
    ]
    if strange:
        raise DataError(
            "PRICE_COLUMN_NOT_KNOWN",
            found=", ".join(strange),
            expected="dividend: cash per share; split_ratio: new shares per old share",
            remedy="Call it so, or take it out.",
        )
