"""Walk-forward efficiency: hand-made walks, gaps, losses and promises of nothing."""

from __future__ import annotations

import numpy as np
import pytest

from portfolio_pipeline.core.honesty import walk_forward_by_session


def walk(seed: int = 0, sessions: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0.05, 0.15, sessions), 0.01 * (rng.standard_normal(sessions) + 0.05)


def test_efficiency_is_the_annualised_sharpe_ratio_that_came_over_the_one_promised() -> None:
    empyrical = pytest.importorskip("empyrical")
    promised, returns = walk()
    found = walk_forward_by_session(promised, returns, [299], window=200)
    came = empyrical.sharpe_ratio(returns[100:], annualization=252)
    assert found.arrived[0] * np.sqrt(252) == pytest.approx(came, rel=1e-12)
    assert found.promised[0] == pytest.approx(promised[100:].mean(), rel=1e-12)
    assert found.efficiency[0] == pytest.approx(came / (promised[100:].mean() * np.sqrt(252)), rel=1e-12)


def test_sessions_without_a_promise_or_a_return_are_left_out() -> None:
    promised, returns = walk()
    promised[:120], returns[150:160] = np.nan, np.nan
    kept = np.r_[120:150, 160:300]
    found = walk_forward_by_session(promised, returns, [299], window=300)
    alone = walk_forward_by_session(promised[kept], returns[kept], [len(kept) - 1], window=300)
    assert found.sessions[0] == 170
    assert found.efficiency[0] == alone.efficiency[0]


def test_a_short_walk_says_nothing_yet() -> None:
    found = walk_forward_by_session(*walk(), [61, 62], window=200, fewest=63)
    assert np.isnan(found.efficiency[0])
    assert np.isfinite(found.efficiency[1])


def test_losses_give_a_negative_efficiency_and_a_promise_of_nothing_none() -> None:
    promised, returns = walk()
    assert walk_forward_by_session(promised, -np.abs(returns), [299], window=200).efficiency[0] < 0
    nothing = walk_forward_by_session(-promised, returns, [299], window=200)
    assert np.isnan(nothing.efficiency[0])
    assert nothing.promised[0] < 0 < nothing.arrived[0]


def test_a_range_gives_the_bits_of_single_sessions_and_the_future_changes_nothing() -> None:
    promised, returns = walk()
    together = walk_forward_by_session(promised, returns, np.arange(300), window=100)
    for row in (62, 63, 199, 299):
        alone = walk_forward_by_session(promised[: row + 1], returns[: row + 1], [row], window=100)
        assert alone.efficiency.tobytes() == together.efficiency[row].tobytes()


def test_promises_and_returns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        walk_forward_by_session(np.zeros(5), np.zeros(6), [4], window=5)
