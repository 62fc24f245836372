"""The scores of one session over the two parameters that matter most, averaged over the others, to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.search.walked import Stretch
from portfolio_pipeline.core.strategies.parameters import ParameterSpace, Value


@dataclass(frozen=True, eq=False)
class Surface:
    """`scores` [y, x]: the mean over the compared sets with these two values, NaN where there are none.

    A single parameter has `y_name` "" and one nameless row.
    """

    x_name: str
    x_values: tuple[Value, ...]
    y_name: str
    y_values: tuple[Value, ...]
    scores: Array
    chosen: tuple[Value, Value]


def surface(space: ParameterSpace, stretch: Stretch) -> Surface | None:
    """At the stretch's newest session; None before there are scores or without a parameter to vary."""
    candidates = [one.__dict__ for one in stretch.pool.candidates]
    return surface_of(space.values, candidates, stretch.newest, stretch.in_use.mixture.leader.__dict__)


def surface_of(
    values: Mapping[str, Sequence[Value]],
    candidates: Sequence[Mapping[str, Value]],
    scores: Array,
    chosen: Mapping[str, Value],
) -> Surface | None:
    """The surface over the two parameters whose values tell most about the score; None when nothing varies.

    `values` are those each parameter may take, in order. Sets with another value, or with a NaN score, are left out.
    Parameters that explain equally much come in the order of `values`; the one with more values goes along x.
    """
    at = {name: {value: place for place, value in enumerate(values[name])} for name in values if len(values[name]) > 1}
    listed = np.array([all(one[name] in at[name] for name in at) for one in candidates], dtype=bool)
    counted = np.flatnonzero(listed & np.isfinite(scores))
    if not at or not len(counted):
        return None
    known = np.asarray(scores, dtype=np.float64)[counted]
    places = {name: np.array([at[name][candidates[k][name]] for k in counted.tolist()], dtype=np.int64) for name in at}
    told = {name: _explained(place, known, len(values[name])) for name, place in places.items()}
    ranked = sorted(told, key=lambda name: -told[name])[:2]
    ranked.sort(key=lambda name: -len(values[name]))
    x_name, y_name = ranked[0], ranked[1] if len(ranked) > 1 else ""
    x_values, y_values = tuple(values[x_name]), tuple(values[y_name]) if y_name else ("",)
    row = places[y_name] if y_name else np.zeros(len(known), np.int64)
    cell = row * len(x_values) + places[x_name]
    counts = np.bincount(cell, minlength=len(x_values) * len(y_values))
    sums = np.bincount(cell, known, minlength=len(counts))
    with np.errstate(invalid="ignore"):
        means = np.where(counts, sums / counts, np.nan)
    place = chosen[x_name], chosen[y_name] if y_name else ""
    return Surface(x_name, x_values, y_name, y_values, means.reshape(len(y_values), len(x_values)), place)


def _explained(places: Array, scores: Array, groups: int) -> float:
    """Share of the scores' variance between the values, less what chance explains (epsilon squared)."""
    counts = np.bincount(places, minlength=groups)
    present = counts > 0
    means = np.bincount(places, scores, minlength=groups)[present] / counts[present]
    centred = scores - scores.mean()
    total = float(centred @ centred)
    between = float(counts[present] @ (means - scores.mean()) ** 2)
    free = len(scores) - int(present.sum())
    if total <= 0.0 or free <= 0:
        return 0.0  # nothing varies, or nothing is left to tell chance by
    return (between - (int(present.sum()) - 1) * (total - between) / free) / total
