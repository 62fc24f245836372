"""Opening the house for a command: what it needs is there and checked before anything is asked of it.

Commands that look or take a note open the tables alone, and answer at once; those that compute open everything.
"""

from __future__ import annotations

import os
from datetime import UTC
from typing import Literal

from portfolio_pipeline.adapters.environment import Environment, read_environment
from portfolio_pipeline.adapters.wiring import Wiring, wire
from portfolio_pipeline.cli.terminal import say
from portfolio_pipeline.core.execution.halt import next_event
from portfolio_pipeline.core.tables import HALT_EVENTS


def open_home() -> Wiring:
    """The house with its Dagster home written and its tables created; the environment is set for child processes."""
    from portfolio_pipeline.dagster_home.prepare import prepare_dagster_home

    environment = read_environment()
    prepare_dagster_home(environment.dagster_home, postgres=uses_postgres(environment))
    os.environ["DAGSTER_HOME"] = str(environment.dagster_home)
    if uses_postgres(environment):
        # SQLAlchemy, which Dagster uses, knows only the longer name of the scheme.
        os.environ["DATABASE_URL"] = environment.database_url.replace("postgres://", "postgresql://", 1)
    wired = open_tables(environment)
    # What is wrong with settings, broker or market data is said before anything begins.
    _ = wired.settings, wired.broker, wired.market_data
    return wired


def open_tables(environment: Environment | None = None) -> Wiring:
    """The house with its tables created and carried forward; nothing else of it is imported yet."""
    wired = wire(environment)
    wired.warehouse.prepare(lambda kept: say(f"The tables are carried forward to this version. As they were: {kept}"))
    return wired


def uses_postgres(environment: Environment) -> bool:
    return not environment.database_url.startswith("duckdb:")


def record_halt_event(wired: Wiring, action: Literal["halt", "resume"], reason: str) -> None:
    now = wired.clock.now().astimezone(UTC).replace(tzinfo=None)
    with wired.warehouse.transaction() as tx:
        tx.insert(HALT_EVENTS.name, next_event(tx.read(HALT_EVENTS.name), action, reason, now))
