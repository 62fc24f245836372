"""The days of a price file's rows, however they are written. What leaves room for two readings is refused, not guessed.

A moment with a zone, or counted from 1970, is midnight of its day as it is written, or it is the day that it was in New
York then. A day without a zone is the day that stands there. 01/02/2024 is read when the column shows what comes first.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import NEW_YORK
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.words import printable

_REMEDY = "Write every day as YYYY-MM-DD."
_DAY = np.timedelta64(1, "D")
_NAMED_MONTHS = ("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%b %d %Y", "%B %d, %Y", "%B %d %Y", "%a %b %d %Y")
_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(Z|UTC|[+-]\d{2}:?\d{2})?")
_TIME = r"(?:[ ,]+\d{1,2}:\d{2}(?::\d{2})?)?"
_NO_DAYS = {
    "months": re.compile(
        r"(19|20)\d{2}([-/M]0?|0)[1-9]|(19|20)\d{2}[-/M]?1[0-2]|(0?[1-9]|1[0-2])[-/]\d{4}|[A-Za-z]{3,9}[- ]\d{4}"
    ),
    "years": re.compile(r"(19|20)\d{2}"),
    "quarters": re.compile(r"\d{4}[- ]?Q[1-4]|Q[1-4][- ]?\d{4}", re.IGNORECASE),
    "weeks": re.compile(r"\d{4}-?W\d{2}", re.IGNORECASE),
}
# Numbers that are days, by the range in which they lie: units since 1970, as numpy calls them.
_EPOCHS = {"s": (2e8, 4.2e9), "ms": (2e11, 4.2e12), "us": (2e14, 4.2e15), "ns": (2e17, 4.2e18)}
_SPACINGS = {"weeks": (6, 8), "months": (27, 35), "quarters": (88, 95), "years": (360, 370)}


def days_and_moments(values: pd.Series) -> tuple[Array, Array]:
    """Days as datetime64[D] and moments as datetime64[s]; NaT where a cell says nothing that can be read."""
    moments = _moments(values)
    days = moments.astype("datetime64[D]")
    known = np.unique(days[~np.isnat(days)])
    if not len(known):
        raise _unreadable(values.iloc[0] if len(values) else "an empty cell")
    if _shifted(known):
        weekend = "Saturdays and none on Mondays" if _weekdays(known)[5] else "Sundays and none on Fridays"
        raise DataError(
            "PRICE_DAYS_SHIFTED",
            found=f"days on {weekend}",
            expected="the days of New York",
            remedy=_REMEDY,
        )
    gaps = np.diff(known).astype(int)
    for unit, (least, most) in _SPACINGS.items():
        if len(gaps) >= 3 and gaps.min() >= least and gaps.max() <= most:
            raise _no_days(unit, f"{known[0]}, {known[1]}, {known[2]}, …")
    return days, moments


def _moments(values: pd.Series) -> Array:
    if isinstance(values.dtype, pd.PeriodDtype):
        if str(values.dtype) not in ("period[D]", "period[B]"):
            raise _no_days("periods", values.iloc[0])
        return _seconds(values.dt.to_timestamp())
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return _of_instants(_seconds(values.dt.tz_localize(None)), _seconds(values.dt.tz_convert(None)))
    if pd.api.types.is_datetime64_dtype(values):
        return _seconds(values)
    if pd.api.types.is_bool_dtype(values):
        raise _unreadable(values.iloc[0])
    if pd.api.types.is_numeric_dtype(values):
        return _of_numbers(values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan))
    return _of_words(values)


def _of_words(values: pd.Series) -> Array:
    words = values.astype("string").str.strip()
    days = pd.to_datetime(words, format="%Y-%m-%d", errors="coerce")
    if not days.isna().any():
        return _seconds(days)
    codes, found = pd.factorize(words.fillna(""))
    read = _of_different_words(pd.Series(found, dtype="string").astype(object))
    moments: Array = read[codes]
    return moments


def _of_different_words(words: pd.Series) -> Array:
    """The kind of writing that most of the words are of is the column's; the others cannot be read."""
    filled = words[words != ""]
    for unit, pattern in _NO_DAYS.items():
        if _most(filled, pattern):
            raise _no_days(unit, filled.iloc[0])
    if _most(filled, re.compile(r"\d+(\.0)?")):
        return _of_numbers(pd.to_numeric(words, errors="coerce").to_numpy(dtype=np.float64))
    separated = re.compile(r"(\d{1,2})([/.\-])(\d{1,2})\2(\d{4})" + _TIME)
    if _most(filled, separated):
        return _of_separated(words, separated)
    if _most(filled, _STAMP):
        return _of_stamps(words)
    for form in ("%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", *_NAMED_MONTHS):
        days = pd.to_datetime(words, format=form, errors="coerce")
        if days.notna().sum() * 2 >= len(filled):
            return _seconds(days)
    raise _unreadable(filled.iloc[0] if len(filled) else "an empty cell")


def _of_stamps(words: pd.Series) -> Array:
    """ISO 8601, with or without a time, with or without an offset."""
    parts = words.str.extract(_STAMP.pattern + "$")
    written = _seconds(pd.to_datetime(parts[0] + " " + parts[1].fillna("00:00"), format="ISO8601", errors="coerce"))
    if parts[2].isna().all():
        return written
    zones = parts[2].fillna("Z").replace({"Z": "+0000", "UTC": "+0000"}).str.replace(":", "")
    minutes = zones.str[:1].map({"+": 1, "-": -1}) * (zones.str[1:3].astype(int) * 60 + zones.str[3:].astype(int))
    return _of_instants(written, written - minutes.to_numpy().astype("timedelta64[m]"))


def _of_instants(written: Array, utc: Array) -> Array:
    """Days as they are written where all of them are midnight, else as it was in New York then."""
    known = ~np.isnat(written)
    there = _seconds(pd.Series(utc).dt.tz_localize("UTC").dt.tz_convert(NEW_YORK).dt.tz_localize(None))
    if not (written[known] == written[known].astype("datetime64[D]")).all():
        return there
    as_days, in_new_york = (np.unique(moments[known].astype("datetime64[D]")) for moments in (written, there))
    # 20:00 in New York is midnight in UTC all summer; the weekend gives it away.
    evening = (written[known] == utc[known]).all() and _shifted(as_days) and not _shifted(in_new_york)
    return there if evening else written


def _of_numbers(values: Array) -> Array:
    known = values[~np.isnan(values)]
    if not len(known):
        raise _unreadable("an empty cell")
    least, most = known.min(), known.max()
    if least >= 19000101 and most <= 21001231:
        words = pd.Series(values).astype("Int64").astype("string")
        return _seconds(pd.to_datetime(words, format="%Y%m%d", errors="coerce"))
    for unit, (low, high) in _EPOCHS.items():
        if low <= least and most <= high:
            per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
            seconds = np.where(np.isnan(values), 0, values) // per_second
            utc = np.where(np.isnan(values), np.datetime64("NaT"), seconds.astype("int64").astype("datetime64[s]"))
            return _of_instants(utc, utc)
    for unit, (low, high) in {"years": (1900, 2100), "months": (190001, 210012)}.items():
        if low <= least and most <= high:
            raise _no_days(unit, f"{least:.0f}")
    raise _unreadable(f"{least:.10g} to {most:.10g}")


def _of_separated(words: pd.Series, pattern: re.Pattern[str]) -> Array:
    """Days as 15.07.2024, or as 07/15/2024 where one of two readings is the only one that all rows allow."""
    parts = words.str.extract("^" + pattern.pattern + "$")
    first, second = (pd.to_numeric(parts[group], errors="coerce") for group in (0, 2))
    dotted = (parts[1].dropna() == ".").all()
    day_first, month_first = dotted or not (second > 12).any(), not dotted and not (first > 12).any()
    if day_first == month_first:
        raise DataError(
            "PRICE_DATE_AMBIGUOUS",
            found=words.iloc[0],
            expected="days that show whether the day or the month comes first",
            remedy=_REMEDY,
        )
    day, month = (first, second) if day_first else (second, first)
    written = parts[3] + "-" + month.astype("Int64").astype("string") + "-" + day.astype("Int64").astype("string")
    return _seconds(pd.to_datetime(written, format="%Y-%m-%d", errors="coerce"))


def _seconds(stamps: pd.Series) -> Array:
    seconds: Array = stamps.to_numpy().astype("datetime64[s]")
    return seconds


def _most(words: pd.Series, pattern: re.Pattern[str]) -> bool:
    return len(words) > 0 and 2 * sum(pattern.fullmatch(word) is not None for word in words) >= len(words)


def _weekdays(days: Array) -> Array:
    """Which days of the week are among them, Monday first."""
    there: Array = np.isin(np.arange(7), (days.astype("datetime64[D]").astype(int) + 3) % 7)
    return there


def _shifted(days: Array) -> bool:
    """Whether the days look like the trading week moved by one."""
    monday, _, _, _, friday, saturday, sunday = _weekdays(days)
    return len(days) >= 5 and bool((saturday and not monday) or (sunday and not friday))


def _unreadable(found: str | float) -> DataError:
    shown = "an empty cell" if pd.isna(found) else printable(str(found))
    return DataError("PRICE_DATE_UNREADABLE", row=1, found=shown, expected="YYYY-MM-DD", remedy=_REMEDY)


def _no_days(unit: str, found: object) -> DataError:
    return DataError(
        "PRICE_BARS_NOT_DAILY", found=f"{unit}: {found}", expected="a row for each day", remedy="Bring daily bars."
    )
