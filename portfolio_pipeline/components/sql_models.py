"""Makes Dagster assets of SQL models: lineage and schema from the SQL, descriptions from the header.

A model with a `group` is an asset; one without is a detail that is created together with the models that read it.
What a model's header promises is checked in the model's own step, in the transaction that made the view.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import dagster as dg
import pandas as pd

from portfolio_pipeline.components.audits import rows_result, shown_sql
from portfolio_pipeline.components.filling import asset_keys
from portfolio_pipeline.components.lineage import lineage_metadata
from portfolio_pipeline.components.session_asset import SessionAsset, Stored, declared_asset, in_one_step
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import Column, Table
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.sql_models.library import Library, Model
from portfolio_pipeline.sql_models.render import check_names
from portfolio_pipeline.sql_models.run import make_and_examine

_PROMISES = {
    "grain_is_unique": "No two rows have the same {grain}.",
    "nothing_is_missing": "None of {not_null} is NULL.",
    "values_are_in_range": "{between}.",
}


STEP = "marts"


Drawn = Callable[[pd.DataFrame, Sequence[str]], str]


def model_assets(
    library: Library, strategies: Sequence[str], pictures: Mapping[str, Drawn] = MappingProxyType({})
) -> dg.AssetsDefinition:
    """An asset for every model that has a group, all in one step: a view takes less time to make than a step.

    `pictures` draw all rows of the models that they name.
    """
    return in_one_step(
        STEP,
        [
            _model_asset(library, library.models[name], strategies, pictures.get(name))
            for name in library.order
            if library.models[name].header.group is not None
        ],
    )


def declared(library: Library, model: Model) -> Table:
    """A model in the words of `core.tables`: what its header says of the view."""
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


def _model_asset(library: Library, model: Model, strategies: Sequence[str], drawn: Drawn | None) -> SessionAsset:
    keys = {key for table in library.stored_sources(model.name) for key in asset_keys(table, strategies)}
    table, own = declared(library, model), dg.AssetKey([model.name])

    @declared_asset(
        table=table,
        group=model.header.group or "",
        kinds=("sql",),
        deps=sorted(keys),
        owners=[_team(model.header.owner)],
        description=f"{table.description} A view: always computed from what is stored.\n\nGrain: {table.grain}.",
        metadata={**shown_sql(model), **lineage_metadata(library.lineage(model.name), strategies)},
        own_checks=[
            dg.AssetCheckSpec(name, asset=own, description=_promise(name, model)) for name in check_names(model)
        ],
    )
    def model_asset(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> Stored:
        found = make_and_examine(warehouse, library, model.name, sessions)

        def picture(origin: Sequence[str]) -> str | None:
            rows = warehouse.query(f"select * from {model.name}").to_pandas()
            return drawn(rows, origin) if drawn is not None and len(rows) else None

        return Stored(
            found.rows_in_sessions,
            {"dagster/row_count": found.rows},
            picture if drawn is not None else None,
            checks=[
                rows_result(offending)._replace(check_name=name, asset_key=own)
                for name, offending in found.broken.items()
            ],
            shown=found.newest,
        )

    return model_asset


def _promise(check: str, model: Model) -> str:
    checks = model.header.checks
    return _PROMISES[check].format(
        grain=" and ".join(model.header.grain),
        not_null=", ".join(checks.not_null),
        between="; ".join(f"{name} is from {low:g} to {high:g}" for name, (low, high) in checks.between.items()),
    )


def _team(owner: str) -> str:
    return owner if "@" in owner or ":" in owner else f"team:{owner}"
