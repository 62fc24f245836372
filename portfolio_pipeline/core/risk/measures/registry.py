"""The measures that are taken, by name, in the order of their rows. What a measure is stands in `measure`."""

from __future__ import annotations

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.risk.limits.limit import PLACES
from portfolio_pipeline.core.risk.limits.registry import LIMITS
from portfolio_pipeline.core.risk.measures.measure import Measure, of_limit
from portfolio_pipeline.core.risk.measures.of_exposure import CLASS_NET, POSITIONS, TOP_WEIGHT
from portfolio_pipeline.core.risk.measures.of_paper import PAPER_DRAWDOWN, PAPER_MAX_DRAWDOWN, PAPER_RETURN
from portfolio_pipeline.core.risk.measures.of_past import EXPECTED_SHORTFALL, VALUE_AT_RISK, VOLATILITIES, WORST_RUNS
from portfolio_pipeline.core.risk.measures.of_stress import SHOCK_RETURNS

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        TOP_WEIGHT,
        POSITIONS,
        CLASS_NET,
        *VOLATILITIES,
        VALUE_AT_RISK,
        EXPECTED_SHORTFALL,
        *WORST_RUNS,
        PAPER_RETURN,
        PAPER_DRAWDOWN,
        PAPER_MAX_DRAWDOWN,
        SHOCK_RETURNS,
    )
}


def register(measure: Measure) -> None:
    """Take a measure from now on."""
    if measure.name in MEASURES:
        raise ConfigurationError(
            "MEASURE_NAME_TAKEN", found=measure.name, expected="a name of its own", remedy="Call the measure otherwise."
        )
    MEASURES[measure.name] = measure


def measures() -> tuple[Measure, ...]:
    """The figures that limits are about, from the portfolio down, then every other measure."""
    limited = (
        of_limit(limit, limit.metric)
        for place in reversed(PLACES)
        for limit in LIMITS.values()
        if limit.place == place and limit.metric
    )
    return (*limited, *MEASURES.values())
