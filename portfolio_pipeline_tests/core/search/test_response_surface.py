"""The surface over the parameters against another way of fitting it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.search.candidates import whole_grid
from portfolio_pipeline.core.search.response_surface import OWN, RIDGE, ResponseSurface
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

SPACE = ParameterSpace.of(
    STRATEGY_TYPES["momentum"].Parameters,
    {"slow": [84, 126, 189], "top": {"low": 2, "high": 5, "step": 1}, "fast": 21, "slow_share": 0.5},
)
SETS = whole_grid(SPACE)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 5), workers=st.integers(1, 2))
def test_it_is_the_ridge_regression_of_scores_on_places_their_squares_and_choices(
    seed: int, rows: int, workers: int
) -> None:
    scores = np.random.default_rng(seed).normal(size=(rows, len(SETS)))
    columns = []
    for name, values in SPACE.values.items():
        if len(values) == 1:
            continue
        places = np.array([values.index(one.__dict__[name]) for one in SETS], dtype=float)
        if name == "trend_filter":
            columns += [(places == k).astype(float) for k in range(1, len(values))]
        else:
            middle = places - (len(values) - 1) / 2
            columns += [middle, middle**2] if len(values) > 2 else [middle]
    terms = np.stack(columns, axis=1)
    terms = (terms - terms.mean(axis=0)) / terms.std(axis=0)
    # A ridge is least squares on further rows that show no slope.
    centred = scores - scores.mean(axis=1, keepdims=True)
    nothing = np.sqrt(RIDGE * len(SETS)) * np.eye(terms.shape[1])
    slopes, *_ = np.linalg.lstsq(
        np.vstack([terms, nothing]), np.vstack([centred.T, np.zeros((terms.shape[1], rows))]), rcond=None
    )
    fitted = (terms @ slopes).T + scores.mean(axis=1, keepdims=True)
    found = ResponseSurface.of(SPACE, SETS).smoothed(scores, workers=workers)
    np.testing.assert_allclose(found, OWN * scores + (1 - OWN) * fitted, atol=1e-9)


def test_a_session_has_the_same_bits_alone_and_among_others() -> None:
    scores = np.random.default_rng(5).normal(size=(40, len(SETS)))
    surface = ResponseSurface.of(SPACE, SETS)
    whole = surface.smoothed(scores, workers=2)
    for row in (0, 17, 39):
        np.testing.assert_array_equal(surface.smoothed(scores[row : row + 1])[0], whole[row])


def test_a_session_without_scores_has_none() -> None:
    scores = np.full((2, len(SETS)), np.nan)
    scores[1] = 1.0
    found = ResponseSurface.of(SPACE, SETS).smoothed(scores)
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], 1.0)


def test_a_lone_lucky_set_is_worth_less_than_its_score_and_a_plateau_keeps_its() -> None:
    lucky = np.zeros((1, len(SETS)))
    lucky[0, 7] = 1.0
    assert ResponseSurface.of(SPACE, SETS).smoothed(lucky)[0, 7] < 0.75
    broad = np.array([[float(one.__dict__["top"] >= 4) for one in SETS]])
    high = ResponseSurface.of(SPACE, SETS).smoothed(broad)[broad == 1.0]
    assert high.min() > 0.8
