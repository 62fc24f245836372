"""Pictures of what may come: bands around a middle, wider the further away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from portfolio_pipeline.reports.pictures.axes import Axis, Frame, figure, finite, number_axis, numbers_up, room_for
from portfolio_pipeline.reports.pictures.canvas import GOOD, MARGIN, QUIET, TOP, WIDTH, Canvas, cut, width_of
from portfolio_pipeline.reports.pictures.curves import line_path

_HEIGHT = 310.0
_BELOW = 42.0  # for the horizons, and what they are
_LINE, _LONGEST = 14.0, 120.0  # of the words beside the bands


def bands_picture(title: str, horizons: Sequence[int], bands: Mapping[str, np.ndarray], *, horizon: str) -> str:
    """Bands of fractions over horizons, from the lowest to the highest; the middle one is a line.

    All begin with nothing at horizon 0. Horizons at which one of them is not known are left out.
    """
    values = np.array([finite(np.array([0.0, *band])) for band in bands.values()])
    known = ~np.isnan(values).any(axis=0)
    along, values = np.array([0.0, *horizons])[known], values[:, known]
    heights = number_axis([values], 6, percent=True)
    told = [
        cut(f"{name}: {figure(float(band[-1]), percent=True)}", _LONGEST)
        for name, band in zip(bands, values, strict=True)
    ]
    canvas = Canvas(title, _HEIGHT)
    frame = Frame(room_for(heights), WIDTH - 2 * MARGIN - width_of(told), TOP, _HEIGHT - _BELOW)
    axis = Axis(0.0, float(along[-1]) or 1.0, tuple(along.tolist()), tuple(f"{step:g}" for step in along))
    numbers_up(canvas, frame, heights)
    x, lines = frame.across(axis.part(along)), frame.up(heights.part(values))
    for place in range(len(lines) // 2):
        outer = np.concatenate([x, x[::-1]]), np.concatenate([lines[place], lines[-1 - place][::-1]])
        canvas.area(line_path(*outer) + "z", GOOD, 0.18)
    canvas.line(line_path(x, lines[len(lines) // 2]), GOOD, 1.8)
    for place, words in zip(x.tolist(), axis.words, strict=True):
        canvas.words(place, frame.bottom + 13, words, anchor="middle", colour=QUIET)
    below = cut(horizon, frame.right - frame.left)
    canvas.words((frame.left + frame.right) / 2, _HEIGHT - 11, below, anchor="middle", colour=QUIET)
    for y, words in _apart(lines[:, -1], told, frame.bottom):
        canvas.words(frame.right + MARGIN, y, words, colour=QUIET)
    return canvas.markdown()


def _apart(heights: np.ndarray, words: Sequence[str], lowest: float) -> list[tuple[float, str]]:
    """The words at their heights, moved down and then up where they would lie on each other or below the lowest."""
    order = np.argsort(heights, kind="stable")
    placed = heights[order] - _LINE * np.arange(len(order))
    placed = np.maximum.accumulate(placed) + _LINE * np.arange(len(order))
    most = lowest - _LINE * np.arange(len(order))[::-1]
    return list(zip(np.minimum(placed, most).tolist(), [words[place] for place in order], strict=True))
