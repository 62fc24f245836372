"""Parameter sets found where scores lead: NSGA-II and TPE, driven by Optuna in memory, one round after the other.

A round's sets are asked for together and evaluated together. The draw is a function of its seed, of what it begins
with and of the values it is told; which session's scores those are is said by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.search.objectives import Objective, undominated
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace, Range

_ALLOWED = "allowed"


def drawn(
    space: ParameterSpace,
    objective: Objective,
    method: str,
    *,
    trials: int,
    patience: int,
    seed: int,
    first: Sequence[Parameters],
    goal_values: Callable[[Sequence[Parameters]], Array],
) -> list[Parameters]:
    """The sets that were evaluated, at most `trials`; `first` are tried before the sampler chooses.

    `goal_values` gives [goals, sets], larger being better, NaN for a set that has no history yet. It ends after
    `patience` rounds without anything better: a higher score or, with several goals at once, another unbeaten set.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    goals = len(objective.goals) if objective.at_once else 1
    population = min(50, max(10, trials // 10)) if method == "nsga2" else 10
    sampler: Any = (
        optuna.samplers.NSGAIISampler(population_size=population, seed=seed)
        if method == "nsga2"
        else optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=True, n_startup_trials=min(population, trials)
        )
    )
    study = optuna.create_study(directions=["maximize"] * goals, sampler=sampler)
    distributions = _distributions(space)
    for begun in dict.fromkeys(first):
        places = space.order(begun)
        if all(place < len(values) for place, values in zip(places, space.values.values(), strict=True)):
            study.enqueue_trial(dict(zip(space.values, places, strict=True)), skip_if_exists=True)

    found: dict[Parameters, Array] = {}
    stale = 0
    while len(found) < trials and stale < patience:
        # A generation of NSGA-II is complete when as many have been told as the population has.
        asked = [study.ask(distributions) for _ in range(population)]
        sets = [_parameters(space, trial.params) for trial in asked]
        fresh = [one for one in dict.fromkeys(sets) if one is not None and one not in found]
        fresh = fresh[: trials - len(found)]
        best = _standing(found, objective)
        if fresh:
            values = goal_values(fresh)
            told = values if objective.at_once else objective.scores(values[:, None])
            found |= dict(zip(fresh, told.T.reshape(len(fresh), goals), strict=True))
        stale = stale + 1 if _standing(found, objective) == best else 0
        unknown = np.full(goals, np.nan)
        for trial, parameters in zip(asked, sets, strict=True):
            known = unknown if parameters is None else found.get(parameters, unknown)
            forbidden = bool(np.isnan(known).any())
            trial.set_constraint(_ALLOWED, 1.0 if forbidden else 0.0)
            study.tell(trial, [0.0] * goals if forbidden else known.tolist())
    return [one for one, values in found.items() if not np.isnan(values).any()]


def _standing(found: dict[Parameters, Array], objective: Objective) -> object:
    """What has to change for a round to have been worth it."""
    usable = [(one, values) for one, values in found.items() if not np.isnan(values).any()]
    if not usable:
        return None
    values = np.stack([one for _, one in usable], axis=1)
    if not objective.at_once:
        return float(values.max())
    # Sets that equal one that is known bring nothing new.
    return frozenset(map(tuple, values.T[undominated(values[:, None])[0]].tolist()))


def _distributions(space: ParameterSpace) -> dict[str, Any]:
    """Positions in the grid; those of choices and flags have no order."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    domains = space.model.domains()
    return {
        name: IntDistribution(0, len(values) - 1)
        if isinstance(domains[name], Range)
        else CategoricalDistribution(list(range(len(values))))
        for name, values in space.values.items()
    }


def _parameters(space: ParameterSpace, places: dict[str, int]) -> Parameters | None:
    return space.parameters({name: values[places[name]] for name, values in space.values.items()})
