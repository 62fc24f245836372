"""What is decided when a home is begun: its first trading session, and how much is loaded in front of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.adapters.wiring import Wiring, wire
from portfolio_pipeline.cli.first_start import begin, chosen_warm_up, first_trading_sessions, plan
from portfolio_pipeline.core.calendar.beginnings import Beginnings, WarmUp
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session, sessions_between
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.search.warm_up import warm_up_needed
from portfolio_pipeline.core.settings import Settings, load_settings
from portfolio_pipeline.reads.beginnings import stored_beginnings
from portfolio_pipeline_tests.chain import active_settings
from portfolio_pipeline_tests.cli.house import House
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData, quiet_bars

LAST = date(2026, 11, 20)
TRADING = SessionRange(date(2026, 11, 16), LAST)
MARKET = SimulatedMarketData(active_settings().universe)


def having(**changes: Any) -> Settings:
    return active_settings().model_copy(update=changes)


def bars_from(*sessions: date) -> ScriptedMarketData:
    """A source that has bars of these sessions alone."""
    return ScriptedMarketData(pd.concat([quiet_bars(("SPY",), SessionRange.single(one)) for one in sessions]))


def test_without_a_number_five_years_are_traded() -> None:
    assert first_trading_sessions(LAST, None) == SessionRange(date(2021, 11, 22), LAST)  # the 20th was a Saturday


def test_with_a_number_so_many_sessions_are_traded() -> None:
    assert first_trading_sessions(LAST, 5) == TRADING


def test_more_sessions_than_the_calendar_has_means_all_of_them() -> None:
    assert first_trading_sessions(LAST, 10_000) == SessionRange(date(2005, 1, 3), LAST)


def test_the_cards_that_are_there_say_how_much_is_loaded_in_front_unless_the_settings_do() -> None:
    cards = load_cards()
    needed = warm_up_needed(cards, active_settings().allocation.window_sessions)
    assert chosen_warm_up(having(), cards) == needed
    assert chosen_warm_up(having(), cards[:1]).sessions < needed.sessions
    assert chosen_warm_up(having(warm_up="none"), cards) == WarmUp(0, 0)
    assert chosen_warm_up(having(warm_up=300), cards) == WarmUp(300, needed.on_paper)


@pytest.mark.parametrize("wrong", ["some", "20", "20.5", "-1", "true", "1000000", "[auto]"])
def test_a_warm_up_that_is_none_is_refused_where_it_is_set(wrong: str, tmp_path: Path) -> None:
    settings = tmp_path / "portfolio.yaml"
    text = (Path(__file__).parents[2] / "portfolio_pipeline" / "portfolio.yaml").read_text(encoding="utf-8")
    written = f'"{wrong}"' if wrong == "20" else wrong
    settings.write_text(text.replace("warm_up: auto", f"warm_up: {written}"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="warm_up"):
        load_settings(settings)


def test_trading_begins_as_asked_for_and_the_warm_up_stands_in_front() -> None:
    found = plan(TRADING, WarmUp(50, 20), having(), MARKET)
    first = previous_session(TRADING.first, 50)
    assert found == Beginnings(first or LAST, previous_session(TRADING.first, 20) or LAST, TRADING.first)


@pytest.mark.parametrize("has", [date(2026, 10, 15), date(2026, 11, 13), date(2026, 11, 18)])
def test_a_source_that_begins_later_gives_what_it_has(has: date) -> None:
    found = plan(TRADING, WarmUp(50, 20), having(), bars_from(has, *sessions_between(has, LAST)[1:]))
    assert found.market == has
    assert found.account == max(TRADING.first, has)


def test_a_hole_in_the_source_is_no_beginning() -> None:
    first = previous_session(TRADING.first, 50)
    assert first is not None
    found = plan(TRADING, WarmUp(50, 20), having(), bars_from(first, LAST))
    assert found.market == first


def test_a_source_without_any_bars_changes_nothing_for_whoever_loads_it_will_say_so() -> None:
    nothing = bars_from(date(2005, 1, 3))
    assert plan(TRADING, WarmUp(50, 20), having(), nothing) == plan(TRADING, WarmUp(50, 20), having(), MARKET)


def test_nothing_is_loaded_from_before_the_history_that_the_settings_allow() -> None:
    found = plan(TRADING, WarmUp(50, 20), having(history_start=date(2026, 11, 7)), MARKET)
    assert found == Beginnings(date(2026, 11, 9), date(2026, 11, 9), TRADING.first)


@pytest.fixture
def wired(tmp_path: Path) -> Wiring:
    """An empty home."""
    house = House(tmp_path / "home").wired
    house.environment.dagster_home.mkdir()
    house.warehouse.prepare()
    return house


def test_it_is_decided_once_and_said(wired: Wiring, capsys: pytest.CaptureFixture[str]) -> None:
    begin(wired, 5)
    said = capsys.readouterr().out
    begun = stored_beginnings(wired.warehouse)
    assert begun is not None
    count = len(sessions_between(begun.market, begun.account)) - 1
    assert said.startswith(f"Warm-up: {count:,} sessions before the first trading session are loaded too.")
    assert str(begun) in said
    begin(wired, 250)
    assert stored_beginnings(wired.warehouse) == begun
    assert not capsys.readouterr().out


def test_a_home_that_was_begun_without_goes_on_without(wired: Wiring, capsys: pytest.CaptureFixture[str]) -> None:
    day = SessionRange.single(LAST)
    wired.warehouse.replace("prices", day, quiet_bars(("SPY",), day))
    begin(wired, None)
    assert stored_beginnings(wired.warehouse) is None
    assert not capsys.readouterr().out


def test_what_there_is_not_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, last = tmp_path / "prices", wire().clock.now().astimezone(UTC).date()
    folder.mkdir()
    there = sessions_between(date(last.year - 1, last.month, 1), last)[-100:-1]
    lines = [f"{day},SPY,{100 + place % 3}" for place, day in enumerate(there)]
    (folder / "SPY.csv").write_text("\n".join(["session,symbol,close", *lines]), encoding="utf-8")
    house = House(tmp_path / "home", MARKET_DATA="files", MARKET_DATA_PATH=str(folder)).wired
    house.environment.dagster_home.mkdir()
    house.warehouse.prepare()
    begin(house, 20)
    said = capsys.readouterr().out
    assert "that the cards need: there are no more. The first trading session is " in said
    begun = stored_beginnings(house.warehouse)
    assert begun is not None
    assert begun.market == there[0]
    assert begun.account > there[0]
    assert datetime.now(UTC).date() > begun.account
