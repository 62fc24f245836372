"""One look tells what is wrong and what to do: on wide and narrow terminals, without colours, and for programs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import click
import pandas as pd
import pytest

from portfolio_pipeline.adapters.closes_file import last_closed
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.cli.chain_run import Outcome
from portfolio_pipeline.cli.commands import portfolio
from portfolio_pipeline.cli.help import Command
from portfolio_pipeline.cli.summary import show_outcome
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import PRICES, SIM_ACCOUNT
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.made_up import made_up
from portfolio_pipeline.web_ui.claim import claimed
from portfolio_pipeline_tests import forked
from portfolio_pipeline_tests.cli.house import ROOT, House
from portfolio_pipeline_tests.cli.pseudo_terminal import is_coloured, plain, typed
from portfolio_pipeline_tests.cli.test_stored_history import complete, store

SESSION = date(2026, 11, 20)
REASON = "a strange fill of TLT in the middle of a long sentence that goes over the end of any line [/bold] :warning:"


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "home", TERM="xterm-256color")
    house.wired.warehouse.prepare()
    return house


def shown(
    house: House, *arguments: str, width: int = 80, variables: Mapping[str, str] | None = None
) -> tuple[int, str]:
    environment = {name: value for name, value in house.environment.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return typed(arguments, {**environment, **(variables or {})}, width=width)


def document(house: House, *arguments: str, code: int = 0) -> dict[str, object]:
    done = forked.done([*arguments, "--json"], house.environment, errors_apart=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("width", [40, 80, 200])
def test_long_text_wraps_under_its_own_column(house: House, width: int) -> None:
    house.does("halt", "--reason", REASON)
    code, said = shown(house, "status", width=width)
    assert code == 0
    assert is_coloured(said)
    lines = plain(said).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    (begins,) = [number for number, line in enumerate(lines) if line.startswith("Wrong") and "HALTED" in line]
    column = lines[begins].index("Trading")
    following = lines[begins + 1 : next(n for n in range(begins, len(lines)) if lines[n].startswith("To do"))]
    assert all(not line[:column].strip() for line in following)
    whole = " ".join(line[column:].strip() for line in [lines[begins], *following])
    assert REASON in whole


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colours_there_are_no_codes_at_all(house: House, variables: dict[str, str]) -> None:
    for arguments in (("status",), ("open",), ("run", "--session", "2024-07-04")):
        assert not is_coloured(shown(house, *arguments, variables=variables)[1])


def test_what_is_piped_is_plain_and_its_sentences_stay_on_one_line(house: House) -> None:
    house.does("halt", "--reason", REASON)
    _, said = house.does("status")
    assert not is_coloured(said)
    assert any(REASON in line for line in said.splitlines())
    assert all(line == line.rstrip() for line in said.splitlines())


def test_a_refusal_ends_with_what_to_do(house: House) -> None:
    code, said = shown(house, "run", "--session", "2024-07-04")
    assert code == 1
    assert [line.rstrip() for line in plain(said).splitlines()[-4:]] == [
        "NOT_A_SESSION",
        "  found  2024-07-04",
        "  why    July 4th",
        "  to do  The nearest sessions are 2024-07-03 and 2024-07-05.",
    ]
    _, piped = house.does("run", "--session", "2024-07-04")
    assert piped.splitlines()[-1].startswith("NOT_A_SESSION: found=2024-07-04, why=July 4th. The nearest sessions are")


def test_what_is_wrong_stands_before_what_was_done_and_nothing_is_called_well(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(house.home))
    complete(house.wired.warehouse, SESSION)
    outcome = Outcome(failed_checks=["prices bars: 3 of 31 do not hold"], warnings=["regimes regime_is_stable: calm"])
    refusal = show_outcome(wire(), outcome, SessionRange.single(SESSION))
    said = capsys.readouterr().out
    assert said.index("prices bars: 3 of 31") < said.index("To do") < said.index("Note") < said.index("Session")
    assert "nothing is wrong" not in said
    assert refusal is not None
    assert refusal.reason == "CHECKS_FAILED"
    assert show_outcome(wire(), Outcome(), SessionRange.single(SESSION)) is None
    assert f"Session  {SESSION} is stored, nothing is wrong" in capsys.readouterr().out


KEYS = {
    "status": {
        *("well", "home", "database", "simulated", "trading", "complete_through", "last_closed", "account", "changed"),
        *("web_ui", "troubles", "tables", "states", "orders"),
    },
    "doctor": {"well", "looks"},
    "strategy list": {"strategies"},
}


@pytest.mark.parametrize("command", KEYS)
def test_json_is_one_document_with_the_keys_that_the_help_names(house: House, command: str) -> None:
    found = document(house, *command.split(), code=1 if command == "doctor" else 0)
    assert {"document", "version", "error"} | KEYS[command] == set(found)
    assert (found["document"], found["version"], found["error"]) == (command, 1, None)
    named = next(one for one in walked() if one[0] == command)[1].keys[0]
    assert all(key in named for key in KEYS[command])


def test_json_says_of_each_look_of_the_doctor_and_each_trouble_what_to_do(house: House) -> None:
    house.does("halt", "--reason", REASON)
    looks = document(house, "doctor", code=1)["looks"]
    assert isinstance(looks, list)
    (trading,) = [look for look in looks if look["name"] == "trading"]
    assert not trading["fine"]
    assert trading["error"]["reason"] == "TRADING_HALTED"
    assert REASON in trading["error"]["figures"]["why"]
    troubles = document(house, "status")["troubles"]
    assert isinstance(troubles, list)
    assert [trouble["kind"] for trouble in troubles] == ["halted", "sessions_missing"]
    assert all(trouble["to_do"] for trouble in troubles)


@pytest.mark.parametrize("command", KEYS)
def test_json_stays_json_when_the_command_is_refused_and_holds_no_secret(tmp_path: Path, command: str) -> None:
    house = House(tmp_path, DATABASE_URL="postgresql://me:secret@127.0.0.1:1/db", PORTFOLIO_UI_TOKEN="secret" * 5)
    found = document(house, *command.split(), code=1)
    assert "secret" not in json.dumps(found)
    if command != "doctor":
        error = found["error"]
        assert isinstance(error, dict)
        assert set(error) == {"reason", "figures", "to_do", "message"}


def test_what_an_extension_prints_does_not_get_between(house: House) -> None:
    (house.home / "extensions").mkdir()
    (house.home / "extensions" / "loud.py").write_text("print('hello')\n")
    assert document(house, "status")["error"] is None


def walked(group: click.Group = portfolio, before: str = "") -> Iterator[tuple[str, Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from walked(command, f"{before}{name} ")
        else:
            assert isinstance(command, Command), name
            yield f"{before}{name}", command


@pytest.mark.parametrize(("name", "command"), walked())
def test_every_command_says_what_it_changes_and_how_it_is_given(name: str, command: Command) -> None:
    told = command.get_help(click.Context(command, info_name=f"portfolio {name}"))
    assert "\nChanges:\n" in told
    assert f"portfolio {name}" in told.split("\nExamples:\n")[1]
    assert all(len(line) <= 80 for line in told.splitlines())
    assert not command.get_short_help_str(60).endswith("...")


@pytest.mark.parametrize("example", [example for _, command in walked() for example in command.examples])
def test_the_options_of_every_example_are_there(example: str) -> None:
    words = example.split("  ")[0].split()
    if not words or words[0] != "portfolio":  # the second line of one
        return
    known = {option for _, command in walked() for one in command.params for option in one.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["statsu"], "'statsu' (did you mean status?)"),
        (["strategy", "lst"], "'lst' (did you mean list?)"),
        (["fly"], "'fly'; there are alerts, "),
        (["up", "--no-iu"], "'--no-ui'"),
        (["status", "--jsn"], "'--json'"),
    ],
)
def test_a_mistyped_word_is_told_with_the_one_that_was_meant(house: House, arguments: list[str], meant: str) -> None:
    code, said = house.does(*arguments)
    assert code == 1
    assert meant in said


def completed(house: House, line: str) -> list[str]:
    words = line.split(" ")
    asked = {"_PORTFOLIO_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    script = (
        "import sys; sys.dont_write_bytecode = True; from portfolio_pipeline.cli import main\n"
        "try: main()\n"
        "finally: print('dagster' in sys.modules, 'numba' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**house.environment, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "False False\n"
    return [offered.removeprefix("plain,") for offered in done.stdout.split()]


def test_strategies_are_completed_from_the_files_alone(tmp_path: Path) -> None:
    house = House(tmp_path / "home")
    assert completed(house, "portfolio backtest tr") == ["trend_bonds", "trend_commodities"]
    assert completed(house, "portfolio sta") == ["status"]
    assert completed(house, "portfolio status --js") == ["--json"]
    assert not house.home.exists()
    (house.home / "strategies").mkdir(parents=True)
    (house.home / "strategies" / "trusted.yaml").write_text("no card yet: [")
    (house.home / "extensions").mkdir()
    (house.home / "extensions" / "mine.py").write_text("raise SystemExit(9)")
    assert completed(house, "portfolio backtest tr") == ["trend_bonds", "trend_commodities", "trusted"]


def test_sessions_are_completed_once_the_home_knows_when_they_close(house: House) -> None:
    assert completed(house, "portfolio run --session 20") == []
    last = last_closed(house.home, wire().clock.now())
    offered = completed(house, "portfolio run --session 20")
    assert offered[0] == last.isoformat()
    assert offered == sorted(offered, reverse=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_each_shell_asks_this_command(house: House, shell: str) -> None:
    code, said = house.does("completion", shell)
    assert code == 0
    assert f"_PORTFOLIO_COMPLETE={shell}_complete" in said
    if shell == "bash":
        subprocess.run(["bash", "-n", "-c", said], check=True)


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [("completion bash", 0, "complete -"), ("open", 1, "WEB_UI_NOT_RUNNING"), ("doctor", 1, "SESSIONS_MISSING")],
)
def test_a_command_tells_the_same_from_its_own_start(house: House, typed: str, code: int, told: str) -> None:
    """As others are started throughout: whoever interrupts, kills, looks from outside, or measures."""
    left, said = house.does_from_its_start(*typed.split())
    assert (left, told in said) == (code, True), said


def test_open_says_where_the_web_ui_is_or_how_to_start_it(house: House) -> None:
    code, said = house.does("open")
    assert (code, said) == (1, f"WEB_UI_NOT_RUNNING: home={house.home}. Start it: portfolio up.\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with claimed(house.home, port):
            assert house.does("open") == (0, f"http://127.0.0.1:{port}\n")
            assert document(house, "status")["web_ui"] == {
                "address": f"http://127.0.0.1:{port}",
                "process": os.getpid(),
            }
        with claimed(house.home, port, "0.0.0.0"):
            assert house.does("open") == (0, f"http://127.0.0.1:{port}\n")
    with claimed(house.home, port):
        assert "WEB_UI_STARTING" in house.does("open")[1]
    assert house.does("open")[0] == 1


@pytest.mark.parametrize(
    ("source", "simulated_broker", "told"),
    [
        ("SIMULATED model 2 seed 4", True, ("prices", "fills")),
        ("SIMULATED", True, ("prices", "fills")),
        ("FILES", True, ("fills",)),
        ("SIMULATED", False, ("prices",)),
        ("FILES", False, ()),
    ],
)
def test_what_is_simulated_is_said_of_the_data_whatever_the_environment_says(
    house: House, source: str, simulated_broker: bool, told: tuple[str, ...]
) -> None:
    warehouse = house.wired.warehouse
    row = {column.name: [1.0] for column in PRICES.columns} | {
        **{"session": [SESSION], "symbol": ["SPY"], "source": [source]},
        **{column.name: [pd.Timestamp(SESSION)] for column in PRICES.columns if column.type == "timestamp"},
    }
    warehouse.replace(PRICES.name, SessionRange.single(SESSION), pd.DataFrame(row))
    if simulated_broker:
        store(warehouse, SIM_ACCOUNT, SESSION)
    assert _made_up(warehouse) == told
    for market_data in ("simulated", "files"):
        elsewhere = {"MARKET_DATA": market_data, "MARKET_DATA_PATH": str(house.home), "TRADING_MODE": "PAPER"}
        house.environment.update(elsewhere)
        _, said = house.does("status")
        assert ("S I M U L A T E D" in said) == bool(told)
        found = document(house, "status")
        assert found["simulated"] == list(told)
        troubles = found["troubles"]
        assert isinstance(troubles, list)
        of_before = source == "SIMULATED"  # by an earlier version, with whose prices this one does not go on
        assert ("other_market" in {trouble["kind"] for trouble in troubles}) == of_before


def _made_up(warehouse: Warehouse) -> tuple[str, ...]:
    with warehouse.reading() as reader:
        return made_up(reader)
