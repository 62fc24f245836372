"""`portfolio search` and `portfolio sensitivity` as people use them: what they show, keep, write and refuse."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.cli.home import open_home
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.backtest_house import FIRST, LAST, STRATEGY
from portfolio_pipeline_tests.cli.test_command_line import Terminal
from portfolio_pipeline_tests.search_house import OWN, SPACE, own_rows, store_search_house, writes_elsewhere
from portfolio_pipeline_tests.web_ui.served import ROOT, environment, portfolio

ASKED = (STRATEGY, *(part for name, values in SPACE.items() for part in ("--space", f"{name}={values}")))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("house") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DATABASE_URL", raising=False)
        patch.setenv("DAGSTER_HOME", str(home))
        store_search_house(open_home().warehouse)
    return home


@pytest.fixture
def terminal(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    for name in ("DATABASE_URL", "MARKET_DATA", "MARKET_DATA_PATH", "TRADING_MODE", "PORTFOLIO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return Terminal(capsys)


@pytest.fixture
def kept(home: Path) -> Warehouse:
    """The database, without a request in it."""
    warehouse = open_warehouse(f"duckdb:///{home / 'portfolio.duckdb'}")
    with warehouse.transaction() as transaction:
        for name in OWN:
            transaction.delete(name, None)
    return warehouse


def test_it_shows_what_was_found_beside_what_it_did_on_sessions_it_had_not_seen(
    terminal: Terminal, kept: Warehouse
) -> None:
    code, said = terminal.types("search", *ASKED)
    assert code == 0
    (row,) = own_rows(kept)["search_requests"].to_dict("records")
    assert f"SIMULATED · {STRATEGY}, searched {row['searched_from']:%Y-%m-%d} to" in said
    assert "best set, searched best set, held out would be used, searched" in " ".join(said.split())
    assert "54 sets were compared" in said
    assert f"Held out: {row['held_out_sessions']} sessions after them, to {LAST}" in said
    assert "which the search did not see" in said
    assert "no figure here knows of it" in said
    assert "54 of 54 parameter sets" in said


def test_nothing_of_the_chain_is_written_and_asking_again_leaves_the_same_rows(
    terminal: Terminal, kept: Warehouse
) -> None:
    before = writes_elsewhere(kept)
    terminal.types("search", *ASKED)
    first = own_rows(kept)
    terminal.types("search", *ASKED)
    second = own_rows(kept)
    for name, rows in first.items():
        pd.testing.assert_frame_equal(rows, second[name], check_exact=True)
    assert len(first["search_request_trials"]) == 54
    assert writes_elsewhere(kept) == before


def test_what_was_asked_is_listed_and_shown_again_as_it_was(terminal: Terminal, kept: Warehouse) -> None:
    assert "None was asked for yet" in terminal.types("search", "--list")[1]
    shown = terminal.types("search", *ASKED, "--objective", "sharpe=0.7,drawdown=0.3")[1]
    (row,) = own_rows(kept)["search_requests"].to_dict("records")
    listed = terminal.types("search", "--list")[1]
    assert row["request"] in listed
    assert "0.7*sharpe + 0.3*drawdown" in listed
    assert "None" in terminal.types("search", "momentum_equities", "--list")[1]
    again = terminal.types("search", "--show", row["request"][:5])[1]
    assert again in shown


def test_a_second_request_is_told_that_what_is_held_out_was_seen(terminal: Terminal, kept: Warehouse) -> None:
    assert "Earlier requests" not in terminal.types("search", *ASKED)[1]
    other = terminal.types("search", *ASKED, "--objective", "return")[1]
    assert f"Earlier requests about {STRATEGY} that saw some of it: 1." in other


def test_the_folder_holds_one_page_that_needs_no_other_and_every_set(
    terminal: Terminal, kept: Warehouse, tmp_path: Path
) -> None:
    code, said = terminal.types("search", *ASKED, "--out", str(tmp_path / "new"))
    assert code == 0
    assert str(tmp_path / "new" / "search.html") in said
    page = (tmp_path / "new" / "search.html").read_text()
    assert page.count('src="data:image/svg+xml,') == page.count("<img") == 2
    assert "https://" not in page
    sets = pd.read_csv(tmp_path / "new" / "trials.csv")
    trials = own_rows(kept)["search_request_trials"]
    assert sets["score"].to_numpy() == pytest.approx(trials["score"].to_numpy())
    assert set(sets["fast"]) == {20, 30, 40}
    assert {"sharpe", "held_out_sharpe"} <= set(sets)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'STRATEGY'"),
        (["trendbonds"], "STRATEGY_UNKNOWN: found=trendbonds, expected=diversified_core"),
        ([STRATEGY, "--space", "fsat=20"], "Did you mean fast?"),
        ([STRATEGY, "--space", "fast=soon"], "PARAMETER_WRONG: found=fast=soon"),
        ([STRATEGY, "--space", "fast="], "SPACE_WRONG: found=fast="),
        ([STRATEGY, "--space", "slow=10:20:10"], "SPACE_WRONG"),
        ([STRATEGY, "--objective", "fame"], "SEARCH_WRONG: at=objective, found=fame"),
        ([STRATEGY, "--trials", "0"], "SEARCH_WRONG: at=trials"),
        ([STRATEGY, "--held-out", "1"], "HELD_OUT_WRONG"),
        ([STRATEGY, "--from", "2019-01-02"], "PRICES_MISSING"),
        ([STRATEGY, "--to", "2024-07-05"], "PRICES_MISSING"),
        ([STRATEGY, "--from", "2024-05-01"], "RANGE_TOO_SHORT"),
        ([STRATEGY], f"sessions from {FIRST} on are taken by indicators"),
        ([STRATEGY, "--from", "2024-07-03", "--to", "2024-07-01"], "EMPTY_SESSION_RANGE"),
        (["--show", "no-such"], "REQUEST_UNKNOWN: found=no-such"),
        ([*ASKED, "--out", "/proc/report"], "FOLDER_UNUSABLE: found=/proc/report"),
    ],
)
def test_a_mistake_is_one_message(terminal: Terminal, arguments: list[str], message: str) -> None:
    assert message in terminal.is_refused("search", *arguments)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_search_that_is_stopped_leaves_nothing(home: Path, kept: Warehouse, stop: signal.Signals) -> None:
    many = ("--space", "fast=10:80:1", "--space", "slow=80:100:1", "--space", "volatility_window=20:120:1")
    command = subprocess.Popen(
        portfolio("search", STRATEGY, *many, "--trials", "15000"),
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert command.stdout is not None
    said = []
    for line in command.stdout:
        said.append(line.rstrip("\n"))
        if len(said) == 1:
            command.send_signal(stop)
    assert command.wait(timeout=60) == 130
    assert said[-1] == "Interrupted. Nothing was stored."
    assert "Traceback" not in "".join(said)
    assert all(rows.empty for rows in own_rows(kept).values())


def test_one_parameter_at_a_time_is_a_table_around_the_set_in_use(terminal: Terminal, kept: Warehouse) -> None:
    before = writes_elsewhere(kept)
    code, said = terminal.types("sensitivity", *ASKED)
    assert code == 0
    words = " ".join(said.split())
    assert f"Around the set with the largest share at {LAST}: fast=20, slow=80, speeds=1, volatility_window=60" in said
    assert "parameter value score Sharpe drawdown turnover a year Sharpe less the base's ±" in words
    assert "fast 20 *" in words
    assert "slow 80 *" in words
    assert writes_elsewhere(kept) == before
    assert all(rows.empty for rows in own_rows(kept).values())


def test_the_base_may_be_the_cards_default_or_a_set_of_ones_own(terminal: Terminal) -> None:
    wide = ("--space", "slow=80,100")
    assert (
        "Around the card's default: fast=40, slow=100"
        in terminal.types("sensitivity", STRATEGY, *wide, "--around", "default")[1]
    )
    given = terminal.types("sensitivity", STRATEGY, *wide, "--set", "fast=33")[1]
    assert "Around the set that was given: fast=33" in given
    assert "33 *" in given
    earlier = terminal.types("sensitivity", STRATEGY, *wide, "--session", "2024-06-28")[1]
    assert "Around the card's default" in earlier  # nothing was chosen yet


def test_the_picture_and_the_numbers_are_written(terminal: Terminal, tmp_path: Path) -> None:
    code, _ = terminal.types("sensitivity", *ASKED, "--out", str(tmp_path / "new"))
    assert code == 0
    page = (tmp_path / "new" / "sensitivity.html").read_text()
    assert page.count("data:image/svg+xml,") == 1
    numbers = pd.read_csv(tmp_path / "new" / "sensitivity.csv")
    assert numbers.loc[numbers["is_base"], "difference"].tolist() == [0.0] * 4
    assert numbers["parameter"].unique().tolist() == ["fast", "slow", "speeds", "volatility_window"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'STRATEGY'"),
        ([STRATEGY, "--around", "nothing"], "AROUND_WRONG: found=nothing"),
        ([STRATEGY, "--set", "fast=soon"], "PARAMETER_WRONG: found=fast=soon"),
        ([STRATEGY, "--session", "2030-01-02"], "PRICES_MISSING"),
        ([STRATEGY, "--from", "2024-06-03"], "RANGE_TOO_SHORT"),
        (
            [
                STRATEGY,
                *(
                    part
                    for name in ("fast=20", "slow=80", "speeds=1", "volatility_window=60")
                    for part in ("--space", name)
                ),
            ],
            "NOTHING_VARIES",
        ),
    ],
)
def test_a_mistake_about_sensitivity_is_one_message(terminal: Terminal, arguments: list[str], message: str) -> None:
    assert message in terminal.is_refused("sensitivity", *arguments)


@pytest.mark.parametrize("command", ["search", "sensitivity"])
def test_it_answers_without_loading_dagster(home: Path, command: str) -> None:
    code = (
        "import sys; from portfolio_pipeline.cli.commands import portfolio;"
        f"portfolio.main({[command, *ASKED]!r}, standalone_mode=False);"
        "loaded = {'dagster', 'optuna', 'statsmodels'} & set(sys.modules);"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    variables = {**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Sharpe" in done.stdout
