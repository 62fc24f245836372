"""What is PostgreSQL's own: the server, its version, its password, its locks."""

from __future__ import annotations

import os
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from portfolio_pipeline.adapters.warehouse import open_warehouse, postgres
from portfolio_pipeline.adapters.warehouse.postgres import PostgresWarehouse, without_password
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline_tests.adapters import warehouse_processes as others
from portfolio_pipeline_tests.adapters.warehouse_tables import opened, weights

SESSION = SessionRange.single(date(2024, 1, 2))


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid"])
def test_a_server_that_cannot_be_reached_is_one_clear_message_without_the_password(host: str) -> None:
    warehouse = open_warehouse(f"postgresql://trader:s3cret-word@{host}/portfolio?password=s3cret-word")
    with pytest.raises(
        PortfolioError, match=rf"DATABASE_UNREACHABLE: database=postgresql://{host}/portfolio"
    ) as refusal:
        warehouse.prepare()
    assert "s3cret" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_database_that_does_not_exist_is_named(postgres_url: str) -> None:
    with pytest.raises(PortfolioError, match=r"DATABASE_UNREACHABLE.*nowhere"):
        open_warehouse(postgres_url.replace("/test_", "/nowhere_")).read("prices")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=5, max_size=20))
def test_the_location_never_shows_the_password(password: str) -> None:
    """Not even one that should have been percent-encoded and was not."""
    assume("&" not in password)
    for url in (
        f"postgresql://u:{password}@db.example:5432/x",
        f"postgresql://u@db.example:5432/x?password={password}",
    ):
        location = open_warehouse(url).location
        assert location == "postgresql://db.example:5432/x"


def test_messages_of_the_server_are_cleared_of_the_password() -> None:
    url = "postgresql://u:p%40ss%2Fword@h/x?sslpassword=key-word"
    assert without_password("p%40ss%2Fword, p@ss/word and key-word", url) == "***, *** and ***"


def test_a_server_that_is_too_old_is_refused_with_its_version(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "OLDEST_MAJOR_VERSION", 99)
    with pytest.raises(
        PortfolioError, match=r"DATABASE_TOO_OLD.*found=PostgreSQL \d\d, expected=PostgreSQL 99 or newer"
    ):
        open_warehouse(postgres_url).prepare()


@pytest.mark.parametrize(("number", "refused"), [(90624, True), (130014, True), (140000, False), (180004, False)])
def test_postgres_14_is_the_oldest_that_is_accepted(number: int, refused: bool) -> None:
    warehouse = PostgresWarehouse("postgresql://h/x")
    if refused:
        with pytest.raises(PortfolioError, match=rf"DATABASE_TOO_OLD.*found=PostgreSQL {number // 10_000},"):
            warehouse._refuse_old(number)
    else:
        warehouse._refuse_old(number)


def test_a_writer_that_is_waited_for_in_vain_is_named_with_its_server_process(postgres_url: str) -> None:
    impatient = opened(postgres_url, wait_seconds=0.3)
    impatient.prepare()
    with others.holding(others.write_and_hang, postgres_url, SESSION.first, 0.9):
        pids = impatient.query("select pid from pg_locks where locktype = 'advisory' and granted")["pid"].to_pylist()
        with pytest.raises(PortfolioError, match=rf"DATABASE_LOCKED.*held_by=server process {pids[0]}, waited=0.3 s"):
            impatient.replace("weights", SESSION, weights(SESSION.first, 0.5))
        assert len(impatient.read("weights")) == 0


def test_no_connection_does_work_between_calls(postgres_url: str) -> None:
    warehouse = open_warehouse(postgres_url)
    warehouse.prepare()
    states = warehouse.query(
        "select state from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        " and backend_type = 'client backend'"  # the server vacuums by itself
    )
    assert states["state"].to_pylist() == ["idle"]


def test_a_server_process_that_was_ended_is_replaced_by_the_next_call(postgres_url: str) -> None:
    warehouse = open_warehouse(postgres_url)
    warehouse.prepare()
    with open_warehouse(postgres_url).transaction() as transaction:
        transaction.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert len(warehouse.read("prices")) == 0


def test_the_tests_run_on_a_server_of_their_own(postgres_url: str) -> None:
    assert f"{os.sep}tmp{os.sep}pg" in open_warehouse(postgres_url).location
