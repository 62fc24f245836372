"""What all pictures share: the page with its margins, colours, axes that keep quiet, and the way to a small PNG.

Figures are made without pyplot, so no state is shared between threads; matplotlib is imported when the first picture is
drawn. Margins are reckoned from the lengths of the words that stand in them: measuring them, as matplotlib's layouts
do, means drawing everything twice. What a picture shows is the business of the other modules.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


LARGEST_PNG = 60_000
COLOURS = ("#2f6fb3", "#e08e2b", "#3f9b6c", "#b5493f", "#7d5ba6", "#8a7a5c", "#d3779f", "#6b7785", "#3aa6b0")
INK, GRID, LOSS = "#33383d", "#d9dde1", "#b5493f"
WIDTH = 7.2  # inches, as are all lengths here
SMALL = 7  # points
_DOTS = 110  # per inch
_LETTER = 0.0585  # width of a small one, on average
_POINTS = 900  # more cannot be seen at this size


def simulated(title: str, sources: Sequence[str]) -> str:
    """The title, with SIMULATED in front when any of the data is made up."""
    return f"SIMULATED · {title}" if "SIMULATED" in sources else title


def width_of(words: Iterable[str]) -> float:
    """About how wide the longest of some small words is."""
    return max((len(word) for word in words), default=0) * _LETTER


@dataclass(frozen=True)
class Page:
    """A figure under its title, and the margins left around its axes."""

    figure: Figure
    title: str
    height: float
    left: float
    right: float
    bottom: float
    top: float = 0.36

    @classmethod
    def of(
        cls, title: str, height: float = 2.9, *, left: float = 0.55, right: float = 0.12, bottom: float = 0.33
    ) -> Page:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, height), dpi=_DOTS)
        figure.text(
            0.08 / WIDTH,
            1 - 0.08 / height,
            title,
            fontsize=10,
            color=INK,
            va="top",
            fontweight="bold",
            parse_math=False,
        )
        return cls(figure, title, height, left, right, bottom)

    def axes(self, *, floor: float = 0.0, ceiling: float = 1.0, sharex: Axes | None = None) -> Axes:
        """Axes between the margins, over the part of the height from `floor` to `ceiling`."""
        inside = self.height - self.top - self.bottom
        return self.figure.add_axes(
            (
                self.left / WIDTH,
                (self.bottom + floor * inside) / self.height,
                1 - (self.left + self.right) / WIDTH,
                (ceiling - floor) * inside / self.height,
            ),
            sharex=sharex,
        )

    def markdown(self) -> str:
        """The page as an embedded PNG of few colours; drawn coarser, if need be, until an event log may hold it."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image

        canvas = FigureCanvasAgg(self.figure)
        for dots in (_DOTS, 80, 55):
            self.figure.set_dpi(dots)
            canvas.draw()
            drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3].copy(), "RGB")
            stream = io.BytesIO()
            drawn.quantize(96, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(stream, "png")
            if stream.tell() <= LARGEST_PNG:
                break
        return f"![{self.title}](data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')})"


def thinned(sessions: Array, values: Array) -> tuple[Array, Array]:
    """Every n-th point, the newest always among them."""
    step = max(1, -(-len(sessions) // _POINTS))
    return np.asarray(sessions, dtype="datetime64[D]")[::-1][::step][::-1], np.asarray(values)[::-1][::step][::-1]


def dated(axes: Axes) -> None:
    """Days along the bottom."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    first, last = axes.dataLim.intervalx
    if first == last:
        axes.set_xlim(first - 3, last + 3)
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.xaxis.get_offset_text().set_fontsize(SMALL)
    axes.xaxis.get_offset_text().set_color(INK)


def quiet(axes: Axes, *, grid: str | None = "y", percent: bool = False) -> None:
    """Small words, two sides of a frame, thin grid lines across axis `grid`, which may count in percent."""
    from matplotlib.ticker import PercentFormatter

    if percent:
        (axes.xaxis if grid == "x" else axes.yaxis).set_major_formatter(PercentFormatter(1.0, decimals=None))
    if grid is not None:
        axes.grid(visible=True, axis="x" if grid == "x" else "y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL, colors=INK, left=False, bottom=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_fontsize(SMALL)
        axis.label.set_color(INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)


def colour_of(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def legend(axes: Axes, names: Iterable[str], *, upwards: bool = False) -> None:
    """The names of what is drawn, each in its colour, in the right margin: `legend_width` of it."""
    coloured = [(name, colour_of(place)) for place, name in enumerate(names)]
    apart = min(0.1, 1.0 / len(coloured))
    for place, (name, colour) in enumerate(reversed(coloured) if upwards else coloured):
        axes.text(
            1.015,
            0.5 + apart * ((len(coloured) - 1) / 2 - place),
            f"■ {name}",
            transform=axes.transAxes,
            color=colour,
            fontsize=SMALL,
            va="center",
            parse_math=False,
        )


def legend_width(names: Iterable[str]) -> float:
    return 0.35 + width_of(names)
