"""The verdict: entered and left at different thresholds, and the search's own figures count for the young alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from portfolio_pipeline.core.honesty import Evidence, Judged, evidence_of, judge
from portfolio_pipeline.core.honesty.judgement import VERDICTS
from portfolio_pipeline.core.strategies.card import Honesty
from portfolio_pipeline_tests.core.honesty.paper_returns import fat_tails

OLD = 1_000  # active sessions
LEVELS = st.one_of(st.floats(0.01, 30), st.just(np.nan))


def judged(gain: object, against: object = 1.0, active: object = OLD, **search: object) -> Judged:
    """Of figures by session; those of the search are sound unless given."""
    figures = {"deflated_sharpe": 0.97, "overfitting": 0.2, "loss": 0.3, "path_loss": 0.1} | search
    given_arrays = np.broadcast_arrays(
        *(np.asarray(one, dtype=np.float64) for one in (gain, against, active, *figures.values()))
    )
    gains, losses, actives, *found = (np.atleast_1d(one).copy() for one in given_arrays)
    return judge(
        Honesty(),
        Evidence(gains, losses, actives.astype(np.int64)),
        **dict(zip(figures, found, strict=True)),
    )


def verdicts(gain: object, against: object = 1.0, active: object = OLD, **search: object) -> list[str]:
    return [VERDICTS[one] for one in judged(gain, against, active, **search).verdict]


def test_belief_is_entered_high_and_left_low() -> None:
    assert verdicts([7.9, 8.0, 3.0, 1.0, 0.99, 7.9, 8.1]) == [
        *("unproven", "believed", "believed", "believed", "unproven", "unproven", "believed")
    ]


def test_doubt_is_entered_at_evidence_of_loss_and_ends_when_it_is_mostly_gone() -> None:
    assert verdicts(5.0, [9.9, 10.0, 4.0, 2.0, 1.99]) == ["unproven", "doubted", "doubted", "doubted", "unproven"]


def test_after_doubt_belief_has_to_be_entered_anew() -> None:
    assert verdicts([8.0, 5.0, 5.0, 5.0, 9.0], [1.0, 1.0, 10.0, 1.5, 1.0]) == [
        *("believed", "believed", "doubted", "unproven", "believed")
    ]


@pytest.mark.parametrize(
    ("search", "young", "old"),
    [
        ({}, "believed", "believed"),
        ({"overfitting": 0.61}, "doubted", "believed"),
        ({"overfitting": 0.6}, "believed", "believed"),
        ({"overfitting": 0.9, "loss": 0.1}, "believed", "believed"),
        ({"path_loss": 0.3}, "doubted", "believed"),
        ({"path_loss": np.nan, "overfitting": np.nan, "loss": np.nan}, "believed", "believed"),
        ({"deflated_sharpe": 0.89}, "unproven", "believed"),
        ({"deflated_sharpe": np.nan}, "unproven", "believed"),
    ],
)
def test_what_the_search_showed_counts_for_the_young_alone(search: dict[str, float], young: str, old: str) -> None:
    assert verdicts(9.0, 1.0, [251, 252], **search) == [young, old]


def test_doubt_of_the_young_ends_when_the_figure_is_clearly_better() -> None:
    for better in (0.49, 0.5):
        found = verdicts(1.0, 1.0, 200, overfitting=[0.59, 0.61, 0.55, 0.501, np.nan, better, 0.59])
        assert found == ["unproven", "doubted", "doubted", "doubted", "doubted", "unproven", "unproven"]


def test_nothing_is_believed_on_a_few_sessions() -> None:
    assert verdicts(100.0, 1.0, [125, 126]) == ["unproven", "believed"]


@given(
    gain=arrays(np.float64, 60, elements=LEVELS),
    loss=arrays(np.float64, 60, elements=LEVELS),
    overfitting=arrays(np.float64, 60, elements=st.one_of(st.floats(0, 1), st.just(np.nan))),
    begin=st.integers(50, 300),
    cut=st.integers(1, 60),
)
@settings(max_examples=100, deadline=None)
def test_verdicts_are_those_of_a_plain_loop_and_the_future_changes_none(
    gain: np.ndarray, loss: np.ndarray, overfitting: np.ndarray, begin: int, cut: int
) -> None:
    active, limits = begin + np.arange(60), Honesty()
    found = judged(gain, loss, active, overfitting=overfitting)
    losing = harmful = believed = False
    expected = []
    for t in range(60):
        losing = loss[t] >= 10 or (losing and not loss[t] < 2)
        harmful = overfitting[t] > 0.6 or (harmful and not overfitting[t] <= 0.5)
        doubted = losing or (harmful and active[t] < 252)
        if doubted or gain[t] < 1:
            believed = False
        elif gain[t] >= 8 and active[t] >= limits.fewest_sessions:
            believed = True
        expected.append("doubted" if doubted else "believed" if believed else "unproven")
    assert [VERDICTS[one] for one in found.verdict] == expected
    known = judged(gain[:cut], loss[:cut], active[:cut], overfitting=overfitting[:cut])
    np.testing.assert_array_equal(known.verdict, found.verdict[:cut])


def test_verdicts_do_not_flap() -> None:
    """Of a strategy with a Sharpe ratio of 0.6, over ten years: a handful of changes, where a single threshold gives
    dozens."""
    changes, of_one_threshold = [], []
    for path in fat_tails(np.random.default_rng(8), 100, 2_520, 0.6):
        evidence = evidence_of(path)
        found = judged(evidence.gain, evidence.loss, evidence.active)
        changes.append(np.count_nonzero(np.diff(found.verdict)))
        of_one_threshold.append(np.count_nonzero(np.diff(evidence.gain >= 8)))
    assert np.mean(changes) <= 2.5
    assert np.max(changes) <= 10
    assert np.mean(of_one_threshold) >= 3 * np.mean(changes)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"maximum_overfit": 0.4}, "maximum_overfit"),
        ({"minimum_efficiency": 0.3}, "verdicts no longer ask for it: leave this entry out"),
        ({"believed_until": 9.0}, "believed_until, 9, is above believed_at, 8"),
        ({"believed_at": 30.0}, "believed_at, 30, is above promoted_at, 20"),
        ({"doubted_until": 11.0}, "doubted_until, 11, is above doubted_at, 10"),
        ({"doubted_at": 30.0}, "doubted_at, 30, is above paused_at, 20"),
        ({"doubted_until": 1.0}, "doubt would never end"),
        ({"believed_at": 0}, "0 to 1000"),
    ],
)
def test_limits_that_cannot_be_are_refused(written: dict[str, float], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Honesty.model_validate(written)
