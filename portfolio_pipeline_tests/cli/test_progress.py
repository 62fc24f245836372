"""Progress of a run: a bar where a person watches, plain lines where a file or another program reads."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from portfolio_pipeline.cli import progress

ASSETS = ("prices", "momentum_equities/optimized_parameters", "risk")
YEAR, DAY = dict.fromkeys(ASSETS, 250), dict.fromkeys(ASSETS, 1)


def shown(monkeypatch: pytest.MonkeyPatch, sessions: dict[str, int], *, terminal: bool) -> str:
    """What is written while two of three assets are computed and a third one fails on its way."""
    written = io.StringIO()
    monkeypatch.setattr(progress, "PROGRESS", Console(file=written, force_terminal=terminal, width=160))
    with progress.shown_progress(sessions) as told:
        for asset in ASSETS[:2]:
            told.begin(asset)
            told.end(asset)
        told.begin("risk")
    return written.getvalue()


def test_without_a_terminal_each_finished_step_is_one_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, YEAR, terminal=False).splitlines()
    assert [re.sub(r"[\d.]+ s$", "… s", line) for line in lines] == [
        "  1 of 3  prices: 250 sessions in … s",
        "  2 of 3  momentum_equities/optimized_parameters: 250 sessions in … s",
    ]


def test_one_session_is_called_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ": 1 session in " in shown(monkeypatch, DAY, terminal=False)


def test_a_terminal_shows_a_bar_with_the_step_at_work_and_how_far_all_of_them_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = shown(monkeypatch, YEAR, terminal=True)
    *_, last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen).replace("\r", "\n").strip().splitlines()
    assert "\x1b[" in screen
    assert "risk" in last
    assert "2 of 3 steps, 500 of 750 sessions" in last
    assert "━" in last


def test_a_bar_over_one_session_counts_steps_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = shown(monkeypatch, DAY, terminal=True)
    assert "2 of 3 steps" in screen
    assert "sessions" not in screen


def test_steps_that_begin_later_are_told_with_the_sessions_that_are_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = dict(zip(ASSETS, (1_250, 250, 3), strict=True))
    lines = shown(monkeypatch, mixed, terminal=False).splitlines()
    assert [line.split(": ")[1].split(" in ")[0] for line in lines] == ["1,250 sessions", "250 sessions"]
    assert "2 of 3 steps, 1,500 of 1,503 sessions" in shown(monkeypatch, mixed, terminal=True)
