"""Risk states and decisions about them, as a database holds them: what was not written here is not gone on from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.acts.risk_decisions import decide
from portfolio_pipeline.adapters.sealed_states import (
    account_before,
    require_as_written,
    require_before,
    seal_passed_over,
    seal_states_once,
    write_states,
)
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import LimitError
from portfolio_pipeline.core.risk.states.rows import Level, state_rows
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.trading import TEST_ORIGIN

KEY = b"of this home"
DAYS = SessionRange(date(2024, 2, 28), date(2024, 3, 1))
LAST, NEXT, AFTER = DAYS.last, date(2024, 3, 4), date(2024, 3, 5)
NOW = datetime(2024, 3, 2, 12, 1, 2, 345678, tzinfo=UTC)
OUT = Standing("liquidated", date(2024, 2, 1), 20, 0, 0.0, False, 0.8, 1.0, "drawdown", 0.2, 0.15, True, "ĸ'", "mine")
LEVELS: Sequence[tuple[Level, str]] = (
    ("strategies", "strategy:calm"),
    ("portfolio", "portfolio"),
    ("account", "account"),
)


def write(warehouse: Warehouse, key: bytes = KEY) -> None:
    with warehouse.transaction() as tx:
        for level, scope in LEVELS:
            told = [(day, scope, OUT if day == LAST else Standing(equity=0.1 + 0.2)) for day in DAYS]
            write_states(tx, key, DAYS, level, state_rows(told, level))


def edit(warehouse: Warehouse, sql: str) -> None:
    with warehouse.transaction() as tx:
        tx.execute(sql)


@pytest.fixture
def lived(warehouse: Warehouse) -> Warehouse:
    write(warehouse)
    decide(warehouse, "override", "portfolio", "an election", NOW, "me", KEY, factor=1, until=NEXT)
    decide(warehouse, "release", "portfolio", "the cause is gone", NOW, "me", KEY)
    return warehouse


def go_on(warehouse: Warehouse, key: bytes = KEY) -> None:
    for level, _ in LEVELS:
        require_before(warehouse, key, NEXT, level)
        require_as_written(warehouse, key, DAYS, level)


def test_what_was_written_is_gone_on_from_and_may_be_written_again(lived: Warehouse) -> None:
    go_on(lived)
    write(lived)
    go_on(lived)
    seals = lived.read("state_seals").to_pylist()
    assert [(row["session"], row["level"]) for row in seals] == [
        (day, level) for day in DAYS for level in ("account", "portfolio", "strategies")
    ]
    assert len({row["seal"] for row in seals}) == len(seals)


EDITS = (
    "update risk_states set factor = 1 where {which}",
    "update risk_states set peak = 0.8 where {which}",
    "update risk_states set may_add = true where {which}",
    "update risk_states set state = 'normal', rule = '' where {which}",
    "update risk_states set reviewed = false where {which}",
    "delete from risk_states where {which}",
    "delete from state_seals where {which}",
    "update state_seals set seal = 'none' where {which}",
)
DECISIONS = (
    "update risk_overrides set factor = 0.9 where override_id = 1",
    "update risk_overrides set until_session = null where override_id = 1",
    "update risk_overrides set from_session = '2024-02-28' where override_id = 2",
    "delete from risk_overrides where override_id = 1",
    "insert into risk_overrides select 9, action, scope, from_session, until_session, factor, reason, cause, changed,"
    " decided_by, decided_at, seal from risk_overrides where override_id = 2",
)


class UndoneError(Exception):
    """Takes an edit back that was looked at."""


def refused(warehouse: Warehouse, change: str, level: Level, told: str) -> None:
    """After the change nothing goes on from this level; the change is taken back."""
    with suppress(UndoneError), warehouse.transaction() as tx:
        tx.execute(change)
        with pytest.raises(LimitError, match=told):
            require_before(tx, KEY, NEXT, level)
        for other, _ in LEVELS if "risk_overrides" not in change else ():
            if other != level:
                require_before(tx, KEY, NEXT, other)
        raise UndoneError


def test_an_edited_row_or_one_that_is_gone_is_not_gone_on_from(lived: Warehouse) -> None:
    for level, _ in LEVELS:
        for change in EDITS:
            which = f"level = '{level}' and session = '{LAST}'"
            told = f"RISK_STATES_ALTERED: found=risk_states {LAST}, {level}"
            refused(lived, change.format(which=which), level, told)
    go_on(lived)


def test_a_decision_that_nobody_took_here_or_that_is_gone_is_not_gone_on_from(lived: Warehouse) -> None:
    for change in DECISIONS:
        told = r"RISK_OVERRIDE_ALTERED: found=risk_overrides \d: (override|release) portfolio"
        refused(lived, change, "strategies", told)
    go_on(lived)


def test_the_seal_of_one_level_or_session_is_none_of_another(lived: Warehouse) -> None:
    edit(lived, "update risk_states set level = 'x' where level = 'portfolio'")
    edit(lived, "update risk_states set level = 'portfolio' where level = 'strategies'")
    edit(lived, "update state_seals set level = 'x' where level = 'portfolio'")
    edit(lived, "update state_seals set level = 'portfolio' where level = 'strategies'")
    with pytest.raises(LimitError, match=f"RISK_STATES_ALTERED: found=risk_states {LAST}, portfolio"):
        require_before(lived, KEY, NEXT, "portfolio")


def test_a_decision_that_was_in_force_is_missed_by_the_session_that_knew_it(lived: Warehouse) -> None:
    with lived.transaction() as tx:
        states = state_rows([(NEXT, "account", Standing())], "account")
        write_states(tx, KEY, SessionRange.single(NEXT), "account", states)
    decide(lived, "override", "account", "later", NOW, "me", KEY, factor=0.2)
    require_before(lived, KEY, AFTER, "account")
    edit(lived, "delete from risk_overrides where override_id = 4")  # in force from the session after alone
    require_before(lived, KEY, AFTER, "account")
    edit(lived, "delete from risk_overrides where override_id = 3")
    with pytest.raises(LimitError, match=f"RISK_STATES_ALTERED: found=risk_states {NEXT}, account"):
        require_before(lived, KEY, AFTER, "account")
    go_on(lived)


def plan(warehouse: Warehouse, *sessions: date) -> None:
    with warehouse.transaction() as tx:
        for session in sessions:
            tx.insert("session_origins", TEST_ORIGIN.rows(SessionRange.single(session)))


@pytest.mark.parametrize(
    "wiped",
    [
        ["delete from risk_states where level = 'account'"],
        ["delete from risk_states where level = 'account'", "delete from state_seals where level = 'account'"],
        ["delete from risk_states", "delete from state_seals"],
        [f"delete from {table} where session = '{LAST}'" for table in ("risk_states", "state_seals")],
    ],
)
def test_states_of_the_account_that_are_gone_with_their_seals_are_missed(lived: Warehouse, wiped: list[str]) -> None:
    plan(lived, *DAYS)
    assert account_before(lived, KEY, NEXT) == LAST
    for sql in wiped:
        edit(lived, sql)
    with pytest.raises(LimitError, match=r"RISK_STATES_ALTERED: found=risk_states 2024-0\d-\d\d, account"):
        account_before(lived, KEY, NEXT)


def test_a_session_that_nothing_was_planned_in_is_sealed_without_states(
    lived: Warehouse,
) -> None:
    plan(lived, *DAYS, NEXT)
    with pytest.raises(LimitError, match=f"RISK_STATES_ALTERED: found=risk_states {NEXT}, account"):
        account_before(lived, KEY, AFTER)
    for _ in range(2):
        with lived.transaction() as tx:
            seal_passed_over(tx, KEY, SessionRange(LAST, NEXT))
    assert account_before(lived, KEY, AFTER) == LAST
    go_on(lived)
    edit(lived, f"delete from risk_states where level = 'account' and session = '{LAST}'")
    with pytest.raises(LimitError, match=f"RISK_STATES_ALTERED: found=risk_states {LAST}, account"):
        account_before(lived, KEY, AFTER)


def test_what_was_planned_before_there_were_states_is_gone_on_from(warehouse: Warehouse, tmp_path: Path) -> None:
    plan(warehouse, *DAYS)
    seal_states_once(warehouse, tmp_path, KEY)
    assert account_before(warehouse, KEY, NEXT) is None


def test_a_home_whose_states_were_all_taken_out_on_purpose_begins_anew(lived: Warehouse, tmp_path: Path) -> None:
    plan(lived, *DAYS)
    seal_states_once(lived, tmp_path, KEY)
    for table in ("risk_states", "risk_overrides"):
        edit(lived, f"delete from {table}")
    (tmp_path / "risk_states.sealed").unlink()
    seal_states_once(lived, tmp_path, KEY)
    assert account_before(lived, KEY, NEXT) is None
    go_on(lived)


def of_before_seals(warehouse: Warehouse) -> None:
    edit(warehouse, "delete from state_seals")
    edit(warehouse, "update risk_overrides set seal = null")


def edited(warehouse: Warehouse) -> None:
    edit(warehouse, "update risk_states set factor = 0.5")
    edit(warehouse, "update risk_overrides set factor = 0.7 where override_id = 1")


@pytest.mark.parametrize("state", [of_before_seals, edited])
def test_what_is_there_is_sealed_once_by_a_home_that_has_not_and_no_second_time(
    lived: Warehouse, tmp_path: Path, state: Callable[[Warehouse], None]
) -> None:
    state(lived)
    with pytest.raises(LimitError, match=r"RISK_OVERRIDE_ALTERED.* remove the file risk_states\.sealed of the home"):
        go_on(lived)
    before = lived.read("risk_states"), lived.read("risk_overrides").drop_columns(["seal"])
    seal_states_once(lived, tmp_path, KEY)
    go_on(lived)
    assert (lived.read("risk_states"), lived.read("risk_overrides").drop_columns(["seal"])) == before
    edit(lived, "update risk_states set factor = 0.6")
    seal_states_once(lived, tmp_path, KEY)
    with pytest.raises(LimitError, match="RISK_STATES_ALTERED"):
        go_on(lived)
    (tmp_path / "risk_states.sealed").unlink()
    seal_states_once(lived, tmp_path, KEY)
    go_on(lived)


def test_another_secret_seals_what_is_there_anew(lived: Warehouse, tmp_path: Path) -> None:
    seal_states_once(lived, tmp_path, KEY)
    other = b"the first one was lost"
    with pytest.raises(LimitError, match="ALTERED"):
        go_on(lived, other)
    seal_states_once(lived, tmp_path, other)
    go_on(lived, other)
    assert (tmp_path / "risk_states.sealed").stat().st_mode & 0o777 == 0o600


def test_a_home_without_states_has_nothing_to_seal(warehouse: Warehouse, tmp_path: Path) -> None:
    seal_states_once(warehouse, tmp_path, KEY)
    assert warehouse.read("state_seals").num_rows == 0
    go_on(warehouse)
