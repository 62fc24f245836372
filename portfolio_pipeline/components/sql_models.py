"""Makes Dagster assets and checks of SQL models: lineage and schema from the SQL, descriptions from the header.

A model with a `group` is an asset; one without is a detail that is created together with the models that read it.
What a model's header promises is checked in the model's own step; audits are steps of their own beside the asset they
judge.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from portfolio_pipeline.components.session_asset import closed_sessions, refusals_as_failures, session_asset, stored
from portfolio_pipeline.core.tables import Column, Table
from portfolio_pipeline.partitions import SESSIONS, sessions_of
from portfolio_pipeline.ports import Clock, Warehouse
from portfolio_pipeline.reports.tables import SHOWN
from portfolio_pipeline.sql_models.analysis import Lineage
from portfolio_pipeline.sql_models.library import Audit, Library, Model
from portfolio_pipeline.sql_models.render import check_names
from portfolio_pipeline.sql_models.run import audit_rows, create_views, examine, fill_range

# Tables that are filled by an asset of another name, and those that every strategy fills with an asset of its own.
_FILLED_BY = {
    "price_restatements": "prices",
    "quarantine": "prices",
    "risk_metrics": "risk",
    "risk_breaches": "risk",
    "account": "positions",
}
_FILLED_PER_STRATEGY = {
    "optimized_parameters": "optimized_parameters",
    "optimization_results": "optimized_parameters",
    "search_statistics": "optimized_parameters",
    "strategy_targets": "strategy_targets",
    "strategy_returns": "strategy_targets",
    "strategy_paper_books": "strategy_targets",
    "strategy_honesty": "strategy_honesty",
}
_PROMISES = {
    "grain_is_unique": "No two rows have the same {grain}.",
    "nothing_is_missing": "None of {not_null} is NULL.",
    "values_are_in_range": "{between}.",
}


def asset_keys(table: str, strategies: Sequence[str]) -> tuple[dg.AssetKey, ...]:
    """The assets that fill a table."""
    if table in _FILLED_PER_STRATEGY:
        return tuple(dg.AssetKey([_FILLED_PER_STRATEGY[table], strategy]) for strategy in strategies)
    return (dg.AssetKey([_FILLED_BY.get(table, table)]),)


def model_assets(library: Library, strategies: Sequence[str]) -> list[dg.AssetsDefinition]:
    """An asset for every model that has a group."""
    return [
        _model_asset(library, library.models[name], strategies)
        for name in library.order
        if library.models[name].header.group is not None
    ]


def audit_checks(library: Library) -> list[dg.AssetChecksDefinition]:
    """The audits, as one step for each asset that they judge."""
    judged = dict.fromkeys(audit.header.asset for audit in library.audits.values())
    return [
        _audit_step(library, asset, [audit for audit in library.audits.values() if audit.header.asset == asset])
        for asset in judged
    ]


def declared(library: Library, model: Model) -> Table:
    """A model in the words of `core.tables`: the table it fills, or what its header says of a view."""
    if model.incremental:
        return library.tables[model.name]
    types, header = library.columns(model.name), model.header
    return Table(
        model.name,
        f"one row per {' and '.join(header.grain)}",
        header.description.strip(),
        header.grain,
        tuple(
            Column(
                name, types[name] or "text", description, nullable=name not in (*header.grain, *header.checks.not_null)
            )
            for name, description in header.columns.items()
        ),
    )


def _model_asset(library: Library, model: Model, strategies: Sequence[str]) -> dg.AssetsDefinition:
    sources = library.stored_sources(model.name)
    keys = {key for table in sources for key in asset_keys(table, strategies)}
    view = "" if model.incremental else " A view: always computed from what is stored."
    table = declared(library, model)

    @session_asset(
        table=table,
        group=model.header.group or "",
        kinds={"sql"},
        deps=sorted(keys),
        owners=[_team(model.header.owner)],
        description=f"{table.description}{view}\n\nGrain: {table.grain}.",
        metadata={"sql": dg.MetadataValue.md(f"`{model.query.path}`\n\n```sql\n{_body(model)}\n```")},
        check_specs=[
            dg.AssetCheckSpec(name, asset=dg.AssetKey([model.name]), description=_promise(name, model))
            for name in check_names(model)
        ],
    )
    def model_asset(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse], clock: dg.ResourceParam[Clock]
    ) -> dg.MaterializeResult:
        sessions = closed_sessions(context, clock)
        if model.incremental:
            fill_range(warehouse, library, model.name, sessions)
        else:
            create_views(warehouse, library, [model.name])
        found = examine(warehouse, library, model.name, sessions)
        lineage = library.lineage(model.name)
        result = stored(
            context,
            sessions,
            rows=found.rows_in_sessions,
            metadata={
                "rows in all": found.rows,
                "dagster/column_lineage": _column_lineage(lineage, strategies),
                "columns come from": _readable_lineage(lineage),
            },
        )
        return result._replace(
            check_results=[
                _result(offending, check_name=name, asset_key=dg.AssetKey([model.name]))
                for name, offending in found.broken.items()
            ]
        )

    return model_asset


def _audit_step(library: Library, asset: str, audits: Sequence[Audit]) -> dg.AssetChecksDefinition:
    key = dg.AssetKey([asset])
    specs = [
        dg.AssetCheckSpec(
            audit.name.removeprefix("assert_"),
            asset=key,
            description=audit.header.description.strip(),
            metadata={"sql": dg.MetadataValue.md(f"`{audit.query.path}`\n\n```sql\n{_body(audit)}\n```")},
            partitions_def=SESSIONS,
        )
        for audit in audits
    ]

    @dg.multi_asset_check(name=f"audit_{asset}", specs=specs, can_subset=True)
    def audit_step(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterable[dg.AssetCheckResult]:
        yield from _audited(context, warehouse, library, audits)

    return audit_step


def _audited(
    context: dg.AssetCheckExecutionContext, warehouse: Warehouse, library: Library, audits: Sequence[Audit]
) -> Iterator[dg.AssetCheckResult]:
    selected = {key.name for key in context.selected_asset_check_keys}
    for audit in audits:
        name = audit.name.removeprefix("assert_")
        if name in selected:
            with refusals_as_failures():
                offending = audit_rows(warehouse, library, audit.name, sessions_of(context))
            severity = dg.AssetCheckSeverity.WARN if audit.header.severity == "warning" else dg.AssetCheckSeverity.ERROR
            yield _result(offending, check_name=name, asset_key=dg.AssetKey([audit.header.asset]), severity=severity)


def _result(
    offending: pa.Table,
    *,
    check_name: str,
    asset_key: dg.AssetKey,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"offending": len(offending)}
    if len(offending):
        records = [
            dg.TableRecord({name: str(value) for name, value in row.items()})
            for row in offending.slice(0, SHOWN).to_pylist()
        ]
        schema = dg.TableSchema([dg.TableColumn(name) for name in offending.column_names])
        metadata["offending_rows"] = dg.MetadataValue.table(records, schema=schema)
    return dg.AssetCheckResult(
        passed=not len(offending), check_name=check_name, asset_key=asset_key, severity=severity, metadata=metadata
    )


def _column_lineage(lineage: Lineage, strategies: Sequence[str]) -> dg.TableColumnLineage:
    """Where each column comes from. Columns of an asset's further tables are shown as its own."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=key, column_name=source_column)
                for key, source_column in dict.fromkeys(
                    (key, source_column) for table, source_column in sources for key in asset_keys(table, strategies)
                )
            ]
            for column, sources in lineage.items()
        }
    )


def _readable_lineage(lineage: Lineage) -> dg.MarkdownMetadataValue:
    """The same for the eye: the open-source web UI stores column lineage without drawing it."""
    lines = [
        f"| `{column}` | {', '.join(f'`{table}.{source}`' for table, source in sorted(sources)) or 'a constant'} |"
        for column, sources in lineage.items()
    ]
    return dg.MetadataValue.md("\n".join(["| column | comes from |", "|---|---|", *lines]))


def _promise(check: str, model: Model) -> str:
    checks = model.header.checks
    return _PROMISES[check].format(
        grain=" and ".join(model.header.grain),
        not_null=", ".join(checks.not_null),
        between="; ".join(f"{name} is from {low:g} to {high:g}" for name, (low, high) in checks.between.items()),
    )


def _body(item: Model | Audit) -> str:
    return item.query.sql.split("*/", 1)[1].strip()


def _team(owner: str) -> str:
    return owner if "@" in owner or ":" in owner else f"team:{owner}"
