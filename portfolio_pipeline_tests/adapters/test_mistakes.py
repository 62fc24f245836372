"""Every kind of mistake on a card and in portfolio.yaml, as people meet it: in the terminal, and when Dagster loads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline.cli import main
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.definitions import defs

CARD = """\
name: mine
type: trend
description: mine
symbols: {only: [SPY]}
rebalance: weekly
sizing:
  stop: 0.2
search:
  trials: 40
"""
ON_A_CARD = [
    ("rebalance: weekly", "rebalnce: weekly", 5, "did you mean rebalance?"),
    ("rebalance: weekly", "rebalance: yearly", 5, "one of daily, weekly, monthly"),
    ("rebalance: weekly", "rebalance: [weekly]", 5, "one of daily, weekly, monthly"),
    ("rebalance: weekly", "rebalance:", 5, "found=nothing"),
    ("rebalance: weekly", "rebalance: weekly\nrebalance: daily", 6, "rebalance stands there already, on line 5"),
    ("rebalance: weekly", "1: 2", 5, "a text as the name of an entry"),
    ("rebalance: weekly", "no: weekly", 5, "a text as the name of an entry"),
    ("description: mine", "description: 3", 3, "expected=a text"),
    ("description: mine", "description: 2026-13-45", None, "month must be in 1"),
    ("description: mine\n", "", 1, "entry=description, found=nothing"),
    ("name: mine", "name: Mine!", 1, "2 to 41 of a-z, 0-9 and _, a letter first"),
    ("name: mine", "name: yours", 1, "mine, the name of the card's file"),
    ("type: trend", "type: trends", 2, "did you mean trend?"),
    ("{only: [SPY]}", "[SPY]", 4, "entries of its own, as `name: value`"),
    ("{only: [SPY]}", "{only: SPY}", 4, "a list, as [a, b]"),
    ("{only: [SPY]}", "{only: [3]}", 4, "entry=symbols.only.0, found=3, expected=a text"),
    ("{only: [SPY]}", "{only: [SPYY]}", 4, "did you mean SPY?"),
    ("{only: [SPY]}", "{}", 4, "found=nothing, expected=either asset_classes or only"),
    ("{only: [SPY]}", "{only: [SPY], asset_classes: [bond]}", 4, "found=entries only, asset_classes, expected=either"),
    ("stop: 0.2", "stop: 20", 7, "(a fraction: did you mean 0.20?)"),
    ("stop: 0.2", "stop: '0.2'", 7, "found=the text '0.2', expected=a number (write 0.2)"),
    ("stop: 0.2", "stop: yes", 7, "found=true, expected=a number"),
    ("stop: 0.2", "stop: .nan", 7, "a number that is finite"),
    ("stop: 0.2", "stops: 0.2", 7, "did you mean stop?"),
    ("trials: 40", "trials: 4.5", 9, "found=4.5, expected=a whole number"),
    ("trials: 40", "trials: 0", 9, "found=0, expected=1 or more"),
    ("trials: 40", f"trials: 1{'0' * 30}", 9, "expected=20,000 or less"),
    ("trials: 40", "objective: {}", 9, "found=nothing, expected=1 or more of them"),
    ("trials: 40", "trials: [", 10, "CARD_NOT_YAML"),
    ("  trials: 40", "\ttrials: 40", 9, "CARD_NOT_YAML"),
    ("trials: 40", "trials: &a [*a]", None, "entry=search.trials"),
    ("trials: 40", "trials: *there", 9, "undefined alias"),
    ("trials: 40", "trials: !!python/object:os.system x", 9, "CARD_NOT_YAML"),
    ("trials: 40", "? [a]\n  : 3", 9, "CARD_NOT_YAML"),
    ("trials: 40", "parameters: {a: \0}", None, "a character that no text has"),
]
IN_THE_SETTINGS = [
    ("benchmark: SPY", "benchmak: SPY", True, "did you mean benchmark?"),
    ("benchmark: SPY", "benchmark: SPYY", True, "it is not in the universe (did you mean SPY?)"),
    ("history_start: 2005-01-03", "history_start: long ago", True, "a date, as 2026-11-20"),
    ("history_start: 2005-01-03", "history_start: 2005-01-03 17:00:00", True, "a date without a time"),
    ("{symbol: QQQ, ", "{symbol: SPY, ", True, "entry=universe.1.symbol, found=SPY, why=the symbol stands twice"),
    ("{symbol: QQQ, ", "{symbol: qqq, ", True, "up to 10 of A-Z, 0-9 and dots, a letter first"),
    ("{symbol: QQQ, asset_class: equity", "{symbol: QQQ, asset_class: equities", True, "did you mean equity?"),
    ("{symbol: QQQ, asset_class: equity, ", "{symbol: QQQ, ", True, "entry=universe.1.asset_class, found=nothing"),
    (
        "{symbol: QQQ, asset_class: equity, ",
        "{symbol: QQQ, asset_class: equity, multiplier: 50, ",
        True,
        "contracts such as futures are not traded",
    ),
    ("stale_sessions: 4", "stale_sessions: 1", False, "2 or more"),
    ("largest_daily_move: 0.35", "largest_daily_move: 35", False, "did you mean 0.35?"),
    ("\n  method: rules", "\n  method: rule", False, "one of rules, markov (did you mean rules?)"),
    ("states: 2", "states: 4", False, "one of 2, 3"),
    ("method: inverse_volatility", "method: inverse", False, "one of equal"),
    ("maximum: 0.40", "maximum: 0.01", False, "minimum 0.05 is above maximum 0.01"),
    ("gross: 1.0", "grosss: 1.0", False, "did you mean gross?"),
    ("gross: 1.0", "gross: yes", False, "found=true, expected=a number"),
    ("asset_class: {equity: 0.70, bond: 0.70, ", "asset_class: {equity: 0.70, ", False, "names no limit for bond"),
    ("fractional: false", "fractional: maybe", False, "found=the text 'maybe', expected=true or false"),
    ("shipped_strategies: all", "shipped_strategies: some", False, "one of all, none or a list, as [a, b]"),
    ("shipped_strategies: all", "shipped_strategies: [trend_bond]", False, "did you mean trend_bonds?"),
    ("orders:\n  fractional: false", "orders: 3\nmore:\n  fractional: false", False, "entries of its own"),
    ("cash_buffer: 0.01", "cash_buffer: 0.01\norders: {}", False, "orders stands there already"),
    ("cash_buffer: 0.01", "cash_buffer: [", False, "SETTINGS_NOT_YAML"),
]
PYDANTIC = re.compile(
    r"Input should|Value error|validation error|pydantic|valid (string|number|integer|bool)|Traceback"
)


def home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "MARKET_DATA", "TRADING_MODE", "PORTFOLIO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    (folder / "strategies").mkdir()
    return folder


def changed(text: str, good: str, bad: str) -> str:
    assert good in text
    return text.replace(good, bad, 1)


def is_told(said: str, file: Path, line: int | None, words: str) -> None:
    assert words in said
    assert str(file) in said
    assert not PYDANTIC.search(said), said
    assert line is None or re.search(rf"{re.escape(str(file))}:{line}\b", said), said


def in_the_terminal(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main(["strategy", "list"])
    assert left.value.code == 1
    return capsys.readouterr().err


def when_dagster_loads(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        defs()
    return str(refusal.value)


MET = pytest.mark.parametrize("met", [in_the_terminal, when_dagster_loads])


@MET
@pytest.mark.parametrize(("good", "bad", "line", "words"), ON_A_CARD)
def test_a_mistake_on_a_card_is_told_in_plain_words(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    met: Callable[[pytest.CaptureFixture[str]], str],
    good: str,
    bad: str,
    line: int | None,
    words: str,
) -> None:
    card = home(tmp_path, monkeypatch) / "strategies" / "mine.yaml"
    card.write_text(changed(CARD, good, bad), encoding="utf-8")
    is_told(met(capsys), card, line, words)


@MET
@pytest.mark.parametrize(("good", "bad", "names_its_line", "words"), IN_THE_SETTINGS)
def test_a_mistake_in_the_settings_is_told_in_plain_words(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    met: Callable[[pytest.CaptureFixture[str]], str],
    good: str,
    bad: str,
    names_its_line: bool,
    words: str,
) -> None:
    settings = home(tmp_path, monkeypatch) / "portfolio.yaml"
    text = changed(SHIPPED_SETTINGS.read_text(encoding="utf-8"), good, bad)
    settings.write_text(text, encoding="utf-8")
    line = text[: text.rindex(bad)].count("\n") + 1
    is_told(met(capsys), settings, line if names_its_line else None, words)


@MET
@pytest.mark.parametrize("content", [b"name: mine\ndescription: caf\xe9\n", b"\xff\xfen\x00a\x00"])
def test_a_card_that_is_no_text_in_utf_8_is_told_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    met: Callable[[pytest.CaptureFixture[str]], str],
    content: bytes,
) -> None:
    card = home(tmp_path, monkeypatch) / "strategies" / "mine.yaml"
    card.write_bytes(content)
    is_told(met(capsys), card, None, "expected=text in UTF-8")
