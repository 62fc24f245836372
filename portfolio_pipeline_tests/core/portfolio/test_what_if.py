"""What shares would have brought, against pandas and empyrical; and followed in parts, the same bits as at once."""

from __future__ import annotations

import empyrical
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio import what_if
from portfolio_pipeline.core.portfolio.allocation.allocate import allocate
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.asked import methods_asked, settings_asked, shares_asked
from portfolio_pipeline.core.portfolio.capital import Before, Capital, Granted
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import in_force
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.portfolio.rebalancing.triggers import signals_of
from portfolio_pipeline_tests.core.portfolio.test_allocation import NAMES, paper
from portfolio_pipeline_tests.core.portfolio.test_rebalancing import YEAR


def test_figures_are_those_of_the_shares_of_the_close_before() -> None:
    generator = np.random.default_rng(3)
    returns, cash = paper(200), np.full(200, 0.0001)
    shares = 0.9 * generator.dirichlet(np.ones(5), 200)
    held = np.full(5, 0.18)
    found = what_if.way("way", NAMES, shares, held, what_if.Earned(returns, cash), 0.0003)
    frame = pd.DataFrame(shares)
    moved = frame.diff().abs().sum(axis=1)
    moved.iloc[0] = np.abs(shares[0] - held).sum()
    book = (frame.shift() * returns).sum(axis=1) + (1 - frame.shift().sum(axis=1)) * cash - 0.0003 * moved.shift()
    book = book.iloc[1:]
    figures = found.figures
    assert figures["annual_return"] == pytest.approx(empyrical.annual_return(book))
    assert figures["volatility"] == pytest.approx(empyrical.annual_volatility(book))
    assert figures["sharpe"] == pytest.approx(empyrical.sharpe_ratio((1 + book) / 1.0001 - 1))
    assert figures["max_drawdown"] == pytest.approx(empyrical.max_drawdown(book))
    assert figures["turnover"] == pytest.approx(moved.sum() / 200 * 252)
    assert figures["cost"] == pytest.approx(0.0003 * moved.sum() / 200 * 252)
    assert figures["in_cash"] == pytest.approx(0.1)
    assert found.grown[-1] == pytest.approx((1 + book).prod())


def test_a_range_that_is_followed_in_parts_has_the_bits_of_one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    returns, count = paper(300), 60
    sessions, ones = YEAR[:count], np.ones((count, 5))
    allocation = Allocation(window_sessions=20, daily_change=0.01)
    rules = Rebalancing(trigger=("weekly",), steps=3, cost_benefit=True)
    signals = signals_of(sessions, rules, returns)
    exposure = np.full_like(returns, 0.9)
    known = Capital(
        sessions,
        NAMES,
        ("several",) * 5,
        returns,
        exposure,
        Granted(ones, ones, ones == 0.0),
        in_force([], sessions, NAMES),
        signals,
    )
    expected = allocate(
        returns, count, NAMES, allocation, None, exposure=exposure, rebalancing=rules, signals=signals, cost=0.0003
    )
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(what_if, "_AT_ONCE", 7)
    shares, refused = what_if.followed(
        known, allocation, rules, 0.0003, Before(), lambda done, of: told.append((done, of))
    )
    np.testing.assert_array_equal(shares, expected.weight)
    assert refused == sum(one.kind == "refused" for one in expected.decisions)
    assert told == [(min(7 * part, 60), 60) for part in range(1, 10)]


def test_settings_are_asked_in_the_words_of_the_settings() -> None:
    allocation, rules = settings_asked(
        Allocation(),
        Rebalancing(),
        [
            "maximum=0.5",
            "turnover=null",
            "members=equal,hrp",
            "rebalancing.trigger=month_end,drift",
            "allocation.tau=0.1",
        ],
    )
    assert (allocation.maximum, allocation.turnover, allocation.tau) == (0.5, None, 0.1)
    assert allocation.members == ("equal", "hrp")
    assert rules.trigger == ("month_end", "drift")
    assert settings_asked(Allocation(), Rebalancing(), []) == (Allocation(), Rebalancing())
    assert "static" not in methods_asked(["all"])
    assert shares_asked("a=0.3, b=0.2", NAMES) == {"a": 0.3, "b": 0.2}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("maximum", "ASSIGNMENT_WRONG: found=maximum"),
        ("maximumm=1", r"SETTING_UNKNOWN: found=maximumm=1.*did you mean maximum\?"),
        ("rebalancing.step=1", r"did you mean rebalancing.steps\?"),
        ("maximum=40", r"SETTING_WRONG: entry=maximum, found=40, expected=0 to 1 .*0.40\?"),
        ("minimum=0.9", "minimum 0.9 is above maximum 0.4"),
        ("method=hrpp", r"did you mean hrp\?"),
        ("groups={a: [", "expected=a value as in portfolio.yaml"),
        ("rebalancing.trigger=sometimes", "SETTING_WRONG: entry=trigger.0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(given: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        settings_asked(Allocation(), Rebalancing(), [given])


@pytest.mark.parametrize("text", ["a", "a=x", "a=1.2", "a=-0.1", "a=nan", "f=0.2", "a=0.7,b=0.4", ""])
def test_shares_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        shares_asked(text, NAMES)
