"""Carries a database forward to the tables that this version of the code declares.

A new database is created from `core.tables` as it is now and is stamped with the newest version. An older one goes
through every migration that it has not seen, in order, in one transaction; new tables need no migration, they are
created in both cases. There is no way back but the copy that each engine keeps of the older database: one of a newer
version than the code is refused.

To add a column: declare it in `core.tables` and append `Migration(n, "why", (AddColumn(...),))` here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import pyarrow as pa

from portfolio_pipeline.adapters.warehouse.statements import Engine, column_definition, create_table, quoted
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import (
    AGGREGATED_TARGETS,
    CASH_RETURNS,
    CORPORATE_ACTIONS,
    FEATURES,
    OPTIMIZATION_RESULTS,
    OPTIMIZED_PARAMETERS,
    PARAMETER_MIXTURES,
    RISK_BREACHES,
    SIM_POSITIONS,
    STRATEGY_HONESTY,
    STRATEGY_RETURNS,
    STRATEGY_WEIGHTS,
    Column,
    Table,
)

FIRST_VERSION = 1


@dataclass(frozen=True)
class AddColumn:
    """A new column; `default` is an SQL expression for the rows that are already there."""

    table: str
    column: Column
    default: str = "null"

    def apply(self, connection: Connection, engine: Engine) -> None:
        definition = f"{column_definition(self.column, engine)} default {self.default}"
        connection.run(f"alter table {quoted(self.table)} add column {definition}")


@dataclass(frozen=True)
class RunSql:
    """A statement for both engines, or one for each."""

    statement: str | Mapping[Engine, str]

    def apply(self, connection: Connection, engine: Engine) -> None:
        connection.run(self.statement if isinstance(self.statement, str) else self.statement[engine])


@dataclass(frozen=True)
class DropDuckDBKeys:
    """Every table that has a primary key in DuckDB is stored anew without one, in the order of that key."""

    def apply(self, connection: Connection, engine: Engine) -> None:
        if engine != "duckdb":
            return
        keyed = connection.fetch(
            "select table_name, constraint_column_names as key from duckdb_constraints()"
            " where constraint_type = 'PRIMARY KEY' and table_name <> 'schema_version'"
            " and database_name = current_database() and schema_name = current_schema() order by table_name"
        )
        for row in keyed.to_pylist():
            self._store_anew(connection, row["table_name"], row["key"])

    @staticmethod
    def _store_anew(connection: Connection, table: str, key: Sequence[str]) -> None:
        found = connection.fetch(
            "select column_name, data_type, is_nullable, column_default from duckdb_columns()"
            " where table_name = $1 and database_name = current_database() and schema_name = current_schema()"
            " order by column_index",
            [table],
        )
        definitions = ", ".join(
            f"{quoted(column['column_name'])} {column['data_type']}"
            + ("" if column["is_nullable"] else " not null")
            + (f" default {column['column_default']}" if column["column_default"] else "")
            for column in found.to_pylist()
        )
        anew, order = quoted(f"{table} without key"), ", ".join(map(quoted, key))
        connection.run(f"create table {anew} ({definitions})")
        connection.run(f"insert into {anew} select * from {quoted(table)} order by {order}")
        connection.run(f"drop table {quoted(table)}")
        connection.run(f"alter table {anew} rename to {quoted(table)}")


@dataclass(frozen=True)
class CreateTable:
    """A new table that the steps after it fill; one that begins empty needs no migration."""

    table: Table

    def apply(self, connection: Connection, engine: Engine) -> None:
        connection.run(create_table(self.table, engine))


Step: TypeAlias = AddColumn | CreateTable | RunSql | DropDuckDBKeys


@dataclass(frozen=True)
class Migration:
    """What leads from the version before to `version`."""

    version: int
    description: str
    steps: tuple[Step, ...]


def _verdicts_by_evidence() -> Migration:
    """Stored verdicts stay as they were given; evidence is found from the stored returns with the next session."""
    added = ("evidence", "loss_evidence", "active_sessions", "change")
    return Migration(
        7,
        "verdicts follow evidence out of sample, and a doubted strategy keeps the share it had",
        (
            *(AddColumn("strategy_honesty", STRATEGY_HONESTY.column(name)) for name in added),
            AddColumn("strategy_weights", STRATEGY_WEIGHTS.column("kept_weight")),
        ),
    )


def _instructions_are_sealed() -> Migration:
    """What was said before is sealed by the next command; a database without such a table gets it as it is now."""
    column = "alter table if exists order_instructions add column if not exists seal text"
    return Migration(13, "what people say about orders is sealed", (RunSql(column),))


def _bookings_of_shares() -> Migration:
    column = "alter table if exists cash_flows add column if not exists quantity float8"
    return Migration(14, "bookings say how many shares came or went", (RunSql(column),))


def _states_are_sealed() -> Migration:
    """What was stored and decided before is sealed by the next command."""
    column = "alter table if exists risk_overrides add column if not exists seal text"
    return Migration(15, "risk states, and what people decide about them, are sealed", (RunSql(column),))


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        2,
        "parameters are chosen by the score of their neighbourhood, and say why",
        (
            AddColumn("optimized_parameters", OPTIMIZED_PARAMETERS.column("plateau_score")),
            AddColumn("optimized_parameters", OPTIMIZED_PARAMETERS.column("holdout_score")),
            AddColumn("optimized_parameters", OPTIMIZED_PARAMETERS.column("reason"), "''"),
            AddColumn("optimization_results", OPTIMIZATION_RESULTS.column("score")),
            AddColumn("optimization_results", OPTIMIZATION_RESULTS.column("plateau_score")),
        ),
    ),
    Migration(3, "DuckDB's tables are kept in the order of their keys, without an index", (DropDuckDBKeys(),)),
    Migration(
        4,
        "features hold what paper trades are executed at; the next run of `features` fills the stored sessions",
        (AddColumn("features", FEATURES.column("adjusted_open")),),
    ),
    Migration(
        5,
        "the greatest drawdown of a parameter set is negative, as drawdowns are everywhere else",
        (
            RunSql(
                """update optimization_results set metrics = regexp_replace(
                    metrics, '"max_drawdown": (0\\.0*[1-9]|[1-9])', '"max_drawdown": -\\1')"""
            ),
        ),
    ),
    Migration(
        6,
        "splits and dividends are kept apart from bars as well",
        (
            RunSql("drop view if exists corporate_actions"),  # what is now the view adjustment_factors
            CreateTable(CORPORATE_ACTIONS),
            RunSql(
                "insert into corporate_actions (session, symbol, dividend, split_ratio, source)"
                " select session, symbol, dividend, split_ratio, source from prices"
                " where dividend <> 0 or split_ratio <> 1 order by session, symbol"
            ),
        ),
    ),
    _verdicts_by_evidence(),
    Migration(
        8,
        "a strategy may use several parameter sets together, and the book is scaled to a volatility",
        (
            AddColumn("aggregated_targets", AGGREGATED_TARGETS.column("scale"), "1"),
            AddColumn("optimized_parameters", OPTIMIZED_PARAMETERS.column("members"), "1"),
            CreateTable(PARAMETER_MIXTURES),
            RunSql(
                "insert into parameter_mixtures (session, strategy, member, parameters, share)"
                " select session, strategy, 1, parameters, 1 from optimized_parameters order by session, strategy"
            ),
        ),
    ),
    Migration(
        9,
        "cash earns a rate: nothing in the sessions so far",
        (
            CreateTable(CASH_RETURNS),
            RunSql(
                "insert into cash_returns (session, cash_return, origin)"
                " select distinct session, 0.0, 'nothing' from features order by session"
            ),
            AddColumn("strategy_returns", STRATEGY_RETURNS.column("cash_return"), "0"),
            AddColumn("aggregated_targets", AGGREGATED_TARGETS.column("aim")),
            RunSql("update aggregated_targets set aim = scale"),
            AddColumn("aggregated_targets", AGGREGATED_TARGETS.column("sleeve"), "0"),
        ),
    ),
    Migration(
        10,
        "breaches are graded and answered; the simulated broker states what was paid",
        (
            AddColumn("aggregated_targets", AGGREGATED_TARGETS.column("unresponded_weight"), "0"),
            RunSql("update aggregated_targets set unresponded_weight = weight"),
            AddColumn("strategy_weights", STRATEGY_WEIGHTS.column("unresponded_weight"), "0"),
            RunSql("update strategy_weights set unresponded_weight = weight"),
            AddColumn("risk_breaches", RISK_BREACHES.column("gravity"), "'low'"),
            RunSql("update risk_breaches set gravity = 'high' where severity = 'block' or rule = 'gross'"),
            AddColumn("sim_positions", SIM_POSITIONS.column("average_cost")),
            RunSql(
                "update sim_positions set average_cost = paid.average_cost from positions as paid"
                " where paid.session = sim_positions.session and paid.symbol = sim_positions.symbol"
                " and paid.book = 'account'"
            ),
        ),
    ),
    Migration(
        11,
        "shares may be kept, be on their way and drift; stored ones were all decided at their own session",
        (
            AddColumn("strategy_weights", STRATEGY_WEIGHTS.column("decided_weight")),
            AddColumn("strategy_weights", STRATEGY_WEIGHTS.column("drifted_weight")),
        ),
    ),
    Migration(12, "what differs between the broker's account and the books is kept, and what was decided of it", ()),
    _instructions_are_sealed(),
    _bookings_of_shares(),
    _states_are_sealed(),
)


class Connection(Protocol):
    """An open transaction on one engine."""

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table: ...

    def run(self, sql: str, parameters: Sequence[object] = ()) -> None: ...

    def append(self, table: str, rows: pa.Table) -> None: ...


def newest_version(migrations: Sequence[Migration]) -> int:
    return max((migration.version for migration in migrations), default=FIRST_VERSION)


def carry_forward(
    connection: Connection, engine: Engine, tables: Sequence[Table], migrations: Sequence[Migration], location: str
) -> None:
    """Migrate and create whatever is missing; the caller's transaction makes it all or nothing."""
    stored = stored_version(connection)
    newest = newest_version(migrations)
    if stored is None:
        connection.run("create table schema_version (version bigint primary key, description text not null)")
        connection.run("insert into schema_version values ($1, $2)", [newest, "created"])
    else:
        refuse_newer(stored, newest, location)
        for migration in sorted(migrations, key=lambda migration: migration.version):
            if migration.version > stored:
                for step in migration.steps:
                    step.apply(connection, engine)
                connection.run("insert into schema_version values ($1, $2)", [migration.version, migration.description])
    for table in tables:
        connection.run(create_table(table, engine))
    _count_writes(connection, tables)


def _count_writes(connection: Connection, tables: Sequence[Table]) -> None:
    connection.run("create table if not exists table_versions (table_name text not null, version bigint not null)")
    counted = connection.fetch("select table_name from table_versions")["table_name"].to_pylist()
    for table in tables:
        if table.name not in counted:
            connection.run("insert into table_versions values ($1, 0)", [table.name])


def is_complete(connection: Connection, tables: Sequence[Table], migrations: Sequence[Migration]) -> bool:
    """Whether nothing is left to do for `carry_forward`."""
    if stored_version(connection) != newest_version(migrations):
        return False
    stored = stored_tables(connection)
    return "table_versions" in stored and stored >= {table.name for table in tables}


def stored_version(connection: Connection) -> int | None:
    """The version a database is stamped with; None if it never was prepared."""
    if "schema_version" not in stored_tables(connection):
        return None
    version: int = connection.fetch("select max(version) as version from schema_version")["version"][0].as_py()
    return version


def stored_tables(connection: Connection) -> frozenset[str]:
    """The names of the tables in the database's own schema."""
    # An engine may have other databases attached.
    found = connection.fetch(
        "select table_name::text as name from information_schema.tables"
        " where table_schema = current_schema() and table_catalog = current_database()"
    )
    return frozenset(found["name"].to_pylist())


def refuse_newer(stored: int, newest: int, location: str) -> None:
    if stored > newest:
        raise WarehouseError(
            "DATABASE_NEWER_THAN_CODE",
            database=location,
            found=f"version {stored}",
            expected=f"version {newest} or older",
            remedy="Update portfolio_pipeline, or point DATABASE_URL at another database.",
        )


def require_current(stored: int | None, newest: int, location: str) -> None:
    """Refuse to work on a database that `prepare` has not brought to this version."""
    if stored is None:
        raise not_prepared(location)
    refuse_newer(stored, newest, location)
    if stored < newest:
        raise WarehouseError(
            "DATABASE_OLDER_THAN_CODE",
            database=location,
            found=f"version {stored}",
            expected=f"version {newest}",
            remedy="Run `portfolio up`: it carries the tables forward.",
        )


def not_prepared(location: str) -> WarehouseError:
    return WarehouseError(
        "DATABASE_NOT_PREPARED",
        database=location,
        expected="the tables of the house",
        remedy="Run `portfolio up` first.",
    )
