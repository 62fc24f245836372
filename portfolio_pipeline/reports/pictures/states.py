"""Pictures of states over time: a strip for each thing that has one, coloured where it is not as usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from portfolio_pipeline.reports.pictures.axes import Frame, day_axis, days_along
from portfolio_pipeline.reports.pictures.canvas import (
    COLOURS,
    GRID,
    LOSS,
    MARGIN,
    NEAR,
    QUIET,
    TOP,
    WIDTH,
    Canvas,
    cut,
    legend_width,
    width_of,
)

_ROW, _LONGEST, _MOST_DAYS, _MOST_ROWS = 21.0, 200.0, 8, 24
_FINEST = 2.0  # pixels of a strip that have one colour
_COLOURS: Mapping[str, str] = {
    "reduced": NEAR,
    "re_entering": COLOURS[2],
    "cooling": COLOURS[4],
    "paused": LOSS,
    "liquidated": "#7d1f17",
}
"""The gravest last: where several fall together it is the one that is seen."""


def states_picture(title: str, sessions: np.ndarray, states: Mapping[str, Sequence[str]]) -> str:
    """One strip for each name, grey where it is normal; `states` has one word for each session, empty where none."""
    shown = dict(list(states.items())[:_MOST_ROWS])
    names = [cut(name, _LONGEST) for name in shown]
    right = WIDTH - legend_width(_COLOURS) - 2 * MARGIN
    bottom = TOP + max(_ROW * len(names), 17.0 * len(_COLOURS)) + 4
    canvas = Canvas(title, bottom + 28)
    frame = Frame(MARGIN + 8 + width_of(names), right, TOP, bottom)
    days = np.asarray(sessions, dtype="datetime64[D]")
    axis = day_axis(days, _MOST_DAYS)
    days_along(canvas, frame, axis)
    starts = frame.across(axis.part(days.astype(np.float64)))
    ends = np.append(starts[1:], frame.right) if len(starts) else starts
    for row, (name, words) in enumerate(zip(names, shown.values(), strict=True)):
        y = frame.top + _ROW * row
        canvas.words(frame.left - 8, y + _ROW / 2, name, anchor="end", colour=QUIET)
        canvas.box(frame.left, y + 3, frame.right - frame.left, _ROW - 6, fill=GRID)
        for left, wide, state in _runs(starts, ends, words):
            canvas.box(left, y + 3, wide, _ROW - 6, fill=_COLOURS[state])
    for place, (state, colour) in enumerate(_COLOURS.items()):
        y = frame.top + 17.0 * place + 10
        canvas.box(right + MARGIN, y - 4, 8, 8, fill=colour)
        canvas.words(right + MARGIN + 13, y, state.replace("_", " "))
    return canvas.markdown()


def _runs(starts: np.ndarray, ends: np.ndarray, states: Sequence[str]) -> list[tuple[float, float, str]]:
    """Where each run of one state begins and how wide it is; what is too fine is as its gravest."""
    gravest: dict[int, str] = {}
    order = list(_COLOURS)
    for start, end, state in zip(starts.tolist(), ends.tolist(), states, strict=True):
        if state not in _COLOURS:
            continue
        for cell in range(int(start / _FINEST), max(int(end / _FINEST), int(start / _FINEST) + 1)):
            gravest[cell] = max(gravest.get(cell, state), state, key=order.index)
    found = []
    # Neighbours of one state share the difference of place and rank.
    ranked = enumerate(sorted(gravest))
    for (_, state), cells in groupby(ranked, key=lambda one: (one[1] - one[0], gravest[one[1]])):
        listed = [cell for _, cell in cells]
        found.append((listed[0] * _FINEST, len(listed) * _FINEST, state))
    return found
