"""Opening the house for a command: what it needs is there and checked before anything is asked of it.

Commands that look or take a note open the tables alone, and answer at once; those that compute open everything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from portfolio_pipeline.adapters.environment import Environment, read_environment
from portfolio_pipeline.adapters.wiring import Wiring, wire
from portfolio_pipeline.cli.terminal import say


@contextmanager
def account(what: str, *, wait: bool = False) -> Iterator[Wiring]:
    """The house with the account to ourselves, taken before anything of it is read."""
    from portfolio_pipeline.adapters.faults import require_room
    from portfolio_pipeline.dagster_home.at_work import at_work
    from portfolio_pipeline.dagster_home.prepare import make_home
    from portfolio_pipeline.dagster_home.rebuild import undo_unfinished

    wired = wire()
    make_home(wired.environment.dagster_home)
    require_room(wired.environment.dagster_home)
    warn = partial(say, style="yellow")
    with at_work(wired.locks, what, wait=warn if wait else None):
        undo_unfinished(wired.warehouse, warn)
        yield open_home()


def open_home() -> Wiring:
    """The house with its Dagster home written and its tables created; the environment is set for child processes."""
    from portfolio_pipeline.dagster_home.prepare import prepare_dagster_home

    environment = read_environment()
    misfit = prepare_dagster_home(environment.dagster_home, postgres=uses_postgres(environment))
    if misfit:
        say(f"Dagster's own storages are used, which are slower and larger; ours do not fit. {misfit}", "yellow")
    os.environ["DAGSTER_HOME"] = str(environment.dagster_home)
    if uses_postgres(environment):
        # SQLAlchemy, which Dagster uses, knows only the longer name of the scheme.
        os.environ["DATABASE_URL"] = environment.database_url.replace("postgres://", "postgresql://", 1)
        if not misfit:
            from portfolio_pipeline.dagster_home.postgres_storage import make_storage_whole

            make_storage_whole(os.environ["DATABASE_URL"])
    wired = open_tables(environment)
    # What is wrong with settings, broker or market data is said before anything begins.
    _ = wired.settings, wired.broker, wired.market_data
    wired.require_same_account()
    wired.seal_what_is_there()
    return wired


def open_tables(environment: Environment | None = None) -> Wiring:
    """The house with its tables created and carried forward; nothing else of it is imported yet."""
    wired = wire(environment)
    wired.warehouse.prepare(lambda kept: say(f"The tables are carried forward to this version. As they were: {kept}"))
    return wired


def uses_postgres(environment: Environment) -> bool:
    return not environment.database_url.startswith("duckdb:")
