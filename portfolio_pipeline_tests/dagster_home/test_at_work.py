"""One act at a time, and a run whose process was killed holds nothing: neither the account nor the queue."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.core.errors import LimitError, PortfolioError
from portfolio_pipeline.dagster_home.at_work import (
    at_work,
    close_dead_runs,
    living,
    living_already,
    living_tags,
    require_account,
)
from portfolio_pipeline.dagster_home.prepare import prepare_dagster_home
from portfolio_pipeline.ports import Locks

ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import os, dagster as dg
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.dagster_home.at_work import living

@dg.asset
def killed(context: dg.AssetExecutionContext) -> None:
    with living(wire().locks, context.instance, context.run):
        os._exit(9)

job = dg.Definitions(assets=[killed], jobs=[dg.define_asset_job("daily")]).resolve_job_def("daily")
with dg.DagsterInstance.get() as instance:
    job.execute_in_process(instance=instance)
"""
HOLDS = """
import time
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.dagster_home.at_work import at_work
with at_work(wire().locks, "the other one"):
    print("at work", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    prepare_dagster_home(tmp_path, postgres=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with dg.DagsterInstance.get() as opened:
        yield opened


@pytest.fixture
def locks(instance: dg.DagsterInstance) -> Locks:
    return wire().locks


@pytest.fixture
def other(instance: dg.DagsterInstance) -> Iterator[subprocess.Popen[str]]:
    """Another process that is at work on the account."""
    with subprocess.Popen([sys.executable, "-c", HOLDS], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "at work\n"
            yield process
        finally:
            process.kill()


def status_of(instance: dg.DagsterInstance) -> dg.DagsterRunStatus:
    (run,) = instance.get_runs()
    return run.status


def test_a_run_whose_process_was_killed_is_marked_as_failed_and_told_of(
    instance: dg.DagsterInstance, locks: Locks
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, check=False, capture_output=True, timeout=120)
    assert done.returncode == 9
    assert status_of(instance) == dg.DagsterRunStatus.STARTED
    (said,) = close_dead_runs(instance, locks)
    assert "It was killed: process" in said
    assert status_of(instance) == dg.DagsterRunStatus.FAILURE
    assert close_dead_runs(instance, locks) == []


def test_a_run_at_work_is_left_alone_wherever_its_process_is(instance: dg.DagsterInstance, locks: Locks) -> None:
    found: list[dg.DagsterRunStatus] = []

    @dg.asset
    def looking(context: dg.AssetExecutionContext) -> None:
        with living(locks, context.instance, context.run):
            assert close_dead_runs(context.instance, wire().locks) == []
            found.append(status_of(context.instance))

    assert dg.materialize([looking], instance=instance).success
    assert found == [dg.DagsterRunStatus.STARTED]


def test_a_run_that_has_only_just_begun_is_given_time(instance: dg.DagsterInstance, locks: Locks) -> None:
    @dg.asset
    def looking(context: dg.AssetExecutionContext) -> None:
        assert close_dead_runs(context.instance, locks) == []

    assert dg.materialize([looking], instance=instance).success


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_run_that_was_created_by_a_living_process_is_alive_before_it_starts(
    instance: dg.DagsterInstance, locks: Locks, status: dg.DagsterRunStatus
) -> None:
    run_id = "00000000-0000-0000-0000-000000000001"
    with living_already(locks, run_id):
        instance.create_run_for_job(
            dg.job(name="daily")(lambda: None), run_id=run_id, tags=living_tags(), status=status
        )
        assert close_dead_runs(instance, locks) == []
    assert len(close_dead_runs(instance, locks)) == 1


def test_the_second_is_refused_with_who_is_at_work_and_since_when(locks: Locks, other: subprocess.Popen[str]) -> None:
    with (
        pytest.raises(
            PortfolioError, match=rf"RUN_IN_PROGRESS: found=the other one, process {other.pid} on .*since 20"
        ),
        at_work(locks, "me"),
    ):
        pytest.fail("two were at work")


def test_or_it_waits_and_says_for_whom(locks: Locks, other: subprocess.Popen[str]) -> None:
    said: list[str] = []

    def hear(text: str) -> None:
        said.append(text)
        other.kill()  # its lock goes with it: nothing has to be cleaned up by hand

    began = time.monotonic()
    with at_work(locks, "me", wait=hear):
        require_account()
    assert time.monotonic() - began < 10
    assert len(said) == 1
    assert f"Waiting for the other one, process {other.pid} on" in said[0]


def test_within_one_act_the_same_process_may_ask_again(locks: Locks) -> None:
    with at_work(locks, "me"):
        with at_work(locks, "a part of it"):
            require_account()
        require_account()
    with pytest.raises(LimitError, match="ACCOUNT_LOCK_LOST"):
        require_account()


def test_nothing_is_sent_any_more_when_the_lock_was_taken_away(locks: Locks, tmp_path: Path) -> None:
    with at_work(locks, "me"):
        (tmp_path / "portfolio.duckdb.locks" / "account").unlink()
        with pytest.raises(LimitError, match="ACCOUNT_LOCK_LOST"):
            require_account()
