"""The memory of regimes against a plain loop, and what no memory may do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.regimes.memory import most_probable, remembered
from portfolio_pipeline.core.market.regimes.settings import Regimes
from portfolio_pipeline.core.market.regimes.tell import tell_regimes
from portfolio_pipeline.core.tables.market import REGIMES
from portfolio_pipeline_tests.core.markets import market, up_to, with_another_future

UNDECIDED = REGIMES.index("transition")
MEMORIES = st.integers(1, 60)


@st.composite
def likenesses(draw: st.DrawFn) -> Array:
    """What sessions say: first nothing, then noise of some strength around a regime that changes now and then."""
    sessions, silent = draw(st.integers(1, 120)), draw(st.integers(0, 5))
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    regime = np.repeat(rng.integers(0, len(REGIMES), sessions), rng.integers(1, 30, sessions))[:sessions]
    pull = draw(st.sampled_from([0.0, 1.0, 10.0]))
    said = rng.dirichlet(np.full(len(REGIMES), draw(st.sampled_from([0.05, 0.5, 5.0]))), sessions)
    said = (said + pull * np.eye(len(REGIMES))[regime]) / (1.0 + pull)
    return np.vstack([np.full((silent, len(REGIMES)), 1.0 / len(REGIMES)), said])


def spells(told: Array) -> Array:
    """How many sessions each regime was told without a break."""
    return np.diff(np.flatnonzero(np.r_[True, told[1:] != told[:-1], True]))


@settings(max_examples=80, deadline=None)
@given(likenesses(), MEMORIES)
def test_probabilities_are_the_exponential_mean_of_pandas_and_the_regime_told_is_left_for_one_twice_as_likely(
    likeness: Array, memory: int
) -> None:
    probabilities, told = remembered(likeness, memory)
    first = next((t for t, row in enumerate(likeness) if len(set(row)) > 1), len(likeness))
    np.testing.assert_array_equal(probabilities[:first], likeness[:first])
    mean = pd.DataFrame(likeness[first:]).ewm(com=memory, adjust=False).mean()
    np.testing.assert_allclose(probabilities[first:], mean.to_numpy(), rtol=1e-9, atol=1e-12)
    current = None
    for t in range(len(likeness)):
        if t < first:
            assert told[t] == UNDECIDED
            continue
        likeliest = max(range(len(REGIMES)), key=lambda r: probabilities[t, r])
        if current is None or probabilities[t, likeliest] > 2 * probabilities[t, current]:
            current = likeliest
        assert told[t] == current


@settings(max_examples=80, deadline=None)
@given(likenesses(), st.integers(0, 60))
def test_probabilities_add_up_to_one_and_stay_within_what_was_said(likeness: Array, memory: int) -> None:
    probabilities, told = remembered(likeness, memory)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-9)
    assert (probabilities >= np.minimum.accumulate(likeness) - 1e-12).all()
    assert (probabilities <= np.maximum.accumulate(likeness) + 1e-12).all()
    # No regime is told beside which another is more than twice as likely.
    mine = np.take_along_axis(probabilities, told[:, None], axis=1)
    assert (probabilities <= 2.0 * mine).all()


@given(likenesses())
def test_without_a_memory_each_session_speaks_for_itself(likeness: Array) -> None:
    probabilities, told = remembered(likeness, 0)
    np.testing.assert_array_equal(probabilities, likeness)
    for row, place in zip(likeness, told, strict=True):
        assert place == (UNDECIDED if len(set(row)) == 1 else row.tolist().index(max(row)))


@settings(max_examples=40, deadline=None)
@given(likenesses(), st.integers(0, 60), st.integers(0, 124))
def test_what_later_sessions_say_changes_no_bit_of_what_was_told(likeness: Array, memory: int, last: int) -> None:
    probabilities, told = remembered(likeness, memory)
    known = remembered(likeness[: last + 1], memory)
    np.testing.assert_array_equal(probabilities[: last + 1], known[0])
    np.testing.assert_array_equal(told[: last + 1], known[1])


@settings(max_examples=60, deadline=None)
@given(likenesses(), MEMORIES)
def test_a_regime_changes_no_more_often_than_without_a_cost_of_switching(likeness: Array, memory: int) -> None:
    probabilities, told = remembered(likeness, memory)
    assert len(spells(told)) <= len(spells(most_probable(probabilities)))


def test_a_long_run_makes_no_regime_harder_to_leave() -> None:
    calm, crisis = REGIMES.index("bull_quiet"), REGIMES.index("crisis")
    for memory in (2, 20):
        waited = set()
        for run in (1000, 20_000):
            said = np.full((run + 200, len(REGIMES)), 0.02)
            said[:run, calm] = said[run:, crisis] = 0.9
            told = remembered(said, memory)[1]
            assert set(told[:run]) == {calm}
            waited.add(int(np.flatnonzero(told == crisis)[0]) - run)
        assert len(waited) == 1
        assert waited.pop() <= 2 * memory


def test_a_single_session_that_says_otherwise_changes_nothing() -> None:
    said = np.full((60, len(REGIMES)), 0.1)
    said[:, 0] = 0.5
    said[30] = 0.05
    said[30, 5] = 0.75
    assert most_probable(said)[30] == 5
    assert set(remembered(said, 2)[1]) == {0}


@pytest.mark.parametrize("memory", [2, 15])
def test_a_market_told_with_a_memory_has_longer_spells_that_see_the_past_only(memory: int) -> None:
    panel, how = market(), Regimes(memory_sessions=memory)
    rows = np.arange(300, 700)
    told, by_itself = (tell_regimes(panel, "S00", rows, one) for one in (how, Regimes(memory_sessions=0)))
    lengths, before = (spells(np.array(one.names)) for one in (told, by_itself))
    assert len(lengths) < len(before) / 2
    assert (lengths <= 2).mean() < (before <= 2).mean() / 2
    for row in (300, 301, 455, 560, 699):
        for alone in (up_to(panel, row), with_another_future(panel, row)):
            one = tell_regimes(alone, "S00", np.array([row]), how)
            np.testing.assert_array_equal(one.probabilities[0], told.probabilities[row - 300])
            assert one.names == [told.names[row - 300]]
            assert one.state.volatility_level[0] == told.state.volatility_level[row - 300]
