"""Pictures of what may come: bands around a middle, wider the further away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from portfolio_pipeline.reports.pictures.axes import Axis, Frame, figure, finite, number_axis, numbers_up, room_for
from portfolio_pipeline.reports.pictures.canvas import GOOD, LOSS, MARGIN, QUIET, TOP, WIDTH, Canvas, width_of
from portfolio_pipeline.reports.pictures.curves import line_path

_HEIGHT = 310.0
_BELOW = 42.0  # for the horizons, and what they are


def bands_picture(
    title: str,
    horizons: Sequence[int],
    bands: Mapping[str, np.ndarray],
    *,
    horizon: str,
    mark: tuple[str, float] | None = None,
) -> str:
    """Bands of fractions over horizons, from the lowest to the highest; the middle one is a line.

    All begin with nothing at horizon 0. `mark` is a level to hold against them, a line across with its name.
    """
    along = np.array([0.0, *horizons])
    values = {name: finite(np.array([0.0, *band])) for name, band in bands.items()}
    heights = number_axis([*values.values(), *([np.array([mark[1]])] if mark else [])], 6, percent=True)
    told = [f"{name}: {figure(float(band[-1]), percent=True)}" for name, band in values.items()]
    canvas = Canvas(title, _HEIGHT)
    frame = Frame(room_for(heights), WIDTH - 2 * MARGIN - width_of(told), TOP, _HEIGHT - _BELOW)
    axis = Axis(0.0, float(along[-1]), tuple(along.tolist()), tuple(f"{step:g}" for step in along))
    numbers_up(canvas, frame, heights)
    x = frame.across(axis.part(along))
    lines = [frame.up(heights.part(band)) for band in values.values()]
    for place in range(len(lines) // 2):
        outer = np.concatenate([x, x[::-1]]), np.concatenate([lines[place], lines[-1 - place][::-1]])
        canvas.area(line_path(*outer) + "z", GOOD, 0.18)
    canvas.line(line_path(x, lines[len(lines) // 2]), GOOD, 1.8)
    if mark is not None:
        y = float(frame.up(heights.part(np.array([mark[1]])))[0])
        canvas.rules([(frame.left, y)], right=frame.right - frame.left, colour=LOSS)
        canvas.words(frame.left + 6, y - 8, mark[0], colour=LOSS)
    for place, words in zip(x.tolist(), axis.words, strict=True):
        canvas.words(place, frame.bottom + 13, words, anchor="middle", colour=QUIET)
    canvas.words((frame.left + frame.right) / 2, _HEIGHT - 11, horizon, anchor="middle", colour=QUIET)
    _told_apart(canvas, frame.right + MARGIN, [float(line[-1]) for line in lines], told)
    return canvas.markdown()


def _told_apart(canvas: Canvas, x: float, heights: Sequence[float], words: Sequence[str]) -> None:
    """The words beside the ends of their lines, moved down where they would lie on each other."""
    last = -np.inf
    for y, told in sorted(zip(heights, words, strict=True)):
        last = max(y, last + 14.0)
        canvas.words(x, last, told, colour=QUIET)
