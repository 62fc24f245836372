"""What comes first, and fixtures for every test: warehouses on both engines, each test with a database of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.postgres import administer, started, url

# Whoever starts the tests with `nohup` or in the background ignores signals, and so would every command they start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# What hypothesis finds on one machine it finds on any. To look for more: `pytest --hypothesis-profile default`.
settings.register_profile("same everywhere", derandomize=True)
settings.load_profile("same everywhere")

_LONG = ("web_ui", "cli", "defs", "project")
"""Rooms with files that take minutes: first, so that no process is left with one of them when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: next((place for place, room in enumerate(_LONG) if room in item.path.parts), len(_LONG))
    )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Path]:
    """A real PostgreSQL for this test process: the folder of its socket."""
    with started() as folder:
        # Nothing here has to outlive a power failure.
        administer(folder, "alter system set fsync = off")
        administer(folder, "select pg_reload_conf()")
        yield folder


@pytest.fixture
def postgres_url(postgres_server: Path) -> Iterator[str]:
    """A fresh, empty database."""
    name = f"test_{uuid4().hex}"
    administer(postgres_server, f"create database {name}")
    yield url(postgres_server, name)
    administer(postgres_server, f"drop database {name} with (force)")


@pytest.fixture(params=["duckdb", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database on either engine."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"duckdb:///{tmp_path / 'portfolio.duckdb'}"


@pytest.fixture
def warehouse(database_url: str) -> Warehouse:
    """A prepared warehouse; the test runs once on each engine."""
    opened = open_warehouse(database_url)
    opened.prepare()
    return opened


@pytest.fixture
def duckdb_warehouse(tmp_path: Path) -> Warehouse:
    """A prepared warehouse on DuckDB, for tests that say nothing about engines."""
    opened = open_warehouse(f"duckdb:///{tmp_path / 'portfolio.duckdb'}")
    opened.prepare()
    return opened
