"""Pictures of what a search for parameters found: the objective over two of them, and what was in use over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, isfinite, sqrt

import numpy as np

from portfolio_pipeline.reports.pictures.axes import Frame, day_axis, days_along, finite
from portfolio_pipeline.reports.pictures.canvas import (
    BOLD,
    GROUND,
    INK,
    LOSS,
    MARGIN,
    QUIET,
    TOP,
    WIDTH,
    Canvas,
    colour_of,
    cut,
    width_of,
)
from portfolio_pipeline.reports.pictures.curves import kept, points_each, step_path

# What a parameter may be: a number, a choice, a switch, or not known.
Parameter = float | int | str | bool | None

_PALE_TO_DARK = ((246, 241, 227), (188, 211, 224), (111, 163, 201), (47, 111, 179), (22, 54, 92))
_SHADES = 33
_READABLE_CELLS = 120  # more than these are too small for their values
_MOST_CELLS = 6_000  # keeps a picture small
_LONGEST = 130.0  # room for a name or a value
_LANE = 46.0  # height of a parameter's lane


def surface_picture(
    title: str,
    x_name: str,
    x_values: Sequence[Parameter],
    y_name: str,
    y_values: Sequence[Parameter],
    scores: np.ndarray,
    chosen: tuple[Parameter, Parameter] | None = None,
) -> str:
    """A score over two parameters, [y, x]: the darker the better, NaN blank, the chosen set in a frame.

    Of more cells than a picture can hold every n-th is shown, the chosen one among them.
    """
    xs, ys = list(x_values), list(y_values)
    framed = (ys.index(chosen[1]), xs.index(chosen[0])) if chosen and chosen[0] in xs and chosen[1] in ys else None
    nth = max(1, ceil(sqrt(scores.size / _MOST_CELLS)))
    row, column = framed or (0, 0)
    shown = finite(scores)[row % nth :: nth, column % nth :: nth]
    x_words = [cut(_word(value), _LONGEST) for value in xs[column % nth :: nth]]
    y_words = [cut(_word(value), _LONGEST) for value in ys[row % nth :: nth]]
    canvas = Canvas(title, min(460.0, max(230.0, 110.0 + 27.0 * len(y_words))))
    left = MARGIN + 8 + max(width_of(y_words), 24.0)
    frame = Frame(left, WIDTH - 80, TOP + 16, canvas.height - 42)
    wide, high = (frame.right - frame.left) / len(x_words), (frame.bottom - frame.top) / len(y_words)
    known = shown[np.isfinite(shown)]
    low, best = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    darkness = (shown - low) / (best - low) if best > low else np.where(np.isfinite(shown), 0.0, np.nan)
    _cells(canvas, frame, darkness)
    if shown.size <= _READABLE_CELLS and len(x_words) <= 14:
        for (up, across), score in np.ndenumerate(shown):
            if np.isfinite(score):
                ink = GROUND if darkness[up, across] > 0.55 else INK
                x, y = frame.left + (across + 0.5) * wide, frame.bottom - (up + 0.5) * high
                canvas.words(x, y, _score(score), anchor="middle", colour=ink)
    if framed is not None:
        x, y = frame.left + column // nth * wide, frame.bottom - (row // nth + 1) * high
        canvas.box(x, y, wide, high, edge=GROUND, line=5)
        canvas.box(x, y, wide, high, edge=LOSS, line=2.5)
    for place in range(0, len(x_words), ceil(len(x_words) * (width_of(x_words) + 10) / (frame.right - frame.left))):
        middle = frame.left + (place + 0.5) * wide
        canvas.words(middle, frame.bottom + 13, x_words[place], anchor="middle", colour=QUIET)
    for place in range(0, len(y_words), ceil(len(y_words) * 16 / (frame.bottom - frame.top))):
        canvas.words(left - 7, frame.bottom - (place + 0.5) * high, y_words[place], anchor="end", colour=QUIET)
    canvas.words((left + frame.right) / 2, canvas.height - 11, cut(x_name, 400), anchor="middle")
    canvas.words(MARGIN, TOP + 4, cut(y_name, 400))
    if known.size:
        _scale(canvas, frame, low, best)
    return canvas.markdown()


def evolution_picture(title: str, sessions: np.ndarray, parameters: Mapping[str, np.ndarray]) -> str:
    """Each parameter in a lane of its own over time: numbers at their height, choices as steps.

    The newest value stands at the right; NaN and None, where a parameter was not known, are left out.
    """
    lanes = [_levels(list(np.asarray(values).tolist())) for values in parameters.values()]
    names = [cut(name, _LONGEST) for name in parameters]
    newest = [cut(_word(values[-1]), _LONGEST) if len(values) else "" for values in parameters.values()]
    margin = width_of(word for words, _ in lanes for word in words.values())
    canvas = Canvas(title, TOP + _LANE * len(names) + 32)
    left = MARGIN + 26 + BOLD * width_of(names) + margin
    frame = Frame(left, WIDTH - 2 * MARGIN - BOLD * width_of(newest), TOP, canvas.height - 28)
    axis = day_axis(sessions, 8)
    x = frame.across(axis.part(np.asarray(sessions, dtype="datetime64[D]").astype(np.float64)))
    for place, (name, (words, heights)) in enumerate(zip(names, lanes, strict=True)):
        floor, colour = TOP + _LANE * (place + 1) - 9, colour_of(place)
        y = floor - heights * (_LANE - 18)
        for height, word in words.items():
            canvas.words(left - 8, floor - height * (_LANE - 18), word, anchor="end", colour=QUIET)
        for places in kept(y, points_each(2 * len(names))):
            canvas.line(step_path(x[places], y[places]), colour, 1.6)
        if len(y) and np.isfinite(y[-1]):
            canvas.dot(x[-1], y[-1], colour)
        middle = floor - (_LANE - 18) / 2
        canvas.words(left - 18 - margin, middle, name, anchor="end", colour=colour, bold=True)
        canvas.words(frame.right + MARGIN, middle, newest[place], colour=colour, bold=True)
    canvas.rules([(left, TOP + _LANE * place) for place in range(1, len(names))], right=frame.right - left)
    days_along(canvas, frame, axis)
    return canvas.markdown()


def _word(value: Parameter) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)


def _score(score: float) -> str:
    shown = f"{round(score, 2) + 0.0:.2f}" if abs(score) < 1e4 else f"{score:.3g}"  # 0.00 without a sign
    return shown.replace("-", "−")


def _shade(part: float) -> str:
    stops = np.linspace(0.0, 1.0, len(_PALE_TO_DARK))
    return "#" + "".join(f"{round(np.interp(part, stops, tone)):02x}" for tone in zip(*_PALE_TO_DARK, strict=True))


def _cells(canvas: Canvas, frame: Frame, darkness: np.ndarray) -> None:
    """All cells of one shade are one line, a cell thick, drawn in units of cells: row after row, cell after cell."""
    rows, columns = darkness.shape
    shade = np.where(np.isnan(darkness), -1, np.rint(np.nan_to_num(darkness) * (_SHADES - 1))).astype(int)
    wide, high = 10 * (frame.right - frame.left) / columns, 10 * (frame.bottom - frame.top) / rows
    drawn = []
    for level in np.unique(shade[shade >= 0]).tolist():
        path, end, line = "", 0, 0
        for row, column in np.argwhere(shade == level).tolist():
            path += "h1" if path and (row, column) == (line, end) else f"m{column - end},{row - line}h1"
            end, line = column + 1, row
        drawn.append(f'<path d="{path}" stroke="{_shade(level / (_SHADES - 1))}"/>')
    place = f"matrix({wide:.3f},0,0,{-high:.3f},{10 * frame.left:.0f},{10 * frame.bottom - high / 2:.3f})"
    looks = 'fill="none" stroke-linecap="butt" shape-rendering="crispEdges"'
    canvas.shapes.append(f'<g transform="{place}" {looks}>{"".join(drawn)}</g>')


def _scale(canvas: Canvas, frame: Frame, low: float, best: float) -> None:
    """Which colour is which score, in the right margin."""
    x = frame.right + MARGIN
    _cells(canvas, Frame(x, x + 10, frame.top, frame.bottom), np.linspace(0.0, 1.0, 24)[:, None])
    canvas.words(x + 16, frame.bottom - 5, _score(low), colour=QUIET)
    canvas.words(x + 16, frame.top + 5, _score(best), colour=QUIET)


def _levels(values: list[Parameter]) -> tuple[dict[float, str], np.ndarray]:
    """Which words stand at which height of a lane, and the height of each value, both from 0 to 1."""
    known = {value for value in values if value is not None and not (isinstance(value, float) and not isfinite(value))}
    numbers = sorted(value for value in known if isinstance(value, int | float) and not isinstance(value, bool))
    if len(numbers) == len(known):
        spread = (float(numbers[-1]) - float(numbers[0]) if numbers else 0.0) or 1.0
        heights: dict[Parameter, float] = {value: (float(value) - float(numbers[0])) / spread for value in numbers}
        named: list[Parameter] = [numbers[0], numbers[-1]] if numbers else []
    else:
        named = sorted(known, key=str)
        heights = {value: place / max(1, len(named) - 1) for place, value in enumerate(named)}
    if len(known) == 1:
        heights = dict.fromkeys(known, 0.5)
    at = np.array([heights.get(value, np.nan) for value in values], dtype=np.float64)
    return {heights[value]: cut(_word(value), _LONGEST) for value in named}, at
