"""The account at quotes while the market is open, from the outside: command, job and sensor, against both servers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.locks import open_locks
from portfolio_pipeline.core.calendar.sessions import next_session
from portfolio_pipeline_tests.cli.paper_house import tables, ties
from portfolio_pipeline_tests.cli.vendor_house import VendorHouse, know
from portfolio_pipeline_tests.fakes.alpaca.data_server import AlpacaDataServer
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

DAY = date(2026, 3, 5)
TOMORROW = next_session(DAY)
HOUR = timedelta(hours=1)
SENSOR = """
import dagster as dg
from portfolio_pipeline.defs.automation.marks import intraday_marks
print(intraday_marks(dg.build_sensor_context()).skip_message)
"""
JOB = """
from portfolio_pipeline.defs.execution.marking import mark_account
assert mark_account.execute_in_process().success
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorHouse]:
    with AlpacaServer(evening(DAY)) as broker, AlpacaDataServer(evening(DAY)) as data:
        house = VendorHouse(tmp_path_factory.mktemp("marks") / "home", (broker, data), DAY)
        know(house)
        code, said = house.does("up", "--no-ui", "--sessions", "300")
        assert code == 0, said
        yield house


@pytest.fixture
def house(begun: VendorHouse, tmp_path: Path) -> Iterator[VendorHouse]:
    """A copy of that home, at servers that have lived through the same."""
    shutil.copytree(begun.home, tmp_path / "home")
    with AlpacaServer(evening(DAY)) as broker, AlpacaDataServer(evening(DAY)) as data:
        data.vendor.bars, data.vendor.actions = begun.data.vendor.bars, begun.data.vendor.actions
        house = VendorHouse(tmp_path / "home", (broker, data), DAY)
        ledger, before = broker.ledger, begun.server.ledger
        ledger.cash, ledger.prices = before.cash, dict(before.prices)
        ledger.orders = {name: replace(order) for name, order in before.orders.items()}
        yield house


def does(house: VendorHouse, *command: str) -> str:
    code, said = house.does(*command)
    assert code == 0, said
    return said


def marks(house: VendorHouse) -> list[dict[str, object]]:
    return list(tables(house).read("intraday_marks").to_pylist())


def alerts(house: VendorHouse) -> list[dict[str, object]]:
    return list(tables(house).read("alerts", where={"about": "intraday_limits"}).to_pylist())


def test_the_account_is_worth_what_the_brokers_ledger_says(house: VendorHouse) -> None:
    house.opens(TOMORROW, HOUR)
    said = does(house, "marks")
    ledger = house.server.ledger
    rows = {str(row["scope"]): row for row in marks(house)}
    whole = rows.pop("ACCOUNT")
    assert {symbol: row["quantity"] for symbol, row in rows.items()} == {
        symbol: float(count) for symbol, count in ledger.shares().items()
    }
    assert whole["market_value"] == pytest.approx(float(ledger.equity), abs=0.01)
    assert {row["session"] for row in rows.values()} == {TOMORROW}
    assert {row["quote"] for row in rows.values()} == {"fresh"}
    assert f"Equity {whole['market_value']:,.2f}" in said
    assert not alerts(house)
    house.server.ledger.close_session(TOMORROW, house.quotes(TOMORROW))
    house.session = TOMORROW
    house.set_clock(evening(TOMORROW))
    does(house, "run")
    ties(house)


def test_quotes_that_are_old_crossed_or_not_there_are_marked_and_not_used(house: VendorHouse) -> None:
    house.opens(TOMORROW, HOUR)
    held = sorted(house.server.ledger.shares())
    assert len(held) >= 3
    old, crossed, gone = held[:3]
    vendor = house.data.vendor
    vendor.quote(old, 1.0, 1.01, house.data.clock.now() - timedelta(minutes=16))
    vendor.quote(crossed, 101.0, 100.0)
    del vendor.quotes[gone]
    does(house, "marks")
    rows = {row["scope"]: row for row in marks(house)}
    assert [rows[symbol]["quote"] for symbol in (old, crossed, gone)] == ["stale", "crossed", "missing"]
    closes = {row["symbol"]: row["close"] for row in tables(house).read("prices").to_pylist() if row["session"] == DAY}
    assert [rows[symbol]["price"] for symbol in (old, crossed, gone)] == [closes[s] for s in (old, crossed, gone)]


def test_a_limit_that_is_passed_is_told_once_and_told_again_when_it_is_over(house: VendorHouse) -> None:
    house.opens(TOMORROW, HOUR)
    ledger = house.server.ledger
    largest = max(ledger.shares(), key=ledger.value)
    price = float(ledger.prices[largest])
    does(house, "marks")
    [share] = [float(str(row["exposure"])) for row in marks(house) if row["scope"] == largest]
    settings = house.home / "portfolio.yaml"
    written = settings.read_text(encoding="utf-8")
    assert "  symbol: 0.20\n" in written
    settings.write_text(written.replace("  symbol: 0.20\n", f"  symbol: {1.1 * share:.4f}\n"), encoding="utf-8")
    assert not alerts(house)
    for factor in (1.3, 1.31):
        house.data.vendor.quote(largest, price * factor - 0.01, price * factor + 0.01)
        assert "SYMBOL_LIMIT" in does(house, "marks")
    [alert] = alerts(house)
    assert alert["over_at"] is None
    assert alert["since"] == alert["changed_at"]
    house.data.vendor.quote(largest, price - 0.01, price + 0.01)
    does(house, "marks")
    [alert] = alerts(house)
    assert alert["over_at"] is not None
    assert not house.server.posts()


def test_the_sensor_and_the_job_do_the_same_and_say_why_there_is_nothing_to_do(house: VendorHouse) -> None:
    assert "MARKET_CLOSED: found=" in does(house, "-c", SENSOR)
    assert "Nothing was marked. MARKET_CLOSED" in does(house, "marks")
    house.opens(TOMORROW, HOUR)
    assert "Equity " in does(house, "-c", SENSOR)
    assert len(marks(house)) == len(house.server.ledger.shares()) + 1
    does(house, "-c", JOB)
    assert len(marks(house)) == 2 * (len(house.server.ledger.shares()) + 1)
    house.data.faults.append(Fault("503 before", "GET", "/v2/stocks/quotes/latest", times=99))
    assert "It is tried again: ALPACA_DATA_UNREACHABLE" in does(house, "-c", SENSOR)
    house.data.faults.clear()
    lock = open_locks(f"duckdb:///{house.home / 'portfolio.duckdb'}").take("account", "a test")
    assert lock is not None
    assert "AT_WORK: found=a test" in does(house, "-c", SENSOR)
    lock.release()
    house.environment |= {"MARKET_DATA": "files", "MARKET_DATA_PATH": str(house.home)}
    assert "NO_QUOTES: found=files" in does(house, "-c", SENSOR)
    house.environment |= {"MARKET_DATA": "simulated", "TRADING_MODE": "SIMULATED"}
    assert "TRADING_IS_MADE_UP" in does(house, "-c", SENSOR)


def test_before_the_open_a_fresh_quote_too_far_from_the_close_keeps_orders_back(house: VendorHouse) -> None:
    """After a whole day of trading, at its evening: one symbol is quoted at half its close."""
    house.next_day()
    closes = house.quotes(TOMORROW)
    for symbol, quote in closes.items():
        price = float(quote.close or quote.open)
        house.data.vendor.quote(symbol, price - 0.01, price + 0.01)
    does(house, "run", "--only", "prices,features,regimes")
    posts = sum(house.server.posts().values())
    for symbol, quote in closes.items():
        price = float(quote.close or quote.open) / 2
        house.data.vendor.quote(symbol, price - 0.01, price + 0.01)
    code, said = house.does("run")
    assert (code, "PRICE_COLLAR_LIMIT" in said) == (1, True), said
    assert sum(house.server.posts().values()) == posts
    for symbol, quote in closes.items():
        price = float(quote.close or quote.open)
        house.data.vendor.quote(symbol, price - 0.01, price + 0.01)
    does(house, "run")
    assert sum(house.server.posts().values()) > posts
