"""Dagster's tables in PostgreSQL are there whole or not at all, wherever the connection is lost while they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage, PostgresScheduleStorage
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from portfolio_pipeline.adapters.faults import as_refusals
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.dagster_home.postgres_storage import make_storage_whole
from portfolio_pipeline.dagster_home.prepare import prepare_dagster_home
from portfolio_pipeline_tests.fakes.lost_connection import door
from portfolio_pipeline_tests.postgres import administer, url

STORAGES = (PostgresRunStorage, PostgresEventLogStorage, PostgresScheduleStorage)
_CATALOG = (
    "select table_name, column_name, data_type, column_default, is_nullable from information_schema.columns"
    " where table_schema = 'public' order by table_name, ordinal_position",
    "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public' order by 1, 2",
    "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
    " where connamespace = 'public'::regnamespace order by 1, 2",
    "select sequencename from pg_sequences where schemaname = 'public' order by 1",
    "select name, migration_completed is not null from secondary_indexes order by name",
    "select version_num from alembic_version",
)


def asked(at: str, sql: str) -> list[tuple[object, ...]]:
    with create_engine(at, poolclass=NullPool).begin() as connection:
        found = connection.execute(text(sql))
        return [tuple(row) for row in found] if found.returns_rows else []


def everything(at: str) -> list[list[tuple[object, ...]]]:
    return [asked(at, sql) for sql in _CATALOG]


def tables(at: str) -> list[str]:
    return [
        str(name) for (name,) in asked(at, "select tablename from pg_tables where schemaname = 'public' order by 1")
    ]


def make_as_dagster_does(at: str) -> None:
    for storage in STORAGES:
        storage(at)


@contextmanager
def fresh(server: Path) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    administer(server, f"create database {name}")
    try:
        yield name
    finally:
        administer(server, f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def as_dagster_makes_it(postgres_server: Path) -> list[list[tuple[object, ...]]]:
    with fresh(postgres_server) as name:
        make_as_dagster_does(url(postgres_server, name))
        return everything(url(postgres_server, name))


def lost_after(server: Path, database: str, statements: int | None, make: Callable[[str], object]) -> int:
    """Make through a door that shuts for good after so many statements; says how many went through."""
    with door(server, statements) as (folder, counted), suppress(OperationalError, DagsterPostgresException):
        make(url(folder, database))
    return counted.statements


def a_run_is_recorded(at: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", at)
    prepare_dagster_home(home, postgres=True)

    @dg.asset
    def something() -> None: ...

    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert dg.materialize([something], instance=instance).success
        assert instance.get_latest_materialization_event(something.key) is not None
        assert instance.get_runs_count() == 1
        assert instance.all_instigator_state() == []


def test_a_new_database_gets_what_dagster_itself_would_make(
    postgres_url: str, as_dagster_makes_it: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_storage_whole(postgres_url)
    assert everything(postgres_url) == as_dagster_makes_it
    a_run_is_recorded(postgres_url, tmp_path, monkeypatch)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99])
def test_a_connection_lost_on_the_way_leaves_nothing_and_the_next_command_makes_all(
    postgres_server: Path, as_dagster_makes_it: object, share: float
) -> None:
    with fresh(postgres_server) as name:
        needed = lost_after(postgres_server, name, None, make_storage_whole)
    with fresh(postgres_server) as name:
        at = url(postgres_server, name)
        lost_after(postgres_server, name, int(share * needed), make_storage_whole)
        assert tables(at) == []
        make_storage_whole(at)
        assert everything(at) == as_dagster_makes_it


@pytest.mark.parametrize("storage", STORAGES, ids=lambda storage: storage.__name__)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_what_dagster_left_half_made_is_made_anew(
    postgres_server: Path, as_dagster_makes_it: object, storage: Callable[[str], object], share: float
) -> None:
    def earlier(at: str) -> None:
        for one in STORAGES[: STORAGES.index(storage)]:
            one(at)

    with fresh(postgres_server) as name:
        earlier(url(postgres_server, name))
        needed = lost_after(postgres_server, name, None, storage)
    with fresh(postgres_server) as name:
        at = url(postgres_server, name)
        earlier(at)
        lost_after(postgres_server, name, int(share * needed), storage)
        make_storage_whole(at)
        assert everything(at) == as_dagster_makes_it


def test_a_run_is_recorded_after_a_first_command_that_was_cut_off(
    postgres_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh(postgres_server) as name:
        lost_after(postgres_server, name, 30, make_as_dagster_does)
        at = url(postgres_server, name)
        assert 0 < len(tables(at)) < 10
        make_storage_whole(at)
        a_run_is_recorded(at, tmp_path, monkeypatch)


def test_what_is_whole_is_left_as_it_is(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_as_dagster_does(postgres_url)
    a_run_is_recorded(postgres_url, tmp_path, monkeypatch)
    counted = ("runs", "event_logs", "asset_keys", "secondary_indexes", "alembic_version")
    before = [asked(postgres_url, f"select * from {name}") for name in counted]
    made = asked(postgres_url, "select oid from pg_class where relname = 'runs'")
    make_storage_whole(postgres_url)
    assert [asked(postgres_url, f"select * from {name}") for name in counted] == before
    assert asked(postgres_url, "select oid from pg_class where relname = 'runs'") == made


@pytest.mark.parametrize(
    "kept",
    [
        "insert into runs (run_id, pipeline_name) values ('r', 'daily')",
        "insert into event_logs (run_id, event) values ('r', 'e')",
        "insert into jobs (job_origin_id, job_body) values ('j', 'b')",
        "insert into instance_info (run_storage_id) values ('i')",
    ],
)
def test_nothing_is_dropped_where_a_single_row_is_kept_even_if_tables_are_missing(postgres_url: str, kept: str) -> None:
    make_as_dagster_does(postgres_url)
    asked(postgres_url, kept)
    asked(postgres_url, "drop table backfill_tags, pending_steps, job_ticks")
    asked(postgres_url, "delete from alembic_version")
    there = tables(postgres_url)
    make_storage_whole(postgres_url)
    assert tables(postgres_url) == there
    table = kept.split()[2]
    assert len(asked(postgres_url, f"select * from {table}")) == 1


def test_a_table_of_somebody_else_that_has_such_a_name_is_not_taken_for_a_part(postgres_url: str) -> None:
    asked(postgres_url, "create table jobs (title text)")
    make_storage_whole(postgres_url)
    assert tables(postgres_url) == ["jobs"]


def test_a_lost_server_is_one_message(postgres_server: Path) -> None:
    with (
        fresh(postgres_server) as name,
        door(postgres_server, 5) as (folder, _),
        pytest.raises(WarehouseError, match="DATABASE_LOST"),
        as_refusals(),
    ):
        make_storage_whole(url(folder, name))
