"""What all assets of the house have in common: sessions as partitions, one run for a range, a table, an owner.

Here: the decorator that makes an asset of a function that fills one table, and the two ends of such a function
(`closed_sessions`, `stored`). Not here: anything about a particular noun.
"""

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster import AssetExecutionContext

from portfolio_pipeline.core.calendar.sessions import SessionRange, require_closed
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.tables import Column, Table
from portfolio_pipeline.partitions import ONE_RUN, SESSIONS, sessions_of
from portfolio_pipeline.ports import Clock

OWNER = "team:portfolio"

# A session's rows have to be there at 8:00 on the next morning, made after its close (13:00 at the earliest). Dagster's
# cron knows no holidays: on the mornings after them this says FAIL until the evening's run.
FRESH_BY_NEXT_MORNING = dg.FreshnessPolicy.cron(
    deadline_cron="0 8 * * 2-6", lower_bound_delta=timedelta(hours=19), timezone="America/New_York"
)


def session_asset(
    *,
    table: Table,
    group: str,
    kinds: Iterable[str],
    deps: Sequence[Any] = (),
    key: Sequence[str] | str | None = None,
    description: str | None = None,
    owners: Sequence[str] = (OWNER,),
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **asset_arguments: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`dg.asset` for a function that fills `table` for the sessions it is asked for and returns `stored(…)`.

    The key is the table's name unless given. What else `dg.asset` takes is passed on.
    """

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        @functools.wraps(function)
        def refusing(*arguments: Any, **named: Any) -> Any:
            with refusals_as_failures():
                return function(*arguments, **named)

        # Dagster warns at every asset that backfill policies are in beta.
        with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
            return dg.asset(
                key=[table.name] if key is None else key,
                description=description or describe(table),
                group_name=group,
                kinds=set(kinds),
                deps=deps,
                owners=owners,
                tags=tags,
                metadata={
                    "dagster/column_schema": column_schema(table),
                    "dagster/table_name": table.name,
                    **(metadata or {}),
                },
                partitions_def=SESSIONS,
                backfill_policy=ONE_RUN,
                freshness_policy=FRESH_BY_NEXT_MORNING,
                **asset_arguments,
            )(refusing)

    return decorate


@contextmanager
def refusals_as_failures() -> Iterator[None]:
    """A refusal that a person can act on fails the step with its message: no traceback, no retry."""
    try:
        yield
    except PortfolioError as refusal:
        figures = {name: str(value) for name, value in refusal.figures.items()}
        raise dg.Failure(str(refusal), metadata=figures, allow_retries=False) from None


def closed_sessions(context: AssetExecutionContext | dg.AssetCheckExecutionContext, clock: Clock) -> SessionRange:
    """The sessions that were asked for; refused when the last of them has not closed."""
    sessions = sessions_of(context)
    require_closed(sessions, clock.now())
    return sessions


def stored(
    context: AssetExecutionContext,
    sessions: SessionRange,
    *,
    rows: int,
    metadata: Mapping[str, Any] | None = None,
    picture: str | None = None,
) -> dg.MaterializeResult:
    """What an asset returns. Metadata and picture (markdown) are shown at the newest session.

    Dagster copies what a MaterializeResult carries into the event of every partition: in ten years a picture of 50 kB
    would be stored 2,520 times. So all but the range goes to the newest partition, which is the one the UI shows first.
    """
    single = sessions.first == sessions.last
    newest: dict[str, Any] = {
        "dagster/partition_row_count" if single else "dagster/row_count": rows,
        **(metadata or {}),
    }
    if picture is not None:
        newest["picture"] = dg.MetadataValue.md(picture)
    context.add_asset_metadata(newest, partition_key=sessions.last.isoformat())
    return dg.MaterializeResult(metadata={"sessions": str(sessions)})


def describe(table: Table) -> str:
    """The table's description and grain, as shown in the UI."""
    return f"{table.description}\n\nGrain: {table.grain}."


def column_schema(table: Table) -> dg.TableSchema:
    """The table's declaration in the UI's words."""
    return dg.TableSchema(
        columns=[_table_column(column) for column in table.columns],
        constraints=dg.TableConstraints(other=[f"primary key ({', '.join(table.key)})"]),
    )


def _table_column(column: Column) -> dg.TableColumn:
    limits = [
        *([f">= {column.minimum:g}"] if column.minimum is not None else []),
        *([f"<= {column.maximum:g}"] if column.maximum is not None else []),
        *([f"one of {', '.join(column.one_of)}"] if column.one_of else []),
    ]
    return dg.TableColumn(
        column.name,
        type=column.type,
        description=f"{column.description} ({column.unit})" if column.unit else column.description,
        constraints=dg.TableColumnConstraints(nullable=column.nullable, other=limits),
    )
