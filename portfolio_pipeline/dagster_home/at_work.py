"""One act at a time: who is at work on the account, and which runs of the event log are in truth dead.

Every run that computes holds the lock of the account, whoever started it, from before anything is read until it ends;
and every run holds a lock of its own name for as long as it lives. Locks end with their process: a run that Dagster
takes to be at work, but whose lock is free, was killed. No process numbers: those of another container mean nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from portfolio_pipeline.core.errors import LimitError, PortfolioError
from portfolio_pipeline.dagster_home.private.execution import IN_PROGRESS_RUN_STATUSES
from portfolio_pipeline.ports.locks import Holder, Lock, Locks

READS_ONLY = "portfolio/reads_only"
"""Tag of jobs that change nothing of the account: they need not wait."""

_ACCOUNT = "account"
_LIVES = ".dagster/portfolio_process"  # with Dagster's prefix of what its web UI does not list at every run
# A run that has begun but does not say yet where it lives is importing its code: this long at the most.
_BEGINS_WITHIN = 300.0
_ASKS_EVERY = 0.5
_SAYS_EVERY = 30.0

_mine: Lock | None = None


@contextmanager
def at_work(locks: Locks, what: str, *, wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Alone with the account until the end. While another is at work: refused, or waited for and told through `wait`.

    Within a process that is at work already (a command that runs the chain itself) this is that same work.
    """
    global _mine
    if _mine is not None and _mine.is_held():
        yield
        return
    lock = _taken(locks, f"{what}, {this_process()}", wait)
    _mine = lock
    try:
        yield
    finally:
        _mine = None
        lock.release()


@contextmanager
def at_work_now(locks: Locks, what: str) -> Iterator[Holder | None]:
    """As `at_work`, for what can be left to the next time: where another is at work, this process included, that one
    is told of, and nothing may be done.
    """
    lock = locks.take(_ACCOUNT, f"{what}, {this_process()}")
    if lock is None:
        yield locks.holder(_ACCOUNT) or Holder("another process", "a moment ago")
        return
    try:
        yield None
    finally:
        lock.release()


def require_account() -> None:
    """Refuse when the account is not, or no longer, this process's own: asked before each order leaves."""
    if _mine is None or not _mine.is_held():
        raise LimitError(
            "ACCOUNT_LOCK_LOST",
            found="the lock of the account is not held by this process",
            expected="one act at a time",
            remedy="Nothing more was sent. Look for another run at work, then run the session again.",
        )


@contextmanager
def living(locks: Locks, instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[None]:
    """For as long as this lasts, everybody can tell that the run is alive."""
    lock = locks.take(_name(run.run_id), this_process())
    if lock is None:  # begun by this process already
        yield
        return
    instance.add_run_tags(run.run_id, living_tags())
    try:
        yield
    finally:
        lock.release()


@contextmanager
def living_already(locks: Locks, run_id: str) -> Iterator[None]:
    """As `living`, for a run that is about to be created with `living_tags`."""
    lock = locks.take(_name(run_id), this_process())
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def living_tags() -> dict[str, str]:
    return {_LIVES: this_process()}


def close_dead_runs(instance: dg.DagsterInstance, locks: Locks) -> list[str]:
    """Mark runs as failed whose process has ended before they did, and say which those were."""
    said = []
    for run, why in dead_runs(instance, locks):
        instance.report_run_failed(run, why)
        said.append(f"Run {run.run_id} is marked as failed. {why}")
    return said


def dead_runs(instance: dg.DagsterInstance, locks: Locks) -> Iterator[tuple[dg.DagsterRun, str]]:
    """Runs whose process has ended before they did, and why it is thought so."""
    begun_or_about_to = [*IN_PROGRESS_RUN_STATUSES, dg.DagsterRunStatus.NOT_STARTED]
    for record in instance.get_run_records(dg.RunsFilter(statuses=begun_or_about_to)):
        run = record.dagster_run
        lives = run.tags.get(_LIVES)
        lock = locks.take(_name(run.run_id), this_process())
        if lock is None:
            continue
        lock.release()
        begun = record.start_time
        if lives is not None or (begun is not None and time.time() - begun > _BEGINS_WITHIN):
            yield run, f"It was killed: {lives or 'its process'} has ended before the run did."


def this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _name(run_id: str) -> str:
    return f"run-{run_id}"


def _taken(locks: Locks, who: str, wait: Callable[[str], None] | None) -> Lock:
    said = None
    while (lock := locks.take(_ACCOUNT, who)) is None:
        holder = locks.holder(_ACCOUNT)
        if wait is None:
            raise PortfolioError(
                "RUN_IN_PROGRESS",
                found=holder or "another process",
                remedy="Wait until it has ended, or stop it, then try again. Nothing was changed.",
            )
        if said is None or time.monotonic() - said > _SAYS_EVERY:
            wait(f"Waiting for {holder or 'another process'} to end: one act at a time.")
            said = time.monotonic()
        time.sleep(_ASKS_EVERY)
    return lock
