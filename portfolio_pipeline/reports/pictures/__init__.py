"""Small pictures for the UI: arrays in, markdown with an embedded SVG out.

Only drawing belongs here: what is drawn, and which numbers, is decided by the assets. `canvas` is the card that shapes
and words stand on, `axes` the numbers and days along its sides, `curves` the way from many values to few points;
`series` draws values over time, `bars` figures and their limits, `bands` what may come, `pairs` what goes with what,
`search` what a search for parameters found, `points` figures of many things against each other, and of a few values.
"""

from portfolio_pipeline.reports.pictures.bands import bands_picture
from portfolio_pipeline.reports.pictures.bars import bar_picture
from portfolio_pipeline.reports.pictures.canvas import LARGEST, simulated
from portfolio_pipeline.reports.pictures.pairs import pairs_picture
from portfolio_pipeline.reports.pictures.points import Panel, panels_picture, scatter_picture
from portfolio_pipeline.reports.pictures.search import evolution_picture, surface_picture
from portfolio_pipeline.reports.pictures.series import equity_picture, line_picture, stacked_picture

__all__ = [
    "LARGEST",
    "Panel",
    "bands_picture",
    "bar_picture",
    "equity_picture",
    "evolution_picture",
    "line_picture",
    "pairs_picture",
    "panels_picture",
    "scatter_picture",
    "simulated",
    "stacked_picture",
    "surface_picture",
]
