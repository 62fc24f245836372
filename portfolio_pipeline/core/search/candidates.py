"""Which parameter sets are compared at all sessions: the whole grid, or a Sobol draw from it.

Both depend on the card alone. Sets that are drawn anew from time to time, where scores led, are in `adaptive`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.search.low_discrepancy import SobolPoints
from portfolio_pipeline.core.strategies.card import Search
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace

MOST_SETS = 20_000  # of a grid that is searched as a whole: their returns are held in memory together
SMALL_GRID = 256  # so many sets are compared as a whole unless the card asks for a sampler
_DRAWS = 16  # points a Sobol draw may spend on each set that is wanted: some are forbidden, some come twice


def method_of(search: Search, space: ParameterSpace) -> str:
    """What `auto` means for this space and objective."""
    if search.method != "auto":
        return search.method
    if space.size <= max(search.trials, SMALL_GRID):
        return "exhaustive"
    return "nsga2" if isinstance(search.objective, tuple | list) else "sobol"


def seed(*names: object) -> int:
    """Of a random draw that is known by these names."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, names)).encode()).digest()[:4], "big")


def ordered(space: ParameterSpace, candidates: Iterable[Parameters]) -> tuple[Parameters, ...]:
    """The distinct ones in the order of the grid, which decides ties."""
    distinct = {one.to_json(): one for one in candidates}
    return tuple(distinct[text] for text in sorted(distinct, key=lambda text: (space.order(distinct[text]), text)))


def whole_grid(space: ParameterSpace) -> tuple[Parameters, ...]:
    return ordered(space, [space.default, *space.grid()])


def sobol(space: ParameterSpace, trials: int, name: str) -> tuple[Parameters, ...]:
    """The default and others, `trials` in all if the space has as many.

    Without an Optuna study around it: a thousand sets take Optuna about a second.
    """
    found = [space.default]
    known = {space.default}
    points = SobolPoints(len(space.values), seed(name))
    sizes = np.array([len(values) for values in space.values.values()])
    drawn = 0
    while len(found) < trials and drawn < _DRAWS * trials:
        count = 1 << max(6, (trials - len(found) - 1).bit_length())
        fresh = points.first(drawn + count)[drawn:]
        drawn += count
        for places in np.minimum((fresh * sizes).astype(int), sizes - 1).tolist():
            parameters = space.parameters(
                {name: values[place] for (name, values), place in zip(space.values.items(), places, strict=True)}
            )
            if parameters is not None and parameters not in known and len(found) < trials:
                known.add(parameters)
                found.append(parameters)
    return ordered(space, found)


def pool_for_all_sessions(space: ParameterSpace, search: Search, name: str) -> tuple[Parameters, ...]:
    """What is compared where nothing is drawn anew; also before there are scores that could lead a search."""
    if search.trials == 1:
        return (space.default,)
    if method_of(search, space) == "exhaustive" or space.size <= search.trials:
        if space.size > MOST_SETS:
            raise ConfigurationError(
                "SPACE_TOO_LARGE",
                strategy=name,
                found=space.size,
                limit=MOST_SETS,
                remedy="Narrow the card's ranges, or let its search be sobol or nsga2 with fewer trials.",
            )
        return whole_grid(space)
    return sobol(space, search.trials, name)
