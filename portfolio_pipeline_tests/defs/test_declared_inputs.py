"""What assets declare to read, against what they really ask for in a run of the whole chain.

An asset that asks for a table it has not declared is refused on the spot; here it shows whether it asks for all it has
declared. A declared table that nobody reads would be an edge that the graph shows and the day does not have.
"""

from __future__ import annotations

from datetime import date

import dagster as dg
import pytest

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.components.filling import asset_keys, dependencies, strategies
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline.sql_models.run import project_library
from portfolio_pipeline_tests.chain import Chain, chain_parts

DAYS = SessionRange(date(2022, 1, 3), date(2022, 1, 5))
FROM_OUTSIDE = {"prices"}
# Edges that a run need not use: regimes are asked where `adaptive` is among the triggers of `rebalancing`, and where
# `adaptation` is on.
UNUSED = {key: {"regimes"} for key in ("strategy_weights", "aggregated_targets", "orders", "submissions")}
VIEWS = set(project_library().models)
ASSETS = {
    key.to_user_string(): asset for asset in chain_parts() for key in asset.keys if key.to_user_string() not in VIEWS
}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What each asset says of itself at the newest session of a range, by its key."""
    warehouse = open_warehouse(f"duckdb:///{tmp_path_factory.mktemp('declared') / 'portfolio.duckdb'}")
    warehouse.prepare()
    result = Chain.on(warehouse, DAYS).materialise(DAYS)
    assert result.success
    events = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {
        event.asset_key.to_user_string(): {name: value.value for name, value in event.metadata.items()}
        for event in events
        if event.partition == DAYS.last.isoformat()
    }


@pytest.mark.parametrize("asset", ASSETS)
def test_every_declared_input_is_read_and_the_edges_of_the_graph_are_those_inputs(
    told: dict[str, dict[str, object]], asset: str
) -> None:
    said = str(told[asset]["read from"])
    if asset in FROM_OUTSIDE:
        assert (said, ASSETS[asset].dependency_keys) == ("nothing: it comes from outside", set())
        return
    read = said.split(", ")
    assert set(read) <= {table.name for table in TABLES}
    used = {key.to_user_string() for key in dependencies(ASSETS[asset].key, read, strategies())}
    edges = {key.to_user_string() for key in ASSETS[asset].dependency_keys}
    assert edges - UNUSED.get(asset, set[str]()) <= used <= edges


def test_each_asset_shows_rows_of_the_newest_session_its_schema_and_where_its_columns_come_from(
    told: dict[str, dict[str, object]],
) -> None:
    for asset, definition in ASSETS.items():
        shown = told[asset]
        defined = definition.get_asset_spec().metadata
        columns = [column.name for column in defined["dagster/column_schema"].columns]
        lineage = defined["dagster/column_lineage"]
        assert isinstance(lineage, dg.TableColumnLineage)
        assert list(lineage.deps_by_column) == columns, asset
        rows = str(shown[f"rows of {DAYS.last}"])
        upright = [line.split()[1] for line in rows.splitlines() if line.startswith("| ")]
        assert rows == "no rows" or rows.startswith(f"| {' | '.join(columns)} |") or upright == columns, asset
        allowed = {*definition.dependency_keys, definition.key}
        for column, sources in lineage.deps_by_column.items():
            assert {source.asset_key for source in sources} <= allowed, f"{asset}: {column}"


def test_every_table_of_the_chain_is_filled_by_an_asset_that_is_there() -> None:
    for table in TABLES:
        for key in asset_keys(table.name, strategies()):
            assert key.to_user_string() in ASSETS or table.name.startswith("sim_"), table.name
