"""Runs whose process was killed do not hold the queue, and runs at work are left alone."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.cli.chain_run import close_dead_runs, run_chain
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.dagster_home.prepare import prepare_dagster_home

ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import os, dagster as dg

@dg.asset
def killed() -> None:
    os._exit(9)

job = dg.Definitions(assets=[killed], jobs=[dg.define_asset_job("daily")]).resolve_job_def("daily")
with dg.DagsterInstance.get() as instance:
    job.execute_in_process(instance=instance)
"""


@dg.asset
def looking(context: dg.AssetExecutionContext) -> None:
    """Looks, while it runs itself, whether it would be taken for dead, and whether a second run would begin."""
    close_dead_runs(context.instance)
    with pytest.raises(PortfolioError, match="RUN_IN_PROGRESS"):
        run_chain(wire().warehouse, SessionRange.single(date(2024, 1, 2)))


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    prepare_dagster_home(tmp_path, postgres=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as opened:
        yield opened


def test_a_run_whose_process_was_killed_is_marked_as_failed(instance: dg.DagsterInstance) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, check=False, capture_output=True, timeout=120)
    assert done.returncode == 9
    (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.STARTED
    close_dead_runs(instance)
    (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.FAILURE


def test_a_run_at_work_is_left_alone_and_a_second_one_is_refused(instance: dg.DagsterInstance) -> None:
    job = dg.Definitions(assets=[looking], jobs=[dg.define_asset_job("daily")]).resolve_job_def("daily")
    assert job.execute_in_process(instance=instance).success
