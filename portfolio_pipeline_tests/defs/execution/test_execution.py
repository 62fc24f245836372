"""Orders, submissions, fills and positions as Dagster runs them: what is sent, refused and written down."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from portfolio_pipeline.adapters.broker import open_broker
from portfolio_pipeline.adapters.halt_file import HaltFile
from portfolio_pipeline.adapters.sealed_states import write_states
from portfolio_pipeline.adapters.warehouse.lived import rebuilding
from portfolio_pipeline.components.session_check import SessionCheck
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.halt import next_event
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.rows import state_rows
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import HALT_EVENTS
from portfolio_pipeline.defs.execution import fills as fills_module
from portfolio_pipeline.defs.execution import orders as orders_module
from portfolio_pipeline.defs.execution import positions as positions_module
from portfolio_pipeline.defs.execution import submissions as submissions_module
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import materialise
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData, quiet_bars
from portfolio_pipeline_tests.trading import PLAN_KEY, ROOMY, TEST_ORIGIN, first_sessions, market, settings, wanted

RANGE = first_sessions(12)
DAYS = tuple(RANGE)
HOUSE = settings(limits=Limits(symbol=0.6, turnover=2.0, asset_class=ROOMY))
TABLES = (
    *("orders", "submissions", "fills", "order_outcomes", "positions", "account", "trades", "risk_breaches"),
    *("sim_orders", "sim_outcomes", "sim_fills", "sim_positions", "sim_account"),
)
PARTS = [
    part
    for module in (orders_module, submissions_module, fills_module, positions_module)
    for part in vars(module).values()
    if isinstance(part, dg.AssetsDefinition)
]


class Desk:
    """The execution half of the chain over one warehouse whose prices and targets are there already."""

    def __init__(self, warehouse: Warehouse, house: Settings = HOUSE) -> None:
        self.warehouse, self.house = warehouse, house
        self.home = Path(tempfile.mkdtemp(prefix="desk-"))
        self.switch = HaltFile(self.home)
        self.plan_key = PLAN_KEY
        self.origin = TEST_ORIGIN

    def filled_in(self, seed: int = 3) -> Desk:
        self.warehouse.replace("prices", RANGE, market(seed, RANGE))
        for table, rows in wanted(seed, RANGE, self.house).items():
            self.warehouse.replace(table, RANGE, rows)
        measured = {"scope": "portfolio", "metric": "gross_exposure", "value": 0.5, "limit_value": 1.0}
        self.warehouse.replace("risk_metrics", RANGE, pd.DataFrame([{"session": day, **measured} for day in RANGE]))
        calm = state_rows([(day, PORTFOLIO, Standing()) for day in RANGE], "portfolio")
        with self.warehouse.transaction() as tx:
            write_states(tx, self.plan_key, RANGE, "portfolio", calm)
        return self

    def run(self, sessions: SessionRange, *assets: str) -> dg.ExecuteInProcessResult:
        broker = open_broker("SIMULATED", self.house, self.warehouse)
        return materialise(
            PARTS,
            sessions,
            warehouse=self.warehouse,
            selection=assets,
            raise_on_error=False,
            broker=broker,
            settings=self.house,
            origin=self.origin,
            halt_switch=self.switch,
            plan_key=self.plan_key,
            clock=FixedClock.after_close(DAYS[-1]),
            market_data=ScriptedMarketData(quiet_bars(self.house.symbols, RANGE)),
        )

    def ask(self, check: SessionCheck, sessions: SessionRange) -> dg.AssetCheckResult:
        """What a check says of the tables as they are."""
        broker = open_broker("SIMULATED", self.house, self.warehouse)
        given = {
            "sessions": sessions,
            "warehouse": self.warehouse,
            "broker": broker,
            "settings": self.house,
            "halt_switch": self.switch,
            "plan_key": self.plan_key,
        }
        return check.function(**{name: given[name] for name in check.parameters})

    def table(self, name: str, **where: object) -> pd.DataFrame:
        return self.warehouse.read(name, where=where or None).to_pandas()

    def tables(self) -> dict[str, pd.DataFrame]:
        return {name: self.table(name) for name in TABLES}

    def tamper(self, session: Any, symbol: str, weight: float) -> None:
        """Someone writes another target into the warehouse."""
        rows = self.table("aggregated_targets", session=session)
        rows.loc[rows["symbol"] == symbol, ["weight", "requested_weight"]] = weight
        self.warehouse.replace("aggregated_targets", SessionRange.single(session), rows)


def single(place: int) -> SessionRange:
    return SessionRange.single(DAYS[place])


def failure(result: dg.ExecuteInProcessResult, step: str) -> str:
    """Why a step failed."""
    error = result.failure_data_for_node(step).error  # type: ignore[union-attr]
    message = error.message if error.cause is None else error.cause.message  # type: ignore[union-attr]
    return str(message)


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {c.check_name: str(c.description) for c in result.get_asset_check_evaluations() if not c.passed}


def unsent(result: dg.ExecuteInProcessResult) -> str:
    """Why orders were not sent, of a run that did its work all the same."""
    assert result.success
    [check] = [c for c in result.get_asset_check_evaluations() if c.check_name == "every_order_was_sent"]
    assert (check.passed, check.severity, check.blocking) == (False, dg.AssetCheckSeverity.ERROR, False)
    return str(check.description)


@pytest.fixture
def desk(duckdb_warehouse: Warehouse) -> Desk:
    return Desk(duckdb_warehouse).filled_in()


def assert_same(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(found[name], expected[name], check_exact=True, obj=name)


def test_a_range_writes_what_its_sessions_one_by_one_write(desk: Desk) -> None:
    week = SessionRange(DAYS[0], DAYS[2])
    assert desk.run(week).success
    at_once = desk.tables()
    assert all(len(at_once[name]) for name in TABLES if name != "risk_breaches")
    assert set(at_once["submissions"]["state"]) == {"accepted"}
    assert "filled" in set(at_once["order_outcomes"]["state"])
    with rebuilding(desk.warehouse.location, DAYS[0]), desk.warehouse.transaction() as tx:
        for name in TABLES:
            tx.delete(name, None)
    for session in week:
        assert desk.run(SessionRange.single(session)).success
    assert_same(desk.tables(), at_once)
    assert desk.run(SessionRange(DAYS[1], DAYS[2])).success
    assert_same(desk.tables(), at_once)


def test_another_future_changes_nothing_that_was_written_before_it(desk: Desk) -> None:
    """Not even what is said of orders: another volume and a dearer price at the next open come after their close."""
    week = SessionRange(DAYS[0], DAYS[4])
    assert desk.run(week).success
    expected = desk.tables()
    with rebuilding(desk.warehouse.location, DAYS[0]), desk.warehouse.transaction() as tx:
        for name in TABLES:
            tx.delete(name, None)
        prices = tx.read("prices").to_pandas()
        later = prices["session"] > DAYS[3]
        prices.loc[later, ["open", "high", "low", "close"]] *= 1.2
        prices.loc[later, "volume"] = 1_000.0
        tx.replace("prices", RANGE, prices)
    assert desk.run(week).success
    found = desk.tables()
    for name in TABLES:
        known, before = (tables[name][tables[name]["session"] <= DAYS[3]] for tables in (found, expected))
        pd.testing.assert_frame_equal(known, before, check_exact=True, obj=name)
    assert not found["order_outcomes"].equals(expected["order_outcomes"])


def test_every_check_of_execution_passes_on_an_honest_range(desk: Desk) -> None:
    result = desk.run(RANGE)
    evaluated = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert evaluated == dict.fromkeys(evaluated, True)
    assert set(evaluated) == {
        *(
            "orders_within_limits",
            "nothing_is_open_with_the_broker",
            "planned_with_what_the_session_before_was",
            "every_order_was_sent",
            "fills_have_orders",
            "fills_add_up_to_orders",
        ),
        *("books_add_up_to_account", "positions_tie_to_broker", "trades_explain_the_books"),
        *("orders_are_not_overfilled", "refused_orders_were_not_sent"),
    }


@pytest.mark.parametrize("asset", ["orders", "submissions"])
def test_materialising_one_asset_alone_after_a_failed_limit_check_sends_nothing(desk: Desk, asset: str) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[4])).success
    desk.tamper(DAYS[5], "AAA", 0.9)
    chain = desk.run(single(5))
    assert not chain.success
    [check] = [c for c in chain.get_asset_check_evaluations() if c.check_name == "orders_within_limits"]
    assert not check.passed
    assert "AAA" in check.metadata["offending rows"].value  # type: ignore[operator]
    assert failed_checks(desk.run(single(5), asset))
    assert desk.table("sim_orders", session=DAYS[5]).empty
    assert set(desk.table("orders", session=DAYS[5])["verdict"]) == {"refused"}


def test_targets_tampered_with_after_planning_stop_the_submission(desk: Desk) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[4])).success
    assert desk.run(single(5), "orders").success
    assert set(desk.table("orders", session=DAYS[5])["verdict"]) == {"accepted"}
    desk.tamper(DAYS[5], "AAA", 0.9)
    why = unsent(desk.run(single(5), "submissions"))
    assert f"ORDERS_REFUSED: session={DAYS[5]}, why=SYMBOL_LIMIT: subject=AAA" in why
    assert "found=0.9" in why
    assert desk.table("sim_orders", session=DAYS[5]).empty
    refused = desk.table("submissions", session=DAYS[5])
    assert set(refused["state"]) == {"refused"}
    assert refused["error"].str.contains("SYMBOL_LIMIT: subject=AAA").all()
    breaches = desk.table("risk_breaches", session=DAYS[5], level="submission")
    assert ("AAA", "targets_symbol", "block") in set(breaches[["subject", "rule", "severity"]].itertuples(index=False))
    assert desk.run(single(5), "fills", "positions").success
    desk.tamper(DAYS[5], "AAA", 0.1)
    assert not failed_checks(desk.run(single(6)))
    assert desk.table("fills", session=DAYS[6]).empty
    assert len(desk.table("sim_orders", session=DAYS[6]))


def _bigger(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(quantity=rows["quantity"] * 10)


def _accepted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(verdict="accepted")


@pytest.mark.parametrize("change", [_bigger, _accepted])
def test_tickets_tampered_with_are_never_sent(desk: Desk, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[4])).success
    if change is _accepted:
        desk.tamper(DAYS[5], "AAA", 0.9)
    desk.run(single(5), "orders")
    desk.warehouse.replace("orders", single(5), change(desk.table("orders", session=DAYS[5])))
    assert "ORDERS_REFUSED" in unsent(desk.run(single(5), "submissions"))
    assert desk.table("sim_orders", session=DAYS[5]).empty


def test_an_old_session_computed_again_with_other_settings_is_refused_and_nothing_of_the_account_changes(
    desk: Desk,
) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[6])).success
    before = desk.tables()
    other = Desk(desk.warehouse, settings(limits=Limits(symbol=0.05, gross=0.2)))
    assert "PAST_WOULD_BE_REWRITTEN" in failure(other.run(single(2)), "orders")
    assert_same(desk.tables(), before)
    other.run(single(2), "submissions")  # what was sent is not sent again, nor called back
    assert_same(desk.tables() | {"risk_breaches": before["risk_breaches"]}, before)
    assert desk.run(SessionRange(DAYS[1], DAYS[5])).success
    assert_same(desk.tables(), before)


def test_sessions_in_front_of_the_account_are_refused_and_nothing_is_forgotten(desk: Desk) -> None:
    assert desk.run(SessionRange(DAYS[4], DAYS[8])).success
    before = desk.tables()
    refused = desk.run(SessionRange(DAYS[0], DAYS[3]))
    assert "PAST_WOULD_BE_REWRITTEN" in failure(refused, "orders")
    assert_same(desk.tables(), before)


def test_the_broker_itself_forgets_nothing_that_was_lived_through(desk: Desk) -> None:
    assert desk.run(SessionRange(DAYS[1], DAYS[6])).success
    before = desk.tables()
    broker = open_broker("SIMULATED", HOUSE, desk.warehouse)
    for sessions in (single(0), single(2), SessionRange(DAYS[1], DAYS[4])):
        with pytest.raises(PortfolioError, match="PAST_WOULD_BE_REWRITTEN"):
            broker.submit(sessions, [])
        assert_same(desk.tables(), before)


def test_a_change_in_the_middle_is_told_at_the_session_where_it_happened_and_stays_written(desk: Desk) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[3])).success
    desk.origin = replace(TEST_ORIGIN, settings="other", code="newer")
    told = failed_checks(desk.run(SessionRange(DAYS[4], DAYS[6])))
    name = "planned_with_what_the_session_before_was"
    assert told == {name: f"{DAYS[4]}: settings: settings -> other; code: code -> newer"}
    desk.origin = replace(TEST_ORIGIN, code="newest of all")
    assert desk.run(SessionRange(DAYS[2], DAYS[5])).success
    stored = desk.table("session_origins").set_index("session")["code"]
    assert stored.tolist() == ["code"] * 4 + ["newer"] * 3


def test_tighter_limits_count_at_once(desk: Desk) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[4])).success
    assert desk.run(single(5), "orders").success
    tight = Desk(desk.warehouse, settings(limits=Limits(symbol=0.01, gross=0.05)))
    assert "ORDERS_REFUSED" in unsent(tight.run(single(5), "submissions"))
    assert desk.table("sim_orders", session=DAYS[5]).empty


def say(desk: Desk, action: Any) -> None:
    with desk.warehouse.transaction() as tx:
        event = next_event(tx.read(HALT_EVENTS.name), action, "fat finger", datetime.now(UTC).replace(tzinfo=None))
        tx.insert(HALT_EVENTS.name, event)


def test_the_switch_alone_halts_whatever_the_database_says_or_is_made_to_forget(desk: Desk) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[4])).success
    desk.switch.throw("smoke", datetime.now(UTC))
    say(desk, "halt")
    with desk.warehouse.transaction() as tx:
        tx.execute("delete from halt_events")
    assert "smoke" in unsent(desk.run(single(5)))
    assert desk.table("sim_orders", session=DAYS[5]).empty
    (desk.home / "HALTED").write_bytes(b"\xff not what was written")
    assert "TRADING_HALTED" in unsent(desk.run(single(5)))
    assert desk.table("sim_orders", session=DAYS[5]).empty
    desk.switch.lift()
    assert not failed_checks(desk.run(single(5)))
    assert len(desk.table("sim_orders", session=DAYS[5]))


@pytest.mark.parametrize("sent_late", [False, True])
def test_a_halted_session_sends_nothing_and_the_chain_goes_on(desk: Desk, sent_late: bool) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[4])).success
    before = desk.table("submissions")

    say(desk, "halt")
    told = unsent(desk.run(single(5)))
    for words in ("TRADING_HALTED", "fat finger", "portfolio resume"):
        assert words in told
    assert desk.table("sim_orders", session=DAYS[5]).empty
    pd.testing.assert_frame_equal(desk.table("submissions"), before)
    assert len(desk.table("positions", session=DAYS[5]))
    say(desk, "resume")
    if sent_late:
        assert not failed_checks(desk.run(single(5), "submissions"))
        assert len(desk.table("sim_orders", session=DAYS[5]))
    assert not failed_checks(desk.run(single(6)))
    assert desk.table("fills", session=DAYS[6]).empty == (not sent_late)
    assert len(desk.table("sim_orders", session=DAYS[6]))


def test_a_session_without_orders_has_nothing_left_unsent(desk: Desk) -> None:
    assert desk.ask(submissions_module.every_order_was_sent, single(0)).passed


def test_orders_that_nobody_tried_to_send_are_named(desk: Desk) -> None:
    assert desk.run(single(0), "orders").success
    found = desk.ask(submissions_module.every_order_was_sent, single(0))
    assert not found.passed
    assert "NOT_SENT" in str(found.description)


def test_a_halt_forgets_nothing_that_was_sent_before_it(desk: Desk) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[4])).success
    before = desk.tables()
    say(desk, "halt")
    assert not failed_checks(desk.run(single(4)))
    assert_same(desk.tables(), before)


def test_a_refused_session_far_back_in_a_range_is_recorded_and_the_range_goes_on(desk: Desk) -> None:
    desk.tamper(DAYS[5], "AAA", 0.9)
    assert desk.run(RANGE).success
    at_once = desk.tables()
    refused = at_once["submissions"][at_once["submissions"]["state"] == "refused"]
    assert set(refused["session"]) == {DAYS[5]}
    assert DAYS[5] not in set(at_once["sim_orders"]["session"])
    assert {DAYS[4], DAYS[6]} <= set(at_once["sim_orders"]["session"])
    assert {DAYS[5]} <= set(at_once["risk_breaches"].query("severity == 'block'")["session"])


def test_a_session_whose_orders_were_refused_is_still_filled_and_held(desk: Desk) -> None:
    """The day after: fills, positions and the next day's orders need no submission of the day before."""
    desk.tamper(DAYS[5], "AAA", 0.9)
    assert desk.run(SessionRange(DAYS[0], DAYS[4])).success
    assert not desk.run(single(5)).success
    assert desk.run(single(5), "fills", "positions").success
    desk.tamper(DAYS[5], "AAA", 0.1)
    assert desk.run(single(6)).success
    assert desk.table("fills", session=DAYS[6]).empty
    assert len(desk.table("account", session=DAYS[6])) > 1


def test_a_missing_session_before_the_range_is_named(desk: Desk) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[2])).success
    result = desk.run(single(4), "positions")
    assert f"PREVIOUS_SESSION_MISSING: found={DAYS[2]}, expected={DAYS[3]}" in failure(result, "positions")


def test_a_session_without_targets_is_not_sold_out_but_refused(desk: Desk) -> None:
    assert desk.run(SessionRange(DAYS[0], DAYS[2])).success
    with desk.warehouse.transaction() as tx:
        tx.delete("aggregated_targets", single(3))
    assert "TARGETS_MISSING" in failure(desk.run(single(3), "orders"), "orders")
    assert desk.table("orders", session=DAYS[3]).empty


def test_targets_whose_risk_was_not_measured_are_not_planned_on(desk: Desk) -> None:
    with desk.warehouse.transaction() as tx:
        tx.delete("risk_metrics", single(1))
    assert f"RISK_MISSING: found=1 sessions, the first {DAYS[1]}" in failure(desk.run(RANGE, "orders"), "orders")
    assert desk.table("orders").empty


def test_a_strangers_fill_and_a_book_that_does_not_add_up_are_shown(desk: Desk) -> None:
    assert desk.run(RANGE).success
    rows = desk.table("fills", session=DAYS[6])
    stranger = rows.iloc[[0]].assign(fill_id="f-1", client_order_id="somebody's", quantity=3.0)
    held = desk.table("positions", session=DAYS[6])
    held.loc[held["book"] == "account", "quantity"] += 1.0
    with rebuilding(desk.warehouse.location, DAYS[0]):
        desk.warehouse.replace("fills", single(6), pd.concat([rows, stranger]))
        desk.warehouse.replace("positions", single(6), held)
    for check in (
        fills_module.fills_have_orders,
        fills_module.fills_add_up_to_orders,
        positions_module.books_add_up_to_account,
        positions_module.positions_tie_to_broker,
    ):
        assert not desk.ask(check, single(6)).passed, check.name
