"""Opening the house for a command: environment, Dagster home and tables, each there before anything is asked of it."""

from __future__ import annotations

import os
from datetime import UTC
from typing import Literal

from portfolio_pipeline.adapters.environment import Environment, read_environment
from portfolio_pipeline.adapters.wiring import Wiring, wire
from portfolio_pipeline.core.execution.halt import next_event
from portfolio_pipeline.core.tables import HALT_EVENTS
from portfolio_pipeline.dagster_home.prepare import prepare_dagster_home


def open_home() -> Wiring:
    """The house with its Dagster home written and its tables created; the environment is set for child processes."""
    environment = read_environment()
    prepare_dagster_home(environment.dagster_home, postgres=uses_postgres(environment))
    os.environ["DAGSTER_HOME"] = str(environment.dagster_home)
    if uses_postgres(environment):
        # SQLAlchemy, which Dagster uses, knows only the longer name of the scheme.
        os.environ["DATABASE_URL"] = environment.database_url.replace("postgres://", "postgresql://", 1)
    wired = wire(environment)
    wired.warehouse.prepare()
    return wired


def uses_postgres(environment: Environment) -> bool:
    return not environment.database_url.startswith("duckdb:")


def record_halt_event(wired: Wiring, action: Literal["halt", "resume"], reason: str) -> None:
    now = wired.clock.now().astimezone(UTC).replace(tzinfo=None)
    with wired.warehouse.transaction() as tx:
        tx.insert(HALT_EVENTS.name, next_event(tx.read(HALT_EVENTS.name), action, reason, now))
