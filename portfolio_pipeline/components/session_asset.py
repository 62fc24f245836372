"""What all assets of the house have in common: sessions as partitions, one run for a range, tables, checks, an owner.

A view has no partitions: it shows every session as soon as its tables hold it.

Here: the decorator that makes an asset of a function that fills tables for some sessions. The function is given
`sessions`, a warehouse that knows what it declared, and other resources by their names; it gives back what it
`Stored`. Dependencies follow from the tables it reads. Not here: anything about a particular noun.
"""

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias

import dagster as dg
import pyarrow as pa

from portfolio_pipeline.components.audits import audits_of
from portfolio_pipeline.components.declared_warehouse import Declaration, DeclaredWarehouse
from portfolio_pipeline.components.filling import dependencies, strategies, strategies_read_by
from portfolio_pipeline.components.lineage import declared_lineage, lineage_metadata
from portfolio_pipeline.components.session_check import SessionCheck
from portfolio_pipeline.core.calendar.beginnings import Part
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, last_closed_session, require_closed
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.tables import Column, Table
from portfolio_pipeline.dagster_home.range_events import defers_events, record_range
from portfolio_pipeline.partitions import ONE_RUN, SESSIONS, has_sessions, sessions_of
from portfolio_pipeline.ports import Clock, Warehouse
from portfolio_pipeline.reads.beginnings import stored_beginnings
from portfolio_pipeline.reads.state import sources
from portfolio_pipeline.reports.tables import first_rows

if TYPE_CHECKING:
    Materialized: TypeAlias = dg.MaterializeResult[Any]
else:  # Dagster reads the annotation of a step, and knows the result of several outputs only by its bare name
    Materialized = dg.MaterializeResult

_Declaration = ParamSpec("_Declaration")
OWNER = "team:portfolio"
BEGINS = "begins with"
"""In an asset's metadata: the part of the home that it begins with."""
Picture = Callable[[Sequence[str]], str | None]
"""Draws, given where the prices came from, markdown with the picture in it."""


@dataclass(frozen=True, eq=False)
class Stored:
    """What an asset tells of its work: rows stored, what was left out of what came in, and what else is worth seeing.

    `came_in` counts what was delivered or looked at; `dropped` says how much of it was left out, by reason.
    """

    rows: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    picture: Picture | None = None
    came_in: int | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    checks: Sequence[dg.AssetCheckResult] = ()  # of checks that the function made itself (`own_checks`)
    shown: pa.Table | None = None  # rows worth seeing, where they are not those of the asset's own table


@dataclass(frozen=True)
class _Asked:
    """One session asset, as its step needs it."""

    table: Table
    key: dg.AssetKey
    declaration: Callable[[], Declaration]
    checks: Sequence[SessionCheck]
    rows_of: Mapping[str, object]
    begins: Part
    declared: bool  # whether it fills a declared table, session by session; what a view has is told by its function


@dataclass(frozen=True)
class _Done:
    """What an asset has done: for which sessions, what is shown at the newest of them, what its checks found."""

    sessions: SessionRange
    newest: Mapping[str, Any]
    checks: Sequence[dg.AssetCheckResult]


@dataclass(frozen=True)
class SessionAsset:
    """An asset that is declared but has no step yet: by itself, or several in one (`in_one_step`)."""

    spec: dg.AssetSpec
    checks: Sequence[dg.AssetCheckSpec]
    needed: Mapping[str, inspect.Parameter]
    work: Callable[[dg.AssetExecutionContext, Mapping[str, Any]], _Done]


def in_one_step(name: str, assets: Sequence[SessionAsset]) -> dg.AssetsDefinition:
    """Assets that are made one after the other in one step; or any of them, or of their checks, by itself.

    What one refuses fails the step when the others are done.
    """

    def step(context: dg.AssetExecutionContext, **given: Any) -> Iterator[Materialized | dg.AssetCheckResult]:
        refusals = []
        for asset in assets:
            key = asset.spec.key
            checks = {check.name for check in context.selected_asset_check_keys if check.asset_key == key}
            if key not in context.selected_asset_keys and not checks:
                continue
            try:
                done = asset.work(context, given)
            except PortfolioError as refusal:
                refusals.append(refusal)
                continue
            if key in context.selected_asset_keys:
                yield _recorded(context, asset.spec, done)
            yield from (check for check in done.checks if check.check_name in checks)
        if refusals:
            raise _failure(*refusals)

    needed = {name: parameter for asset in assets for name, parameter in asset.needed.items()}
    step.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [_CONTEXT, *needed.values()], return_annotation=inspect.signature(step).return_annotation
    )
    # Dagster warns at every asset that backfill policies are in beta.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.multi_asset(
            name=name,
            specs=[asset.spec for asset in assets],
            check_specs=[check for asset in assets for check in asset.checks],
            backfill_policy=ONE_RUN,
            can_subset=len(assets) > 1,
        )(step)


def declared_asset(
    *,
    table: Table,
    group: str,
    reads: Sequence[Table] = (),
    also_fills: Sequence[Table] = (),
    goes_on_from: Sequence[Table] = (),
    checks: Sequence[SessionCheck] = (),
    key: dg.AssetKey | None = None,
    kinds: Iterable[str] = ("python",),
    description: str | None = None,
    owners: Sequence[str] = (OWNER,),
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    rows_of: Mapping[str, object] | None = None,
    deps: Sequence[dg.AssetKey] | None = None,
    own_checks: Sequence[dg.AssetCheckSpec] = (),
    begins: Part = "account",
) -> Callable[[Callable[..., Stored]], SessionAsset]:
    """Declares an asset of a function that fills `table` (and `also_fills`) for the sessions it is given.

    `reads` are the tables it computes from: the asset depends on who fills them, and may read no others but those that
    it `goes_on_from`, of which it reads what the session before has left, and the graph has no edge. The key is the
    table's name unless given; `rows_of` says which rows of the table are the asset's own. `deps` is for assets whose
    dependencies are found out elsewhere (SQL models), which get the warehouse as it is. `begins` is the part of the
    home whose first session is the asset's.
    """
    asset_key = key or dg.AssetKey([table.name])
    declared = deps is None
    read, filled = [one.name for one in reads], [one.name for one in (table, *also_fills)]
    reading = dependencies(asset_key, read, strategies()) if deps is None else list(deps)
    checks = (*checks, *(audits_of(asset_key) if declared else ()))
    origins = declared_lineage(table, {*read, *filled})
    lineage = lineage_metadata(origins, strategies_read_by(asset_key, strategies())) if declared else {}

    def declaration() -> Declaration:
        return Declaration(asset_key.to_user_string(), [*read, *(one.name for one in goes_on_from)], filled)

    asked = _Asked(table, asset_key, declaration, checks, rows_of or {}, begins, declared)

    def decorate(function: Callable[..., Stored]) -> SessionAsset:
        return SessionAsset(
            dg.AssetSpec(
                asset_key,
                description=description or describe(table),
                group_name=group,
                kinds=set(kinds),
                deps=reading,
                owners=owners,
                tags=tags,
                metadata={
                    "dagster/column_schema": column_schema(table),
                    "dagster/table_name": table.name,
                    BEGINS: begins,
                    **lineage,
                    **(metadata or {}),
                },
                partitions_def=SESSIONS if declared else None,
            ),
            checks=[*(check.spec(asset_key) for check in checks), *own_checks],
            needed=_parameters(function, checks),
            work=partial(_carry_out, asked, function),
        )

    return decorate


def _with_a_step_of_its_own(
    declare: Callable[_Declaration, Callable[[Callable[..., Stored]], SessionAsset]],
) -> Callable[_Declaration, Callable[[Callable[..., Stored]], dg.AssetsDefinition]]:
    def session_asset(
        *none: _Declaration.args, **declaration: _Declaration.kwargs
    ) -> Callable[[Callable[..., Stored]], dg.AssetsDefinition]:
        def decorate(function: Callable[..., Stored]) -> dg.AssetsDefinition:
            asset = declare(*none, **declaration)(function)
            return in_one_step(asset.spec.key.to_python_identifier(), [asset])

        return decorate

    return session_asset


session_asset = _with_a_step_of_its_own(declared_asset)
"""As `declared_asset`, and defined: what most assets are."""

_CONTEXT = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=dg.AssetExecutionContext)
_ALWAYS = {
    "warehouse": inspect.Parameter("warehouse", inspect.Parameter.KEYWORD_ONLY, annotation=dg.ResourceParam[Warehouse]),
    "clock": inspect.Parameter("clock", inspect.Parameter.KEYWORD_ONLY, annotation=dg.ResourceParam[Clock]),
}
_GIVEN = ("sessions", "context")


def _parameters(function: Callable[..., Stored], checks: Sequence[SessionCheck]) -> dict[str, inspect.Parameter]:
    """What Dagster has to hand over: what the function and its checks ask for by name."""
    found = dict(_ALWAYS)
    for parameters in (inspect.signature(function).parameters, *(check.parameters for check in checks)):
        for name, parameter in parameters.items():
            if name not in _GIVEN:
                found.setdefault(name, parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    return found


def _carry_out(
    asked: _Asked,
    function: Callable[..., Stored],
    context: dg.AssetExecutionContext,
    given: Mapping[str, Any],
) -> _Done:
    warehouse: Warehouse = given["warehouse"]
    sessions = _sessions(asked, context, warehouse, given["clock"])
    declaration = asked.declaration()
    everything = {**given, "sessions": sessions, "context": context}
    mine = everything | ({"warehouse": DeclaredWarehouse(warehouse, declaration)} if asked.declared else {})
    stored = function(**{name: mine[name] for name in inspect.signature(function).parameters})
    context.log.info(_in_words(stored, sessions))
    newest = _newest(asked, stored, sessions, warehouse)
    if asked.declared:
        read = sorted(declaration.really_read - declaration.fills)
        newest["read from"] = ", ".join(read) or "nothing: it comes from outside"
    results = [*(check.result(asked.key, everything, asked.table.name) for check in asked.checks), *stored.checks]
    return _Done(sessions, newest, results)


def _recorded(context: dg.AssetExecutionContext, spec: dg.AssetSpec, done: _Done) -> Materialized:
    key, told = spec.key, {"sessions": str(done.sessions), **done.newest}
    if not defers_events(context):
        of_sessions = spec.partitions_def is not None
        last = done.sessions.last.isoformat() if of_sessions else None
        context.add_asset_metadata(told, asset_key=key, partition_key=last)
    elif spec.partitions_def is None:
        context.log_event(dg.AssetMaterialization(key, metadata=told))
    else:
        record_range(context, key, done.sessions, told)
    return dg.MaterializeResult(asset_key=key)


def _sessions(asked: _Asked, context: dg.AssetExecutionContext, warehouse: Warehouse, clock: Clock) -> SessionRange:
    """The sessions to work on: those that the run is for; for a view that is made in a run for none, all there are."""
    if asked.declared or has_sessions(context):
        return _begun(asked, context, warehouse, closed_sessions(context, clock))
    begun = stored_beginnings(warehouse)
    return SessionRange(begun.market if begun else FIRST_SESSION, last_closed_session(clock.now()))


def _begun(
    asked: _Asked, context: dg.AssetExecutionContext, warehouse: Warehouse, sessions: SessionRange
) -> SessionRange:
    """The sessions from the asset's first one on; refused where none is left, or where Dagster would note all of them.

    A first load goes through everything at once: prices begin with its first session, orders later.
    """
    begun = stored_beginnings(warehouse)
    if begun is None:
        return sessions
    kept = begun.kept(asked.begins, sessions) if defers_events(context) else sessions
    begun.require(asked.begins, kept or sessions, asked.key.to_user_string())
    return kept or sessions


def _in_words(stored: Stored, sessions: SessionRange) -> str:
    over = f"{sessions}" if sessions.first == sessions.last else f"{len(sessions):,} sessions, {sessions}"
    left_out = ", ".join(f"{count:,} {why}" for why, count in stored.dropped.items() if count)
    came = f" of {stored.came_in:,} that came in" if stored.came_in is not None else ""
    return f"{stored.rows:,} rows stored{came} for {over}" + (f"; left out: {left_out}" if left_out else "")


def _newest(asked: _Asked, stored: Stored, sessions: SessionRange, warehouse: Warehouse) -> dict[str, Any]:
    """What is shown at the newest session, which is the one that the UI shows first."""
    table, last = asked.table, sessions.last
    of_partitions = "dagster/partition_row_count" if sessions.first == last else "dagster/row_count"
    told: dict[str, Any] = {of_partitions if asked.declared else "rows of these sessions": stored.rows}
    with warehouse.reading() as reader:
        rows = (
            reader.read(table.name, SessionRange.single(last), where=asked.rows_of) if asked.declared else stored.shown
        )
        origin = sources(reader, last) if stored.picture is not None else ()
    if stored.came_in is not None:
        told["came in"] = stored.came_in
    if stored.dropped:
        told["left out"] = ", ".join(f"{count:,} {why}" for why, count in stored.dropped.items() if count) or "nothing"
    # Seventeen digits tell a reader nothing: the exact figures are in the tables.
    told |= {name: round(value, 6) if isinstance(value, float) else value for name, value in stored.metadata.items()}
    if rows is not None:
        told[f"rows of {last}" if asked.declared else "newest rows"] = dg.MetadataValue.md(first_rows(rows))
    if stored.picture is not None and (picture := stored.picture(origin)) is not None:
        told["picture"] = dg.MetadataValue.md(picture)
    return told


@contextmanager
def refusals_as_failures() -> Iterator[None]:
    """A refusal that a person can act on fails the step with its message: no traceback, no retry."""
    try:
        yield
    except PortfolioError as refusal:
        raise _failure(refusal) from None


def _failure(*refusals: PortfolioError) -> dg.Failure:
    figures = {name: str(value) for refusal in refusals for name, value in refusal.figures.items()}
    return dg.Failure("\n".join(map(str, refusals)), metadata=figures, allow_retries=False)


def closed_sessions(context: dg.AssetExecutionContext, clock: Clock) -> SessionRange:
    """The sessions that were asked for; refused when the last of them has not closed."""
    sessions = sessions_of(context)
    require_closed(sessions, clock.now())
    return sessions


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
