"""Processes that are spared the start of Python and its imports, which take longer than most commands do.

A process that has imported the project and done nothing else is copied (fork). The copy is a process like any other: it
has an environment, files, signals and an exit code of its own, and nothing of what another one did. Not for tests of
the start itself: what is imported when, what the interpreter reads from its environment, other users.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from tempfile import TemporaryFile

_ROOT = Path(__file__).resolve().parents[1]
IMPORTED = ["portfolio_pipeline_tests.everything"]
"""Modules that every copy has imported; whoever copies only for itself may add to them before the first copy."""


def context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def start(arguments: Sequence[str], environment: Mapping[str, str], *, output: int, errors: int) -> ForkServerProcess:
    """The command `portfolio` with these open files."""
    # A connection is what multiprocessing hands over to another process, whatever kind of file it is.
    with Connection(os.dup(output)) as out, Connection(os.dup(errors)) as err:
        process = context().Process(target=_portfolio, args=(list(arguments), dict(environment), out, err))
        process.start()
    return process


def finished(process: ForkServerProcess, seconds: float = 240) -> int:
    """The exit code."""
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"It was not done after {seconds:.0f} s.")
    return process.exitcode


def done(
    arguments: Sequence[str], environment: Mapping[str, str], *, errors_apart: bool = False
) -> subprocess.CompletedProcess[str]:
    """The command `portfolio`, from its beginning to its end."""
    with TemporaryFile("w+", encoding="utf-8") as output, TemporaryFile("w+", encoding="utf-8") as errors:
        second = errors if errors_apart else output
        code = finished(start(arguments, environment, output=output.fileno(), errors=second.fileno()))
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())


def _portfolio(arguments: list[str], environment: dict[str, str], output: Connection, errors: Connection) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(_ROOT)
    sys.argv = ["portfolio", *arguments]
    for file, number in ((output, 1), (errors, 2)):
        os.dup2(file.fileno(), number)
        file.close()
    # As Python opens them: what a terminal is asked for, and when lines are written, depends on what is behind them.
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", closefd=False, buffering=1)  # type: ignore[misc]  # noqa: SIM115
    from portfolio_pipeline.cli import main

    main(arguments)
