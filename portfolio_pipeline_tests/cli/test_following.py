"""Orders followed while the market is open, in PAPER mode against the server: what its ledger says is in the tables one
look later, and whoever looked or did not, the evening comes to the same.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from portfolio_pipeline.adapters.acts.following import Followed, follow
from portfolio_pipeline.adapters.alerts.remembered import RememberedAlerts
from portfolio_pipeline.adapters.locks import open_locks
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.dagster_home.at_work import at_work
from portfolio_pipeline.defs.automation.following import open_orders
from portfolio_pipeline.ports import Alert
from portfolio_pipeline_tests.adapters.alpaca.desk import ServerClock, alpaca
from portfolio_pipeline_tests.cli.paper_house import PaperHouse, copy_of, paper_home, tables, ties
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault
from portfolio_pipeline_tests.fakes.alpaca.ledger import Taken
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening, opening

DAY = date(2026, 3, 5)
NEXT = next_session(DAY)
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperHouse]:
    with paper_home(tmp_path_factory.mktemp("followed") / "home", DAY, 300) as house:
        yield house


@pytest.fixture
def house(begun: PaperHouse, tmp_path: Path) -> Iterator[PaperHouse]:
    with copy_of(begun, tmp_path / "home") as house:
        yield house


class Told:
    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.alerts.append(alert)


class Desk:
    """A look at a time, in this process; who is told what is remembered in the home's own tables."""

    def __init__(self, house: PaperHouse, settings: Settings | None = None) -> None:
        self.house, self.settings, self.told = house, settings or house.settings, Told()

    def look(self) -> Followed:
        warehouse, clock = tables(self.house), ServerClock(self.house.server)
        alerts = RememberedAlerts(lambda: warehouse, {"me": self.told}, {"me": "low"}, clock.now)
        return follow(alpaca(self.house.server, warehouse), warehouse, clock, alerts, self.settings)


def opened(house: PaperHouse, minutes: int = 60, **how: object) -> None:
    house.server.ledger.open_session(NEXT, house.quotes(NEXT), **how)  # type: ignore[arg-type]
    house.set_clock(opening(NEXT) + timedelta(minutes=minutes))


def closed(house: PaperHouse) -> None:
    house.server.ledger.close_session(NEXT, house.quotes(NEXT))
    house.session = NEXT
    house.set_clock(evening(NEXT))


def order(house: PaperHouse, symbol: str) -> Taken:
    [found] = [one for one in house.server.ledger.orders.values() if one.symbol == symbol and one.open]
    return found


def symbols(house: PaperHouse) -> list[str]:
    return sorted(one.symbol for one in house.server.ledger.orders.values() if one.open)


def rows(house: PaperHouse, name: str, session: date = NEXT) -> pd.DataFrame:
    return tables(house).read(name, SessionRange.single(session)).to_pandas()


def executed_are_in_the_books(house: PaperHouse) -> None:
    """Every execution of the ledger is a fill; and the books' trades are those of the account, order by order."""
    told = [one for one in house.server.ledger.activities if one.kind == "FILL"]
    assert sorted(rows(house, "fills")["fill_id"]) == sorted(one.id for one in told)
    trades = rows(house, "trades")
    mine, books = trades["book"] == "account", trades["book"] != "account"
    by_order = trades.groupby([mine, "client_order_id"])["quantity"].sum()
    ledger: dict[str, Decimal] = {}
    for one in told:
        assert one.order is not None
        ledger[one.order.client_order_id] = ledger.get(one.order.client_order_id, Decimal(0)) + one.quantity
    for account in (True, False):
        assert by_order[account].to_dict() == {name: float(quantity) for name, quantity in ledger.items()}
    assert trades[mine]["value"].sum() == pytest.approx(trades[books & ~trades["crossed"]]["value"].sum(), abs=0.05)


def run(house: PaperHouse) -> None:
    code, said = house.does("run")
    assert code == 0, said
    ties(house)


def test_what_is_executed_in_pieces_is_in_the_books_one_look_later(house: PaperHouse) -> None:
    desk, parts = Desk(house), dict.fromkeys(symbols(house), 0.4)
    opened(house, filled_share=parts)
    found = desk.look()
    assert found.session == NEXT
    assert {str(one.state) for one in found.orders} == {"partially_filled"}
    assert found.new_executions == len(house.server.ledger.activities) > 0
    executed_are_in_the_books(house)
    before = rows(house, "order_attempts", DAY)
    again = desk.look()
    assert (again.noted, again.new_executions) == (0, 0)
    assert rows(house, "order_attempts", DAY).equals(before)  # where nothing is new, nothing is noted
    for symbol in symbols(house):
        one = order(house, symbol)
        house.server.ledger.execute(one, one.left, house.quotes(NEXT)[symbol].open + 1)
        assert desk.look().new_executions == 1
        executed_are_in_the_books(house)
    assert not desk.look().open
    assert not desk.told.alerts
    assert tables(house).newest("account") == DAY
    after = rows(house, "order_attempts", DAY)
    assert after.merge(before, on=["client_order_id", "number"]).shape[0] == len(before) < len(after)
    closed(house)
    run(house)


def test_the_evening_comes_to_the_same_whoever_has_looked(begun: PaperHouse, tmp_path: Path) -> None:
    stored = []
    for name in ("looked", "did_not"):
        with copy_of(begun, tmp_path / name) as house:
            opened(house, filled_share=dict.fromkeys(symbols(house), 0.6), pieces=2)
            if name == "looked":
                Desk(house).look()
            closed(house)
            run(house)
            stored.append({table: rows(house, table) for table in ("fills", "trades", "positions", "account")})
    for table, found in stored[0].items():
        told = [column for column in found.columns if column not in ("fill_id", "filled_at", "traded_at")]
        pd.testing.assert_frame_equal(found[told], stored[1][table][told], check_exact=True, obj=table)


def test_a_reject_is_told_once_and_over_when_the_next_session_has_come(house: PaperHouse) -> None:
    desk, symbol = Desk(house), symbols(house)[0]
    opened(house, rejected=frozenset({symbol}))
    for _ in range(3):
        desk.look()
    [alert] = desk.told.alerts
    assert (alert.severity, alert.title) == ("high", f"Order {order_side(house, symbol)} {symbol} of {DAY} is rejected")
    assert "Nothing is sent in its place" in alert.message
    assert not house.server.posts()
    closed(house)
    run(house)
    house.next_day()
    run(house)
    desk.look()
    house.next_day()
    run(house)
    desk.look()
    assert [one.title for one in desk.told.alerts if one.about == alert.about] == [
        alert.title,
        f"Over: {alert.title}",
    ]


def order_side(house: PaperHouse, symbol: str) -> str:
    return next(one.side for one in house.server.ledger.orders.values() if one.symbol == symbol)


def test_what_the_settings_skip_nobody_is_told(house: PaperHouse) -> None:
    skipping = house.settings.orders.rejects.model_copy(update={"other": "skip"})
    orders = house.settings.orders.model_copy(update={"rejects": skipping})
    desk = Desk(house, house.settings.model_copy(update={"orders": orders}))
    opened(house, rejected=frozenset(symbols(house)))
    assert {str(one.state) for one in desk.look().orders} == {"rejected"}
    assert not desk.told.alerts


def test_a_cancel_that_races_with_an_execution_leaves_what_was_executed(house: PaperHouse) -> None:
    desk, symbol = Desk(house), symbols(house)[0]
    opened(house, filled_share=dict.fromkeys(symbols(house), 0.0))
    one = order(house, symbol)
    house.server.ledger.execute(one, one.quantity / 2 // 1, house.quotes(NEXT)[symbol].open)
    house.server.ledger.cancel(one)
    found = desk.look()
    [state] = {str(each.state) for each in found.orders if each.order.symbol == symbol}
    assert state == "canceled"
    [alert] = desk.told.alerts
    assert (alert.severity, f"{one.filled} of {one.quantity} shares are filled" in alert.message) == ("medium", True)
    executed_are_in_the_books(house)
    closed(house)
    run(house)


def test_executions_that_are_told_late_come_with_a_later_look(house: PaperHouse) -> None:
    desk = Desk(house)
    house.server.ledger.hide_activities_for = 1
    opened(house)
    first = desk.look()
    assert ({str(one.state) for one in first.orders}, first.executions) == ({"filled"}, 0)
    assert desk.look().new_executions == len(first.orders)
    executed_are_in_the_books(house)


def test_what_others_trade_meanwhile_is_none_of_the_strategies(house: PaperHouse) -> None:
    desk = Desk(house)
    opened(house)
    house.server.ledger.foreign("GLD", 3, 181.25)
    desk.look()
    executed_are_in_the_books(house)
    theirs = rows(house, "trades").query("symbol == 'GLD' and quantity == 3 and book != 'account'")
    assert theirs["book"].tolist() == ["unclaimed"]


def test_an_order_that_stands_after_its_session_is_asked_for_and_told(house: PaperHouse) -> None:
    desk, symbol = Desk(house), symbols(house)[0]
    opened(house, filled_share={symbol: 0.0})
    one = order(house, symbol)
    one.time_in_force = "gtc"
    closed(house)
    desk.look()
    alerts = [alert for alert in desk.told.alerts if alert.about == f"order:{one.client_order_id}"]
    assert [(alert.severity, "cancel it on the broker's page" in alert.message) for alert in alerts] == [("high", True)]


@pytest.mark.parametrize("answered", [1, 2, 3])
def test_who_is_killed_in_the_middle_of_a_look_leaves_it_to_the_next(answered: int, house: PaperHouse) -> None:
    opened(house, filled_share=dict.fromkeys(symbols(house), 0.5))
    process = house.start("follow")
    asked = 0

    def kill(_: object) -> None:
        nonlocal asked
        asked += 1
        if asked == answered:
            os.kill(process.pid, signal.SIGKILL)

    house.server.after_each = kill
    assert process.wait(120) == -signal.SIGKILL
    house.server.after_each = lambda asked: None
    code, said = house.does("follow")
    assert (code, "partially filled" in said) == (0, True), said
    executed_are_in_the_books(house)
    numbers = rows(house, "order_attempts", DAY).groupby("client_order_id")["number"].apply(list)
    assert all(found == list(range(1, len(found) + 1)) for found in numbers)
    closed(house)
    run(house)


@pytest.mark.parametrize("ignored", [False, True])
def test_until_nothing_is_open_any_more_or_the_market_has_closed(house: PaperHouse, ignored: bool) -> None:
    """Also where a shell has started it in the background, and so told it to ignore Ctrl-C."""
    symbol = symbols(house)[0]
    opened(house, filled_share={symbol: 0.5})
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    process = house.start("follow", "--until-closed")
    signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert "1 partially filled" in first
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    one = order(house, symbol)
    house.server.ledger.execute(one, one.left, house.quotes(NEXT)[symbol].open)
    code, said = house.does("follow", "--until-closed")
    assert (code, "No order is open any more." in said) == (0, True), said
    executed_are_in_the_books(house)


def test_a_look_without_a_broker_is_one_message_and_nothing_is_lost(house: PaperHouse) -> None:
    opened(house)
    house.server.faults.append(Fault("500 before", method="GET", times=99))
    code, said = house.does("follow")
    assert (code, "BROKER_UNREACHABLE" in said) == (1, True), said
    house.server.faults.clear()
    code, said = house.does("follow")
    assert code == 0, said
    executed_are_in_the_books(house)


def test_the_status_tells_of_orders_and_what_of_them_is_filled(house: PaperHouse) -> None:
    symbol = symbols(house)[0]
    opened(house, filled_share={symbol: 0.5})
    assert house.does("follow")[0] == 0
    one = order(house, symbol)
    [told] = [each for each in json.loads(house.does("status", "--json")[1])["orders"] if each["symbol"] == symbol]
    assert (told["state"], told["filled_quantity"], told["quantity"]) == (
        "partially_filled",
        float(one.filled),
        float(one.quantity),
    )
    said = house.does("status")[1]
    assert f"{one.side} {symbol}: {float(one.filled):g} of {float(one.quantity):g} filled" in said


def asks_the_sensor(house: PaperHouse, mode: str = "PAPER") -> str:
    warehouse, clock = tables(house), ServerClock(house.server)
    broker = alpaca(house.server, warehouse)
    broker._mode = mode  # type: ignore[assignment]
    alerts = RememberedAlerts(lambda: warehouse, {}, {}, clock.now)
    context = dg.build_sensor_context(
        resources={
            "warehouse": warehouse,
            "broker": broker,
            "clock": clock,
            "alerts": alerts,
            "settings": house.settings,
        }
    )
    found = open_orders(context)
    assert isinstance(found, dg.SkipReason)
    return str(found.skip_message)


def test_the_sensor_looks_while_the_market_is_open_and_nobody_is_at_work(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))  # the sensor asks for the locks of a database
    monkeypatch.setenv("DATABASE_URL", f"duckdb:///{house.home / 'portfolio.duckdb'}")
    assert asks_the_sensor(house) == "The market is closed."
    opened(house)
    assert asks_the_sensor(house, "SIMULATED").startswith("SIMULATED")
    locks = open_locks(f"duckdb:///{house.home / 'portfolio.duckdb'}")
    with at_work(locks, "a test"):
        assert "a test" in asks_the_sensor(house)
    assert f"{NEXT}: orders: {len(house.server.ledger.orders)} filled" in asks_the_sensor(house)
    executed_are_in_the_books(house)
    assert open_orders.default_status == dg.DefaultSensorStatus.STOPPED
