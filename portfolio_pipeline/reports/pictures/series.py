"""Pictures of values over time and of bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.reports.pictures.canvas import (
    COLOURS,
    INK,
    LOSS,
    SMALL,
    Array,
    Page,
    colour_of,
    dated,
    legend,
    legend_width,
    quiet,
    thinned,
    width_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def line_picture(title: str, sessions: Array, lines: Mapping[str, Array], *, percent: bool = False) -> str:
    """Some series over time."""
    several = len(lines) > 1
    page = Page.of(title, right=legend_width(lines) if several else 0.15)
    axes = page.axes()
    _lines(axes, sessions, lines)
    dated(axes)
    quiet(axes, percent=percent)
    if several:
        legend(axes, lines)
    return page.markdown()


def equity_picture(title: str, sessions: Array, growth: Mapping[str, Array], *, unit: str = "start = 1") -> str:
    """What 1 became, and below it how far it stands under its highest: one line per scope, the first one in front."""
    several = len(growth) > 1
    page = Page.of(title, 3.9, left=0.74, right=legend_width(growth) if several else 0.15)
    below = page.axes(ceiling=0.24)
    above = page.axes(floor=0.3, sharex=below)
    _lines(above, sessions, growth)
    above.set_ylabel(unit)
    quiet(above)
    above.xaxis.set_visible(False)
    if several:
        legend(above, growth)
    name, values = next(iter(growth.items()))
    peak = np.fmax.accumulate(values)
    days, fallen = thinned(sessions, values / peak - 1.0)
    below.fill_between(days, fallen, 0.0, color=LOSS, alpha=0.35, linewidth=0)
    below.plot(days, fallen, color=LOSS, linewidth=0.8)
    below.set_ylabel("drawdown")
    if several:
        below.text(1.01, 0.5, f"of {name}", transform=below.transAxes, fontsize=SMALL, color=INK, parse_math=False)
    dated(below)
    quiet(below, percent=True)
    below.locator_params(axis="y", nbins=3)
    return page.markdown()


def stacked_picture(title: str, sessions: Array, parts: Mapping[str, Array]) -> str:
    """Shares of a whole over time; what is missing to the whole stays white."""
    page = Page.of(title, right=legend_width(parts))
    axes = page.axes()
    days = thinned(sessions, sessions)[0]
    values = [thinned(sessions, np.nan_to_num(part))[1] for part in parts.values()]
    colours = [colour_of(place) for place in range(len(parts))]
    if len(days) == 1:  # a stack needs a width
        days, values = np.array([days[0], days[0] + np.timedelta64(1, "D")]), [np.repeat(v, 2) for v in values]
    axes.stackplot(days, values, colors=colours, linewidth=0, alpha=0.9)
    axes.set_xlim(days[0], days[-1])
    dated(axes)
    quiet(axes, percent=True)
    legend(axes, parts, upwards=True)
    return page.markdown()


def bar_picture(
    title: str, values: Mapping[str, float], *, limits: Mapping[str, float] | None = None, percent: bool = True
) -> str:
    """One bar per name, with a mark where its limit is."""
    page = Page.of(title, max(2.0, 0.7 + 0.19 * len(values)), left=0.15 + width_of(values), bottom=0.25)
    axes = page.axes()
    names = list(values)
    places = np.arange(len(names))[::-1]
    sizes = np.array([values[name] for name in names], dtype=np.float64)
    axes.barh(places, sizes, color=[COLOURS[0] if size >= 0 else LOSS for size in sizes], height=0.7)
    for place, name in zip(places, names, strict=True):
        limit = (limits or {}).get(name)
        if limit is not None and np.isfinite(limit):
            axes.plot([limit, limit], [place - 0.42, place + 0.42], color=INK, linewidth=1.6)
    axes.set_yticks(places, names)
    axes.axvline(0.0, color=INK, linewidth=0.6)
    quiet(axes, grid="x", percent=percent)
    return page.markdown()


def _lines(axes: Axes, sessions: Array, lines: Mapping[str, Array]) -> None:
    for place, values in enumerate(lines.values()):
        days, shown = thinned(sessions, values)
        front = place == 0
        axes.plot(
            days,
            shown,
            color=colour_of(place),
            linewidth=1.5 if front else 1.0,
            alpha=1.0 if front else 0.8,
            zorder=len(lines) - place + 2,
            marker="o" if len(days) == 1 else None,
        )
