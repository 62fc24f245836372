"""The surface of a search shows the two parameters that matter, averaged over the rest."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.search.surface import surface_of

VALUES: dict[str, tuple[Any, ...]] = {
    "fast": (10, 20, 30, 40),
    "kind": ("up", "down", "both"),
    "noise": (1, 2, 3, 4, 5, 6, 7),
    "stops": (False, True),
    "fixed": (9,),
}


def drawn(seed: int, count: int) -> list[dict[str, Any]]:
    generator = np.random.default_rng(seed)
    return [{name: values[generator.integers(len(values))] for name, values in VALUES.items()} for _ in range(count)]


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(["fast", "kind", "noise", "stops"], 2)))
def test_the_two_parameters_that_the_score_depends_on_are_found(first: str, second: str) -> None:
    sets = drawn(1, 200)
    luck = np.random.default_rng(2).normal(0, 0.3, len(sets))
    place = {name: {value: k for k, value in enumerate(values)} for name, values in VALUES.items()}
    scores = luck + [
        2.0 * place[first][one[first]] / len(VALUES[first]) + 1.5 * place[second][one[second]] / len(VALUES[second])
        for one in sets
    ]
    found = surface_of(VALUES, sets, scores, sets[0])
    assert found is not None
    assert {found.x_name, found.y_name} == {first, second}
    assert len(found.x_values) >= len(found.y_values)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 60))
def test_cells_are_the_means_of_the_scored_sets_in_them(seed: int, count: int) -> None:
    sets = drawn(seed, count)
    scores = np.random.default_rng(seed).normal(size=count)
    scores[::7] = np.nan
    found = surface_of(VALUES, sets, scores, sets[0])
    assert (found is None) == bool(np.isnan(scores).all())
    if found is None:
        return
    table = pd.DataFrame(sets).assign(score=scores).dropna()
    expected = table.pivot_table(index=found.y_name, columns=found.x_name, values="score")
    expected = expected.reindex(index=list(found.y_values), columns=list(found.x_values))
    np.testing.assert_allclose(found.scores, expected.to_numpy(), rtol=1e-12, atol=1e-12)
    assert found.chosen == (sets[0][found.x_name], sets[0][found.y_name])


def test_one_parameter_gives_one_row_and_none_no_surface() -> None:
    sets = [{"fast": 10, "fixed": 9}, {"fast": 20, "fixed": 9}, {"fast": 99, "fixed": 9}]
    scores = np.array([1.0, 2.0, 7.0])
    row = surface_of({"fast": (10, 20), "fixed": (9,)}, sets, scores, sets[1])
    assert row is not None
    assert (row.x_name, row.y_name, row.scores.tolist()) == ("fast", "", [[1.0, 2.0]])
    assert row.chosen == (20, "")
    assert surface_of({"fixed": (9,)}, sets, scores, sets[1]) is None
