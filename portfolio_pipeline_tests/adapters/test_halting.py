"""Halting writes two things and resuming lifts both: what is told, what is written, and what happens when one is out
of reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.acts.halting import halt, record_halt, resume
from portfolio_pipeline.adapters.halt_file import HaltFile
from portfolio_pipeline.core.errors import ConfigurationError, PortfolioError, WarehouseError
from portfolio_pipeline.core.execution.halt import TradingState, either, trading_state
from portfolio_pipeline.ports import Warehouse

NOON = datetime(2024, 1, 3, 12, tzinfo=UTC)
IN_TOKYO = NOON.astimezone(timezone(timedelta(hours=9)))
STORED = datetime(2024, 1, 3, 12)  # noqa: DTZ001 as the tables hold it: UTC without a zone
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def switch(tmp_path: Path) -> HaltFile:
    return HaltFile(tmp_path)


def events(warehouse: Warehouse) -> list[tuple[object, ...]]:
    rows = warehouse.read("halt_events").to_pylist()
    return [(row["event_id"], row["action"], row["reason"], row["happened_at"]) for row in rows]


def unreachable() -> Warehouse:
    raise WarehouseError("DATABASE_UNREACHABLE")


def test_a_halt_is_in_both_places_with_its_reason_and_moment(switch: HaltFile, duckdb_warehouse: Warehouse) -> None:
    halt(switch, " a strange fill\0 ", IN_TOKYO)
    assert record_halt(lambda: duckdb_warehouse, " a strange fill\0 ", IN_TOKYO) is None
    assert switch.state() == TradingState(True, "a strange fill", STORED)
    assert trading_state(duckdb_warehouse.read("halt_events")) == TradingState(True, "a strange fill", STORED)


@pytest.mark.parametrize("reason", ["", "  ", "\0"])
def test_a_halt_without_a_reason_was_made_by_hand(switch: HaltFile, reason: str) -> None:
    halt(switch, reason, NOON)
    assert switch.state().reason == "by hand"


def test_a_database_out_of_reach_is_told_and_leaves_the_switch_thrown(switch: HaltFile) -> None:
    halt(switch, "fire", NOON)
    refused = record_halt(unreachable, "fire", NOON)
    assert isinstance(refused, PortfolioError)
    assert refused.reason == "DATABASE_UNREACHABLE"
    assert switch.state().halted


def test_resuming_lifts_both_and_says_what_it_found(switch: HaltFile, duckdb_warehouse: Warehouse) -> None:
    halt(switch, "fire", NOON)
    record_halt(lambda: duckdb_warehouse, "smoke", LATER)
    assert resume(switch, duckdb_warehouse, " it was a drill ", IN_TOKYO + timedelta(hours=2)) == [
        "the switch in the home: halted since 2024-01-03 12:00 UTC: fire",
        "the database: halted since 2024-01-03 13:00 UTC: smoke",
    ]
    assert not switch.state().halted
    assert events(duckdb_warehouse) == [
        (1, "halt", "smoke", STORED + timedelta(hours=1)),
        (2, "resume", "it was a drill", STORED + timedelta(hours=2)),
    ]


def test_a_halt_that_never_reached_the_database_is_written_down_when_it_is_lifted(
    switch: HaltFile, duckdb_warehouse: Warehouse
) -> None:
    halt(switch, "no network", NOON)
    assert resume(switch, duckdb_warehouse, "it is back", LATER) == [
        "the switch in the home: halted since 2024-01-03 12:00 UTC: no network"
    ]
    later = STORED + timedelta(hours=1)
    assert events(duckdb_warehouse) == [(1, "halt", "no network", later), (2, "resume", "it is back", later)]
    assert not switch.state().halted


def test_a_halt_that_stands_in_the_database_alone_is_lifted(switch: HaltFile, duckdb_warehouse: Warehouse) -> None:
    record_halt(lambda: duckdb_warehouse, "fire", NOON)
    assert resume(switch, duckdb_warehouse, "out", LATER) == ["the database: halted since 2024-01-03 12:00 UTC: fire"]
    assert [action for _, action, _, _ in events(duckdb_warehouse)] == ["halt", "resume"]


def test_where_nothing_is_halted_nothing_is_found_and_nothing_written(
    switch: HaltFile, duckdb_warehouse: Warehouse
) -> None:
    assert resume(switch, duckdb_warehouse, "just so", NOON) == []
    assert events(duckdb_warehouse) == []


@pytest.mark.parametrize("reason", ["", " \n"])
def test_resuming_needs_a_reason(switch: HaltFile, duckdb_warehouse: Warehouse, reason: str) -> None:
    halt(switch, "fire", NOON)
    with pytest.raises(ConfigurationError, match="REASON_MISSING"):
        resume(switch, duckdb_warehouse, reason, LATER)
    assert switch.state().halted


def test_a_switch_that_does_not_say_since_when_is_told_without(
    switch: HaltFile, duckdb_warehouse: Warehouse, tmp_path: Path
) -> None:
    (tmp_path / "HALTED").write_text("")
    [told] = resume(switch, duckdb_warehouse, "a stray file", NOON)
    assert told == f"the switch in the home: halted: {tmp_path / 'HALTED'} is there, but does not say why"


def test_a_switch_that_cannot_be_lifted_still_halts(
    switch: HaltFile, duckdb_warehouse: Warehouse, tmp_path: Path
) -> None:
    """It is a folder here, which cannot be taken away like a file."""
    record_halt(lambda: duckdb_warehouse, "fire", NOON)
    (tmp_path / "HALTED").mkdir()
    with pytest.raises(PortfolioError, match="HALT_FILE_UNUSABLE"):
        resume(switch, duckdb_warehouse, "out", LATER)
    assert either(switch.state(), trading_state(duckdb_warehouse.read("halt_events"))).halted
