"""Risk is budgeted from the whole over asset classes to strategies, and each brings what its budget says.

`risk_budgets` of the settings names classes (`several` is one, for who trades more than one) and strategies. Classes
that it does not name share what the named ones leave, in equal parts; so do the strategies within a class. How a
strategy spreads its part over positions is its own affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.figures import covariances
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known
from portfolio_pipeline.core.weighing.risk_budgets import risk_budget_weights

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


def _wish(known: Known, settings: Allocation) -> Array:
    budgets = strategy_budgets(known.strategies, known.classes, settings.risk_budgets)
    return risk_budget_weights(covariances(known.returns, settings), budgets)


def strategy_budgets(strategies: Sequence[str], classes: Sequence[str], named: Mapping[str, float]) -> Array:
    """The part of the whole's risk that each strategy may bring; they add up to 1."""
    by_class = _shared_out(sorted(set(classes)), named)
    found = np.zeros(len(strategies))
    for kind, budget in by_class.items():
        inside = [place for place, own in enumerate(classes) if own == kind]
        within = _shared_out([strategies[place] for place in inside], named)
        found[inside] = [budget * within[strategies[place]] for place in inside]
    return found / found.sum() if found.any() else np.full(len(strategies), 1.0 / len(strategies))


def _shared_out(names: Sequence[str], named: Mapping[str, float]) -> dict[str, float]:
    given = {name: named[name] for name in names if name in named}
    others = [name for name in names if name not in named]
    left = max(1.0 - sum(given.values()), 0.0)
    whole = given | {name: left / len(others) for name in others}
    total = sum(whole.values())
    return {name: budget / total if total else 1.0 / len(names) for name, budget in whole.items()}


HIERARCHICAL = AllocationMethod("hierarchical", _wish)
