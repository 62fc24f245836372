"""Small pictures for the UI: arrays in, markdown with an embedded PNG out.

Only drawing belongs here: what is drawn, and which numbers, is decided by the assets. `canvas` is what all pictures
share, `series` draws values over time and bars, `search` what a search for parameters found.
"""

from portfolio_pipeline.reports.pictures.canvas import LARGEST_PNG, simulated
from portfolio_pipeline.reports.pictures.search import evolution_picture, surface_picture
from portfolio_pipeline.reports.pictures.series import bar_picture, equity_picture, line_picture, stacked_picture

__all__ = [
    "LARGEST_PNG",
    "bar_picture",
    "equity_picture",
    "evolution_picture",
    "line_picture",
    "simulated",
    "stacked_picture",
    "surface_picture",
]
