"""A home grows by little from day to day: what a run tells is stored once, and what never changes not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from portfolio_pipeline_tests.cli.house import House

MOST = 1_000_000


def sizes(home: Path) -> dict[str, int]:
    return {str(file.relative_to(home)): file.stat().st_size for file in home.rglob("*") if file.is_file()}


@pytest.mark.timeout(600)
def test_dagster_keeps_less_than_a_megabyte_of_a_daily_run_and_no_file_of_its_own(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert house.does("backfill", "--from", "2024-01-02", "--to", "2024-01-08")[0] == 0
    before = sizes(tmp_path / "dagster")
    assert house.does("run", "--session", "2024-01-09")[0] == 0
    after = sizes(tmp_path / "dagster")
    assert after.keys() == before.keys()
    grown = {file: size - before[file] for file, size in after.items() if size != before[file]}
    assert sum(grown.values()) < MOST, grown
