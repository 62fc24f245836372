"""Deciding about risk states by hand: checked, written with who and why, in force from the next session on."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from portfolio_pipeline.adapters.acts.risk_decisions import decide
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.risk.states.overrides import Kind
from portfolio_pipeline.core.risk.states.rows import state_rows
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.risk_states import stored_overrides

DAY, NEXT = date(2024, 3, 1), date(2024, 3, 4)
NOW = datetime(2024, 3, 2, 12, tzinfo=UTC)
KEY = b"of this home"
OUT = Standing("liquidated", date(2024, 2, 1), 20, 0, 0.0, False, 0.8, 1.0, "drawdown", 0.2, 0.15)


@pytest.fixture
def house(warehouse: Warehouse) -> Warehouse:
    day = SessionRange.single(DAY)
    for level, scopes in {
        "portfolio": {"portfolio": OUT},
        "strategies": {"strategy:calm": Standing(since=DAY, sessions=1)},
        "account": {"account": OUT, "symbol:SPY": OUT},
    }.items():
        rows = state_rows([(DAY, scope, one) for scope, one in scopes.items()], level)  # type: ignore[arg-type]
        warehouse.replace("risk_states", day, rows, where={"level": level})
    return warehouse


def test_a_release_of_the_portfolio_is_one_of_its_account_too_from_the_next_session_on(house: Warehouse) -> None:
    assert decide(house, "release", "portfolio", "the cause is gone", NOW, "me", KEY) == NEXT
    rows = house.read("risk_overrides").to_pylist()
    assert [(row["scope"], row["from_session"], row["decided_by"]) for row in rows] == [
        ("portfolio", NEXT, "me"),
        ("account", NEXT, "me"),
    ]
    assert decide(house, "override", "strategy:calm", "an election", NOW, "me", KEY, factor=0.5, until=NEXT) == NEXT
    taken = stored_overrides(house)
    assert taken.released("portfolio", NEXT) is not None
    assert taken.released("portfolio", DAY) is None
    forced = taken.in_force("strategy:calm", NEXT)
    assert forced is not None
    assert (forced.factor, forced.reason) == (0.5, "an election")
    assert taken.in_force("strategy:calm", date(2024, 3, 5)) is None


@pytest.mark.parametrize(
    ("kind", "scope", "given", "refusal"),
    [
        ("release", "portfolo", {}, r"RISK_SCOPE_UNKNOWN.*did you mean portfolio"),
        ("release", "symbol:SPY", {}, "RISK_SCOPE_UNKNOWN"),
        ("release", "strategy:calm", {}, "NOTHING_TO_RELEASE"),
        ("release", "portfolio", {"reason": "  "}, "REASON_MISSING"),
        ("override", "portfolio", {"factor": 1.5}, r"FACTOR_IMPOSSIBLE: found=1\.5, expected=0 to 1"),
        ("override", "portfolio", {"factor": float("nan")}, "FACTOR_IMPOSSIBLE"),
        ("override", "portfolio", {}, "FACTOR_IMPOSSIBLE"),
        ("override", "portfolio", {"factor": 0.5, "until": DAY}, "EXPIRES_BEFORE_IT_BEGINS"),
        ("review", "portfolio", {}, "CAUSE_MISSING"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_written(
    house: Warehouse, kind: Kind, scope: str, given: dict[str, Any], refusal: str
) -> None:
    asked = {"reason": "why not", **given}
    with pytest.raises(ConfigurationError, match=refusal):
        decide(house, kind, scope, now=NOW, who="me", key=KEY, **asked)
    assert house.read("risk_overrides").num_rows == 0


def test_a_house_without_states_has_nothing_to_decide_about(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigurationError, match="RISK_SCOPE_UNKNOWN"):
        decide(warehouse, "release", "portfolio", "why not", NOW, "me", KEY)
