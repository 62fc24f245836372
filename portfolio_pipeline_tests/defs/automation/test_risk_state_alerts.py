"""Changes of risk states reach people once, when they move on, and when they are over."""

from __future__ import annotations

from datetime import UTC, date, datetime

import dagster as dg
import pytest

from portfolio_pipeline.adapters.acts.telling_states import tell_states
from portfolio_pipeline.adapters.alerts.remembered import RememberedAlerts
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.risk.states.rows import state_rows
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.tables import ALERTS
from portfolio_pipeline.defs.automation.risk_states import changed_risk_states
from portfolio_pipeline.ports import Alert, Warehouse
from portfolio_pipeline_tests.fakes.alerts import RecordedAlerts

DAYS = [date(2024, 1, day) for day in (2, 3, 4, 5, 8)]
NORMAL = Standing()
OUT = Standing("liquidated", DAYS[1], 1, factor=0.0, adds=False, rule="drawdown", found=0.16, limit=0.15)
STEP = Standing("re_entering", DAYS[3], 1, step=1, factor=0.25, rule="drawdown", found=0.16, limit=0.15)
TWIN = Standing("reduced", DAYS[1], 1, adds=False, rule="correlation", found=0.84, limit=0.8)


class Kept:
    def __init__(self) -> None:
        self.sent: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.sent.append(alert)


def store(warehouse: Warehouse, place: int, **scopes: Standing) -> None:
    named = {"strategy:trend" if name == "trend" else name: one for name, one in scopes.items()}
    rows = state_rows(((DAYS[place], scope, one) for scope, one in named.items()), "portfolio")
    warehouse.replace("risk_states", SessionRange.single(DAYS[place]), rows)


def test_each_change_is_told_once_with_the_gravity_of_its_rule_and_the_end_to_who_was_told(
    duckdb_warehouse: Warehouse,
) -> None:
    phone, house = Kept(), duckdb_warehouse
    alerts = RememberedAlerts(lambda: house, {"phone": phone}, {"phone": "high"}, lambda: datetime.now(UTC))
    walk = (NORMAL, OUT, OUT, STEP, NORMAL)
    told = []
    for place, standing in enumerate(walk):
        store(house, place, portfolio=standing, account=NORMAL, trend=TWIN if place else NORMAL)
        tell_states(house, alerts)
        tell_states(house, alerts)
        told.append([(alert.severity, alert.message) for alert in phone.sent])
        phone.sent.clear()
    assert told[0] == told[2] == []
    ((gravity, words),) = told[1]
    assert gravity == "critical"
    assert words.startswith("The portfolio is liquidated since 2024-01-03: drawdown, limit 0.15.")
    assert told[3][0][1].startswith("The portfolio is re entering at 25% of its risk since 2024-01-05")
    assert [message for _, message in told[4]] == ["The portfolio is back to full risk."]
    known = {row["about"]: row["severity"] for row in house.read(ALERTS.name).to_pylist()}
    assert known == {"risk_state:portfolio": "critical", "risk_state:strategy:trend": "medium"}


def test_the_sensor_looks_once_after_orders_were_planned(duckdb_warehouse: Warehouse) -> None:
    store(duckdb_warehouse, 1, portfolio=OUT, account=NORMAL)
    alerts = RecordedAlerts()
    with dg.instance_for_test() as instance:
        given = {"warehouse": duckdb_warehouse, "alerts": alerts}
        before = dg.build_sensor_context(instance, resources=given)
        assert isinstance(changed_risk_states(before), dg.SkipReason)
        instance.report_runless_asset_event(dg.AssetMaterialization("orders", partition=str(DAYS[1])))
        looked = changed_risk_states(dg.build_sensor_context(instance, resources=given))
        assert isinstance(looked, dg.SensorResult)
        again = dg.build_sensor_context(instance, cursor=looked.cursor, resources=given)
        assert isinstance(changed_risk_states(again), dg.SkipReason)
    assert [alert.about for alert in alerts.sent] == ["risk_state:portfolio"]
    assert alerts.ended == ["risk_state:account"]


@pytest.mark.parametrize(("factor", "told"), [(0.5, True), (1.0, False)])
def test_a_factor_by_hand_is_told_though_the_state_is_normal(
    duckdb_warehouse: Warehouse, factor: float, told: bool
) -> None:
    store(duckdb_warehouse, 1, portfolio=Standing(since=DAYS[1], factor=factor, reason="elections"))
    alerts = RecordedAlerts()
    tell_states(duckdb_warehouse, alerts)
    assert bool(alerts.sent) == told
    assert all("by hand: elections" in alert.message for alert in alerts.sent)
