"""Databases of other versions: carried forward on both engines, or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.warehouse.migrations import (
    MIGRATIONS,
    AddColumn,
    DropDuckDBKeys,
    Migration,
    RunSql,
    newest_version,
)
from portfolio_pipeline.adapters.warehouse.tables import TableWarehouse
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import CORPORATE_ACTIONS, FEATURES, TABLES, Column, Table
from portfolio_pipeline_tests.adapters.warehouse_tables import opened
from portfolio_pipeline_tests.fakes.market_data import quiet_bars

SESSION = SessionRange.single(date(2024, 1, 2))
OLD = Table(
    "shares",
    "one row per session and name",
    "A table as an older version knew it.",
    ("session", "name"),
    (Column("session", "date", ""), Column("name", "text", ""), Column("amount", "double", "", nullable=True)),
)
RATING = Column("rating", "text", "added later", one_of=("good", "bad"))
SCORE = Column("score", "double", "added even later", nullable=True)
NEW = replace(OLD, columns=(*OLD.columns, RATING, SCORE))
FRESH = replace(OLD, name="fresh")
SET_SCORE = "update shares set score = 1"
FORWARD = (
    Migration(2, "shares have a rating", (AddColumn("shares", RATING, "'good'"),)),
    Migration(
        3,
        "shares have a score",
        (
            AddColumn("shares", SCORE),
            RunSql({"duckdb": "update shares set score = 1", "postgres": "update shares set score = 1"}),
        ),
    ),
)


def columns(warehouse: TableWarehouse, table: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = warehouse.query(
        "select column_name::text as name, data_type::text as type, is_nullable::text as nullable"
        " from information_schema.columns where table_name = $1 and table_schema = current_schema() order by 1",
        [table],
    ).to_pylist()
    return found


@pytest.fixture
def old_database(database_url: str) -> str:
    warehouse = opened(database_url, (OLD,))
    warehouse.prepare()
    warehouse.replace(
        "shares", SESSION, pd.DataFrame({"session": SESSION.first, "name": ["a", "b"], "amount": [1.0, None]})
    )
    return database_url


def test_an_older_database_is_carried_forward_and_keeps_its_rows(old_database: str) -> None:
    warehouse = opened(old_database, (NEW, FRESH), FORWARD)
    with pytest.raises(WarehouseError, match=r"DATABASE_OLDER_THAN_CODE.*version 1.*version 3.*portfolio up"):
        warehouse.read("shares")
    warehouse.prepare()
    assert warehouse.read("shares").to_pylist() == [
        {"session": SESSION.first, "name": "a", "amount": 1.0, "rating": "good", "score": 1.0},
        {"session": SESSION.first, "name": "b", "amount": None, "rating": "good", "score": 1.0},
    ]
    assert len(warehouse.read("fresh")) == 0
    assert warehouse.query("select version from schema_version order by 1")["version"].to_pylist() == [1, 2, 3]
    warehouse.prepare()
    assert warehouse.query("select count(*) as n from schema_version")["n"].to_pylist() == [3]


def test_the_database_as_it_was_is_kept_and_named(old_database: str) -> None:
    before = opened(old_database, (OLD,)).read("shares")
    migrated = opened(old_database, (NEW,), FORWARD)
    told: list[str] = []
    kept = migrated.prepare(told.append)
    assert kept is not None
    assert told == [kept]
    if migrated.engine == "duckdb":
        assert kept == old_database.removeprefix("duckdb:///") + ".before-v3"
        assert opened(f"duckdb:///{kept}", (OLD,)).read("shares").equals(before)
    else:
        assert kept == f"schema before_v3 of {migrated.location}"
        assert migrated.query("select * from before_v3.shares order by 1, 2").equals(before)
    assert migrated.prepare() is None
    # A table more is no migration: nothing that is there is touched.
    assert opened(old_database, (NEW, FRESH), FORWARD).prepare() is None
    assert len(opened(old_database, (NEW, FRESH), FORWARD).read("fresh")) == 0


def test_the_copy_is_told_of_even_if_what_follows_fails(tmp_path: Path) -> None:
    url, told = f"duckdb:///{tmp_path / 'portfolio.duckdb'}", list[str]()
    opened(url, (OLD,)).prepare(told.append)
    assert told == []
    broken = opened(url, (OLD,), (Migration(2, "breaks", (RunSql("update shares set nonsense = 1"),)),))
    with pytest.raises(WarehouseError, match="nonsense"):
        broken.prepare(told.append)
    assert told == [f"{tmp_path / 'portfolio.duckdb'}.before-v2"]
    assert Path(told[0]).exists()


def test_a_copy_kept_earlier_is_not_written_over(database_url: str) -> None:
    def older() -> TableWarehouse:
        return opened(database_url, (OLD,), (Migration(2, "nothing", ()),))

    opened(database_url, (OLD,)).prepare()
    first = older().prepare()
    with older().transaction() as transaction:
        transaction.execute("delete from schema_version where version = 2")
    second = older().prepare()
    assert first is not None
    assert second is not None
    assert "2-2" in second or "2_2" in second
    assert first != second


def test_tables_with_a_key_in_duckdb_are_stored_anew_in_its_order_and_the_file_shrinks(tmp_path: Path) -> None:
    file = tmp_path / "portfolio.duckdb"
    sessions = pd.bdate_range("2000-01-03", periods=3_000).date
    rows = pd.DataFrame({"session": np.tile(sessions, 20), "name": np.repeat([f"n{n:02}" for n in range(20)], 3_000)})
    rows = rows.assign(amount=np.arange(len(rows), dtype=float)).sample(frac=1, random_state=1)
    opened(f"duckdb:///{file}", (OLD,)).prepare()
    with duckdb.connect(file) as stranger:
        stranger.execute("drop table shares")
        stranger.execute("create table shares (session date not null, name text, amount double default 7)")
        stranger.execute("create view large as select * from shares where amount > 100")
        stranger.execute("alter table shares add primary key (session, name)")
        stranger.register("found", rows)
        stranger.execute("insert into shares select * from found")
        stranger.execute("create table of_somebody_else as select 1 as x")
    large = file.stat().st_size
    migrated = opened(f"duckdb:///{file}", (OLD,), (Migration(2, "no keys", (DropDuckDBKeys(),)),))
    assert migrated.prepare() == f"{file}.before-v2"
    expected = rows.sort_values(["session", "name"], ignore_index=True)
    pd.testing.assert_frame_equal(migrated.query("select * from shares").to_pandas(), expected)
    assert len(migrated.query("select * from large")) == len(rows) - 101
    assert migrated.query("select x from of_somebody_else")["x"].to_pylist() == [1]
    assert [column["nullable"] for column in columns(migrated, "shares")] == ["YES", "NO", "NO"]
    assert file.stat().st_size < 0.7 * large
    assert {path.name for path in tmp_path.iterdir()} == {
        "portfolio.duckdb",
        "portfolio.duckdb.before-v2",
        "portfolio.duckdb.lock",
        "portfolio.duckdb.queue",
    }
    with duckdb.connect(file) as stranger:
        assert not stranger.execute(
            "select * from duckdb_constraints() where constraint_type = 'PRIMARY KEY' and table_name = 'shares'"
        ).fetchall()


def test_a_migrated_table_is_the_same_as_a_new_one(old_database: str) -> None:
    migrated = opened(old_database, (NEW, replace(NEW, name="as_new")), FORWARD)
    migrated.prepare()
    assert columns(migrated, "shares") == columns(migrated, "as_new")
    assert len(columns(migrated, "shares")) == 5


def test_a_migration_that_fails_leaves_the_database_as_it_was(old_database: str) -> None:
    broken = (FORWARD[0], Migration(3, "breaks", (RunSql("update shares set nonsense = 1"),)))
    with pytest.raises(WarehouseError, match="nonsense"):
        opened(old_database, (NEW,), broken).prepare()
    untouched = opened(old_database, (OLD,))
    assert [column["name"] for column in columns(untouched, "shares")] == ["amount", "name", "session"]
    assert untouched.query("select max(version) as v from schema_version")["v"].to_pylist() == [1]


def test_a_database_newer_than_the_code_is_refused(old_database: str) -> None:
    opened(old_database, (NEW,), FORWARD).prepare()
    for call in (TableWarehouse.prepare, lambda warehouse: warehouse.read("shares")):
        with pytest.raises(WarehouseError, match=r"DATABASE_NEWER_THAN_CODE.*found=version 3.*expected=version 1"):
            call(opened(old_database, (OLD,)))


def test_a_database_that_was_never_prepared_says_what_to_do(database_url: str) -> None:
    warehouse = opened(database_url, (OLD,))
    with pytest.raises(WarehouseError, match=r"DATABASE_NOT_PREPARED.*portfolio up"):
        warehouse.read("shares")
    with pytest.raises(WarehouseError, match="DATABASE_NOT_PREPARED"), warehouse.transaction():
        pass


def test_the_houses_own_migrations_are_numbered_without_gaps() -> None:
    assert [migration.version for migration in MIGRATIONS] == list(range(2, newest_version(MIGRATIONS) + 1))
    assert len({table.name for table in TABLES}) == len(TABLES)


def of_the_house(version: int) -> tuple[Migration, ...]:
    """The migrations up to a version: a test of one begins with the tables as they are now, less what it adds."""
    return tuple(migration for migration in MIGRATIONS if migration.version <= version)


def test_a_home_without_corporate_actions_takes_them_from_its_prices(database_url: str) -> None:
    before = [table for table in TABLES if table is not CORPORATE_ACTIONS]
    older = opened(database_url, before, of_the_house(5))
    older.prepare()
    rows = quiet_bars(("AAA", "BBB"), SESSION)
    older.replace("prices", SESSION, rows.assign(dividend=[0.5, 0.0]))
    with older.transaction() as tx:
        tx.execute("create view corporate_actions as select session, symbol, 1.0 as growth from prices")
    newer = opened(database_url, TABLES, of_the_house(6))
    newer.prepare()
    assert newer.read("corporate_actions").to_pylist() == [
        {"session": SESSION.first, "symbol": "AAA", "dividend": 0.5, "split_ratio": 1.0, "source": "SCRIPTED"}
    ]


def test_a_home_whose_verdicts_knew_no_evidence_keeps_them_and_goes_on(database_url: str) -> None:
    added = {"strategy_honesty": {"evidence", "loss_evidence", "active_sessions", "change"}}
    added["strategy_weights"] = {"kept_weight"}
    before = [
        replace(table, columns=tuple(one for one in table.columns if one.name not in added.get(table.name, ())))
        for table in TABLES
        if table.name != "strategy_stages"
    ]
    older = opened(database_url, before, of_the_house(6))
    older.prepare()
    verdict = {"verdict": "doubted", "reasons": "luck", "walked_sessions": 300, "takes_new_capital": False}
    missing = dict.fromkeys(("deflated_sharpe", "overfitting", "promised_sharpe", "arrived_sharpe", "efficiency"))
    row = {"session": SESSION.first, "strategy": "old", **verdict, **missing}
    older.replace("strategy_honesty", SESSION, pd.DataFrame([row]))
    newer = opened(database_url, TABLES, of_the_house(7))
    newer.prepare()
    assert newer.read("strategy_honesty").to_pylist() == [row | dict.fromkeys(added["strategy_honesty"])]
    assert "kept_weight" in newer.read("strategy_weights").column_names
    assert len(newer.read("strategy_stages")) == 0
    anew = row | {"evidence": 1.0, "loss_evidence": 1.0, "active_sessions": 3, "change": ""}
    newer.replace("strategy_honesty", SESSION, pd.DataFrame([anew]))
    assert newer.read("strategy_honesty").to_pylist() == [anew]


CASH = ("cash_returns", "cash_return", "sleeve", "aim")


def without(*names: str) -> list[Table]:
    """The tables of the house before these tables and columns came."""
    return [
        replace(table, columns=tuple(column for column in table.columns if column.name not in names))
        for table in TABLES
        if table.name not in names
    ]


def test_in_a_home_of_before_cash_has_earned_nothing(database_url: str) -> None:
    older = opened(database_url, without(*CASH), of_the_house(8))
    older.prepare()
    bar = dict.fromkeys(FEATURES.column_names, 1.0) | {"session": SESSION.first}
    older.replace("features", SESSION, pd.DataFrame([bar | {"symbol": name} for name in ("AAA", "BBB")]))
    paper = {"session": SESSION.first, "strategy": "old", "gross_return": 0.1, "cost": 0.0}
    paper |= {"net_return": 0.1, "turnover": 0.5}
    older.replace("strategy_returns", SESSION, pd.DataFrame([paper]))
    newer = opened(database_url, TABLES, of_the_house(9))
    newer.prepare()
    assert newer.read("cash_returns").to_pylist() == [
        {"session": SESSION.first, "cash_return": 0.0, "origin": "nothing"}
    ]
    assert newer.read("strategy_returns").to_pylist() == [paper | {"cash_return": 0.0}]


def test_a_home_whose_strategies_used_one_set_has_mixtures_of_one(database_url: str) -> None:
    before = without("members", "scale", "parameter_mixtures", *CASH)
    older = opened(database_url, before, of_the_house(7))
    older.prepare()
    row = {"session": SESSION.first, "strategy": "old", "parameters": '{"top": 3}', "objective": "sharpe"}
    row |= {"score": 1.0, "trials": 9, "changed": True, "plateau_score": 1.0, "holdout_score": None, "reason": "first"}
    older.replace("optimized_parameters", SESSION, pd.DataFrame([row]))
    target = {"session": SESSION.first, "symbol": "AAA", "requested_weight": 0.3, "weight": 0.2, "reason": "cut"}
    older.replace("aggregated_targets", SESSION, pd.DataFrame([target]))
    newer = opened(database_url, TABLES, of_the_house(9))
    newer.prepare()
    assert newer.read("aggregated_targets").to_pylist() == [target | {"scale": 1.0, "aim": 1.0, "sleeve": 0.0}]
    assert newer.read("optimized_parameters").to_pylist() == [row | {"members": 1}]
    assert newer.read("parameter_mixtures").to_pylist() == [
        {"session": SESSION.first, "strategy": "old", "member": 1, "parameters": '{"top": 3}', "share": 1.0}
    ]
