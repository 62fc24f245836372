"""How far a run is: a bar on a terminal, plain lines anywhere else. What a run does is not known here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from portfolio_pipeline.cli.terminal import PROGRESS
from portfolio_pipeline.core.search.evaluation import Progress, told_in_tenths


class RunProgress(Protocol):
    """Told of steps as their work begins and ends: each is an asset, or several small ones."""

    def begin(self, step: str) -> None: ...

    def end(self, step: str) -> None: ...


@contextmanager
def shown_progress(sessions: Mapping[str, int]) -> Iterator[RunProgress]:
    """Progress over steps, each of which computes all of its sessions at once: how many, by step."""
    if not PROGRESS.is_terminal or PROGRESS.is_dumb_terminal:
        yield _Lines(sessions)
        return
    bar = Bar(
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
        yield _Bar(bar, sessions)


@contextmanager
def search_progress() -> Iterator[Progress]:
    """Progress of one search: how many parameter sets are done, and of how many."""
    if not PROGRESS.is_terminal or PROGRESS.is_dumb_terminal:
        yield told_in_tenths(lambda words: PROGRESS.print(words, soft_wrap=True))
        return
    bar = Bar(
        SpinnerColumn(),
        TextColumn("{task.description:<32}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=PROGRESS,
    )
    with bar:
        task = bar.add_task("reading", total=None)

        def tell(done: int, total: int) -> None:
            words = f"{done:,} of {total:,} parameter sets"
            bar.update(task, completed=done, total=total, description=words)

        yield tell


class _Bar:
    def __init__(self, bar: Bar, sessions: Mapping[str, int]) -> None:
        self._bar, self._sessions, self._steps, self._done = bar, sessions, 0, 0
        self._all = sum(sessions.values())
        self._task = bar.add_task("preparing", total=self._all, told="")

    def begin(self, step: str) -> None:
        self._bar.update(self._task, description=step, told=self._told())

    def end(self, step: str) -> None:
        self._steps += 1
        self._done += self._sessions[step]
        self._bar.update(self._task, completed=self._done, told=self._told())

    def _told(self) -> str:
        over = f", {self._done:,} of {self._all:,} sessions" if self._all > len(self._sessions) else ""
        return f"{self._steps} of {len(self._sessions)} steps{over}"


class _Lines:
    def __init__(self, sessions: Mapping[str, int]) -> None:
        self._sessions, self._done, self._begun = sessions, 0, time.monotonic()

    def begin(self, step: str) -> None:
        self._begun = time.monotonic()

    def end(self, step: str) -> None:
        self._done += 1
        count, took = self._sessions[step], time.monotonic() - self._begun
        sessions = f"{count:,} session{'s' if count != 1 else ''}"
        PROGRESS.print(f"{self._done:>3} of {len(self._sessions)}  {step}: {sessions} in {took:.1f} s", soft_wrap=True)
