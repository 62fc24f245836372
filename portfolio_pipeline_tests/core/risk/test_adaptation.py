"""What the regime leaves of the book: factors by probability, and the positions that stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.risk.adaptation import Adaptation, Factors, adapted
from portfolio_pipeline.core.risk.cutting import limit_path
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.tables.market import REGIMES

# As the requirement has it: leverage, positions, stop.
REQUIRED = {
    "bull_quiet": (1.0, 1.0, 1.0),
    "bull_volatile": (0.8, 0.8, 1.0),
    "bear_quiet": (0.7, 0.8, 0.8),
    "bear_volatile": (0.5, 0.6, 0.8),
    "transition": (0.7, 0.8, 0.9),
    "crisis": (0.25, 0.4, 0.5),
}
CLASSES = dict.fromkeys("ABCDE", "equity")
OPEN = Limits(symbol=2.0, turnover=4.0, asset_class={"equity": 2.0}, gross=2.0, net=2.0, short=2.0, net_minimum=-2.0)
HALF = Factors(leverage=0.5, positions=0.5, stop=0.5)
WEIGHTS = st.dictionaries(st.sampled_from("ABCDE"), st.floats(-1, 1))


def test_it_is_off_unless_asked_for() -> None:
    assert not Adaptation().to_regime


@pytest.mark.parametrize("regime", REGIMES)
def test_a_certain_regime_gives_its_own_figures(regime: str) -> None:
    found = Adaptation().at({name: float(name == regime) for name in REGIMES})
    assert (found.leverage, found.positions, found.stop) == REQUIRED[regime]


@given(st.lists(st.floats(0.001, 1), min_size=6, max_size=6))
def test_in_between_factors_count_by_their_probability(likely: list[float]) -> None:
    chances = np.array(likely) / sum(likely)
    found = Adaptation().at(dict(zip(REGIMES, chances.tolist(), strict=True)))
    expected = chances @ np.array([REQUIRED[name] for name in REGIMES])
    np.testing.assert_allclose([found.leverage, found.positions, found.stop], expected, rtol=1e-12)


def test_the_largest_positions_stay_smaller_and_each_says_why() -> None:
    left, told = adapted({"A": 0.3, "B": -0.4, "C": 0.1, "D": 0.0}, HALF)
    assert left == {"A": 0.15, "B": -0.2, "C": 0.0, "D": 0.0}
    assert told == {
        "A": "regime: 0.50 of the leverage",
        "B": "regime: 0.50 of the leverage",
        "C": "regime: the largest 2 of 3 positions",
    }


@given(WEIGHTS, st.floats(0.01, 1), st.floats(0.01, 1))
def test_no_position_grows_changes_sides_or_is_left_out_before_a_smaller_one(
    wanted: dict[str, float], leverage: float, positions: float
) -> None:
    left, told = adapted(wanted, Factors(leverage=leverage, positions=positions, stop=1.0))
    held = {symbol for symbol, weight in left.items() if weight}
    asked = {symbol for symbol, weight in wanted.items() if weight}
    assert all(left[s] in (0.0, wanted[s] * leverage) for s in wanted)
    assert all(abs(wanted[kept]) >= abs(wanted[gone]) for kept in held for gone in asked - held)
    assert len(held) <= max(np.ceil(positions * len(asked)), 1)
    assert set(told) == {symbol for symbol in wanted if left[symbol] != wanted[symbol]}


def test_it_comes_before_limits_and_beside_states_and_is_told_with_them() -> None:
    requested = np.array([[0.4, 0.2, 0.0, 0.0, 0.0]] * 2)
    reduced = Standing("reduced", factor=0.5, rule="drawdown")
    path = limit_path(
        *(requested, tuple(CLASSES), CLASSES, OPEN, {}), adaptations=[HALF, HALF], standings=[Standing(), reduced]
    )
    assert path[0].weights["A"] == 0.2
    assert path[0].weights["B"] == 0.0
    assert path[1].weights["A"] == 0.1
    assert path[1].reasons["A"].startswith("regime: 0.50 of the leverage; reduced")
