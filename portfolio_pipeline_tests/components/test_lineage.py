"""Where columns come from: what tables declare is what the assets that fill them can see, and what the UI is told."""

from __future__ import annotations

import dagster as dg
import pytest

from portfolio_pipeline.components.filling import asset_keys, dependencies, strategies
from portfolio_pipeline.components.lineage import column_lineage, declared_lineage, readable_lineage
from portfolio_pipeline.core.tables import TABLES, Table
from portfolio_pipeline.core.tables.declare import number, session
from portfolio_pipeline_tests.chain import chain_parts

DECLARED = {table.name: table for table in TABLES}
FILLED_BY_ASSETS = [table for table in TABLES if not table.name.startswith("sim_")]  # those are the broker's own
EXAMPLE = Table(
    "metrics",
    "one row per session",
    "for tests",
    ("session",),
    (
        session(),
        number("value", "the figure").made_of("quarantine.rule", "strategy_returns.net_return", "prices.close"),
    ),
)


def edges() -> dict[dg.AssetKey, set[dg.AssetKey]]:
    return {key: set(asset.asset_deps[key]) for asset in chain_parts() for key in asset.keys}


@pytest.mark.parametrize("table", FILLED_BY_ASSETS, ids=lambda table: table.name)
def test_what_a_column_is_made_of_is_a_column_that_an_asset_filling_the_table_depends_on(table: Table) -> None:
    graph = edges()
    for column in table.columns:
        for text in column.comes_from:
            origin, _, name = text.partition(".")
            assert origin in DECLARED, f"{table.name}.{column.name} comes from {text}"
            assert name in DECLARED[origin].column_names, f"{table.name}.{column.name} comes from {text}"
            sources, fillers = set(asset_keys(origin, strategies())), asset_keys(table.name, strategies())
            seen = [key for key in fillers if sources & ({key} | graph[key])]
            assert seen or not fillers or not sources, f"no asset that fills {table.name} reads {origin}"


def test_lineage_in_the_ui_names_the_assets_that_fill_the_tables_and_people_read_the_tables_themselves() -> None:
    lineage = declared_lineage(EXAMPLE, {"quarantine", "strategy_returns", "prices"})
    shown = column_lineage(lineage, ("trend", "momentum")).deps_by_column
    assert shown["session"] == []
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in shown["value"]} == {
        *(("prices", "rule"), ("prices", "close")),
        *(("trend/strategy_targets", "net_return"), ("momentum/strategy_targets", "net_return")),
    }
    assert readable_lineage(lineage).splitlines() == [
        "| column | comes from |",
        "|---|---|",
        "| `session` | - |",
        "| `value` | `prices.close`, `quarantine.rule`, `strategy_returns.net_return` |",
    ]


def test_a_table_that_an_asset_does_not_read_is_no_origin_of_its_columns() -> None:
    assert declared_lineage(EXAMPLE, {"prices", "fills"}) == {"session": [], "value": [("prices", "close")]}


def test_an_asset_depends_on_who_fills_what_it_reads_but_not_on_itself() -> None:
    own = dg.AssetKey(["positions"])
    found = dependencies(own, ["account", "order_outcomes", "strategy_returns", "risk_breaches"], ("a", "b"))
    assert [key.to_user_string() for key in found] == ["a/strategy_targets", "b/strategy_targets", "fills"]


def test_an_asset_of_a_strategy_depends_on_its_own_strategy_and_on_no_other() -> None:
    own = dg.AssetKey(["a", "strategy_targets"])
    found = dependencies(own, ["optimized_parameters", "prices"], ("a", "b"))
    assert [key.to_user_string() for key in found] == ["a/optimized_parameters", "prices"]
