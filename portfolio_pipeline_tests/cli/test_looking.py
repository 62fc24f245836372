"""Commands that only look or take a note answer at once: nothing that computes is imported for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from portfolio_pipeline.adapters.closes_file import last_closed
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.calendar.sessions import last_closed_session
from portfolio_pipeline.dagster_home.prepare import prepare_dagster_home
from portfolio_pipeline.dagster_home.run_table import FAILURE, newest_run
from portfolio_pipeline_tests.cli.house import House

HEAVY = ("dagster", "pandera", "numba", "matplotlib", "scipy", "pydantic", "exchange_calendars", "sqlalchemy")


@pytest.mark.parametrize("arguments", [("status",), ("halt", "--reason", "a"), ("resume", "--reason", "b")])
def test_what_looks_or_takes_a_note_imports_nothing_heavy(
    arguments: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    # Arrow looks for pandas when a row is made of Python's values.
    heavy = (*HEAVY, "pandas") if arguments == ("status",) else HEAVY
    last_closed(tmp_path, datetime.now(UTC))  # as the first look leaves it behind
    open_warehouse(f"duckdb:///{tmp_path / 'portfolio.duckdb'}").prepare()
    script = (
        "import sys\n"
        "from portfolio_pipeline.cli import main\n"
        f"try: main({list(arguments)!r})\n"
        f"except SystemExit as left: assert left.code == 0, left.code\n"
        f"found = sorted(set({heavy!r}) & set(sys.modules))\n"
        "assert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_status_of_a_home_that_has_traded_needs_no_calendar_either(lived_copy: House) -> None:
    assert lived_copy.does("status")[0] == 0  # as the first look leaves it behind
    code, said = lived_copy.does(
        "-c",
        "import sys\n"
        "from portfolio_pipeline.cli import main\n"
        "try: main(['status'])\n"
        f"except SystemExit: print('loaded:', sorted(set({HEAVY!r}) & set(sys.modules)))",
    )
    assert (code, said.splitlines()[-1]) == (0, "loaded: []"), said


@pytest.mark.parametrize("days", [0, 1, 7, 45, 59, 61, 400, -1, -30])
def test_the_kept_closes_give_the_session_that_the_calendar_gives(days: int, tmp_path: Path) -> None:
    noon = datetime(2024, 7, 3, 16, tzinfo=UTC)
    last_closed(tmp_path, noon)
    for minutes in (0, 59, 60, 61, 239, 240, 241):
        now = noon + timedelta(days=days, minutes=minutes)
        assert last_closed(tmp_path, now) == last_closed_session(now)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"library": "0", "closes": {}}', '{"library": "0", "closes": 7}'])
def test_kept_closes_that_cannot_be_used_are_made_again(content: str, tmp_path: Path) -> None:
    now = datetime(2024, 7, 3, 16, tzinfo=UTC)
    file = tmp_path / "session_closes.json"
    file.write_text(content)
    assert last_closed(tmp_path, now) == last_closed_session(now)
    assert "2024-07-02" in file.read_text()


def test_closes_that_cannot_be_kept_are_still_told(tmp_path: Path) -> None:
    now = datetime(2024, 7, 3, 16, tzinfo=UTC)
    assert last_closed(tmp_path / "nowhere", now) == last_closed_session(now)


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_the_newest_run_is_the_one_that_dagster_tells_of(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    url = f"duckdb:///{tmp_path}/portfolio.duckdb" if engine == "duckdb" else request.getfixturevalue("postgres_url")
    monkeypatch.setenv("DATABASE_URL", url)
    warehouse = open_warehouse(url)
    warehouse.prepare()
    assert newest_run(tmp_path, warehouse, not_of="backtest") is None
    prepare_dagster_home(tmp_path, postgres=engine == "postgres")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert newest_run(tmp_path, warehouse, not_of="backtest") is None
        for job, fails in (("daily", False), ("daily", True), ("backtest", False)):
            _job(job, fails=fails).execute_in_process(instance=instance, raise_on_error=False)
        told = next(record for record in instance.get_run_records() if record.dagster_run.job_name == "daily")
    found = newest_run(tmp_path, warehouse, not_of="backtest")
    assert found is not None
    assert (found.run_id, found.status) == (told.dagster_run.run_id, FAILURE)
    assert found.created_at.replace(tzinfo=UTC) == told.create_timestamp


def _job(name: str, *, fails: bool) -> dg.JobDefinition:
    @dg.op
    def only() -> None:
        if fails:
            raise ZeroDivisionError

    @dg.job(name=name)
    def job() -> None:
        only()

    return job
