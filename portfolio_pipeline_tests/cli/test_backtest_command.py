"""`portfolio backtest` as people use it: what it shows, writes and refuses, and that it answers at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from portfolio_pipeline.cli.home import open_home
from portfolio_pipeline_tests.backtest_house import FIRST, LAST, RUN_FIRST, STRATEGY, store_backtest_house
from portfolio_pipeline_tests.cli.test_command_line import Terminal

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("house") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DATABASE_URL", raising=False)
        patch.setenv("DAGSTER_HOME", str(home))
        store_backtest_house(open_home().warehouse)
    return home


@pytest.fixture
def terminal(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    for name in ("DATABASE_URL", "MARKET_DATA", "MARKET_DATA_PATH", "TRADING_MODE", "PORTFOLIO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return Terminal(capsys)


def test_it_shows_every_set_side_by_side_and_says_what_each_knew(terminal: Terminal) -> None:
    code, said = terminal.types("backtest", STRATEGY, "--set", "speeds=1", "--against", "fast=20,slow=80")
    assert code == 0
    assert "speeds=1 fast=20, slow=80 default" in " ".join(said.split())
    assert f"SIMULATED · {STRATEGY}" in said
    assert "Parameters are by hand by hand fixed in sample out of" in " ".join(said.split())
    assert f"IN SAMPLE: the parameters chosen at {LAST}" in said
    assert "Picking the best of several columns is overfitting" in said
    assert f"`as it was run` is stored for {RUN_FIRST} to {LAST} only (60 of" in said
    assert "speeds=1: the newest 10 of" in said
    assert "speeds=1: return by month, %" in said


def test_the_range_is_what_was_asked_for_and_the_default_begins_with_history(terminal: Terminal) -> None:
    asked = terminal.types("backtest", STRATEGY, "--from", "2024-02-17", "--to", "2024-05-31")[1]
    assert "2024-02-20 to 2024-05-31" in asked  # a weekend and Washington's Birthday
    assert "too little stored history" not in asked
    everything = terminal.types("backtest", STRATEGY, "--from", str(FIRST), "--trades", "0")[1]
    assert f"{FIRST} to {LAST}" in everything
    assert "some set has too little stored history behind it" in everything
    assert "the newest" not in everything


def test_a_value_outside_the_cards_range_is_played_and_named(terminal: Terminal) -> None:
    code, said = terminal.types("backtest", STRATEGY, "--set", "fast=33")
    assert code == 0
    assert "fast=33 is outside the card's range" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trendbonds"], "STRATEGY_UNKNOWN: found=trendbonds, expected=diversified_core"),
        ([STRATEGY, "--set", "fsat=20"], "Did you mean fast?"),
        ([STRATEGY, "--set", "fast=soon"], "PARAMETER_WRONG: found=fast=soon"),
        ([STRATEGY, "--set", "fast=80", "--set", "slow=80"], "PARAMETERS_FORBIDDEN: found=fast=80, slow=80"),
        ([STRATEGY, "--against", "fast"], "ASSIGNMENT_WRONG: found=fast"),
        ([STRATEGY, "--from", "2019-01-02"], "PRICES_MISSING"),
        ([STRATEGY, "--to", "2024-07-05"], "PRICES_MISSING"),
        ([STRATEGY, "--from", "2024-07-03", "--to", "2024-07-01"], "EMPTY_SESSION_RANGE"),
        ([STRATEGY, "--from", "tomorrow"], "'tomorrow' is no date"),
        ([], "Missing argument 'STRATEGY'"),
        ([STRATEGY, "--out", "/proc/report"], "FOLDER_UNUSABLE: found=/proc/report"),
    ],
)
def test_a_mistake_is_one_message(terminal: Terminal, arguments: list[str], message: str) -> None:
    assert message in terminal.is_refused("backtest", *arguments)


def test_an_empty_house_says_how_to_fill_it(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "empty"))
    assert "portfolio up" in terminal.is_refused("backtest", STRATEGY)


def test_the_folder_holds_one_page_that_needs_no_other_and_the_numbers(terminal: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    code, said = terminal.types("backtest", STRATEGY, "--set", "fast=20", "--out", str(folder))
    assert code == 0
    assert str(folder / "report.html") in said
    page = (folder / "report.html").read_text()
    assert page.count('src="data:image/svg+xml,') == page.count("<img") == 2
    assert not re.search(r"https?://", page)
    metrics = pd.read_csv(folder / "metrics.csv", index_col="metric")
    assert list(metrics) == ["fast=20", "default", f"chosen at {LAST}", "as it was run", "SPY held"]
    daily = pd.read_csv(folder / "equity.csv")
    ends = daily.groupby("label")["equity"].last()
    for label in metrics:
        assert ends[label] - 1 == pytest.approx(metrics.loc["total_return", label])
    assert metrics.loc["total_return", "as it was run"] == pytest.approx(1.001**60 - 1)
    assert metrics.loc["exposure", "as it was run"] == pytest.approx(0.8)
    trades = pd.read_csv(folder / "trades.csv")
    assert (trades["label"] == "default").sum() == metrics.loc["trades", "default"]


def test_it_answers_without_loading_dagster(home: Path) -> None:
    code = (
        "import sys; from portfolio_pipeline.cli.commands import portfolio;"
        f"portfolio.main(['backtest', '{STRATEGY}'], standalone_mode=False);"
        "loaded = {'dagster', 'optuna', 'statsmodels'} & set(sys.modules);"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    environment = {**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Sharpe" in done.stdout
