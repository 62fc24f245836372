"""Dagster's private parts: in one place, compared with what is installed, and done without where they differ."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg

import portfolio_pipeline
from portfolio_pipeline.dagster_home import private
from portfolio_pipeline_tests.cli.house import House, small

PACKAGE = Path(portfolio_pipeline.__file__).parent
_PRIVATE = re.compile(r"""(?:from |import |["'])dagster(?:_\w+)?\._|from dagster_(?:postgres|webserver)\b""")
ANOTHER_DAGSTER = """
from portfolio_pipeline.dagster_home import private
private.metadata.version = lambda name: "1.13.99"
private._SIGNATURES = {("SqlEventLogStorage", "_event_to_row"): ("another",)}
private.misfit.__defaults__ = (None, private._SIGNATURES)
from portfolio_pipeline.cli import main
main(["backfill", "--from", "2026-11-17", "--to", "2026-11-19"])
"""


def test_they_are_imported_in_one_place_only() -> None:
    elsewhere = [
        str(file)
        for file in PACKAGE.rglob("*.py")
        if file.parent.name != "private" and _PRIVATE.search(file.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []


def test_of_another_version_the_signatures_are_compared_and_fit() -> None:
    assert private.misfit("1.13.99") == ""


def test_a_changed_or_missing_signature_is_named() -> None:
    owner = "SqlEventLogStorage"
    changed = {(owner, "_event_to_row"): ("event", "run")}
    assert private.misfit("1.13.99", changed).endswith("_event_to_row takes ('event',), not ('event', 'run')")
    assert "takes None" in private.misfit("1.13.99", {(owner, "_is_no_more"): ("event",)})


def test_where_they_do_not_fit_a_range_is_computed_and_recorded_with_dagsters_own_storages(tmp_path: Path) -> None:
    house = House(small(tmp_path / "home"))
    code, said = house.does("-c", ANOTHER_DAGSTER)
    assert code == 0, said
    assert "Dagster's own storages are used" in said
    assert "Dagster 1.13.99: SqlEventLogStorage._event_to_row" in said
    settings = (house.home / "dagster.yaml").read_text(encoding="utf-8")
    assert "class: SqliteEventLogStorage" in settings
    assert "portfolio_pipeline" not in settings
    with dg.DagsterInstance.from_config(str(house.home)) as instance:
        stored = instance.get_materialized_partitions(dg.AssetKey("metrics"))
    assert stored == {"2026-11-17", "2026-11-18", "2026-11-19"}
    assert house.does("run", "--session", "2026-11-20")[0] == 0  # with ours again
    with dg.DagsterInstance.from_config(str(house.home)) as instance:
        assert len(instance.get_materialized_partitions(dg.AssetKey("metrics"))) == 4
