"""A split or dividend is in force whatever becomes of its bar, unless the price says that it never was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days
from portfolio_pipeline.core.market.bars import Action, Bar, SessionBars
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline.core.market.returns import total_returns
from portfolio_pipeline_tests.core.market.test_quality import ALL, DAYS, SYMBOLS, Tables
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData, quiet_bars

AT = DAYS[20]


@pytest.fixture
def source() -> ScriptedMarketData:
    """BBB is split two for one at AT."""
    market = ScriptedMarketData(quiet_bars(SYMBOLS, ALL))
    later = (market.frame["session"] >= pd.Timestamp(AT)) & (market.frame["symbol"] == "BBB")
    for name in ("open", "high", "low", "close"):
        market.frame.loc[later, name] = market.frame.loc[later, name] / 2
    market.restate(AT, "BBB", split_ratio=2.0)
    return market


def actions(tables: Tables) -> list[tuple[object, ...]]:
    rows = tables.held["corporate_actions"].assign(session=lambda r: r["session"].dt.date)
    return list(rows[["session", "symbol", "dividend", "split_ratio"]].itertuples(index=False, name=None))


BROKEN: dict[str, dict[str, float]] = {
    "a high below the low": {"high": 1.0},
    "no price at all": dict.fromkeys(("open", "high", "low", "close"), np.nan),
    "a price far off": {"open": 400.0, "high": 400.0, "low": 400.0, "close": 400.0},
    "a negative volume": {"volume": -1.0},
}


@pytest.mark.parametrize("broken", BROKEN)
def test_the_split_of_a_refused_bar_is_in_force_and_the_next_bar_is_no_jump(
    source: ScriptedMarketData, broken: str
) -> None:
    source.restate(AT, "BBB", **BROKEN[broken])
    tables, alone = Tables(), Tables()
    tables.run(source)
    assert actions(tables) == [(AT, "BBB", 0.0, 2.0)]
    assert [reason[:2] for reason in tables.reasons()] == [(AT, "BBB")]
    for session in DAYS:
        alone.run(source, SessionRange.single(session))
    for name, rows in tables.held.items():
        pd.testing.assert_frame_equal(alone.held[name], rows, check_exact=True)
    tables.run(source, SessionRange(DAYS[18], DAYS[30]))  # stored sessions again
    assert actions(tables) == [(AT, "BBB", 0.0, 2.0)]


def test_the_action_of_an_accepted_bar_is_in_the_table_too(source: ScriptedMarketData) -> None:
    source.restate(DAYS[5], "CCC", dividend=0.25)
    tables = Tables()
    tables.run(source)
    assert actions(tables) == [(DAYS[5], "CCC", 0.25, 1.0), (AT, "BBB", 0.0, 2.0)]
    assert tables.reasons() == []


def test_a_split_that_the_prices_contain_already_is_not_in_force() -> None:
    source = ScriptedMarketData(quiet_bars(SYMBOLS, ALL))
    source.restate(AT, "BBB", split_ratio=2.0)
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == [(AT, "BBB", "unexplained_jump")]
    assert actions(tables) == []


def test_rows_that_disagree_about_a_split_say_nothing(source: ScriptedMarketData) -> None:
    again = source.frame[(source.frame["session"] == pd.Timestamp(AT)) & (source.frame["symbol"] == "BBB")]
    source.add(again.assign(split_ratio=3.0))
    tables = Tables()
    tables.run(source, SessionRange(DAYS[0], AT))
    assert actions(tables) == []


@pytest.mark.parametrize(
    ("dividend", "split_ratio"), [(-1.0, 1.0), (0.0, 0.0), (0.0, -2.0), (np.inf, 1.0), (0.0, np.nan)]
)
def test_an_action_that_cannot_be_is_not_in_force(dividend: float, split_ratio: float) -> None:
    source = ScriptedMarketData(quiet_bars(SYMBOLS, ALL))
    source.restate(AT, "BBB", dividend=dividend, split_ratio=split_ratio)
    tables = Tables()
    tables.run(source)
    assert actions(tables) == []


def test_a_split_that_comes_late_for_a_stored_session_waits_until_it_is_accepted(source: ScriptedMarketData) -> None:
    tables, whole = Tables(), source.frame
    source.drop(AT, "BBB")
    tables.run(source, SessionRange(DAYS[0], AT))
    source.frame = whole
    tables.run(source, SessionRange.single(AT))
    assert actions(tables) == []
    tables.run(source, SessionRange.single(AT), accept=True)
    assert actions(tables) == [(AT, "BBB", 0.0, 2.0)]


def test_an_action_without_a_bar_is_in_the_return_of_the_next_bar() -> None:
    days = as_days(DAYS[:4])
    prices = pd.DataFrame(
        {"session": [DAYS[0], DAYS[3]], "symbol": "AAA", "close": [100.0, 20.0], "dividend": [0.0, 1.0]}
    )
    prices = prices.assign(
        open=prices["close"], high=prices["close"], low=prices["close"], volume=1.0, split_ratio=[1.0, 2.0]
    )
    acted = pd.DataFrame({"session": DAYS[1:3], "symbol": "AAA", "dividend": [4.0, 0.0], "split_ratio": [2.0, 1.0]})
    panel = PricePanel.from_prices(prices, days, ("AAA",), acted)
    # One share becomes two and 8 in cash, then four and 4 more.
    assert total_returns(panel)[3, 0] == pytest.approx((4 * 20 + 12) / 100 - 1)
    assert panel.adjusted_close[3, 0] == pytest.approx(92.0)


def test_recent_closes_and_volumes_are_per_share_of_the_present_split_without_a_bar_of_the_split() -> None:
    split = SessionBars()
    split.actions["AAA"] = Action(0.0, 2.0)
    bars = {
        DAYS[0]: {"AAA": Bar(100, 100, 100, 100, 10.0)},
        DAYS[1]: split,
        DAYS[2]: {"AAA": Bar(50, 50, 50, 50, 40.0)},
    }
    recent = RecentMarket(DAYS[2], bars)
    assert recent.earlier_close("AAA") == 50.0
    assert recent.average_volume("AAA") == 30.0
