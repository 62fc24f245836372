"""Pictures of values over time: lines, growth with its drawdown, shares of a whole. NaN leaves a gap."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import numpy as np

from portfolio_pipeline.reports.pictures.axes import (
    Axis,
    Frame,
    day_axis,
    days_along,
    finite,
    number_axis,
    numbers_up,
    room_for,
)
from portfolio_pipeline.reports.pictures.canvas import (
    LEGEND_LINE,
    LOSS,
    MARGIN,
    QUIET,
    TOP,
    WIDTH,
    Canvas,
    colour_of,
    legend_width,
)
from portfolio_pipeline.reports.pictures.curves import area_path, kept, line_path, points_each

_HEIGHT, _TALL = 310.0, 420.0
_DRAWDOWN = 90.0  # height of the lower part of a tall card
_BELOW = 28.0  # for the days
_MOST_DAYS = 8


def line_picture(title: str, sessions: np.ndarray, lines: Mapping[str, np.ndarray], *, percent: bool = False) -> str:
    """Some series over time, the first one in front."""
    values = {name: finite(line) for name, line in lines.items()}
    canvas = Canvas(title, _height(_HEIGHT, values))
    numbers, days = number_axis(values.values(), 6, percent=percent), day_axis(sessions, _MOST_DAYS)
    frame = Frame(room_for(numbers), _right(values), TOP, canvas.height - _BELOW)
    numbers_up(canvas, frame, numbers)
    days_along(canvas, frame, days)
    _lines(canvas, frame, days, numbers, sessions, values)
    return canvas.markdown()


def equity_picture(
    title: str, sessions: np.ndarray, growth: Mapping[str, np.ndarray], *, unit: str = "start = 1"
) -> str:
    """What 1 became, and below it how far it stands under its highest: one line per scope, the first one in front."""
    values = {name: finite(line) for name, line in growth.items()}
    canvas = Canvas(title, _height(_TALL, values))
    name, first = next(iter(values.items()))
    with np.errstate(all="ignore"):
        fallen = finite(first / np.fmax.accumulate(first) - 1.0)
    numbers, days = number_axis(values.values(), 6), day_axis(sessions, _MOST_DAYS)
    percents = number_axis([fallen, np.array([0.0, -0.01])], 3, percent=True)
    left = max(room_for(numbers), room_for(percents))
    below = Frame(left, _right(values), canvas.height - _BELOW - _DRAWDOWN, canvas.height - _BELOW)
    above = Frame(left, below.right, TOP + 16, below.top - 32)
    canvas.words(MARGIN, above.top - 16, unit, colour=QUIET)
    numbers_up(canvas, above, numbers)
    _lines(canvas, above, days, numbers, sessions, values)
    canvas.words(MARGIN, below.top - 16, f"drawdown of {name}" if len(values) > 1 else "drawdown", colour=QUIET)
    numbers_up(canvas, below, percents)
    days_along(canvas, below, days)
    for places in kept(fallen, points_each(len(values) + 2)):
        x, y = _points(below, days, percents, sessions, fallen, places)
        canvas.area(area_path(x, y, float(below.up(percents.part(np.zeros(1)))[0])), LOSS, 0.35)
        canvas.line(line_path(x, y), LOSS)
    return canvas.markdown()


def stacked_picture(title: str, sessions: np.ndarray, parts: Mapping[str, np.ndarray]) -> str:
    """Shares of a whole over time, the first at the bottom; what is missing to the whole stays white.

    NaN counts as nothing. Shares below nothing are stacked downwards.
    """
    values = [np.nan_to_num(finite(part)) for part in parts.values()]
    days = np.asarray(sessions, dtype="datetime64[D]")
    if len(days) == 1:  # a stack needs a width
        days, values = np.array([days[0], days[0] + 1]), [np.repeat(part, 2) for part in values]
    canvas = Canvas(title, _height(_HEIGHT, parts))
    upwards = list(accumulate(np.maximum(part, 0.0) for part in values))
    downwards = list(accumulate(np.minimum(part, 0.0) for part in values))
    numbers, along = number_axis([*upwards, *downwards, np.zeros(1)], 6, percent=True), day_axis(days, _MOST_DAYS)
    frame = Frame(room_for(numbers), _right(parts, always=True), TOP, canvas.height - _BELOW)
    base = float(frame.up(numbers.part(np.zeros(1)))[0])
    numbers_up(canvas, frame, numbers)
    for stack in (upwards, downwards):
        for place in reversed(range(len(stack))):  # the lower ones cover what is theirs of the higher ones
            for places in kept(stack[place], points_each(len(stack))) if stack[place].any() else ():
                x, y = _points(frame, along, numbers, days, stack[place], places)
                canvas.area(area_path(x, y, base), colour_of(place))
    days_along(canvas, frame, along)
    canvas.legend(frame.right + MARGIN, (frame.top + frame.bottom) / 2, list(parts), upwards=True)
    return canvas.markdown()


def _lines(
    canvas: Canvas,
    frame: Frame,
    days: Axis,
    numbers: Axis,
    sessions: np.ndarray,
    lines: Mapping[str, np.ndarray],
) -> None:
    """The lines, and in the right margin their names if there are several."""
    for place, values in reversed(list(enumerate(lines.values()))):
        for places in kept(values, points_each(len(lines))):
            x, y = _points(frame, days, numbers, sessions, values, places)
            canvas.line(line_path(x, y), colour_of(place), 1.6 if place == 0 else 1.1)
            if len(values) == 1:
                canvas.dot(x[0], y[0], colour_of(place))
    if len(lines) > 1:
        canvas.legend(frame.right + MARGIN, (frame.top + frame.bottom) / 2, list(lines))


def _points(
    frame: Frame, days: Axis, numbers: Axis, sessions: np.ndarray, values: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where on the card the values at some places stand."""
    counted = np.asarray(sessions, dtype="datetime64[D]")[places].astype(np.float64)
    return frame.across(days.part(counted)), frame.up(numbers.part(values[places]))


def _height(usual: float, names: Mapping[str, np.ndarray]) -> float:
    """Tall enough for a legend of all names."""
    return max(usual, TOP + LEGEND_LINE * len(names) + (_BELOW if usual == _HEIGHT else _BELOW + _DRAWDOWN + 60))


def _right(names: Mapping[str, np.ndarray], *, always: bool = False) -> float:
    """Where the values end: before the legend, if there is one."""
    return WIDTH - (legend_width(names) + MARGIN if always or len(names) > 1 else 1.5 * MARGIN)
