"""Plans that are not what was planned, as they lie in the warehouse: none of them leaves the house."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from portfolio_pipeline.adapters.sealed_states import seal_states_once
from portfolio_pipeline.adapters.warehouse.lived import rebuilding
from portfolio_pipeline.core.books.book import to_units
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.orders import client_order_id
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.defs.execution.test_execution import (
    DAYS,
    TABLES,
    Desk,
    assert_same,
    failure,
    say,
    single,
    unsent,
)
from portfolio_pipeline_tests.trading import ROOMY, settings

DAY = DAYS[5]


@pytest.fixture
def planned(duckdb_warehouse: Warehouse) -> Desk:
    """Five sessions lived through, and the sixth planned and not sent."""
    desk = Desk(duckdb_warehouse).filled_in()
    assert desk.run(SessionRange(DAYS[0], DAYS[4])).success
    assert desk.run(single(5), "orders").success
    assert set(desk.table("orders", session=DAY)["verdict"]) == {"accepted"}
    return desk


def write(desk: Desk, table: str, rows: pd.DataFrame) -> None:
    desk.warehouse.replace(table, single(5), rows)


def a_smaller_order_with_its_public_identifier(desk: Desk) -> None:
    rows = desk.table("orders", session=DAY)
    first = rows.iloc[0]
    sign = 1 if first["side"] == "buy" else -1
    name = client_order_id("SIMULATED", DAY, first["symbol"], sign * to_units(first["quantity"] - 1))
    rows.loc[0, ["quantity", "client_order_id"]] = [first["quantity"] - 1, name]
    write(desk, "orders", rows)


def a_smaller_order_with_its_identifier_in_the_seals_too(desk: Desk) -> None:
    seals, old = desk.table("order_seals", session=DAY), set(desk.table("orders", session=DAY)["client_order_id"])
    a_smaller_order_with_its_public_identifier(desk)
    new = set(desk.table("orders", session=DAY)["client_order_id"])
    [(gone, came)] = zip(old - new, new - old, strict=True)
    write(desk, "order_seals", seals.replace({"client_order_id": {gone: came}}))


def an_order_left_out(desk: Desk) -> None:
    write(desk, "orders", desk.table("orders", session=DAY).iloc[1:])


def another_reason(desk: Desk) -> None:
    write(desk, "orders", desk.table("orders", session=DAY).assign(reason="the boss wants it"))


def seals_left_out(desk: Desk) -> None:
    write(desk, "order_seals", desk.table("order_seals", session=DAY).iloc[:0])


def other_targets_between_a_halt_and_its_end(desk: Desk) -> None:
    say(desk, "halt")
    assert "TRADING_HALTED" in unsent(desk.run(single(5), "submissions"))
    desk.tamper(DAY, "AAA", 0.05)
    say(desk, "resume")


def more_money(desk: Desk) -> None:
    rows = desk.table("sim_account", session=DAY)
    write(desk, "sim_account", rows.assign(cash=rows["cash"] + 0.01))


def another_volume(desk: Desk) -> None:
    rows = desk.table("prices", session=DAY)
    write(desk, "prices", rows.assign(volume=rows["volume"] + 1.0))


def settings_that_come_to_the_same_plan(desk: Desk) -> None:
    desk.house = settings(limits=Limits(symbol=0.6, turnover=2.0, asset_class=ROOMY, gross=1.5))


def another_secret(desk: Desk) -> None:
    desk.plan_key = b"of another house"
    seal_states_once(desk.warehouse, desk.home, desk.plan_key)  # as every command does when it begins


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (a_smaller_order_with_its_public_identifier, "NOT_AS_PLANNED"),
        (a_smaller_order_with_its_public_identifier, "NOT_SEALED"),
        (a_smaller_order_with_its_identifier_in_the_seals_too, "SEAL_BROKEN"),
        (an_order_left_out, "SEAL_BROKEN"),
        (another_reason, "SEAL_BROKEN"),
        (seals_left_out, "NOT_SEALED"),
        (other_targets_between_a_halt_and_its_end, "OTHER_TARGETS"),
        (more_money, "OTHER_ACCOUNT"),
        (another_volume, "OTHER_PRICES"),
        (settings_that_come_to_the_same_plan, "OTHER_SETTINGS"),
        (another_secret, "OTHER_TARGETS"),
    ],
)
def test_what_was_planned_on_something_else_or_edited_since_is_not_sent(
    planned: Desk, edit: Callable[[Desk], None], said: str
) -> None:
    edit(planned)
    assert said in unsent(planned.run(single(5), "submissions"))
    assert planned.table("sim_orders", session=DAY).empty
    assert set(planned.table("submissions", session=DAY)["state"]) == {"refused"}


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (
            f"update risk_states set peak = 0.01 where scope = 'account' and session = '{DAYS[4]}'",
            f"{DAYS[4]}, account",
        ),
        (f"delete from risk_states where scope = 'account' and session = '{DAYS[4]}'", f"{DAYS[4]}, account"),
        (f"update risk_states set peak = 0.01 where scope = 'portfolio' and session = '{DAY}'", f"{DAY}, portfolio"),
        (
            "insert into risk_overrides (override_id, action, scope, from_session, factor, reason, cause, changed,"
            f" decided_by, decided_at) values (1, 'override', 'account', '{DAY}', 1, 'x', '', '', 'me', '2020-01-01')",
            "RISK_OVERRIDE_ALTERED",
        ),
    ],
)
@pytest.mark.parametrize("asset", ["orders", "submissions"])
def test_nothing_is_planned_or_sent_on_states_that_were_edited(planned: Desk, edit: str, told: str, asset: str) -> None:
    with planned.warehouse.transaction() as tx:
        tx.execute(edit)
    assert told in failure(planned.run(single(5), asset), asset)
    assert planned.table("sim_orders", session=DAY).empty


def test_what_was_refused_for_other_targets_is_sent_once_it_is_planned_on_them(planned: Desk) -> None:
    other_targets_between_a_halt_and_its_end(planned)
    assert planned.run(single(5)).success
    assert len(planned.table("sim_orders", session=DAY))


def test_a_plan_made_again_after_sending_is_no_second_order(planned: Desk) -> None:
    """Other targets for a session whose orders are out: neither planning nor sending puts others beside them."""
    assert planned.run(single(5)).success
    before = planned.tables()
    assert planned.run(single(5)).success
    assert_same(planned.tables(), before)
    ordered = sorted(before["sim_orders"].query("session == @DAY")["symbol"])
    assert "AAA" not in ordered
    for symbol in ("AAA", ordered[0]):  # an order beside the others, and one in the place of another
        targets = planned.table("aggregated_targets", session=DAY)
        planned.tamper(DAY, symbol, 0.05)
        told = failure(planned.run(single(5)), "orders")
        assert f"ALREADY_SENT: session={DAY}" in told
        assert f"portfolio run --rebuild-from {DAY}" in told
        assert_same(planned.tables(), before)
        write(planned, "aggregated_targets", targets)


def test_orders_written_beside_those_that_were_sent_are_refused(planned: Desk) -> None:
    assert planned.run(single(5)).success
    sent = planned.table("sim_orders", session=DAY)
    a_smaller_order_with_its_public_identifier(planned)
    planned.run(single(5), "submissions")
    pd.testing.assert_frame_equal(planned.table("sim_orders", session=DAY), sent)
    messages = planned.table("risk_breaches", session=DAY, level="submission")["rule"]
    assert "revision" in set(messages)


def test_a_revision_is_an_act_of_its_own(planned: Desk) -> None:
    assert planned.run(single(5)).success
    sent = planned.table("sim_orders", session=DAY)
    planned.tamper(DAY, "AAA", 0.05)
    with rebuilding(planned.warehouse.location, DAY):
        assert planned.run(single(5)).success
    assert not planned.table("sim_orders", session=DAY).equals(sent)


def test_what_is_held_and_has_no_target_is_not_sold_but_refuses_the_session(planned: Desk) -> None:
    held = set(planned.table("sim_positions", session=DAY)["symbol"])
    symbol = sorted(held)[0]
    rows = planned.table("aggregated_targets", session=DAY)
    write(planned, "aggregated_targets", rows[rows["symbol"] != symbol])
    result = planned.run(single(5))
    assert not result.success
    [check] = [c for c in result.get_asset_check_evaluations() if c.check_name == "orders_within_limits"]
    assert f"MISSING_TARGET: symbol={symbol}" in str(check.metadata["offending rows"].value)
    assert planned.table("sim_orders", session=DAY).empty


def test_seals_of_a_range_are_those_of_its_sessions_one_by_one(planned: Desk) -> None:
    at_once = planned.table("order_seals")
    for session in DAYS[:5]:
        assert planned.run(SessionRange.single(session), "orders").success
    pd.testing.assert_frame_equal(planned.table("order_seals"), at_once)
    assert set(at_once["client_order_id"]) == set(planned.table("orders")["client_order_id"])
    assert "order_seals" not in TABLES
