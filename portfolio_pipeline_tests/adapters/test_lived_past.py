"""What an account has lived through, at the warehouse's own door: kept, rebuilt, put back; on both engines."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.adapters.warehouse.lived import rebuilding
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import assert_same, read_tables

LIFE = SessionRange(date(2024, 1, 2), date(2024, 1, 8))
DAYS = tuple(LIFE)
MIDDLE = SessionRange.single(DAYS[2])


def account(sessions: SessionRange, cash: float) -> pd.DataFrame:
    figures = {"equity": cash, "cash": cash, "gross_exposure": 0.0, "net_exposure": 0.0}
    return pd.DataFrame(
        [{"session": day, "book": "account", **figures, "profit_and_loss": 0.0, "transfer": 0.0} for day in sessions]
    )


@pytest.fixture
def lived(warehouse: Warehouse) -> Warehouse:
    warehouse.replace("account", LIFE, account(LIFE, 100.0))
    return warehouse


def test_the_same_past_may_be_written_as_often_as_one_likes(lived: Warehouse) -> None:
    before = read_tables(lived)
    lived.replace("account", MIDDLE, account(MIDDLE, 100.0))
    lived.replace("account", LIFE, account(LIFE, 100.0))
    assert_same(read_tables(lived), before)


@pytest.mark.parametrize("cash", [99.0, None])
def test_another_past_or_none_is_refused_with_what_follows_from_it(lived: Warehouse, cash: float | None) -> None:
    before = read_tables(lived)
    rows = account(MIDDLE, cash or 0.0).head(0 if cash is None else 1)
    with pytest.raises(PortfolioError, match=r"PAST_WOULD_BE_REWRITTEN: table=account, session=2024-01-04.*3 sessions"):
        lived.replace("account", MIDDLE, rows)
    with pytest.raises(PortfolioError, match="PAST_WOULD_BE_REWRITTEN"), lived.transaction() as transaction:
        transaction.delete("account", None)
    assert_same(read_tables(lived), before)


def test_the_newest_session_is_still_being_lived(lived: Warehouse) -> None:
    newest = SessionRange.single(DAYS[-1])
    lived.replace("account", newest, account(newest, 7.0))
    assert lived.read("account", newest)["cash"].to_pylist() == [7.0]


def test_a_rebuild_opens_the_door_from_its_first_session_on_and_closes_it_again(lived: Warehouse) -> None:
    with rebuilding(lived.location, DAYS[2]):
        lived.replace("account", MIDDLE, account(MIDDLE, 1.0))
        with pytest.raises(PortfolioError, match="PAST_WOULD_BE_REWRITTEN"):
            lived.replace("account", LIFE, account(LIFE, 1.0))
    with pytest.raises(PortfolioError, match="PAST_WOULD_BE_REWRITTEN"):
        lived.replace("account", MIDDLE, account(MIDDLE, 2.0))


def test_a_rebuild_that_has_not_ended_is_undone_by_whoever_opens_the_database_next(
    lived: Warehouse, database_url: str
) -> None:
    before = read_tables(lived)
    kept = lived.begin_rebuild(DAYS[2])
    assert "before" in kept
    with rebuilding(lived.location, DAYS[2]):
        later = SessionRange(DAYS[2], DAYS[-1])
        lived.replace("account", later, account(later, 1.0))
    opened = open_warehouse(database_url)
    assert opened.unfinished_rebuild() == kept
    assert opened.undo_rebuild() == kept
    assert opened.unfinished_rebuild() is None
    assert_same(read_tables(opened), before)
    assert opened.undo_rebuild() is None


def test_a_rebuild_that_has_ended_is_not_undone_and_a_second_keeps_a_copy_of_its_own(lived: Warehouse) -> None:
    first = lived.begin_rebuild(DAYS[2])
    with rebuilding(lived.location, DAYS[2]):
        later = SessionRange(DAYS[2], DAYS[-1])
        lived.replace("account", later, account(later, 1.0))
    lived.end_rebuild()
    after = read_tables(lived)
    assert lived.undo_rebuild() is None
    assert_same(read_tables(lived), after)
    second = lived.begin_rebuild(DAYS[2])
    assert second != first
    assert lived.undo_rebuild() == second
    assert_same(read_tables(lived), after)


def test_what_was_written_first_of_a_lived_session_stays_where_that_is_declared(lived: Warehouse) -> None:
    def origins(code: str) -> pd.DataFrame:
        told = {"market_data": "simulated", "market_data_place": "", "broker": "SIMULATED", "initial_cash": 1.0}
        return pd.DataFrame(
            [{"session": day, **told, "settings": "s", "strategies": "c", "code": code} for day in LIFE]
        )

    lived.replace("session_origins", LIFE, origins("old"))
    lived.replace("session_origins", LIFE, origins("new"))
    assert lived.read("session_origins")["code"].to_pylist() == ["old"] * (len(DAYS) - 1) + ["new"]
