"""The jobs of the web UI that halt and resume do what the commands do."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import duckdb
import pytest

from portfolio_pipeline.adapters.wiring import Wiring, wire
from portfolio_pipeline.core.execution.halt import trading_state
from portfolio_pipeline.dagster_home.at_work import at_work
from portfolio_pipeline.definitions import defs
from portfolio_pipeline.defs.execution.halting import halt_trading, resume_trading


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wiring:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    wired = wire()
    wired.warehouse.prepare()
    return wired


def done(job: dg.JobDefinition, op: str, **config: str) -> dg.ExecuteInProcessResult:
    return (
        defs()
        .resolve_job_def(job.name)
        .execute_in_process(run_config={"ops": {op: {"config": config}}}, raise_on_error=False)
    )


def test_halting_and_resuming_from_the_web_ui(house: Wiring) -> None:
    assert done(halt_trading, "halt", reason="a strange fill").success
    assert house.halt_switch.state().reason == "a strange fill"
    assert trading_state(house.warehouse.read("halt_events")).halted
    without_reason = done(resume_trading, "resume", reason="")
    assert not without_reason.success
    assert house.halt_switch.state().halted
    assert done(resume_trading, "resume", reason="it was a drill").success
    assert not house.halt_switch.state().halted
    assert not trading_state(house.warehouse.read("halt_events")).halted


def test_halting_waits_for_nobody_at_work(house: Wiring) -> None:
    with at_work(house.locks, "somebody else"):
        assert done(halt_trading, "halt", reason="stop").success
    assert house.halt_switch.state().halted


def test_halting_needs_no_database(house: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    assert done(halt_trading, "halt", reason="no network").success
    assert house.halt_switch.state().halted
    with duckdb.connect(str(tmp_path / "portfolio.duckdb")) as stranger:
        assert stranger.execute("select count(*) from halt_events").fetchall() == [(0,)]
