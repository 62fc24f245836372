"""Models meet a real engine: views follow their files, and an engine's complaint names the file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.sql_models.inspection import load_library
from portfolio_pipeline.sql_models.library import Library
from portfolio_pipeline.sql_models.problems import SqlModelError
from portfolio_pipeline.sql_models.run import create_views, make_and_examine, project_library
from portfolio_pipeline_tests.sql.bars import random_bars, session_range

SESSIONS = session_range(date(2020, 1, 1), date(2020, 2, 28))


def library(folder: Path, **models: str) -> Library:
    """A library of views, given by name as `column, column | select`."""
    marts = folder / "sql" / "marts"
    marts.mkdir(parents=True, exist_ok=True)
    for name, text in models.items():
        names, select = text.split(" | ", 1)
        columns = ", ".join(f"{name}: c" for name in names.split(", "))
        header = f"description: d\nowner: o\ngrain: [symbol]\ncolumns: {{{columns}}}"
        (marts / f"{name}.sql").write_text(f"/*\n{header}\n*/\n{select}", encoding="utf-8")
    return load_library(folder / "sql", TABLES)


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    warehouse.replace("prices", SESSIONS, random_bars(SESSIONS, 3))
    return warehouse


def test_a_view_that_gives_up_a_column_is_made_anew_with_those_that_read_it(filled: Warehouse, tmp_path: Path) -> None:
    before = library(
        tmp_path,
        closes="symbol, close | select symbol, close from ref('prices')",
        highest="symbol, top | select symbol, max(close) as top from ref('closes') group by symbol",
    )
    create_views(filled, before, ["highest"])
    expected = filled.query("select * from highest order by symbol")

    after = library(tmp_path, closes="close, symbol | select close, symbol from ref('prices')")
    create_views(filled, after, ["closes"])

    assert filled.query("select * from closes").column_names == ["close", "symbol"]
    assert filled.query("select * from highest order by symbol").equals(expected)


def test_an_engine_that_refuses_is_told_as_file_line_and_column(filled: Warehouse, tmp_path: Path) -> None:
    wrong = library(tmp_path, wrong="symbol, x | select symbol,\n  sqrt(symbol) as x\nfrom ref('prices')")

    with pytest.raises(SqlModelError, match=r"sql/marts/wrong.sql:8:3: .*sqrt"):
        create_views(filled, wrong, ["wrong"])


def test_a_cast_that_fails_at_run_time_names_the_file(filled: Warehouse, tmp_path: Path) -> None:
    wrong = library(tmp_path, wrong="symbol | select symbol from ref('prices') where cast(symbol as bigint) > 0")
    with pytest.raises(SqlModelError, match=r"sql/marts/wrong.sql:7:1: "):
        make_and_examine(filled, wrong, "wrong", SESSIONS)


def test_a_failing_view_leaves_the_others_as_they_were(filled: Warehouse, tmp_path: Path) -> None:
    good = library(tmp_path, good="symbol | select symbol from ref('prices')")
    create_views(filled, good, ["good"])
    expected = filled.query("select count(*) as n from good")

    bad = library(
        tmp_path,
        good="symbol | select 'changed' as symbol from ref('prices')",
        worse="symbol | select sqrt(symbol) as symbol from ref('good')",
    )
    with pytest.raises(SqlModelError):
        create_views(filled, bad, ["worse"])

    assert filled.query("select count(*) as n from good").equals(expected)
    assert filled.query("select min(symbol) as s from good").to_pylist() == [{"s": "S00"}]


def test_broken_promises_are_rows_of_the_sessions_asked_for(filled: Warehouse, tmp_path: Path) -> None:
    promising = library(
        tmp_path, twice="session, symbol | select session, symbol from ref('prices') where symbol = 'S00'"
    )
    days = list(SESSIONS)

    found = make_and_examine(filled, promising, "twice", SessionRange(days[0], days[4]))

    assert (found.rows, found.rows_in_sessions) == (len(days), 5)
    assert found.broken["grain_is_unique"].to_pylist() == [{"symbol": "S00", "found": 5}]
    assert found.newest.to_pylist() == [{"session": days[4], "symbol": "S00"}]


def test_all_marts_can_be_read_on_an_empty_house(warehouse: Warehouse) -> None:
    house = project_library()
    marts = list(house.models)

    create_views(warehouse, house, marts)

    for name in marts:
        assert warehouse.query(f"select * from {name}").num_rows == 0
        assert set(warehouse.query(f"select * from {name}").column_names) == set(house.columns(name))
