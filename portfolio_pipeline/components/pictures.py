"""Small pictures for the UI: arrays in, markdown with an embedded PNG out.

Only drawing belongs here: what is drawn, and which numbers, is decided by the assets. Figures are made without pyplot,
so no state is shared between threads; matplotlib is imported when the first picture is drawn.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray

LARGEST_PNG = 60_000
_COLOURS = ("#2f6fb3", "#e08e2b", "#3f9b6c", "#b5493f", "#7d5ba6", "#8a7a5c", "#d3779f", "#6b7785", "#3aa6b0")
_INK, _GRID, _LOSS = "#33383d", "#d9dde1", "#b5493f"
_POINTS = 900  # more cannot be seen at this size, and only make the PNG larger


def simulated(title: str, sources: Sequence[str]) -> str:
    """The title, with SIMULATED in front when any of the data is made up."""
    return f"SIMULATED · {title}" if "SIMULATED" in sources else title


def line_picture(title: str, sessions: Array, lines: Mapping[str, Array], *, percent: bool = False) -> str:
    """Some series over time."""
    figure, axes = _canvas(title)
    _lines(axes, sessions, lines)
    _finish(axes, percent=percent, legend=len(lines) > 1)
    return _markdown(figure, title)


def equity_picture(title: str, sessions: Array, growth: Mapping[str, Array], *, unit: str = "start = 1") -> str:
    """What 1 became, and below it how far it stands under its highest: one line per scope, the first one in front."""
    figure, (above, below) = _canvas_of_two(title)
    _lines(above, sessions, growth)
    above.set_ylabel(unit)
    _finish(above, legend=len(growth) > 1)
    name, values = next(iter(growth.items()))
    peak = np.fmax.accumulate(values)
    days, fallen = _thinned(sessions, values / peak - 1.0)
    below.fill_between(days, fallen, 0.0, color=_LOSS, alpha=0.35, linewidth=0)
    below.plot(days, fallen, color=_LOSS, linewidth=0.8)
    below.set_ylabel(f"drawdown\n{name}", fontsize=7)
    below.set_xlim(above.get_xlim())
    _finish(below, percent=True)
    return _markdown(figure, title)


def stacked_picture(title: str, sessions: Array, parts: Mapping[str, Array]) -> str:
    """Shares of a whole over time; what is missing to the whole stays white."""
    figure, axes = _canvas(title)
    days = _thinned(sessions, sessions)[0]
    values = [_thinned(sessions, np.nan_to_num(part))[1] for part in parts.values()]
    colours = [_COLOURS[place % len(_COLOURS)] for place in range(len(parts))]
    if len(days) == 1:  # a stack needs a width
        days, values = np.array([days[0], days[0] + np.timedelta64(1, "D")]), [np.repeat(v, 2) for v in values]
    axes.stackplot(days, values, labels=list(parts), colors=colours, linewidth=0, alpha=0.9)
    axes.set_xlim(days[0], days[-1])
    _finish(axes, percent=True, legend=True)
    return _markdown(figure, title)


def bar_picture(
    title: str, values: Mapping[str, float], *, limits: Mapping[str, float] | None = None, percent: bool = True
) -> str:
    """One bar per name, with a mark where its limit is."""
    figure, axes = _canvas(title, height=max(2.0, 0.5 + 0.19 * len(values)))
    names = list(values)
    places = np.arange(len(names))[::-1]
    sizes = np.array([values[name] for name in names], dtype=np.float64)
    axes.barh(places, sizes, color=[_COLOURS[0] if size >= 0 else _LOSS for size in sizes], height=0.7)
    for place, name in zip(places, names, strict=True):
        limit = (limits or {}).get(name)
        if limit is not None and np.isfinite(limit):
            axes.plot([limit, limit], [place - 0.42, place + 0.42], color=_INK, linewidth=1.6)
    axes.set_yticks(places, names)
    axes.axvline(0.0, color=_INK, linewidth=0.6)
    _finish(axes, percent=percent, sideways=True)
    return _markdown(figure, title)


def _canvas(title: str, height: float = 2.9) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, height), dpi=100, layout="constrained")
    figure.suptitle(title, fontsize=10, color=_INK, x=0.01, ha="left", fontweight="bold")
    return figure, figure.add_subplot()


def _canvas_of_two(title: str) -> tuple[Figure, tuple[Axes, Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.9), dpi=100, layout="constrained")
    figure.suptitle(title, fontsize=10, color=_INK, x=0.01, ha="left", fontweight="bold")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    return figure, (above, below)


def _lines(axes: Axes, sessions: Array, lines: Mapping[str, Array]) -> None:
    for place, (name, values) in enumerate(lines.items()):
        days, shown = _thinned(sessions, values)
        front = place == 0
        axes.plot(
            days,
            shown,
            label=name,
            color=_COLOURS[place % len(_COLOURS)],
            linewidth=1.5 if front else 1.0,
            alpha=1.0 if front else 0.8,
            zorder=len(lines) - place + 2,
            marker="o" if len(days) == 1 else None,
        )


def _thinned(sessions: Array, values: Array) -> tuple[Array, Array]:
    """Every n-th point, the newest always among them."""
    step = max(1, -(-len(sessions) // _POINTS))
    return np.asarray(sessions, dtype="datetime64[D]")[::-1][::step][::-1], np.asarray(values)[::-1][::step][::-1]


def _finish(axes: Axes, *, percent: bool = False, legend: bool = False, sideways: bool = False) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import PercentFormatter

    value_axis = axes.xaxis if sideways else axes.yaxis
    if percent:
        value_axis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    if not sideways:
        locator = AutoDateLocator(minticks=3, maxticks=8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.grid(visible=True, axis="x" if sideways else "y", color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=7, colors=_INK, length=2)
    axes.yaxis.label.set_fontsize(7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GRID)
    if legend:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7, frameon=False)


def _markdown(figure: Figure, title: str) -> str:
    """The figure as an embedded PNG; drawn coarser, if need be, until it is small enough for an event log."""
    for dots in (100, 75, 55):
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=dots)
        if stream.tell() <= LARGEST_PNG:
            break
    return f"![{title}](data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')})"
