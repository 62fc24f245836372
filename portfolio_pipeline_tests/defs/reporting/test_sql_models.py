"""SQL models in Dagster: what they depend on, what they show, and that broken promises fail with their rows."""

from datetime import date

import dagster as dg
import pandas as pd
import pytest

from portfolio_pipeline.components.filling import asset_keys
from portfolio_pipeline.components.sql_models import declared, model_assets
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.tables import TABLES
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


def materialise(warehouse: Warehouse, sessions: SessionRange, *models: str) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [model_assets(project_library(), STRATEGIES)],
        selection=list(models),
        resources={"warehouse": warehouse, "clock": FixedClock.after_close(SESSIONS.last)},
        tags={
            "dagster/asset_partition_range_start": sessions.first.isoformat(),
            "dagster/asset_partition_range_end": sessions.last.isoformat(),
        },
        raise_on_error=False,
    )


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.to_user_string() for event in result.asset_materializations_for_node("marts")}


def test_models_depend_on_the_assets_that_fill_their_tables() -> None:
    dependencies = {
        spec.key.to_user_string(): {dependency.asset_key.to_user_string() for dependency in spec.deps}
        for spec in model_assets(project_library(), STRATEGIES).specs
    }

    assert dependencies["parameter_history"] == {"momentum/optimized_parameters", "trend/optimized_parameters"}
    assert dependencies["data_quality_summary"] == {"prices", "features"}
    assert dependencies["current_book"] == {"positions", "aggregated_targets"}


def test_every_table_has_an_asset_that_fills_it() -> None:
    assert asset_keys("quarantine", STRATEGIES) == (dg.AssetKey(["prices"]),)
    assert asset_keys("strategy_returns", STRATEGIES) == (
        dg.AssetKey(["momentum", "strategy_targets"]),
        dg.AssetKey(["trend", "strategy_targets"]),
    )
    read = {ref for item in project_library().items for ref in item.query.refs}
    assert read & {table.name for table in TABLES if table.name.startswith("sim_")} == set()


def test_a_view_is_shown_with_the_columns_of_its_header() -> None:
    table = declared(project_library(), project_library().models["orders_and_fills"])

    assert table.column("shortfall_bps").type == "double"
    assert table.column("filled_on").nullable
    assert not table.column("client_order_id").nullable


def test_a_view_shows_lineage_rows_and_kept_promises(filled: Warehouse) -> None:
    result = materialise(filled, SESSIONS, "data_quality_summary")

    assert result.success
    (made,) = result.asset_materializations_for_node("marts")
    assert made.partition is None
    assert made.metadata["dagster/row_count"].value == made.metadata["rows of these sessions"].value == len(SESSIONS)
    model = project_library().models["data_quality_summary"]
    told = model_assets(project_library(), STRATEGIES).metadata_by_key[dg.AssetKey([model.name])]
    lineage = told["dagster/column_lineage"].deps_by_column
    assert list(lineage) == list(model.header.columns)
    assert lineage["first_rule"] == [dg.TableColumnDep(dg.AssetKey(["prices"]), "rule")]
    assert "| `first_rule` | `quarantine.rule` |" in str(told["columns come from"].value)
    assert str(SESSIONS.last) in str(made.metadata["newest rows"].value)
    assert {e.check_name for e in result.get_asset_check_evaluations() if e.passed} == set(check_names(model))


def test_a_promise_that_rows_break_fails_the_check_with_them(filled: Warehouse) -> None:
    order = {"session": SESSIONS.first, "client_order_id": "c", "symbol": "S00", "side": "buy", "quantity": 7.0}
    planned = {"order_type": "market", "time_in_force": "day", "reason": "", "verdict": "accepted"}
    sized = {"limit_price": None, "reference_price": 10.0, "target_weight": 0.1}
    filled.replace("orders", SESSIONS, pd.DataFrame([order | planned | sized]))
    executed = {"fill_id": "f", "price": 10.0, "commission": 0.0, "filled_at": pd.Timestamp(SESSIONS.last)}
    filled.replace("fills", SESSIONS, pd.DataFrame([order | executed]))
    with filled.transaction() as transaction:
        transaction.execute("update fills set quantity = -7")

    result = materialise(filled, SESSIONS, "orders_and_fills")

    (broken,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert (broken.check_name, broken.severity) == ("values_are_in_range", dg.AssetCheckSeverity.ERROR)
    rows = broken.metadata["offending_rows"]
    assert isinstance(rows, dg.TableMetadataValue)
    assert [(row.data["client_order_id"], row.data["filled_quantity"]) for row in rows.records] == [("c", "-7.0")]


def test_a_mart_is_readable_once_materialised(filled: Warehouse) -> None:
    assert materialise(filled, SessionRange.single(SESSIONS.last), "data_quality_summary").success

    summary = filled.query("select bars, quarantined from data_quality_summary order by session desc")
    assert summary.num_rows == len(SESSIONS)
    assert summary["bars"][0].as_py() == len(filled.read("prices", SessionRange.single(SESSIONS.last)))


def test_marts_are_made_in_one_step_and_any_of_them_by_itself(filled: Warehouse) -> None:
    newest, marts = SessionRange.single(SESSIONS.last), model_assets(project_library(), STRATEGIES)

    everything = materialise(filled, newest, *(key.to_user_string() for key in marts.keys))
    one = materialise(filled, newest, "pareto_sets")

    assert made(everything) == {key.to_user_string() for key in marts.keys}
    assert {check.asset_check_key for check in everything.get_asset_check_evaluations()} == set(marts.check_keys)
    assert made(one) == {"pareto_sets"}
    assert {check.asset_key.to_user_string() for check in one.get_asset_check_evaluations()} == {"pareto_sets"}


def test_a_mart_made_for_one_session_tells_the_rows_of_that_session_and_of_all(filled: Warehouse) -> None:
    (made,) = materialise(
        filled, SessionRange.single(SESSIONS.first), "data_quality_summary"
    ).asset_materializations_for_node("marts")

    assert made.metadata["dagster/row_count"].value == len(SESSIONS)
    assert made.metadata["rows of these sessions"].value == 1
    assert str(SESSIONS.first) in str(made.metadata["newest rows"].value)


def test_a_mart_that_nobody_asks_for_a_session_is_made_and_examined_with_all_its_rows(filled: Warehouse) -> None:
    made = dg.materialize(
        [model_assets(project_library(), STRATEGIES)],
        selection=["data_quality_summary"],
        resources={"warehouse": filled, "clock": FixedClock.after_close(next_session(SESSIONS.last))},
    )

    (one,) = made.asset_materializations_for_node("marts")
    assert one.metadata["rows of these sessions"].value == one.metadata["dagster/row_count"].value == len(SESSIONS)
    assert str(SESSIONS.last) in str(one.metadata["newest rows"].value)


def test_a_promise_of_a_mart_can_be_asked_for_alone_of_a_session_or_of_all(filled: Warehouse) -> None:
    check = dg.AssetCheckKey(dg.AssetKey(["data_quality_summary"]), "grain_is_unique")
    defined = dg.Definitions(
        assets=[model_assets(project_library(), STRATEGIES)],
        resources={"warehouse": filled, "clock": FixedClock.after_close(SESSIONS.last)},
    )
    job = defined.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={check}
    )

    for session in ({"dagster/partition": SESSIONS.last.isoformat()}, {}):
        asked = job.execute_in_process(tags=session)

        assert made(asked) == set()
        assert [(one.asset_check_key, one.passed) for one in asked.get_asset_check_evaluations()] == [(check, True)]


def test_a_mart_that_is_refused_is_told_and_keeps_no_other_from_being_made(filled: Warehouse) -> None:
    with filled.transaction() as transaction:
        transaction.execute("drop table quarantine")
    marts = [key.to_user_string() for key in model_assets(project_library(), STRATEGIES).keys]

    result = materialise(filled, SessionRange.single(SESSIONS.last), *marts)

    assert made(result) == {*marts} - {"data_quality_summary"}
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "dbt_like_sql/marts/data_quality_summary.sql:" in str(failure.step_failure_data.user_failure_data)
