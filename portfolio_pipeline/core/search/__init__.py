"""The search: every candidate is back-tested once over the whole history, then scored at every session.

Decisions are causal, so one run of a parameter set gives its returns on every session, and its score on the trailing
window of any session follows from running sums that start at the first stored session. The choice at session D uses
returns up to D and nothing later; a range of sessions costs about what one session costs, and gives the same.

Which sets are compared: `candidates`, `adaptive`. What they earned: `evaluation`. What that is worth: `objectives`,
`plateau`, `response_surface`. Which are used: `choice`. From session to session: `walk`. What is kept and shown:
`ranking`, `rows`, `surface`. How much of it to believe: `statistics`, which asks `core.honesty`. Not here: what a
strategy does with its parameters.
"""

from portfolio_pipeline.core.search.choice import MINIMUM_SESSIONS
from portfolio_pipeline.core.search.evaluation import Backtests, told_in_tenths
from portfolio_pipeline.core.search.objectives import Objective
from portfolio_pipeline.core.search.rows import Written, chosen_rows, mixture_rows, result_rows, written
from portfolio_pipeline.core.search.statistics import statistics_rows
from portfolio_pipeline.core.search.surface import Surface, surface
from portfolio_pipeline.core.search.walk import Walk
from portfolio_pipeline.core.search.walked import InUse, Past, Pool, Stretch

__all__ = [
    "MINIMUM_SESSIONS",
    "Backtests",
    "InUse",
    "Objective",
    "Past",
    "Pool",
    "Stretch",
    "Surface",
    "Walk",
    "Written",
    "chosen_rows",
    "mixture_rows",
    "result_rows",
    "statistics_rows",
    "surface",
    "told_in_tenths",
    "written",
]
