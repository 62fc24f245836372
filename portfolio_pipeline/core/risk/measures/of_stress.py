"""Measures of what whole asset classes would do in one blow.

NaN policy: none is ever NaN; a class that a scenario does not name stays where it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from portfolio_pipeline.core.risk.exposures import Portfolio
from portfolio_pipeline.core.risk.measures.measure import Measure
from portfolio_pipeline.core.risk.measures.of_exposure import class_net

# Moves of whole asset classes in one blow, in the size of what 2008, 2022 and 2020 brought.
SHOCKS: Mapping[str, Mapping[str, float]] = {
    "equity_crash": {"equity": -0.20, "bond": 0.03, "commodity": -0.10, "real_estate": -0.20},
    "rates_up": {"equity": -0.05, "bond": -0.10, "commodity": 0.00, "real_estate": -0.10},
    "inflation": {"equity": -0.10, "bond": -0.08, "commodity": 0.15, "real_estate": -0.05},
    "everything_falls": {"equity": -0.30, "bond": -0.05, "commodity": -0.20, "real_estate": -0.30},
}


def shocks(portfolio: Portfolio) -> Mapping[str, float]:
    """The portfolio's return in each scenario."""
    classes = class_net(portfolio)
    return {
        scenario: math.fsum(net * shock.get(name, 0.0) for name, net in classes.items())
        for scenario, shock in SHOCKS.items()
    }


SHOCK_RETURNS = Measure("shocks", "return", ("portfolio",), shocks, scope="stress", unit="return")
