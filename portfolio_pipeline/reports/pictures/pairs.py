"""Pictures of how each of some things goes with each other: a table of coloured fields."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from portfolio_pipeline.reports.pictures.canvas import (
    COLOURS,
    GRID,
    GROUND,
    INK,
    MARGIN,
    QUIET,
    TOP,
    WIDTH,
    Canvas,
    cut,
    width_of,
)

_LONGEST = 150.0  # room for a name
_HIGHEST, _LARGEST = 26.0, 560.0  # of a row, and of all
_READABLE = 34.0  # narrower fields show no number
_TOGETHER, _AGAINST = COLOURS[3], COLOURS[0]


def pairs_picture(title: str, names: Sequence[str], values: np.ndarray, *, marked: float | None = None) -> str:
    """Values from -1 (blue) to 1 (red) of all pairs, [names, names]; NaN is blank, from `marked` on framed.

    Only what stands below the diagonal is drawn: the rest says it again.
    """
    rows = [cut(name, _LONGEST) for name in names[1:]]
    columns = [cut(name, _LONGEST) for name in names[:-1]]
    high = min(_HIGHEST, _LARGEST / max(1, len(rows)))
    left = MARGIN + 8 + width_of(rows)
    wide = (WIDTH - 2 * MARGIN - left) / max(1, len(columns))
    canvas = Canvas(title, TOP + high * len(rows) + 30)
    for row in range(len(rows)):
        y = TOP + row * high
        canvas.words(left - 8, y + high / 2, rows[row], anchor="end", colour=QUIET)
        for column in range(row + 1):
            _field(canvas, left + column * wide, y, wide, high, float(values[row + 1, column]), marked)
    for column, name in enumerate(columns):
        words = cut(name, wide - 4)
        canvas.words(left + (column + 0.5) * wide, TOP + high * len(rows) + 14, words, anchor="middle", colour=QUIET)
    return canvas.markdown()


def _field(canvas: Canvas, x: float, y: float, wide: float, high: float, value: float, marked: float | None) -> None:
    if not isfinite(value):
        canvas.box(x + 1, y + 1, wide - 2, high - 2, edge=GRID, line=0.8)
        return
    framed = marked is not None and value >= marked
    canvas.box(
        x + 1, y + 1, wide - 2, high - 2, fill=_shade(value), edge=INK if framed else "", line=1.6 if framed else 0.0
    )
    if wide >= _READABLE and high >= 12:
        words = f"{value:.2f}".replace("-", "−")
        ink = GROUND if abs(value) > 0.6 else INK
        canvas.words(x + wide / 2, y + high / 2, words, anchor="middle", colour=ink)


def _shade(value: float) -> str:
    full = _TOGETHER if value > 0 else _AGAINST
    part = min(1.0, abs(value))
    tones = zip(bytes.fromhex(GROUND[1:]), bytes.fromhex(full[1:]), strict=True)
    return "#" + "".join(f"{round(low + part * (end - low)):02x}" for low, end in tones)
