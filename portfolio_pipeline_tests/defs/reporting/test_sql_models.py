"""SQL models in Dagster: what they depend on, what they show, and that audits fail with their rows."""

from datetime import date

import dagster as dg
import pytest

from portfolio_pipeline.components.sql_models import asset_keys, audit_checks, declared, model_assets
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline.defs.market.features import features
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.sql_models.render import check_names
from portfolio_pipeline.sql_models.run import project_library
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.sql.bars import random_bars, session_range

SESSIONS = session_range(date(2020, 1, 1), date(2020, 3, 31))
STRATEGIES = ("momentum", "trend")


@pytest.fixture
def filled(duckdb_warehouse: Warehouse) -> Warehouse:
    duckdb_warehouse.replace("prices", SESSIONS, random_bars(SESSIONS, 3))
    return duckdb_warehouse


def materialise(
    warehouse: Warehouse, sessions: SessionRange, selection: dg.AssetSelection
) -> dg.ExecuteInProcessResult:
    library = project_library()
    return dg.materialize(
        [features, *model_assets(library, STRATEGIES), *audit_checks(library)],
        selection=selection,
        resources={"warehouse": warehouse, "clock": FixedClock.after_close(SESSIONS.last)},
        tags={
            "dagster/asset_partition_range_start": sessions.first.isoformat(),
            "dagster/asset_partition_range_end": sessions.last.isoformat(),
        },
        raise_on_error=False,
    )


def test_models_depend_on_the_assets_that_fill_their_tables() -> None:
    dependencies = {
        asset.key.to_user_string(): {key.to_user_string() for key in asset.dependency_keys}
        for asset in model_assets(project_library(), STRATEGIES)
    }

    assert dependencies["parameter_history"] == {"optimized_parameters/momentum", "optimized_parameters/trend"}
    assert dependencies["data_quality_summary"] == {"prices", "features"}
    assert dependencies["current_book"] == {"positions", "aggregated_targets"}


def test_every_table_has_an_asset_that_fills_it() -> None:
    assert asset_keys("quarantine", STRATEGIES) == (dg.AssetKey(["prices"]),)
    assert asset_keys("strategy_returns", STRATEGIES) == (
        dg.AssetKey(["strategy_targets", "momentum"]),
        dg.AssetKey(["strategy_targets", "trend"]),
    )
    read = {ref for item in project_library().items for ref in item.query.refs}
    assert read & {table.name for table in TABLES if table.name.startswith("sim_")} == set()


def test_a_view_is_shown_with_the_columns_of_its_header() -> None:
    table = declared(project_library(), project_library().models["orders_and_fills"])

    assert table.column("shortfall_bps").type == "double"
    assert table.column("filled_on").nullable
    assert not table.column("client_order_id").nullable


def test_a_mart_shows_lineage_and_kept_promises(filled: Warehouse) -> None:
    selection = dg.AssetSelection.assets("features", "data_quality_summary")
    result = materialise(filled, SESSIONS, selection)

    newest = result.asset_materializations_for_node("data_quality_summary")[-1]
    lineage = newest.metadata["dagster/column_lineage"]
    assert isinstance(lineage, dg.TableColumnLineageMetadataValue)
    assert (
        dg.TableColumnDep(asset_key=dg.AssetKey(["features"]), column_name="return_1d")
        in lineage.value.deps_by_column["worst_daily_move"]
    )
    kept = {e.check_name for e in result.get_asset_check_evaluations() if e.passed}
    assert {*check_names(project_library().models["data_quality_summary"])} < kept
    assert {"features_have_bars", "features_follow_from_prices"} < kept


def test_an_audit_fails_with_the_rows_that_it_objects_to(filled: Warehouse) -> None:
    materialise(filled, SESSIONS, dg.AssetSelection.assets("features"))
    newest = SessionRange.single(SESSIONS.last)
    with filled.transaction() as transaction:
        transaction.delete("features", newest, where={"symbol": "S00"})

    have_bars = dg.AssetCheckKey(dg.AssetKey(["features"]), "features_have_bars")
    result = materialise(filled, newest, dg.AssetSelection.checks(have_bars))

    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    rows = evaluation.metadata["offending_rows"]
    assert isinstance(rows, dg.TableMetadataValue)
    assert rows.records[0].data == {
        "session": str(newest.last),
        "symbol": "S00",
        "problem": "no features",
    }


def test_a_mart_is_readable_once_materialised(filled: Warehouse) -> None:
    selection = dg.AssetSelection.assets("features", "data_quality_summary")

    assert materialise(filled, SessionRange.single(SESSIONS.last), selection).success

    summary = filled.query("select bars, quarantined from data_quality_summary order by session desc")
    assert summary.num_rows == len(SESSIONS)
    assert summary["bars"][0].as_py() == len(filled.read("prices", SessionRange.single(SESSIONS.last)))
