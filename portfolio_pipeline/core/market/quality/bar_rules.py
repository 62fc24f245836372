"""What can be wrong with a delivered bar as it stands, and the form in which it is quarantined.

Not here: what takes the sessions before it to see (jumps, repeats, gaps); that is `core.market.quality`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days, closure_name, previous_session
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.tables import PRICES, QUARANTINE
from portfolio_pipeline.core.words import printable

BAR = ("open", "high", "low", "close", "volume")
VALUES = (*BAR, "dividend", "split_ratio")

NOT_A_SESSION, UNKNOWN_SYMBOL, REPEATED_ROW = "not_a_session", "unknown_symbol", "repeated_row"
CONFLICTING_ROWS = "conflicting_rows"
# Rules for which a bar of the universe is refused, in the order in which they are asked: the first broken one is told.
MISSING_VALUE, NOT_POSITIVE, INCONSISTENT = "missing_value", "not_positive", "inconsistent"
WRONG_VOLUME, WRONG_ACTION = "wrong_volume", "wrong_corporate_action"
BAR_RULES = (CONFLICTING_ROWS, MISSING_VALUE, NOT_POSITIVE, INCONSISTENT, WRONG_VOLUME, WRONG_ACTION)

_EXPECTED = {
    NOT_A_SESSION: "days on which the exchange trades",
    UNKNOWN_SYMBOL: "symbols of the universe",
    REPEATED_ROW: "one row per session and symbol; one of the equal rows was judged",
    CONFLICTING_ROWS: "one row per session and symbol",
    MISSING_VALUE: "open, high, low and close",
    NOT_POSITIVE: "prices above 0",
    INCONSISTENT: "low <= open, close <= high",
    WRONG_VOLUME: "a volume of 0 or more (0: not known)",
    WRONG_ACTION: "dividend of 0 or more, split_ratio above 0",
}
_REMEDY = {
    NOT_A_SESSION: "Take the row out of the source, or correct its date.",
    UNKNOWN_SYMBOL: "Add the symbol to the universe in portfolio.yaml, or take it out of the source.",
    REPEATED_ROW: "Deliver the row once.",
    CONFLICTING_ROWS: "Decide which row is right and deliver only that one.",
}
_REMEDY_OF_BARS = "Correct the bar at its source and run the session again with accept_restatements."


def sound_bars(
    delivered: pd.DataFrame, *, sessions: SessionRange, symbols: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of `prices`, at most one per session and symbol, whose bars are right as they stand; and quarantine rows.

    Rows dated on closed days belong to the next session. What belongs to no session of the range is left out: it is
    judged with the session that it belongs to.
    """
    rows, day = within(delivered, sessions)
    parts = []

    def refuse(rule: str, wrong: np.ndarray, found: pd.Series) -> None:
        nonlocal rows
        if wrong.any():
            parts.append(
                quarantined(rule, rows[wrong], found[wrong], _EXPECTED[rule], _REMEDY.get(rule, _REMEDY_OF_BARS))
            )
            rows = rows[~wrong]

    closed = day != rows["session"].to_numpy().astype("datetime64[D]")
    names = {stamp: f"{stamp} ({closure_name(date.fromisoformat(str(stamp)))})" for stamp in np.unique(day[closed])}
    refuse(NOT_A_SESSION, closed, pd.Series([names.get(stamp, "") for stamp in day], rows.index, dtype=object))
    refuse(UNKNOWN_SYMBOL, ~rows["symbol"].isin(list(symbols)).to_numpy(), "symbol " + rows["symbol"])

    repeated = rows.duplicated(["session", "symbol", *VALUES], keep="first").to_numpy()
    refuse(REPEATED_ROW, repeated, pd.Series("the same row again", rows.index))
    conflicting = rows.duplicated(["session", "symbol"], keep=False).to_numpy()
    refuse(CONFLICTING_ROWS, conflicting, _shown(rows, BAR, conflicting))

    for rule, fields in (
        (MISSING_VALUE, BAR[:4]),
        (NOT_POSITIVE, BAR[:4]),
        (INCONSISTENT, BAR[:4]),
        (WRONG_VOLUME, ("volume",)),
        (WRONG_ACTION, ("dividend", "split_ratio")),
    ):
        wrong = broken(rule, rows)
        refuse(rule, wrong, _shown(rows, fields, wrong))
    refused = pd.concat(parts, ignore_index=True) if parts else no_rows()
    return rows.reset_index(drop=True), _merged(refused)


def within(delivered: pd.DataFrame, sessions: SessionRange) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows that belong to the range, with the session they are judged with, and the days they are dated."""
    day = pd.to_datetime(delivered["session"]).to_numpy().astype("datetime64[D]")
    if np.isnat(day).any():
        raise DataError(
            "ROWS_WITHOUT_DATE", found=int(np.isnat(day).sum()), remedy="Every row of the source needs its session."
        )
    before = previous_session(sessions.first) or sessions.first - timedelta(days=1)
    inside = (day > np.datetime64(before, "D")) & (day <= np.datetime64(sessions.last, "D"))
    rows, day = delivered.loc[inside, list(PRICES.column_names)].copy(), day[inside]
    days = as_days(tuple(sessions))
    rows["session"] = days[np.searchsorted(days, day)].astype("datetime64[s]")
    codes, symbols = pd.factorize(rows["symbol"].astype(object).where(rows["symbol"].notna(), ""))
    rows["symbol"] = np.array([printable(str(symbol)) for symbol in symbols], dtype=object)[codes]
    return rows, day


def broken(rule: str, rows: pd.DataFrame) -> np.ndarray:
    """Which of the rows break the rule."""
    opened, high, low, close, volume, dividend, split = (rows[name].to_numpy(dtype=np.float64) for name in VALUES)
    prices = np.stack([opened, high, low, close])
    if rule == MISSING_VALUE:
        return np.asarray(~np.isfinite(prices).all(axis=0))
    if rule == NOT_POSITIVE:
        return np.asarray((prices <= 0).any(axis=0))
    if rule == INCONSISTENT:
        return np.asarray((low > np.minimum(opened, close)) | (high < np.maximum(opened, close)))
    if rule == WRONG_VOLUME:
        return np.asarray(~(np.isfinite(volume) & (volume >= 0)))
    return np.asarray(~(np.isfinite(dividend) & (dividend >= 0) & np.isfinite(split) & (split > 0)))


def _shown(rows: pd.DataFrame, fields: Sequence[str], wanted: np.ndarray) -> pd.Series:
    """The figures of the wanted rows in words."""
    chosen = rows.loc[wanted, list(fields)]
    words = [
        ", ".join(f"{name}={value:.10g}" for name, value in zip(fields, row, strict=True))
        for row in chosen.itertuples(index=False)
    ]
    return pd.Series(words, chosen.index, dtype=object).reindex(rows.index)


def quarantined(rule: str, bars: pd.DataFrame, found: pd.Series, expected: str, remedy: str) -> pd.DataFrame:
    """Rows of `quarantine` for these bars."""
    result = bars[["session", "symbol", *BAR, "source"]].assign(
        rule=rule, found=found, expected=expected, remedy=remedy
    )
    return result[list(QUARANTINE.column_names)]


def no_rows() -> pd.DataFrame:
    """An empty quarantine."""
    texts = {column.name: pd.Series(dtype=object) for column in QUARANTINE.columns}
    numbers = {name: pd.Series(dtype=np.float64) for name in BAR}
    return pd.DataFrame({**texts, **numbers, "session": pd.Series(dtype="datetime64[s]")})


def _merged(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per session, symbol and rule: the first one's figures, and what was found in all of them."""
    key = list(QUARANTINE.key)
    several = rows.duplicated(key, keep=False)
    if not several.any():
        return rows
    groups = rows[several].groupby(key, sort=False, as_index=False)
    first = groups.head(1).set_index(key)
    first["found"] = groups["found"].agg(_joined).set_index(key)["found"]
    return pd.concat([rows[~several], first.reset_index()[list(QUARANTINE.column_names)]], ignore_index=True)


def _joined(found: pd.Series) -> str:
    different = sorted(set(found))
    shown = "; ".join(different[:3]) + (f"; and {len(different) - 3} more" if len(different) > 3 else "")
    return f"{len(found)} rows: {shown}"
