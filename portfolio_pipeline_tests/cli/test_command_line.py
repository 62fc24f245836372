"""The `portfolio` command as people use it: what it refuses, in one message, and what it does."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.cli import main
from portfolio_pipeline.core.calendar.sessions import SessionRange, last_closed_session, next_session
from portfolio_pipeline.core.tables import STRATEGY_HONESTY
from portfolio_pipeline.reads.complete import complete_through
from portfolio_pipeline_tests.cli.house import small

ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """Types commands in a house of the test's own and reads what comes back."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def types(self, *arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        output, complaints = self.capsys.readouterr()
        return int(left.value.code or 0), output + complaints

    def is_refused(self, *arguments: str) -> str:
        code, said = self.types(*arguments)
        assert code == 1, said
        assert "Traceback" not in said
        return said


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    for name in ("DATABASE_URL", "MARKET_DATA", "MARKET_DATA_PATH", "TRADING_MODE", "PORTFOLIO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return Terminal(capsys)


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("--help", 0, "Begin with:"),
        ("run --session 2024-13-01", 1, "no date"),
        ("strategy new Ähm --type trend", 1, ""),
    ],
)
def test_a_command_that_is_a_process_ends_with_its_code_and_loses_no_word(
    tmp_path: Path, typed: str, code: int, words: str
) -> None:
    over = "import atexit; atexit.register(print, 'over'); from portfolio_pipeline.cli import program; program()"
    ended = subprocess.run(
        [sys.executable, "-c", over, *typed.split()],
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code
    assert words in ended.stdout + ended.stderr
    assert ended.stdout.endswith("over\n")
    assert "Traceback" not in ended.stderr


def test_a_command_whose_reader_has_gone_ends_all_the_same(tmp_path: Path) -> None:
    read, written = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "portfolio_pipeline.cli", "--help"],
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        stdout=written,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(written)
    assert ended.returncode in (0, 1)
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--sesion", "2024-07-03"], "No such option"),
        (["fly"], "No such command"),
        (["backfill", "--from", "2024-07-01"], "Missing option '--to'"),
        (["run", "--session", "yesterday"], "'yesterday' is no date; write it as 2026-11-20"),
        (["run", "--session", "2024-07-04"], "NOT_A_SESSION: found=2024-07-04, why=July 4th"),
        (["run", "--session", "2024-07-06"], "why=weekend. The nearest sessions are 2024-07-05 and 2024-07-08."),
        (["run", "--session", "1999-01-04"], "outside the calendar"),
        (["backfill", "--from", "2024-07-05", "--to", "2024-07-01"], "EMPTY_SESSION_RANGE"),
        (["backfill", "--from", "2024-07-01", "--to", "2024-07-04"], "NOT_A_SESSION"),
        (
            ["run", "--session", "2024-07-03", "--only", "fils"],
            "ASSET_UNKNOWN: found=fils, expected=account_risk",
        ),
        (["up", "--sessions", "0"], "not in the range"),
        (["up", "--host", "0.0.0.0"], "WEB_UI_OPEN_TO_ALL: found=0.0.0.0"),
        (["strategy", "new", "Mine", "--type", "momentum"], "STRATEGY_"),
        (["strategy", "new", "mine", "--type", "astrology"], "STRATEGY_TYPE_UNKNOWN: found=astrology"),
    ],
)
def test_a_mistake_in_what_was_typed_is_one_message(terminal: Terminal, arguments: list[str], message: str) -> None:
    assert message in terminal.is_refused(*arguments)


def test_a_session_that_has_not_closed_is_refused_with_the_last_one_that_has(terminal: Terminal) -> None:
    last = last_closed_session(wire().clock.now())
    said = terminal.is_refused("run", "--session", next_session(last).isoformat())
    assert "SESSION_NOT_CLOSED" in said
    assert f"The last closed session is {last}." in said


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TRADING_MODE", "REAL", "TRADING_MODE_UNKNOWN: found=REAL, expected=SIMULATED or PAPER or LIVE"),
        ("MARKET_DATA", "crystal_ball", "MARKET_DATA_UNKNOWN: found=crystal_ball"),
        ("MARKET_DATA", "files", "MARKET_DATA_PATH_MISSING"),
        ("DATABASE_URL", "mysql://me:secret@host/db", "DATABASE_URL_UNKNOWN: found=mysql://…"),
        ("DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/db", "127.0.0.1"),
        ("OPTIMIZATION_WORKERS", "many", "OPTIMIZATION_WORKERS_WRONG: found=many"),
        ("PORTFOLIO_CONFIG", "/nowhere/portfolio.yaml", "SETTINGS_UNREADABLE: found=/nowhere/portfolio.yaml"),
        ("PORTFOLIO_UI_TOKEN", "secret", "PORTFOLIO_UI_TOKEN_SHORT: found=6 characters, limit=16"),
        ("DAGSTER_HOME", "/proc/portfolio", "DAGSTER_HOME_UNUSABLE: found=/proc/portfolio"),
    ],
)
def test_a_mistake_in_the_environment_is_one_message_without_secrets(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    said = terminal.is_refused("up", "--no-ui", "--sessions", "2")
    assert message in said
    assert "secret" not in said


def test_an_empty_price_folder_is_one_message(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "prices").mkdir()
    monkeypatch.setenv("MARKET_DATA", "files")
    monkeypatch.setenv("MARKET_DATA_PATH", str(tmp_path / "prices"))
    assert str(tmp_path / "prices") in terminal.is_refused("up", "--no-ui", "--sessions", "2")


def test_a_misspelt_setting_names_its_line(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = tmp_path / "portfolio.yaml"
    settings.write_text((ROOT / "portfolio_pipeline" / "portfolio.yaml").read_text().replace("  gross:", "  grosss:"))
    monkeypatch.setenv("PORTFOLIO_CONFIG", str(settings))
    assert "limits.grosss" in terminal.is_refused("run")


def test_a_port_that_is_taken_is_refused_before_anything_is_loaded(terminal: Terminal, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"PORT_IN_USE: found=127.0.0.1:{port}" in terminal.is_refused("up", "--port", str(port))
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["web_ui.lock"]


def test_a_halt_holds_until_resume_and_is_shown(terminal: Terminal) -> None:
    terminal.types("status")
    code, said = terminal.types("halt", "--reason", "a strange [/bold] fill")
    assert code == 0
    assert said.startswith(
        "Trading is HALTED: a strange [/bold] fill. No orders are submitted until `portfolio resume`."
    )
    code, said = terminal.types("status")
    assert code == 0
    assert re.search(r"Trading is HALTED since .* UTC: a strange \[/bold\] fill", said)
    assert "TRADING_HALTED" in terminal.is_refused("doctor")
    assert "Missing option '--reason'" in terminal.is_refused("resume")
    assert "REASON_MISSING" in terminal.is_refused("resume", "--reason", " ")
    code, said = terminal.types("resume", "--reason", "it was a drill")
    assert re.search(r"Found in the switch in the home: halted since .*: a strange \[/bold\] fill", said)
    assert re.search(r"Found in the database: halted since .*: a strange \[/bold\] fill", said)
    assert "HALTED" not in terminal.types("status")[1]
    assert "Trading was not halted" in terminal.types("resume", "--reason", "again")[1]


def test_a_halt_needs_no_database_and_no_sound_settings(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.types("status")
    with monkeypatch.context() as broken:
        broken.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
        code, said = terminal.types("halt", "--reason", "no network")
        assert code == 0, said
        assert "Trading is HALTED: no network" in said
        assert "HOME_OF_ANOTHER_DATABASE" in said
        (Path(os.environ["DAGSTER_HOME"]) / "database").write_text("postgresql://127.0.0.1:1/nothing")
        assert "DATABASE_UNREACHABLE" in terminal.types("halt", "--reason", "still none")[1]
        (Path(os.environ["DAGSTER_HOME"]) / "database").unlink()
        broken.setenv("TRADING_MODE", "nonsense")
        assert terminal.types("halt")[0] == 0
    assert "Trading is HALTED since" in terminal.types("status")[1]
    code, said = terminal.types("resume", "--reason", "the network is back")
    assert "Found in the switch in the home" in said
    events = wire().warehouse.read("halt_events").to_pylist()
    assert [(event["action"], event["reason"]) for event in events] == [
        ("halt", "no network"),
        ("resume", "the network is back"),
    ]


@pytest.mark.parametrize(
    "command", [("run",), ("status",), ("resume", "--reason", "x"), ("up", "--no-ui"), ("doctor",)]
)
def test_a_home_does_nothing_with_another_database_than_its_own(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"duckdb:///{tmp_path / 'mine.duckdb'}")
    terminal.types("status")
    monkeypatch.delenv("DATABASE_URL")
    said = terminal.is_refused(*command)
    assert "HOME_OF_ANOTHER_DATABASE" in said
    assert "Set DATABASE_URL as it was" in said
    assert not (tmp_path / "home" / "portfolio.duckdb").exists()


def test_a_home_that_was_moved_still_finds_the_database_in_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    terminal.types("status")
    (tmp_path / "home").rename(tmp_path / "moved")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "moved"))
    assert terminal.types("status")[0] == 0


def test_a_halt_of_a_house_that_is_not_there_is_refused(terminal: Terminal) -> None:
    assert "HOME_MISSING" in terminal.is_refused("halt")


def test_the_doctor_names_what_is_wrong_and_goes_on_with_the_rest(terminal: Terminal) -> None:
    said = " ".join(terminal.is_refused("doctor").split())
    assert "SESSIONS_MISSING" in said
    assert "portfolio up" in said
    assert all(
        fine in said for fine in ("Python 3.", "Settings", "Calendar", "SQL models", "Definitions", "Trading not")
    )


def test_the_cards_are_listed(terminal: Terminal) -> None:
    code, said = terminal.types("strategy", "list")
    assert code == 0
    assert "momentum_equities" in said
    assert "active" in said
    assert "doubted" not in said


def test_the_list_of_cards_shows_the_newest_verdict_and_its_reasons(terminal: Terminal) -> None:
    terminal.types("status")  # makes the tables
    house = wire()
    days = [date(2024, 7, 2), date(2024, 7, 3)]
    nothing = {column.name: [None, None] for column in STRATEGY_HONESTY.columns}
    judged = {
        "session": days,
        "strategy": ["trend_bonds"] * 2,
        "verdict": ["believed", "doubted"],
        "reasons": ["", "DEFLATED_SHARPE_LOW: found=0.4, limit=0.9"],
        "walked_sessions": [300, 301],
        "takes_new_capital": [True, False],
    }
    house.warehouse.replace("strategy_honesty", SessionRange(*days), pd.DataFrame(nothing | judged))
    placed = {
        "session": [days[1]],
        "strategy": "trend_bonds",
        **dict.fromkeys(("stage", "card_stage", "previous_rule_stage"), "active"),
        "rule_stage": "watched",
        **{"acted": False, "reason": "active to watched: doubted", "verdict": "doubted", "sessions_in_stage": 1},
        **dict.fromkeys(("evidence", "loss_evidence", "rule_capital", "capital"), 1.0),
        "takes_new_capital": True,
    }
    house.warehouse.replace("strategy_stages", SessionRange.single(days[1]), pd.DataFrame(placed))
    code, said = terminal.types("strategy", "list")
    assert code == 0
    assert "believed" not in said
    words = " ".join(said.split())
    assert "active (watched?)" in words
    assert "trend_bonds (bond): Holds each bond" in words
    assert "doubted at the close of 2024-07-03: DEFLATED_SHARPE_LOW: found=0.4, limit=0.9 trend_commodities" in words


def test_one_command_ends_in_a_running_ui_whose_latest_session_is_complete(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "MARKET_DATA"}},
        "DAGSTER_HOME": str(small(tmp_path / "home")),
        "PYTHONPATH": str(ROOT),
    }
    port = _free_port()
    command = [sys.executable, "-m", "portfolio_pipeline.cli", "up"]
    house = subprocess.Popen(
        [*command, "--sessions", "2", "--port", str(port)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        answer = _ask_until_answered(
            house, port, "{ runsOrError(limit: 1) { ... on Runs { results { status tags { key value } } } } }"
        )
        (run,) = answer["runsOrError"]["results"]
        last = last_closed_session(wire().clock.now())
        assert run["status"] == "SUCCESS"
        assert {"key": "dagster/asset_partition_range_end", "value": last.isoformat()} in run["tags"]
        assert complete_through(wire(read_environment(environment)).warehouse) == last
    finally:
        house.send_signal(signal.SIGINT)
        shown, _ = house.communicate(timeout=90)
    assert house.returncode == 0
    assert "S I M U L A T E D" in shown
    with pytest.raises(OSError):  # noqa: PT011
        urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2)

    again = subprocess.run(
        [*command, "--no-ui"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert again.stdout.startswith("All sessions are there.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ask_until_answered(house: subprocess.Popen[str], port: int, query: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + 240
    while house.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                data: dict[str, Any] = json.load(response)["data"]
                return data
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"the web UI never answered; the command left with {house.poll()}")
