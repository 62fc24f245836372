"""Imports what does not depend on home, environment and terminal, and works out what every process works out alike.

Whoever is forked from a process that has done so starts at once.
"""

from importlib import import_module

import dagster as dg
import numpy as np

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.components.filling import strategies
from portfolio_pipeline.core.calendar.sessions import session_closes
from portfolio_pipeline.core.features.kernels import rolling_mean
from portfolio_pipeline.sql_models.run import project_library

_OF_A_HOME = {"cli", "defs"}
"""The command asks what terminal it is on when it is imported, and the assets which strategies the home has."""
_IMPORTED_WHEN_USED = ("jinja2", "rich.progress", "psycopg2", "dagster_postgres", "alpaca.trading.client")


@dg.asset
def _nothing() -> None:
    pass


for _file in PACKAGE_ROOT.rglob("*.py"):
    _parts = _file.relative_to(PACKAGE_ROOT.parent).with_suffix("").parts
    if not _OF_A_HOME.intersection(_parts):
        import_module(".".join(_parts).removesuffix(".__init__"))
for _name in _IMPORTED_WHEN_USED:
    import_module(_name)
# Of Dagster and the compiler, too, much is imported when it is first used.
dg.materialize([_nothing], run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
rolling_mean(np.ones((3, 1)), 2)
session_closes()
project_library()
assert not strategies.cache_info().currsize, "something that was imported has looked into a home"
