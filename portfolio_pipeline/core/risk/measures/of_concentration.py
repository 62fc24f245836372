"""Measures of how the targets are spread: over sectors, over few symbols, over long and short. None is ever NaN."""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.risk.measures.range_measure import Bound, RangeMeasure
from portfolio_pipeline.core.risk.measures.ranges import SeenRange, added


def largest_five(seen: SeenRange) -> Array:
    """The five largest weights, long or short, together."""
    return added(np.sort(np.abs(seen.weights), axis=1)[:, ::-1][:, :5])


def herfindahl(seen: SeenRange) -> Array:
    """Sum of the squared shares of gross exposure: 1 with one position, 1/n with n equal ones, 0 with none."""
    gross = added(np.abs(seen.weights))
    shares = np.abs(seen.weights) / np.where(gross > 0.0, gross, 1.0)[:, None]
    return added(shares * shares)


def gross_positions(seen: SeenRange) -> Array:
    """Positions of all strategies, before they are netted."""
    if seen.parts is None:
        return counted(seen.weights != 0.0)
    return counted((seen.parts.weights[:, :-1] != 0.0).reshape(len(seen.weights), -1))


def counted(these: Array) -> Array:
    """How many of each row, as a figure."""
    found: Array = np.count_nonzero(these, axis=1).astype(np.float64)
    return found


def by_sector(seen: SeenRange) -> Array:
    """Longs plus shorts of each sector."""
    names = sorted(set(seen.sectors.values()))
    found = np.zeros((len(seen.weights), len(names)))
    for column, symbol in enumerate(seen.symbols):
        if symbol in seen.sectors:
            found[:, names.index(seen.sectors[symbol])] += np.abs(seen.weights[:, column])
    return np.where(found > 0.0, found, np.nan)


MEASURES = (
    RangeMeasure("top_five_weight", "top_five_weight", largest_five, bound=Bound("top_five", cut=True)),
    RangeMeasure("herfindahl", "herfindahl", herfindahl, unit="ratio"),
    RangeMeasure("gross_positions", "gross_positions", gross_positions, unit="count"),
    RangeMeasure("short_positions", "short_positions", lambda seen: counted(seen.weights < 0.0), unit="count"),
    RangeMeasure("sector_gross", "gross_exposure", by_sector, scope="sector", bound=Bound("sector", cut=True)),
)
