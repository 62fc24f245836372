"""Pictures of single points: two figures of many things against each other, figures of a few values side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from portfolio_pipeline.reports.pictures.axes import (
    Axis,
    Frame,
    finite,
    number_axis,
    numbers_along,
    numbers_up,
    room_for,
)
from portfolio_pipeline.reports.pictures.canvas import (
    COLOURS,
    INK,
    LOSS,
    MARGIN,
    QUIET,
    TOP,
    WIDTH,
    Canvas,
    colour_of,
    cut,
    legend_width,
    width_of,
)
from portfolio_pipeline.reports.pictures.curves import line_path

_HEIGHT = 380.0
_MOST_POINTS = 800  # keeps a picture small
_PALE = "#b9c6d6"
_PANELS = 3  # beside each other
_PANEL, _BETWEEN, _BELOW = 118.0, 14.0, 46.0
_MOST_VALUES = 60  # of one panel


def scatter_picture(
    title: str, x_name: str, x: np.ndarray, y_name: str, y: np.ndarray, marked: Mapping[str, int]
) -> str:
    """A point for each place of `x` and `y`, some of them marked by name; on the line both figures are the same.

    Points that are not finite are left out; of more than a picture can hold every n-th is shown, the marked among them.
    """
    across, up = finite(x), finite(y)
    known = np.flatnonzero(np.isfinite(across) & np.isfinite(up))
    shown = known[:: max(1, -(-len(known) // _MOST_POINTS))]
    along, height = number_axis([across[known]], 8), number_axis([up[known]], 6)
    canvas = Canvas(title, _HEIGHT)
    names = list(marked)
    frame = Frame(room_for(height), WIDTH - MARGIN - legend_width(names), TOP + 18, canvas.height - 46)
    numbers_up(canvas, frame, height)
    numbers_along(canvas, frame, along)
    _same(canvas, frame, along, height)
    right, top = frame.across(along.part(across)), frame.up(height.part(up))
    spots = "".join(f"M{round(10 * right[at])},{round(10 * top[at])}h0" for at in shown.tolist())
    if spots:
        canvas.line(spots, _PALE, 4.5)
    for place, at in enumerate(marked.values()):
        if at in known:
            canvas.box(right[at] - 5, top[at] - 5, 10, 10, fill=colour_of(place), edge="#ffffff", line=1.2)
    canvas.legend(frame.right + MARGIN, (frame.top + frame.bottom) / 2, names)
    canvas.words((frame.left + frame.right) / 2, canvas.height - 12, cut(x_name, 500), anchor="middle")
    canvas.words(MARGIN, TOP + 4, cut(y_name, 500))
    return canvas.markdown()


def _same(canvas: Canvas, frame: Frame, along: Axis, height: Axis) -> None:
    """The line on which both figures are the same, as far as it is on the card."""
    low, high = max(along.low, height.low), min(along.high, height.high)
    if low < high:
        ends = np.array([low, high])
        canvas.line(line_path(frame.across(along.part(ends)), frame.up(height.part(ends))), QUIET)


@dataclass(frozen=True, eq=False)
class Panel:
    """Figures at a few values, in their order: NaN where there are none; `error` is drawn to both sides.

    `base` is the place that the others are compared with.
    """

    name: str
    values: Sequence[object]
    figures: np.ndarray
    errors: np.ndarray
    base: int


def panels_picture(title: str, figure: str, panels: Sequence[Panel]) -> str:
    """A panel for each parameter, all with the same numbers up, the base in a frame."""
    rows = -(-len(panels) // _PANELS)
    drawn = [_thinned(panel) for panel in panels]
    ends = [finite(one.figures + sign * np.nan_to_num(finite(one.errors))) for one in drawn for sign in (-1, 1)]
    numbers = number_axis(ends, 4)
    canvas = Canvas(title, TOP + 20 + rows * (_PANEL + _BELOW))
    left = room_for(numbers)
    wide = (WIDTH - left - MARGIN - (_PANELS - 1) * _BETWEEN) / _PANELS
    canvas.words(MARGIN, TOP + 2, cut(figure, WIDTH - 2 * MARGIN), colour=QUIET)
    for place, panel in enumerate(drawn):
        row, column = divmod(place, _PANELS)
        start = left + column * (wide + _BETWEEN)
        top = TOP + 38 + row * (_PANEL + _BELOW)
        frame = Frame(start, start + wide, top, top + _PANEL - 14)
        _panel(canvas, frame, numbers, panel, told=column == 0)
    return canvas.markdown()


def _panel(canvas: Canvas, frame: Frame, numbers: Axis, panel: Panel, *, told: bool) -> None:
    words = [f"{value:g}" if isinstance(value, float) else str(value) for value in panel.values]
    numbers_up(canvas, frame, numbers if told else replace(numbers, words=("",) * len(numbers.marks)))
    across = frame.across((np.arange(len(words)) + 0.5) / len(words))
    figures, errors = finite(panel.figures), finite(panel.errors)
    known = np.flatnonzero(np.isfinite(figures))
    up = frame.up(numbers.part(figures))
    if len(known) > 1:
        canvas.line(line_path(across[known], up[known]), COLOURS[0], 1.6)
    for at in known.tolist():
        if errors[at] > 0.0:
            ends = frame.up(numbers.part(np.array([figures[at] - errors[at], figures[at] + errors[at]])))
            canvas.line(line_path(np.repeat(across[at], 2), ends), COLOURS[0], 1.0)
        canvas.dot(across[at], up[at], LOSS if at == panel.base else COLOURS[0])
    if panel.base in known:
        canvas.box(across[panel.base] - 6, up[panel.base] - 6, 12, 12, edge=LOSS, line=1.6)
    canvas.words(frame.left, frame.top - 10, cut(panel.name, frame.right - frame.left), colour=INK, bold=True)
    room = (frame.right - frame.left) / len(words)
    every = max(1, -(-int(width_of(words) + 8) // max(1, int(room))))
    for at in range(panel.base % every, len(words), every):
        anchored = LOSS if at == panel.base else QUIET
        canvas.words(across[at], frame.bottom + 12, cut(words[at], every * room), anchor="middle", colour=anchored)


def _thinned(panel: Panel) -> Panel:
    """Of more values than a panel can hold every n-th, the base among them."""
    every = max(1, -(-len(panel.values) // _MOST_VALUES))
    part = slice(panel.base % every, None, every)
    return Panel(panel.name, panel.values[part], panel.figures[part], panel.errors[part], panel.base // every)
