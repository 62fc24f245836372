"""Numbers and days along the sides of a picture: which of them are written there, in which words, and where.

Marks are round: one, two, two and a half or five of a power of ten; whole years, months, weeks or days. The marks of
numbers enclose all that is drawn. What is not finite, or beyond 1e300, counts as not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np

from portfolio_pipeline.reports.pictures.canvas import GRID, INK, MARGIN, QUIET, WIDTH, Canvas, width_of

_BEYOND, _NOTHING = 1e300, 1e-300
_UNITS = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 2, 3, 6, *(12 * years for power in (1, 10, 100, 1_000) for years in (power, 2 * power, 5 * power)))


@dataclass(frozen=True, eq=False)
class Axis:
    """A stretch of numbers (days are counted from 1970), and the marks on it."""

    low: float
    high: float
    marks: tuple[float, ...]
    words: tuple[str, ...]

    def part(self, values: np.ndarray) -> np.ndarray:
        """How far along the axis each value stands, from 0 to 1."""
        return (values - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Frame:
    """Where on the card the values are drawn: everything outside is for words."""

    left: float
    right: float
    top: float
    bottom: float

    def across(self, part: np.ndarray) -> np.ndarray:
        return self.left + part * (self.right - self.left)

    def up(self, part: np.ndarray) -> np.ndarray:
        return self.bottom - part * (self.bottom - self.top)


def finite(values: np.ndarray) -> np.ndarray:
    """The values as floats, NaN where they cannot be drawn."""
    numbers = np.asarray(values, dtype=np.float64)
    return np.where(np.abs(numbers) < _BEYOND, numbers, np.nan)


def number_axis(values: Iterable[np.ndarray], most: int, *, percent: bool = False) -> Axis:
    """Round numbers around all the values: at most `most` steps."""
    known = np.concatenate([finite(some).ravel() for some in values] or [np.empty(0)])
    known = known[~np.isnan(known)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    size = max(abs(low), abs(high))
    if high - low <= max(1e-9 * size, _NOTHING):
        low, high = (low - 0.05 * size, high + 0.05 * size) if size > _NOTHING else (0.0, 1.0)
    power = 10.0 ** floor(log10((high - low) / most))
    for step in (power, 2 * power, 2.5 * power, 5 * power, 10 * power, 20 * power):
        first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
        if last - first <= most:
            break
    marks = step * np.arange(first, last + 1)
    return Axis(float(marks[0]), float(marks[-1]), tuple(marks.tolist()), tuple(_numbers(marks, step, percent)))


def day_axis(days: np.ndarray, most: int) -> Axis:
    """From the first day to the last, with at most `most` round days between them."""
    told = np.asarray(days, dtype="datetime64[D]")
    first, last = (told[0], told[-1]) if len(told) else (np.datetime64(0, "D"), np.datetime64(0, "D"))
    if first == last:
        first, last = first - 3, last + 3
    marks, step = _round_days(first, last, most)
    words = _days(marks, step)
    return Axis(float(first.astype(np.int64)), float(last.astype(np.int64)), tuple(marks.astype(float)), tuple(words))


def days_along(canvas: Canvas, frame: Frame, axis: Axis) -> None:
    marked = frame.across(axis.part(np.array(axis.marks))).tolist()
    canvas.rules([(frame.left, frame.bottom)], right=frame.right - frame.left, colour=QUIET)
    canvas.rules([(x, frame.bottom) for x in marked], down=4, colour=QUIET)
    for x, words in zip(marked, axis.words, strict=True):
        half = width_of([words]) / 2
        canvas.words(min(max(x, half + 2), WIDTH - 2 - half), frame.bottom + 14, words, anchor="middle", colour=QUIET)


def numbers_up(canvas: Canvas, frame: Frame, axis: Axis) -> None:
    """Numbers at the left, a thin line across from each; the line of nothing is darker."""
    marked = frame.up(axis.part(np.array(axis.marks))).tolist()
    zero = 0.0 if axis.low < 0.0 < axis.high else None
    for colour, chosen in ((GRID, False), (QUIET, True)):
        starts = [(frame.left, y) for mark, y in zip(axis.marks, marked, strict=True) if (mark == zero) == chosen]
        canvas.rules(starts, right=frame.right - frame.left, colour=colour)
    for y, words in zip(marked, axis.words, strict=True):
        canvas.words(frame.left - 6, y, words, anchor="end", colour=QUIET)


def numbers_along(canvas: Canvas, frame: Frame, axis: Axis) -> None:
    """Numbers along the bottom, a thin line up from each; the line of nothing is darker."""
    marked = frame.across(axis.part(np.array(axis.marks))).tolist()
    for colour, chosen in ((GRID, False), (INK, True)):
        starts = [(x, frame.top) for mark, x in zip(axis.marks, marked, strict=True) if (mark == 0.0) == chosen]
        canvas.rules(starts, down=frame.bottom - frame.top, colour=colour)
    for x, words in zip(marked, axis.words, strict=True):
        canvas.words(x, frame.bottom + 12, words, anchor="middle", colour=QUIET)


def room_for(axis: Axis) -> float:
    """What the numbers at the left take, with some air around."""
    return MARGIN + 8 + width_of(axis.words)


def figure(value: float, *, percent: bool = False) -> str:
    """A number in a few digits."""
    words = f"{100 * value:.{3 if abs(value) >= 0.01 else 2}g}%" if percent else f"{value:,.4g}"
    return words.replace("-", "−")


def _numbers(marks: np.ndarray, step: float, percent: bool) -> list[str]:
    largest = float(np.abs(marks).max())
    unit, sign = 1.0, ""
    if percent:
        unit, sign = 0.01, "%"
    elif largest >= 1e4:
        unit, sign = next(known for known in _UNITS if largest >= known[0])
    if not 1e-6 < step / unit < 1e6:
        words = [f"{mark / unit:.6g}{sign}" for mark in marks]
    else:
        digits = next(count for count in range(13) if _whole(step / unit * 10**count))
        words = [f"{mark / unit:.{digits}f}{sign}" if mark else f"0{sign if percent else ''}" for mark in marks]
    return [word.replace("-", "−") for word in words]


def _whole(number: float) -> bool:
    return round(number) >= 1 and abs(number - round(number)) < 1e-6 * number


def _round_days(first: np.datetime64, last: np.datetime64, most: int) -> tuple[np.ndarray, int]:
    """The marks, and how many days (or, from 31 on, months of 31 days) one step is."""
    if (last - first).astype(int) <= _DAY_STEPS[-1] * most:
        days = np.arange(first, last + 1)
        for step in _DAY_STEPS:
            marks = days[(days.astype(np.int64) + 3) % step == 0]  # weeks begin on Mondays
            if len(marks) <= most:
                return marks, step
    months = np.arange(first.astype("datetime64[M]"), last.astype("datetime64[M]") + 1)
    months = months[months.astype("datetime64[D]") >= first]
    for step in _MONTH_STEPS:
        marks = months[(months.astype(np.int64) + 12 * 1970) % step == 0]
        if len(marks) <= most:
            break
    return marks.astype("datetime64[D]"), 31 * step


def _days(marks: np.ndarray, step: int) -> list[str]:
    """Each day in words: of month and year only what is new."""
    words, month, year = [], "", ""
    for day in marks.tolist():
        parts = [str(day.day)] if step < 31 else []
        if step < 31 * 12 and (f"{day:%b}" != month or step >= 31):
            parts.append(f"{day:%b}")
        if str(day.year) != year:
            parts.append(str(day.year))
        words.append(" ".join(parts))
        month, year = f"{day:%b}", str(day.year)
    return words
