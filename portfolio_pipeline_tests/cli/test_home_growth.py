"""A home grows by little from day to day: what a run tells is stored once, and what never changes not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST = 1_000_000  # bytes


def portfolio(home: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "MARKET_DATA"}}
    environment |= {"DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "portfolio_pipeline.cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def sizes(home: Path) -> dict[str, int]:
    return {str(file.relative_to(home)): file.stat().st_size for file in home.rglob("*") if file.is_file()}


@pytest.mark.timeout(600)
def test_dagster_keeps_less_than_a_megabyte_of_a_daily_run_and_no_file_of_its_own(tmp_path: Path) -> None:
    portfolio(tmp_path, "backfill", "--from", "2024-01-02", "--to", "2024-01-08")
    before = sizes(tmp_path / "dagster")
    portfolio(tmp_path, "run", "--session", "2024-01-09")
    after = sizes(tmp_path / "dagster")
    assert after.keys() == before.keys()
    grown = {file: size - before[file] for file, size in after.items() if size != before[file]}
    assert sum(grown.values()) < MOST, grown
