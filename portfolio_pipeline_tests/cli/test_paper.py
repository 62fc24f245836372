"""PAPER mode from the outside: commands and environment variables, day after day, against the server.

The past is research, the account begins with what the broker holds, and every evening the tables say what the server's
own ledger says, to the share and the cent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline_tests.cli.conftest import DAY, PAPER_SESSIONS
from portfolio_pipeline_tests.cli.paper_house import PaperHouse, tables, ties
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening, opening
from portfolio_pipeline_tests.secret_forms import contents, found_in

LIVED = ("orders", "submissions", "fills", "order_outcomes", "positions", "account", "metrics")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def begun(begun_on_paper: tuple[PaperHouse, str]) -> tuple[PaperHouse, str]:
    return begun_on_paper


@pytest.fixture
def house(paper_house: PaperHouse) -> PaperHouse:
    return paper_house


def unclaimed(house: PaperHouse) -> dict[str, float]:
    rows = tables(house).read("positions", SessionRange.single(house.session), where={"book": "unclaimed"}).to_pylist()
    return {row["symbol"]: row["quantity"] for row in rows}


def run(house: PaperHouse, *more: str) -> str:
    code, said = house.does("run", *more)
    assert code == 0, said
    return said


def refused(house: PaperHouse, *command: str) -> str:
    code, said = house.does(*command)
    assert code == 1, said
    return said


def test_the_past_is_research_and_the_account_begins_with_what_the_broker_holds(begun: tuple[PaperHouse, str]) -> None:
    house, said = begun
    warehouse = tables(house)
    assert f"The account begins at {DAY}, with what the broker holds then." in said
    sessions = {name: warehouse.sessions(name) for name in ("prices", "strategy_returns", "aggregated_targets", *LIVED)}
    assert {len(sessions[name]) for name in ("prices", "strategy_returns", "aggregated_targets")} == {PAPER_SESSIONS}
    assert sessions["account"] == sessions["positions"] == sessions["orders"] == (DAY,)
    assert sessions["fills"] == ()
    ties(house)
    [taken_over] = warehouse.read("positions", where={"symbol": "IEF", "book": "account"}).to_pylist()
    assert (taken_over["quantity"], taken_over["average_cost"]) == (100, 95.5)
    made_up = [table.name for table in TABLES if table.name.startswith("sim_")]
    assert [warehouse.newest(name) for name in made_up] == [None] * len(made_up)


def test_orders_are_at_the_broker_once_and_again_nothing_is_sent(house: PaperHouse) -> None:
    ledger = house.server.ledger
    planned = {row["client_order_id"] for row in tables(house).read("orders").to_pylist()}
    assert planned == {order.client_order_id for order in ledger.orders.values()} != set()
    run(house)
    assert not house.server.posts()


def test_day_after_day_the_tables_say_what_the_ledger_says(house: PaperHouse) -> None:
    """With partial fills in pieces, prices of a tenth of a cent, fees, a dividend, a rejected and a foreign order."""
    ledger = house.server.ledger
    ledger.fee = Decimal("0.03")
    house.next_day(filled_share={"SHY": 0.5}, pieces=3, finer=True)
    run(house)
    ties(house)
    [outcome] = [row for row in tables(house).read("order_outcomes").to_pylist() if "-SHY-" in row["client_order_id"]]
    assert outcome["state"] == "expired"
    ledger.note("DIV", symbol="IEF", quantity=Decimal(100), amount=Decimal("33.33"))
    ledger.foreign("GLD", 3, 181.2345)
    house.next_day(finer=True, rejected=frozenset({"SHY"}))
    assert "RECONCILIATION_OPEN: found=foreign_execution GLD" in refused(house, "run")
    ties(house)
    assert house.does("reconcile", "ignore", "GLD", "--reason", "somebody's own")[0] == 0
    house.next_day(finer=True)
    run(house)
    assert unclaimed(house) == {"GLD": 3}
    ties(house)
    kinds = {row["kind"] for row in tables(house).read("cash_flows").to_pylist()}
    assert {"DIV"} <= kinds <= {"DIV", "FEE", "ROUNDING"}


def test_who_was_away_for_days_goes_on_from_there(house: PaperHouse) -> None:
    """Orders of the first evening were filled; nothing was decided since. All of it is one start."""
    for _ in range(3):
        house.next_day()
    code, said = house.does("up", "--no-ui")
    assert code == 0, said
    ties(house)
    warehouse = tables(house)
    assert len(warehouse.sessions("account")) == 4
    assert set(warehouse.sessions("orders")) <= {DAY, house.session}
    assert set(house.server.posts().values()) <= {1}


def test_while_the_market_is_open_nothing_is_planned_and_sent(house: PaperHouse) -> None:
    house.next_day()
    run(house)
    posts = sum(house.server.posts().values())
    tomorrow = next_session(house.session)
    house.server.ledger.open_session(tomorrow, house.quotes(tomorrow))
    house.set_clock(opening(tomorrow) + timedelta(hours=1))
    run(house)
    assert sum(house.server.posts().values()) == posts
    house.server.ledger.close_session(tomorrow, house.quotes(tomorrow))
    house.session = tomorrow
    house.set_clock(evening(tomorrow))
    run(house)
    ties(house)


def test_a_session_that_was_missed_is_not_planned_when_the_market_has_opened(house: PaperHouse) -> None:
    house.next_day()
    tomorrow = next_session(house.session)
    house.server.ledger.open_session(tomorrow, house.quotes(tomorrow))
    house.set_clock(opening(tomorrow) + timedelta(hours=1))
    assert f"MARKET_IS_OPEN: session={house.session}" in refused(house, "run")
    house.server.ledger.close_session(tomorrow, house.quotes(tomorrow))
    house.session = tomorrow
    house.set_clock(evening(tomorrow))
    code, said = house.does("up", "--no-ui")
    assert code == 0, said
    ties(house)


def test_an_order_whose_outcome_is_unknown_is_told_and_the_next_run_knows(house: PaperHouse) -> None:
    house.next_day()
    house.server.faults += [
        Fault("dropped after", times=99),
        Fault("500 before", method="GET", path="/v2/orders", skip=5, times=99),
    ]
    assert "BROKER_UNREACHABLE" in refused(house, "run")
    assert len(house.server.posts()) == 1
    house.server.faults.clear()
    run(house)
    ties(house)
    assert len({order.client_order_id for order in house.server.ledger.orders.values()}) == len(
        house.server.ledger.orders
    )


def test_a_broker_that_is_away_is_one_message(house: PaperHouse) -> None:
    house.environment["ALPACA_BASE_URL"] = "http://127.0.0.1:9"
    house.next_day()
    said = refused(house, "run")
    assert "BROKER_UNREACHABLE" in said


def test_a_real_account_is_not_rebuilt_nor_gone_on_with_by_another_mode(house: PaperHouse) -> None:
    assert "REAL_ACCOUNT_NOT_REBUILT" in refused(house, "run", "--rebuild-from", str(DAY))
    house.environment["TRADING_MODE"] = "SIMULATED"
    assert "ACCOUNT_OF_ANOTHER_KIND: found=broker SIMULATED, expected=PAPER" in refused(house, "run")
    house.environment["TRADING_MODE"] = "PAPER"
    house.server.ledger.account_number = "PA3OTHER"
    assert "ACCOUNT_OF_ANOTHER_KIND: found=PAPER account PA3OTHER" in refused(house, "run")
    assert not house.server.posts()


def test_a_clock_that_differs_is_refused(house: PaperHouse) -> None:
    house.environment["CLOCK_MOVED_BY"] = str((house.server.clock.now() - datetime.now(UTC)).total_seconds() + 60)
    assert "CLOCKS_DIFFER" in refused(house, "run")


def test_keys_stand_nowhere(house: PaperHouse) -> None:
    """Not in the home (logs, events and tables are there), nor in what is said, of wrong ones too; in no form to be
    read from. The house's own secret stands in its file, and nowhere else.
    """
    password = "a-p4ssword-of-nobody"
    secrets = [house.server.key, house.server.secret, password]
    house.next_day()
    house.server.faults.append(Fault("unauthorized", method="GET", path="/v2/positions"))
    said = [refused(house, "run"), run(house), house.does("status")[1], house.does("doctor")[1]]
    right = dict(house.environment)
    for command, variable, wrong in (
        ("run", "ALPACA_SECRET_KEY", password),
        ("doctor", "ALPACA_BASE_URL", f"http://{house.server.key}:{password}@127.0.0.1:9"),
        ("status", "DATABASE_URL", f"postgresql://me:{password}@127.0.0.1:9/portfolio"),
        ("doctor", "ALERT_URL_PHONE", f"nobody://me:{password}@127.0.0.1:9"),
    ):
        house.environment = {**right, variable: wrong}
        said.append(house.does(command)[1])
    own = (house.home / "secret").read_bytes()
    for place, content in [("what was said", "".join(said).encode()), *contents(house.home)]:
        assert not found_in(content, secrets if place == "secret" else [*secrets, own]), place


@pytest.mark.parametrize("missing", ["ALPACA_API_KEY", "ALPACA_SECRET_KEY"])
def test_without_keys_it_is_one_message_before_anything_is_computed(
    missing: str, house: PaperHouse, tmp_path: Path
) -> None:
    del house.environment[missing]
    house.environment["DAGSTER_HOME"] = str(tmp_path / "another")
    said = refused(house, "up", "--no-ui")
    assert f"ALPACA_KEYS_MISSING: found=no {missing}, expected=both, for TRADING_MODE=PAPER." in said
    assert not house.server.requests


def test_the_doctor_asks_the_broker(house: PaperHouse) -> None:
    said = house.does("doctor")[1]
    assert f"PAPER: the account answers and is the right one; orders of {DAY} may be sent" in said
    house.environment["ALPACA_SECRET_KEY"] = "another"
    assert "ALPACA_REFUSES_THE_KEYS" in refused(house, "doctor")
