"""Progress of a run: a bar where a person watches, plain lines where a file or another program reads."""

from __future__ import annotations

import io
import re
from datetime import date

import pytest
from rich.console import Console

from portfolio_pipeline.cli import progress
from portfolio_pipeline.core.calendar.sessions import SessionRange

YEAR = SessionRange(date(2023, 1, 3), date(2023, 12, 29))
DAY = SessionRange.single(date(2023, 12, 29))


def shown(monkeypatch: pytest.MonkeyPatch, sessions: SessionRange, *, terminal: bool) -> str:
    """What is written while two of three assets are computed and a third one fails on its way."""
    written = io.StringIO()
    monkeypatch.setattr(progress, "PROGRESS", Console(file=written, force_terminal=terminal, width=160))
    with progress.shown_progress(assets=3, sessions=sessions) as told:
        for asset in ("prices", "momentum_equities/optimized_parameters"):
            told.begin(asset)
            told.end(asset)
        told.begin("risk")
    return written.getvalue()


def test_without_a_terminal_each_finished_asset_is_one_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, YEAR, terminal=False).splitlines()
    assert [re.sub(r"[\d.]+ s$", "… s", line) for line in lines] == [
        "  1 of 3  prices: 250 sessions in … s",
        "  2 of 3  momentum_equities/optimized_parameters: 250 sessions in … s",
    ]


def test_one_session_is_called_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ": 1 session in " in shown(monkeypatch, DAY, terminal=False)


def test_a_terminal_shows_a_bar_with_the_asset_at_work_and_how_far_all_of_them_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = shown(monkeypatch, YEAR, terminal=True)
    *_, last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen).replace("\r", "\n").strip().splitlines()
    assert "\x1b[" in screen
    assert "risk" in last
    assert "2 of 3 assets, 500 of 750 sessions" in last
    assert "━" in last


def test_a_bar_over_one_session_counts_assets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = shown(monkeypatch, DAY, terminal=True)
    assert "2 of 3 assets" in screen
    assert "sessions" not in screen
