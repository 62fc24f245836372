"""Pictures of what a search for parameters found: the objective over two of them, and what was in use over time."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from portfolio_pipeline.reports.pictures.canvas import (
    GRID,
    INK,
    LOSS,
    SMALL,
    WIDTH,
    Array,
    Page,
    colour_of,
    dated,
    quiet,
    width_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PALE_TO_DARK = ("#f6f1e3", "#bcd3e0", "#6fa3c9", "#2f6fb3", "#16365c")
_READABLE_CELLS = 120  # more than these are too small for their values
_LANE = 0.42  # height of a parameter's lane, inches


def surface_picture(
    title: str,
    x_name: str,
    x_values: Sequence[Any],
    y_name: str,
    y_values: Sequence[Any],
    scores: Array,
    chosen: tuple[Any, Any] | None = None,
) -> str:
    """A score over two parameters, [y, x]: the darker the better, NaN blank, the chosen set in a frame."""
    from matplotlib.colors import LinearSegmentedColormap

    x_words, y_words = [_word(value) for value in x_values], [_word(value) for value in y_values]
    height = min(4.2, max(2.1, 1.0 + 0.24 * len(y_words)))
    page = Page.of(title, height, left=0.45 + width_of(y_words), right=0.75, bottom=0.45)
    axes = page.axes()
    colours = LinearSegmentedColormap.from_list("scores", _PALE_TO_DARK)
    known = scores[np.isfinite(scores)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    spread = high - low or 1.0
    axes.imshow(
        np.where(np.isfinite(scores), scores, np.nan),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap=colours,
        vmin=low,
        vmax=low + spread,
    )
    if scores.size <= _READABLE_CELLS and len(x_words) <= 14:
        for (row, column), score in np.ndenumerate(scores):
            if np.isfinite(score):
                ink = "white" if (score - low) / spread > 0.55 else INK
                axes.text(column, row, _score(score), color=ink, fontsize=SMALL, ha="center", va="center")
    _every_few(axes, x_words, y_words)
    axes.set_xlabel(x_name)
    axes.set_ylabel(y_name)
    quiet(axes, grid=None)
    if chosen is not None and chosen[0] in x_values and chosen[1] in y_values:
        _framed(axes, list(x_values).index(chosen[0]), list(y_values).index(chosen[1]))
    if known.size:
        _scale(page, colours(np.linspace(0.0, 1.0, 64)), low, high)
    return page.markdown()


def evolution_picture(title: str, sessions: Array, parameters: Mapping[str, Array]) -> str:
    """Each parameter in a lane of its own over time: numbers at their height, choices as steps.

    The newest value stands at the right; NaN and None, where a parameter was not known, are left out.
    """
    names = list(parameters)
    marks = [_levels(parameters[name]) for name in names]
    words = [word for levels, _ in marks for word in levels.values()]
    newest = [_word(parameters[name][-1]) if len(parameters[name]) else "" for name in names]
    name_width, value_width = width_of(names), width_of(words)
    page = Page.of(
        title,
        0.75 + _LANE * len(names),
        left=0.3 + name_width + value_width,
        right=0.2 + 1.1 * width_of(newest),
    )
    axes = page.axes()
    ticks: list[float] = []
    for place, (name, (levels, heights)) in enumerate(zip(names, marks, strict=True)):
        floor = len(names) - 1.0 - place
        colour = colour_of(place)
        days, steps = _corners(np.asarray(sessions, dtype="datetime64[D]"), heights)
        axes.plot(days, floor + 0.7 * steps, drawstyle="steps-post", color=colour, linewidth=1.4)
        axes.plot(days[-1:], floor + 0.7 * steps[-1:], "o", color=colour, markersize=3)
        ticks += [floor + 0.7 * height for height in levels]
        axes.axhline(floor - 0.15, color=GRID, linewidth=0.6)
        before = -(value_width + 0.2) / (WIDTH - page.left - page.right)
        for where, text, side in ((before, name, "right"), (1.01, newest[place], "left")):
            axes.text(
                where,
                floor + 0.35,
                text,
                transform=axes.get_yaxis_transform(),
                color=colour,
                fontsize=SMALL,
                fontweight="bold",
                ha=side,
                va="center",
                parse_math=False,
            )
    axes.set_yticks(ticks, words)
    axes.set_ylim(-0.15, len(names) - 0.15)
    dated(axes)
    quiet(axes, grid=None)
    return page.markdown()


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)


def _score(score: float) -> str:
    return f"{round(float(score), 2) + 0.0:.2f}"  # 0.00 without a sign


def _every_few(axes: Axes, x_words: Sequence[str], y_words: Sequence[str]) -> None:
    """As many values along the sides as have room."""
    across = max(1, -(-len(x_words) // max(2, int(5.0 / (width_of(x_words) + 0.1)))))
    upward = max(1, -(-len(y_words) // 18))
    axes.set_xticks(range(0, len(x_words), across), list(x_words)[::across])
    axes.set_yticks(range(0, len(y_words), upward), list(y_words)[::upward])


def _framed(axes: Axes, column: int, row: int) -> None:
    from matplotlib.patches import Rectangle

    for colour, width in (("white", 4.0), (LOSS, 2.0)):
        axes.add_patch(
            Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=colour, linewidth=width, clip_on=False)
        )


def _scale(page: Page, colours: Array, low: float, high: float) -> None:
    """Which colour is which score, in the right margin."""
    axes = page.figure.add_axes(
        ((WIDTH - page.right + 0.12) / WIDTH, 0.6 / page.height, 0.1 / WIDTH, 1 - 1.1 / page.height)
    )
    axes.imshow(colours[:, None, :], origin="lower", aspect="auto")
    axes.set_axis_off()
    for place, score in ((0.0, low), (1.0, high)):
        axes.text(
            1.4, place, _score(score), transform=axes.transAxes, fontsize=SMALL, color=INK, va="center", ha="left"
        )


def _levels(values: Array) -> tuple[dict[float, str], Array]:
    """Which words stand at which height of a lane, and the height of each value, both from 0 to 1."""
    known: list[Hashable] = [value for value in np.asarray(values).tolist() if value is not None and value == value]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
    distinct = sorted(set(known)) if numeric else sorted(set(known), key=str)  # type: ignore[type-var]
    if numeric:
        low, high = (distinct[0], distinct[-1]) if distinct else (0.0, 0.0)
        spread = float(high) - float(low) or 1.0  # type: ignore[arg-type]
        heights = {value: (float(value) - float(low)) / spread for value in distinct}  # type: ignore[arg-type]
        shown = distinct if len(distinct) < 2 else [low, high]
    else:
        heights = {value: place / max(1, len(distinct) - 1) for place, value in enumerate(distinct)}
        shown = distinct
    if len(distinct) == 1:
        heights = dict.fromkeys(distinct, 0.5)
    at = np.array([heights.get(value, np.nan) for value in np.asarray(values).tolist()], dtype=np.float64)
    return {heights[value]: _word(value) for value in shown}, at


def _corners(days: Array, heights: Array) -> tuple[Array, Array]:
    """The points at which a step line turns, and its ends."""
    same = (heights[1:] == heights[:-1]) | (np.isnan(heights[1:]) & np.isnan(heights[:-1]))
    kept = np.append(np.insert(~same, 0, True)[: len(heights)], False)[: len(heights)]
    if len(kept):
        kept[-1] = True
    return days[kept], heights[kept]
