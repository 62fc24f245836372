"""The past of an account: refused to be rewritten in passing, rebuilt as one explicit act, whole or not at all."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline_tests.chain import assert_same, read_tables
from portfolio_pipeline_tests.cli.conftest import LAST
from portfolio_pipeline_tests.cli.house import House, small

FROM = "2022-08-01"


@pytest.fixture
def house(lived: House, tmp_path: Path) -> House:
    """A copy of it, with tighter limits from now on."""
    shutil.copytree(lived.home, tmp_path / "home")
    settings = (
        SHIPPED_SETTINGS.read_text().replace("  symbol: 0.20", "  symbol: 0.02").replace("gross: 1.0", "gross: 0.1")
    )
    (tmp_path / "home" / "portfolio.yaml").write_text(settings)
    return House(tmp_path / "home")


ACCOUNT = ("orders", "submissions", "fills", "order_outcomes", "positions", "account", "sim_orders", "sim_account")


@pytest.mark.timeout(300)
def test_an_old_session_run_again_with_other_settings_is_refused_and_costs_nothing(house: House) -> None:
    before = read_tables(house.wired.warehouse)
    code, said = house.does("run", "--session", FROM)
    assert code == 1
    assert "PAST_WOULD_BE_REWRITTEN: table=orders, session=2022-08-01" in said
    assert "portfolio run --rebuild-from 2022-08-01" in said
    after = read_tables(house.wired.warehouse)
    assert_same({name: after[name] for name in ACCOUNT}, {name: before[name] for name in ACCOUNT})


@pytest.mark.timeout(300)
def test_a_rebuild_keeps_what_was_before_it_and_a_copy_of_everything(house: House) -> None:
    before = read_tables(house.wired.warehouse)
    code, said = house.does("run", "--rebuild-from", FROM)
    assert code == 0, said
    (kept,) = house.home.glob("*.before-rebuild-2022-08-01")
    after = read_tables(house.wired.warehouse)
    for name in ACCOUNT:
        early = before[name]["session"].astype(str) < FROM
        assert after[name][: early.sum()].equals(before[name][early]), name
    assert not after["orders"].equals(before["orders"])
    shutil.copy(kept, house.home / "portfolio.duckdb")
    assert_same(read_tables(house.wired.warehouse), before)


@pytest.mark.timeout(300)
def test_a_rebuild_that_breaks_off_leaves_everything_as_it_was(house: House) -> None:
    before = read_tables(house.wired.warehouse)
    (house.home / "extensions").mkdir()
    (house.home / "extensions" / "broken.py").write_text(
        "from portfolio_pipeline.core.performance.metrics import METRICS, Metric\n"
        "METRICS.add(Metric('broken', 'fraction', lambda series: series.values / nothing))\n"
    )
    code, said = house.does("run", "--rebuild-from", FROM)
    assert "the rebuild was undone, everything is as it was" in said
    assert code == 1, said
    assert_same(read_tables(house.wired.warehouse), before)


@pytest.mark.timeout(300)
def test_a_rebuild_that_is_killed_is_undone_by_whoever_comes_next(house: House) -> None:
    before = read_tables(house.wired.warehouse)
    victim = house.start("run", "--rebuild-from", FROM)
    unfinished = house.home / "portfolio.duckdb.rebuilding"
    while not unfinished.exists():
        assert victim.poll() is None
        time.sleep(0.02)
    time.sleep(2.0)
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=60)
    code, said = house.does("doctor")
    assert (code, "REBUILD_UNFINISHED" in said) == (1, True), said
    code, said = house.does("run", "--session", LAST, "--only", "prices")
    assert code == 0, said
    assert "A rebuild was broken off before: everything is as it was before it" in said
    assert not unfinished.exists()
    after = read_tables(house.wired.warehouse)
    assert_same({name: after[name] for name in ACCOUNT}, {name: before[name] for name in ACCOUNT})


def test_a_rebuild_of_a_part_or_of_nothing_is_refused(house: House) -> None:
    code, said = house.does("run", "--rebuild-from", "2022-08-15")
    assert (code, "NOTHING_TO_REBUILD" in said) == (1, True), said
    code, said = house.does("run", "--rebuild-from", FROM, "--only", "orders")
    assert (code, "give it alone" in said) == (1, True), said


@pytest.mark.timeout(300)
def test_on_postgres_a_killed_rebuild_is_undone_and_one_that_goes_through_keeps_what_was_before(
    tmp_path: Path, postgres_url: str
) -> None:
    house = House(small(tmp_path / "home"), DATABASE_URL=postgres_url)
    settings = house.home / "portfolio.yaml"
    settings.write_text(settings.read_text().replace("[trend_bonds]", "[diversified_core]"))
    code, said = house.does("backfill", "--from", "2022-01-03", "--to", "2022-08-05")
    assert code == 0, said
    before = read_tables(house.wired.warehouse)
    assert len(before["fills"])
    settings.write_text(settings.read_text().replace("  symbol: 0.20", "  symbol: 0.02"))

    victim = house.start("run", "--rebuild-from", FROM)
    while house.wired.warehouse.unfinished_rebuild() is None:
        assert victim.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=60)
    code, said = house.does("run", "--session", "2022-08-05", "--only", "prices")
    assert code == 0, said
    assert "A rebuild was broken off before: everything is as it was before it" in said
    undone = read_tables(house.wired.warehouse)
    assert_same({name: undone[name] for name in ACCOUNT}, {name: before[name] for name in ACCOUNT})

    code, said = house.does("run", "--rebuild-from", FROM)
    assert code == 0, said
    schemas = house.wired.warehouse.query("select schema_name::text as name from information_schema.schemata")
    assert any("before_rebuild_20220801" in name for name in schemas["name"].to_pylist())
    after = read_tables(house.wired.warehouse)
    for name in ACCOUNT:
        early = before[name]["session"].astype(str) < FROM
        assert after[name][: early.sum()].equals(before[name][early]), name
    assert not after["orders"].equals(before["orders"])
