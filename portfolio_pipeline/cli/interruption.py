"""Ctrl-C, `kill` and a closed terminal: what was asked for ends at once, and one message says how to go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from portfolio_pipeline.cli.terminal import complain
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.complete import complete_through

EXIT_CODE = 130  # as shells say it of a command that Ctrl-C ended
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def raise_at_signals() -> None:
    """From now on they raise KeyboardInterrupt, also where whoever started this process has them ignored."""
    signal.signal(signal.SIGINT, _raise)
    # By way of SIGINT, which Dagster takes for itself while a step is at work.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))


@contextmanager
def told_how_to_go_on(warehouse: Warehouse, command: str) -> Iterator[None]:
    """A computation that can be interrupted: then one message says what is stored, and the command is over."""
    with raising_at_signals(), arriving_signals() as arrived:
        try:
            yield
        except (KeyboardInterrupt, PortfolioError):
            # Dagster hands a signal to the step at work, which then fails like any other.
            if not arrived():
                raise
        if not arrived():
            return
    with suppress(OSError):  # the terminal may be gone
        complain(f"Interrupted. {_what_is_stored(warehouse)} `{command}` goes on from there.")
    raise click.exceptions.Exit(EXIT_CODE)


@contextmanager
def told_that_nothing_is_stored() -> Iterator[None]:
    """A computation that stores what it comes to at its end, and nothing when it is interrupted."""
    with raising_at_signals():
        try:
            yield
        except KeyboardInterrupt:
            with suppress(OSError):  # the terminal may be gone
                complain("Interrupted. Nothing was stored.")
            raise click.exceptions.Exit(EXIT_CODE) from None


@contextmanager
def raising_at_signals() -> Iterator[None]:
    before = {stop: signal.getsignal(stop) for stop in _STOPS}
    raise_at_signals()
    try:
        yield
    finally:
        for stop, handler in before.items():
            signal.signal(stop, handler)


def _what_is_stored(warehouse: Warehouse) -> str:
    complete = complete_through(warehouse)
    if complete is None:
        return "No session is complete yet; what assets had finished is stored and stays."
    return f"Every session through {complete} is complete; what assets had finished of later ones is stored and stays."


@contextmanager
def arriving_signals() -> Iterator[_Arrived]:
    """Notes signals by themselves, whoever handles them, or loses them: what is interrupted in a destructor goes on."""
    read, written = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(written, False)
    before = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    try:
        yield _Arrived(read)
    finally:
        signal.set_wakeup_fd(before)
        os.close(written)
        os.close(read)


class _Arrived:
    def __init__(self, pipe: int) -> None:
        self._pipe, self._stopped = pipe, False

    def __call__(self) -> bool:
        with suppress(BlockingIOError):
            self._stopped |= any(number in _STOPS for number in os.read(self._pipe, 10_000))
        return self._stopped


def _raise(*_: object) -> None:
    raise KeyboardInterrupt
