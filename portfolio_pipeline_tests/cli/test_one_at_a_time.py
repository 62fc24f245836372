"""Real processes: several at once, killed at any moment, from the terminal and as the web UI starts them."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import time
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline_tests.cli.house import CLI, ROOT, House, small

SESSION = "2022-01-04"
AS_THE_UI_DOES = (
    "import dagster as dg; from portfolio_pipeline.definitions import defs\n"
    "with dg.DagsterInstance.get() as instance:\n"
    "    job = defs().resolve_job_def('daily')\n"
    f"    done = job.execute_in_process(instance=instance, partition_key='{SESSION}', raise_on_error=False)\n"
    "    raise SystemExit(0 if done.success else 1)\n"
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """With one session in it."""
    made = House(small(tmp_path_factory.mktemp("one-at-a-time") / "home"))
    code, said = made.does("run", "--session", SESSION)
    assert code == 0, said
    return made


@pytest.mark.timeout(300)
def test_of_two_first_starts_in_an_empty_home_one_computes_and_the_other_waits_or_is_refused(tmp_path: Path) -> None:
    empty = House(small(tmp_path / "home"))
    started = [empty.start("run", "--session", SESSION) for _ in range(2)]
    said = [process.communicate(timeout=240)[0] for process in started]
    assert sorted(process.returncode for process in started) == [0, 1], said
    refused = said[[process.returncode for process in started].index(1)]
    assert re.search(r"RUN_IN_PROGRESS: found=portfolio run, process \d+ on .*, since ", refused)
    assert "Traceback" not in "".join(said)
    assert [run.status for run in empty.runs()] == [dg.DagsterRunStatus.SUCCESS]


@pytest.mark.timeout(300)
def test_a_run_of_the_web_ui_waits_for_the_command_and_then_does_its_work(house: House) -> None:
    before = len(house.runs())
    with_lock = house.start("run", "--session", SESSION)
    while house.wired.locks.holder("account") is None:
        assert with_lock.poll() is None
        time.sleep(0.05)
    of_the_ui = house.start("-c", AS_THE_UI_DOES)
    said = of_the_ui.communicate(timeout=240)[0]
    assert with_lock.wait(60) == 0
    assert of_the_ui.returncode == 0, said
    assert "Waiting for portfolio run, process" in said
    assert [run.status for run in house.runs()][: len(house.runs()) - before] == [dg.DagsterRunStatus.SUCCESS] * 2


@pytest.mark.timeout(300)
def test_the_command_is_refused_while_a_run_of_the_web_ui_is_at_work(house: House) -> None:
    of_the_ui = house.start("-c", AS_THE_UI_DOES)
    try:
        while house.wired.locks.holder("account") is None:
            assert of_the_ui.poll() is None
            time.sleep(0.02)
        code, said = house.does("run", "--session", SESSION)
        assert (code, "RUN_IN_PROGRESS: found=run " in said) == (1, True), said
    finally:
        of_the_ui.communicate(timeout=240)
    assert of_the_ui.returncode == 0


_CONTAINER = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
_CONTAINERS = shutil.which("unshare") and subprocess.run([*_CONTAINER, "true"], capture_output=True, check=False)
in_another_container = pytest.mark.skipif(
    not _CONTAINERS or _CONTAINERS.returncode != 0, reason="other process namespaces need root"
)


@in_another_container
@pytest.mark.timeout(300)
def test_from_another_container_a_living_run_is_seen_and_left_alone(house: House) -> None:
    """Its process number means nothing there."""
    at_work = house.start("run", "--session", SESSION)
    while house.wired.locks.holder("account") is None:
        assert at_work.poll() is None
        time.sleep(0.02)
    elsewhere = [*_CONTAINER, *CLI, "run", "--session", SESSION]
    done = subprocess.run(elsewhere, cwd=ROOT, env=house.environment, capture_output=True, text=True, check=False)
    said = at_work.communicate(timeout=240)[0]
    assert (done.returncode, "RUN_IN_PROGRESS: found=portfolio run, process " in done.stderr + done.stdout) == (1, True)
    assert at_work.returncode == 0, said
    assert house.runs()[0].status is dg.DagsterRunStatus.SUCCESS


@in_another_container
@pytest.mark.timeout(300)
def test_a_run_that_was_killed_in_another_container_is_in_nobodys_way(house: House) -> None:
    container = subprocess.Popen(
        [*_CONTAINER, *CLI, "run", "--session", SESSION],
        cwd=ROOT,
        env=house.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not [run for run in house.runs() if run.status is dg.DagsterRunStatus.STARTED]:
        assert container.poll() is None
        time.sleep(0.05)
    container.kill()
    container.wait(30)
    code, said = house.does("run", "--session", SESSION)
    assert code == 0, said
    assert [run.status for run in house.runs()[:2]] == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def test_an_account_is_not_continued_with_other_prices_or_other_money(house: House, tmp_path: Path) -> None:
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "SPY.csv").write_text("date,symbol,open,high,low,close,volume\n2022-01-05,SPY,1,1,1,1,1\n")
    other_prices = House(house.home, MARKET_DATA="files", MARKET_DATA_PATH=str(tmp_path / "prices"))
    code, said = other_prices.does("run", "--session", "2022-01-05")
    assert (code, "ACCOUNT_OF_ANOTHER_KIND: found=market data files, expected=simulated" in said) == (1, True), said
    richer = tmp_path / "portfolio.yaml"
    richer.write_text(SHIPPED_SETTINGS.read_text().replace("initial_cash: 1000000", "initial_cash: 2000000"))
    code, said = House(house.home, PORTFOLIO_CONFIG=str(richer)).does("run", "--session", "2022-01-05")
    assert (code, "ACCOUNT_OF_ANOTHER_KIND: found=initial cash 2000000.0" in said) == (1, True), said
    richer.write_text(SHIPPED_SETTINGS.read_text().replace("seed: 4", "seed: 30"))
    code, said = House(house.home, PORTFOLIO_CONFIG=str(richer)).does("run", "--session", "2022-01-05")
    assert (code, "ACCOUNT_OF_ANOTHER_KIND: found=prices of SIMULATED model 2 seed 30" in said) == (1, True), said
    assert house.wired.warehouse.newest("prices") == date.fromisoformat(SESSION)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))  # hundreds: benchmarks.kills
def test_after_a_kill_at_any_moment_the_next_run_goes_on_by_itself(house: House, seed: int) -> None:
    chance = random.Random(seed)
    victim = house.start("run", "--session", SESSION) if seed % 2 else house.start("-c", AS_THE_UI_DOES)
    time.sleep(chance.uniform(1.0, 9.0))
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=60)
    code, said = house.does("run", "--session", SESSION)
    assert code == 0, said
    # One that was killed before it could say where it lives is given five minutes; it is in nobody's way.
    left = [run for run in house.runs() if not run.is_finished and ".dagster/portfolio_process" in run.tags]
    assert not left, [(run.status, run.tags) for run in left]


@pytest.mark.timeout(300)
def test_a_check_that_fails_is_the_exit_code_and_the_last_word(house: House, tmp_path: Path) -> None:
    shutil.copytree(house.home, tmp_path / "home")
    with duckdb.connect(tmp_path / "home" / "portfolio.duckdb") as hand:
        hand.execute("update sim_account set cash = cash + 1000")
    code, said = House(tmp_path / "home").does("run", "--session", SESSION, "--only", "positions")
    assert code == 1, said
    assert f"CHECKS_FAILED: sessions={SESSION}, found=positions positions_tie_to_broker" in said.splitlines()[-1]
