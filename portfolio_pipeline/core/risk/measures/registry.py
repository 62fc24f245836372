"""The measures that are taken, by name, in the order of their rows. What a measure is stands in `measure` (of one
session) and `range_measure` (of a range at once).
"""

from __future__ import annotations

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.risk.limits.limit import PLACES
from portfolio_pipeline.core.risk.limits.registry import LIMITS
from portfolio_pipeline.core.risk.measures import (
    of_concentration,
    of_contributions,
    of_crises,
    of_past,
    of_strategies,
    of_tails,
)
from portfolio_pipeline.core.risk.measures.measure import Measure, of_limit
from portfolio_pipeline.core.risk.measures.of_exposure import CLASS_NET, POSITIONS, TOP_WEIGHT
from portfolio_pipeline.core.risk.measures.of_stress import SHOCK_RETURNS
from portfolio_pipeline.core.risk.measures.range_measure import Bound, RangeMeasure

_OF_THE_HOUSE: tuple[Measure | RangeMeasure, ...] = (
    TOP_WEIGHT,
    POSITIONS,
    CLASS_NET,
    SHOCK_RETURNS,
    *of_past.MEASURES,
    *of_concentration.MEASURES,
    *of_contributions.MEASURES,
    *of_tails.MEASURES,
    *of_strategies.MEASURES,
    *of_crises.MEASURES,
)
MEASURES: dict[str, Measure | RangeMeasure] = {measure.name: measure for measure in _OF_THE_HOUSE}


def register(measure: Measure | RangeMeasure) -> None:
    """Take a measure from now on."""
    if measure.name in MEASURES:
        raise ConfigurationError(
            "MEASURE_NAME_TAKEN", found=measure.name, expected="a name of its own", remedy="Call the measure otherwise."
        )
    MEASURES[measure.name] = measure


def session_measures() -> tuple[Measure, ...]:
    """The figures that limits are about, from the portfolio down, then every other measure of one session."""
    limited = (
        of_limit(limit, limit.metric)
        for place in reversed(PLACES)
        for limit in LIMITS.values()
        if limit.place == place and limit.metric
    )
    return (*limited, *(measure for measure in MEASURES.values() if isinstance(measure, Measure)))


def range_measures() -> tuple[RangeMeasure, ...]:
    return tuple(measure for measure in MEASURES.values() if isinstance(measure, RangeMeasure))


def bounds() -> dict[tuple[str, str], Bound]:
    """The limits that are told beside figures and not cut to, by kind of scope and metric."""
    return {(measure.scope, measure.metric): measure.bound for measure in range_measures() if measure.bound}
