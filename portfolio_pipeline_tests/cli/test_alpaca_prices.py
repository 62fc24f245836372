"""Prices from Alpaca, from the outside: commands and environment variables, against the server in its place."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, previous_session, session_close
from portfolio_pipeline_tests.chain import SEALS, assert_same, read_tables
from portfolio_pipeline_tests.cli.house import CLI, ROOT
from portfolio_pipeline_tests.cli.paper_house import tables, ties
from portfolio_pipeline_tests.cli.vendor_house import Servers, VendorHouse, know
from portfolio_pipeline_tests.fakes.alpaca.data_server import AlpacaDataServer
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

DAY = date(2026, 3, 5)
BARS = "/v2/stocks/bars"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def servers() -> Iterator[Servers]:
    with AlpacaServer(evening(DAY)) as broker, AlpacaDataServer(evening(DAY)) as data:
        yield broker, data


@pytest.fixture
def house(servers: Servers, tmp_path: Path) -> VendorHouse:
    house = VendorHouse(tmp_path / "home", servers, DAY)
    know(house)
    return house


def does(house: VendorHouse, *command: str) -> str:
    code, said = house.does(*command)
    assert code == 0, said
    return said


def comparable(house: VendorHouse) -> dict[str, pd.DataFrame]:
    """All tables without where prices came from, when, and what a home of its own seals with."""
    found = read_tables(tables(house))
    for name in ("session_origins", *SEALS):
        found.pop(name)
    return {name: rows.drop(columns=["source", "retrieved_at"], errors="ignore") for name, rows in found.items()}


def test_a_fresh_home_lives_through_paper_days_with_prices_of_alpaca(house: VendorHouse) -> None:
    said = does(house, "up", "--no-ui", "--sessions", "300")
    assert "Alpaca: 2025-01-02 to 2025-12-31, 31 symbols" in said
    warehouse = tables(house)
    assert set(warehouse.read("prices", columns=["source"])["source"].to_pylist()) == {"ALPACA_IEX"}
    ties(house)
    for _ in range(2):
        house.data.asked.clear()
        house.next_day()
        does(house, "run")
        ties(house)
        newest = house.session
        assert house.asked_for_bars() == [(previous_session(newest, 5), newest)]
    assert len(warehouse.sessions("prices")) == 302
    assert "feed iex: 1 bar of" in does(house, "doctor")


def test_files_and_alpaca_in_a_range_and_day_by_day_give_the_same_tables(
    servers: Servers, house: VendorHouse, tmp_path: Path
) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    rows = house.market.bars(house.settings.symbols, house.known)
    rows.drop(columns=["source", "retrieved_at"]).to_parquet(folder / "all.parquet")
    simulated = {"TRADING_MODE": "SIMULATED"}
    files = VendorHouse(
        tmp_path / "files", servers, DAY, **simulated, MARKET_DATA="files", MARKET_DATA_PATH=str(folder)
    )
    whole = VendorHouse(tmp_path / "whole", servers, DAY, **simulated)
    begun = previous_session(DAY, 4)
    assert begun is not None
    for one in (files, whole):
        does(one, "up", "--no-ui", "--sessions", "150")
    daily = VendorHouse(tmp_path / "daily", servers, begun, **simulated)
    does(daily, "up", "--no-ui", "--sessions", "146")
    while daily.session < DAY:
        daily.session = next_session(daily.session)
        daily.set_clock(evening(daily.session))
        does(daily, "run")
    assert_same(comparable(whole), comparable(files))
    assert_same(comparable(daily), comparable(whole))


def test_a_start_that_is_killed_while_it_fetches_goes_on_there(house: VendorHouse) -> None:
    """Years are fetched one by one: what was there when it was killed is not asked for again."""
    house.environment["TRADING_MODE"] = "SIMULATED"
    process: subprocess.Popen[bytes] | None = None

    def kill(asked: object) -> None:
        if len(house.asked_for_bars()) == 4 and process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)

    house.data.after_each = kill
    command = [*CLI, "up", "--no-ui", "--sessions", "600"]
    process = subprocess.Popen(command, cwd=ROOT, env=house.environment, start_new_session=True)
    assert process.wait(timeout=120) == -signal.SIGKILL
    first = house.asked_for_bars()
    house.data.asked.clear()
    does(house, "up", "--no-ui", "--sessions", "600")
    again = house.asked_for_bars()
    fetched = {days for days in first[:-1] if (days[1] - days[0]).days > 10}
    assert fetched
    assert not fetched & set(again)
    assert len(tables(house).sessions("prices")) == 600


def test_right_after_the_close_one_message_says_when_to_come_back(house: VendorHouse) -> None:
    house.set_clock(session_close(DAY) + timedelta(minutes=5))
    code, said = house.does("up", "--no-ui", "--sessions", "300")
    assert (code, "BARS_NOT_FINAL" in said, "expected=16:20" in said) == (1, True, True), said


def test_what_is_wrong_with_keys_address_and_feed_is_one_message_each(house: VendorHouse) -> None:
    house.environment["TRADING_MODE"] = "SIMULATED"
    begin = ("up", "--no-ui", "--sessions", "300")

    def refused(*command: str, **changes: str) -> str:
        kept = dict(house.environment)
        house.environment |= changes
        code, said = house.does(*command)
        house.environment = kept
        assert code == 1, said
        return said

    assert "ALPACA_KEYS_MISSING: found=no ALPACA_SECRET_KEY, expected=both, for MARKET_DATA=alpaca" in refused(
        *begin, ALPACA_SECRET_KEY=""
    )
    assert "ALPACA_REFUSES_THE_KEYS" in refused(*begin, ALPACA_SECRET_KEY="another")
    assert "ALPACA_DATA_FEED_UNKNOWN: found=otc, expected=iex or sip" in refused(*begin, ALPACA_DATA_FEED="otc")
    assert "ALPACA_DATA_URL_WRONG" in refused(*begin, ALPACA_DATA_URL="data.alpaca.markets")
    assert "ALPACA_DATA_UNREACHABLE" in refused(*begin, ALPACA_DATA_URL="http://127.0.0.1:9")
    assert "ALPACA_REFUSES_THE_KEYS" in refused("doctor", ALPACA_SECRET_KEY="another")
    house.data.faults.append(Fault("garbage", "GET", BARS, times=99))
    assert "ALPACA_DATA_UNREACHABLE" in refused(*begin)
    house.data.faults.clear()
    does(house, *begin)
    assert "ACCOUNT_OF_ANOTHER_KIND: found=prices of ALPACA_SIP, expected=prices of ALPACA_IEX" in refused(
        "run", ALPACA_DATA_FEED="sip"
    )
    stored = [file.read_bytes() for file in house.home.rglob("*") if file.is_file()]
    assert not any(one.encode() in content for content in stored for one in (house.data.secret, house.data.key))


def test_a_symbol_that_alpaca_does_not_know_is_told_and_costs_no_other(house: VendorHouse) -> None:
    house.environment["TRADING_MODE"] = "SIMULATED"
    house.data.vendor.malformed = frozenset({"SPY"})
    said = does(house, "up", "--no-ui", "--sessions", "150")
    assert "SYMBOL_NOT_AT_ALPACA: found=SPY, why=invalid symbol: SPY" in said
    stored = set(tables(house).read("prices", columns=["symbol"])["symbol"].to_pylist())
    sessions = SessionRange(*(tables(house).sessions("prices")[place] for place in (0, -1)))
    assert stored == {*house.market.bars(house.settings.symbols, sessions)["symbol"]} - {"SPY"}


def test_two_vendors_fill_in_for_each_other_and_are_compared(house: VendorHouse, tmp_path: Path) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    rows = house.market.bars(house.settings.symbols, house.known).drop(columns=["source", "retrieved_at"])
    wrong = (rows["symbol"] == "GLD") & (rows["session"] == pd.Timestamp(DAY))
    rows.loc[wrong, ["high", "close"]] *= 1.01
    rows.to_parquet(folder / "all.parquet")
    del house.data.vendor.bars["TLT"][DAY]
    house.environment |= {
        "TRADING_MODE": "SIMULATED",
        "MARKET_DATA": "alpaca, files",
        "MARKET_DATA_PATH": str(folder),
    }
    said = does(house, "up", "--no-ui", "--sessions", "150")
    assert "prices vendors_agree" in said
    warehouse = tables(house)
    [difference] = warehouse.read("vendor_differences").to_pylist()
    assert (difference["symbol"], difference["session"], difference["field"]) == ("GLD", DAY, "close")
    assert difference["difference"] == pytest.approx(0.01, abs=1e-4)
    today = warehouse.read("prices", SessionRange.single(DAY)).to_pylist()
    assert {row["source"] for row in today if row["symbol"] != "TLT"} == {"ALPACA_IEX"}
    assert [row["source"] for row in today if row["symbol"] == "TLT"] == ["FILES"]
    house.next_day()
    house.data.faults.append(Fault("503 before", "GET", BARS, times=99))
    said = does(house, "run")
    assert "VENDOR_FAILED: found=ALPACA_IEX, why=ALPACA_DATA_UNREACHABLE" in said
    tomorrow = warehouse.read("prices", SessionRange.single(house.session), columns=["source"])
    assert set(tomorrow["source"].to_pylist()) == {"FILES"}
    house.environment["MARKET_DATA"] = "files"
    code, said = house.does("run")
    assert (code, "ACCOUNT_OF_ANOTHER_KIND: found=market data files, expected=alpaca,files" in said) == (1, True), said
    house.environment["MARKET_DATA"] = "alpaca,simulated"
    code, said = house.does("run")
    assert (code, "MARKET_DATA_MIXED: found=alpaca,simulated" in said) == (1, True), said
