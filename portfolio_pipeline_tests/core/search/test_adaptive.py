"""Sets drawn for several goals at once, where many are equal: none is lost, and equal ones are no progress."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from portfolio_pipeline.core.search.adaptive import drawn
from portfolio_pipeline.core.search.objectives import Objective, undominated
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
from portfolio_pipeline.core.strategies.types.trend import TrendParameters

SPACE = ParameterSpace.of(TrendParameters, {"speeds": [1, 2]})
AT_ONCE = Objective.of(("return", "drawdown"))


class Goals:
    """Values that look at the averages alone: whatever else differs, sets with the same ones are equal."""

    def __init__(self, *, flat: bool = False) -> None:
        self.asked: list[Parameters] = []
        self._flat = flat

    def __call__(self, sets: Sequence[Parameters]) -> np.ndarray:
        self.asked.extend(sets)
        averages = np.array([[one.model_dump()["fast"], one.model_dump()["slow"]] for one in sets], dtype=float).T
        return np.zeros(averages.shape) if self._flat else np.stack([averages[0] - averages[1], -averages[0]])


def draw(goals: Goals, method: str = "nsga2", seed: int = 1, patience: int = 4) -> list[Parameters]:
    return drawn(
        SPACE, AT_ONCE, method, trials=120, patience=patience, seed=seed, first=[SPACE.default], goal_values=goals
    )


@pytest.mark.parametrize("method", ["nsga2", "tpe"])
def test_every_set_that_was_evaluated_is_there_however_many_are_equal(method: str) -> None:
    goals = Goals()
    found = draw(goals, method)
    assert found == goals.asked
    assert len(set(found)) == len(found)
    values = [tuple(column) for column in Goals()(found).T]
    assert len(set(values)) < len(values)
    kept = undominated(np.array(values).T[:, None])[0]
    # Equal sets stand or fall together.
    assert len({(value, one) for value, one in zip(values, kept.tolist(), strict=True)}) == len(set(values))
    assert draw(Goals(), method) == found


def test_sets_that_equal_what_is_known_are_no_progress() -> None:
    goals = Goals(flat=True)
    draw(goals, patience=3)
    # A first round of twelve that brings something, and three that do not.
    assert len(goals.asked) <= 4 * 12
