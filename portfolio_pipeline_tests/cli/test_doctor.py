"""The doctor finds every state that a home can get into, planted one by one, and says the command that mends it."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest

from portfolio_pipeline.core.calendar.sessions import all_sessions
from portfolio_pipeline_tests.cli.house import SMALL_SETTINGS, House, small
from portfolio_pipeline_tests.cli.test_careless_commands import CLOCK


@dataclass(frozen=True)
class State:
    """How it comes about, what the doctor says of it, and the command that mends it, as the doctor says it."""

    name: str
    plant: Callable[[House], object]
    found: str
    mend: str
    mending: Callable[[House], object] | None  # None: a copy of it alone would do


def does(*command: str) -> Callable[[House], object]:
    def mending(house: House) -> None:
        code, said = house.does(*command)
        assert code == 0, said

    return mending


def writes(name: str, text: str) -> Callable[[House], object]:
    def planted(house: House) -> None:
        (house.home / name).parent.mkdir(exist_ok=True)
        (house.home / name).write_text(text, encoding="utf-8")

    return planted


def removes(name: str) -> Callable[[House], object]:
    return lambda house: (house.home / name).unlink()


def moves_aside(folder: str) -> Callable[[House], object]:
    return lambda house: (house.home / folder).rename(house.home / f"{folder}.broken")


def no_database(file: Path) -> None:
    file.write_bytes(b"not what it was " * 10_000)


def settings_with(old: str, new: str) -> Callable[[House], object]:
    assert old in SMALL_SETTINGS
    return writes("portfolio.yaml", SMALL_SETTINGS.replace(old, new))


def a_session_is_missing(house: House) -> None:
    with duckdb.connect(house.home / "portfolio.duckdb") as hand:
        hand.execute("delete from metrics where session = (select max(session) from metrics)")


def prices_are_of(source: str) -> Callable[[House], object]:
    def planted(house: House) -> None:
        with duckdb.connect(house.home / "portfolio.duckdb") as hand:
            hand.execute("update prices set source = $1", [source])

    return planted


def a_rebuild_was_killed(house: House) -> None:
    newest = house.wired.warehouse.newest("account")
    assert isinstance(newest, date)
    house.wired.warehouse.begin_rebuild(newest)
    with duckdb.connect(house.home / "portfolio.duckdb") as hand:
        hand.execute("delete from account")


def a_run_was_killed(house: House) -> None:
    process = house.start("run")
    while not running(house):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def a_newer_version_was_there(house: House) -> None:
    with duckdb.connect(house.home / "portfolio.duckdb") as hand:
        hand.execute("insert into schema_version select max(version) + 1, now() from schema_version")


def an_older_version_again(house: House) -> None:
    with duckdb.connect(house.home / "portfolio.duckdb") as hand:
        hand.execute("delete from schema_version where version = (select max(version) from schema_version)")


def the_clock_says(day: date) -> Callable[[House], object]:
    return writes("extensions/mine.py", CLOCK.format(now=f"{day}T23:00"))


def running(house: House) -> bool:
    file = house.home / "dagster" / "run" / "runs.db"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as runs:
        return bool(runs.execute("select 1 from runs where status = 'STARTED'").fetchall())


def somebody_writes_an_order(house: House) -> None:
    with duckdb.connect(house.home / "portfolio.duckdb") as hand:
        hand.execute(
            "insert into order_instructions (instruction_id, kind, session, strategy, symbol, client_order_id, reason,"
            " who, recorded_at) select 1, 'flatten', max(session), '', '', '', 'x', 'me', now()::timestamp from account"
        )


def somebody_gives_the_risk_back(house: House) -> None:
    with duckdb.connect(house.home / "portfolio.duckdb") as hand:
        hand.execute(
            "update risk_states set peak = peak * 2 where session = (select max(session) from risk_states)"
            " and level = 'portfolio'"
        )


STATES = (
    State("halted", does("halt", "--reason", "[/bold] by hand"), "[/bold] by hand", "portfolio resume",
          does("resume", "--reason", "looked at it")),
    State("the switch was thrown by hand", writes("HALTED", ""), "HALTED is there", "portfolio resume",
          does("resume", "--reason", "looked at it")),
    State("orders by hand that nobody gave here", somebody_writes_an_order,
          "INSTRUCTION_ALTERED: found=order_instructions 1: flatten", "remove the file instructions.sealed of the home",
          removes("instructions.sealed")),
    State("risk states that nobody wrote here", somebody_gives_the_risk_back,
          "RISK_STATES_ALTERED: found=risk_states", "remove the file risk_states.sealed of the home",
          removes("risk_states.sealed")),
    State("a session is missing", a_session_is_missing, "SESSIONS_MISSING", "portfolio up", does("up", "--no-ui")),
    State("a rebuild was killed", a_rebuild_was_killed, "REBUILD_UNFINISHED", "portfolio up", does("up", "--no-ui")),
    State("a run was killed", a_run_was_killed, "RUN_KILLED", "portfolio up", does("run")),
    State("others may look into the home", lambda house: house.home.chmod(0o755), "HOME_OPEN_TO_OTHERS",
          "chmod -R go-rwx {home}", lambda house: subprocess.run(["chmod", "-R", "go-rwx", house.home], check=True)),
    State("the list of runs is broken", lambda house: no_database(house.home / "dagster/run/runs.db"),
          "RUN_STORAGE_BROKEN", "mv {home}/dagster/run {home}/dagster/run.broken", moves_aside("dagster/run")),
    State("the event log is broken", lambda house: no_database(house.home / "dagster/event_log/index.db"),
          "RUN_STORAGE_BROKEN", "mv {home}/dagster/event_log {home}/dagster/event_log.broken",
          moves_aside("dagster/event_log")),
    State("the database is broken", lambda house: no_database(house.home / "portfolio.duckdb"),
          "DATABASE_FILE_UNUSABLE", "Mend the file", None),
    State("the home is of another database", writes("database", "postgresql://db.example/fund\n"),
          "HOME_OF_ANOTHER_DATABASE", "Set DATABASE_URL as it was", writes("database", "duckdb:///portfolio.duckdb\n")),
    State("a card is wrong", writes("strategies/mine.yaml", "name: mine\ntype: astrology\n"), "mine.yaml",
          "Mend this line", removes("strategies/mine.yaml")),
    State("a setting is wrong", settings_with("gross: 1.0", "gross: 20"), "portfolio.yaml", "Mend this line",
          writes("portfolio.yaml", SMALL_SETTINGS)),
    State("an extension is broken", writes("extensions/mine.py", "def broken(:\n"), "mine.py", "mine.py",
          removes("extensions/mine.py")),
    State("the account had other money", settings_with("initial_cash: 1000000", "initial_cash: 5000000"),
          "ACCOUNT_OF_ANOTHER_KIND", "initial cash", writes("portfolio.yaml", SMALL_SETTINGS)),
    State("the settings name another made-up market", settings_with("seed: 4", "seed: 5"),
          "found=prices of SIMULATED model 2 seed 5, expected=prices of SIMULATED model 2 seed 4",
          "Set simulated_market.seed in the settings as it was", writes("portfolio.yaml", SMALL_SETTINGS)),
    State("the prices were made up by an earlier version", prices_are_of("SIMULATED"),
          "ACCOUNT_OF_ANOTHER_KIND: found=prices of SIMULATED model 2 seed 4, expected=prices of SIMULATED, as in",
          "This version makes up another market: go on with the one that made what is stored, or begin another",
          prices_are_of("SIMULATED model 2 seed 4")),
    State("the database is of a newer version", a_newer_version_was_there, "DATABASE_NEWER_THAN_CODE",
          "Update portfolio_pipeline",
          an_older_version_again),
    State("the calendar ends", the_clock_says(all_sessions()[-9]), "CALENDAR_ENDS_SOON",
          "pip install --upgrade exchange-calendars", removes("extensions/mine.py")),
    State("the clock is behind what was traded", the_clock_says(date(2022, 1, 5)), "CLOCK_BEHIND",
          "Set the clock of this machine",
          removes("extensions/mine.py")),
)  # fmt: skip


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Complete, with nothing wrong."""
    house = House(small(tmp_path_factory.mktemp("well") / "home"))
    code, said = house.does("up", "--no-ui", "--sessions", "30")
    assert code == 0, said
    code, said = house.does("doctor")
    assert code == 0, said
    return house


@pytest.mark.timeout(300)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_it_finds_the_state_and_names_the_command_that_mends_it(state: State, well: House, tmp_path: Path) -> None:
    shutil.copytree(well.home, tmp_path / "home")
    house = House(tmp_path / "home")
    state.plant(house)
    code, said = house.does("doctor")
    assert code == 1, said
    wrong = [line for line in said.splitlines() if re.match(r"(Wrong|To do) ", line)]
    assert any(line.startswith("Wrong") and state.found in line for line in wrong), said
    assert any(state.mend.format(home=house.home) in line for line in wrong), said
    if state.mending is not None:
        state.mending(house)
        code, said = house.does("doctor")
        assert code == 0, said


def test_one_cause_is_told_once(well: House, tmp_path: Path) -> None:
    shutil.copytree(well.home, tmp_path / "home")
    no_database(tmp_path / "home" / "portfolio.duckdb")
    _, said = House(tmp_path / "home").does("doctor")
    assert said.count("DATABASE_FILE_UNUSABLE") == 1
