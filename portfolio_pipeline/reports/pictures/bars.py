"""Pictures of figures side by side, each with its limit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import isfinite, isnan

import numpy as np

from portfolio_pipeline.reports.pictures.axes import Frame, figure, finite, number_axis, numbers_along
from portfolio_pipeline.reports.pictures.canvas import (
    GOOD,
    GROUND,
    INK,
    LOSS,
    MARGIN,
    NEAR,
    QUIET,
    TOP,
    WIDTH,
    Canvas,
    cut,
    width_of,
)

_ROW = 21.0
_LONGEST = 200.0  # room for a name
_NEARLY = 0.9  # of a limit
_TRACK = "#eef0f2"


def bar_picture(
    title: str,
    values: Mapping[str, float],
    *,
    limits: Mapping[str, float] | None = None,
    percent: bool = True,
    words: Mapping[str, str] | None = None,
) -> str:
    """One bar per name and at the right its figure, or its `words`, on a track that ends in a mark at its limit.

    A bar is orange from nine tenths of its limit on, red beyond it. What has no figure has no bar.
    """
    names = [cut(name, _LONGEST) for name in values]
    sizes = finite(np.array(list(values.values()), dtype=np.float64))
    ends = finite(np.array([(limits or {}).get(name, np.nan) for name in values], dtype=np.float64))
    told = list(words.values()) if words else list(map(partial(_told, percent=percent), sizes.tolist(), ends.tolist()))
    axis = number_axis([sizes, ends, np.zeros(1)], 8, percent=percent)
    frame = Frame(
        MARGIN + 8 + width_of(names),
        WIDTH - 2 * MARGIN - max(20.0, width_of(told)),
        TOP,
        TOP + _ROW * len(names) + 4,
    )
    canvas = Canvas(title, frame.bottom + 24)
    zero = float(frame.across(axis.part(np.zeros(1)))[0])
    bars, marks = frame.across(axis.part(sizes)).tolist(), frame.across(axis.part(ends)).tolist()
    rows = [frame.top + _ROW * row + 2 for row in range(len(names))]
    for y, mark in zip(rows, marks, strict=True):
        if isfinite(mark):
            canvas.box(min(zero, mark), y + 3, abs(mark - zero), _ROW - 6, fill=_TRACK)
    numbers_along(canvas, frame, axis)
    for row, (y, bar, mark) in enumerate(zip(rows, bars, marks, strict=True)):
        canvas.words(frame.left - 8, y + _ROW / 2, names[row], anchor="end")
        if isfinite(bar):
            canvas.box(min(zero, bar), y + 4, abs(bar - zero), _ROW - 8, fill=_colour(sizes[row], ends[row]))
        if isfinite(mark):
            canvas.box(mark - 1.5, y + 1, 3, _ROW - 2, fill=INK, edge=GROUND, line=0.8)
        canvas.words(WIDTH - MARGIN, y + _ROW / 2, told[row], anchor="end", colour=QUIET)
    return canvas.markdown()


def _told(size: float, limit: float, percent: bool) -> str:
    if not isfinite(size):
        return "not known"
    words = figure(size, percent=percent)
    return f"{words} of {figure(limit, percent=percent)}" if isfinite(limit) else words


def _colour(size: float, limit: float) -> str:
    if isnan(limit) or abs(size) < _NEARLY * abs(limit):
        return GOOD
    return NEAR if abs(size) <= abs(limit) else LOSS
