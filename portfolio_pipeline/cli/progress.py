"""How far a run is: a bar on a terminal, plain lines anywhere else. What a run does is not known here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from portfolio_pipeline.cli.terminal import PROGRESS
from portfolio_pipeline.core.calendar.sessions import SessionRange


class RunProgress(Protocol):
    """Told of assets as their work begins and ends."""

    def begin(self, asset: str) -> None: ...

    def end(self, asset: str) -> None: ...


@contextmanager
def shown_progress(*, assets: int, sessions: SessionRange) -> Iterator[RunProgress]:
    """Progress over `assets`, each of which computes all of `sessions` at once."""
    if not PROGRESS.is_terminal or PROGRESS.is_dumb_terminal:
        yield _Lines(assets, len(sessions))
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<40}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=PROGRESS,
    )
    with bar:
        yield _Bar(bar, assets, len(sessions))


class _Bar:
    def __init__(self, bar: Progress, assets: int, sessions: int) -> None:
        self._bar, self._assets, self._sessions, self._done = bar, assets, sessions, 0
        self._task = bar.add_task("preparing", total=assets * sessions, told="")

    def begin(self, asset: str) -> None:
        self._bar.update(self._task, description=asset, told=self._told())

    def end(self, asset: str) -> None:
        self._done += 1
        self._bar.update(self._task, completed=self._done * self._sessions, told=self._told())

    def _told(self) -> str:
        over = f", {self._done * self._sessions:,} of {self._assets * self._sessions:,} sessions"
        return f"{self._done} of {self._assets} assets" + (over if self._sessions > 1 else "")


class _Lines:
    def __init__(self, assets: int, sessions: int) -> None:
        self._assets, self._sessions, self._done, self._begun = assets, sessions, 0, time.monotonic()

    def begin(self, asset: str) -> None:
        self._begun = time.monotonic()

    def end(self, asset: str) -> None:
        self._done += 1
        sessions = f"{self._sessions:,} session{'s' if self._sessions > 1 else ''}"
        took = time.monotonic() - self._begun
        PROGRESS.print(f"{self._done:>3} of {self._assets}  {asset}: {sessions} in {took:.1f} s", soft_wrap=True)
