"""The `portfolio` command: how people start the project, look after it and stop it.

Here: what is typed, shown and answered (exit code 0: done; 1: refused or failed, with one message; 130: interrupted).
What is done stands below, in the definitions and the core. Dagster is imported only where something runs: other
commands answer at once.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from portfolio_pipeline.adapters.faults import as_refusals
from portfolio_pipeline.cli.commands import portfolio
from portfolio_pipeline.cli.terminal import complain, refuse
from portfolio_pipeline.core.errors import PortfolioError


def program() -> NoReturn:
    """`main` as a process of its own, which ends as children of `multiprocessing` do: all that a command has imported
    goes with the memory it is in. Python would take it apart piece by piece, for a second.
    """
    try:
        main()
    except SystemExit as end:
        code = end.code
    atexit._run_exitfuncs()
    with suppress(OSError):  # whoever read what was said may have gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit code."""
    # A command builds millions of objects and then ends: looking for cycles among them again and again is not worth it.
    gc.set_threshold(1_000_000, 50, 100)
    # What is stored, logged and written, here and in child processes, is nobody else's to read.
    os.umask(0o077)
    # What a terminal of another alphabet cannot show is a question mark, and no crash.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # Dagster's words to whoever writes code with it; people who type commands can do nothing about them.
    warnings.filterwarnings("ignore", message=r".* is currently in (beta|preview)")
    try:
        with as_refusals():
            code = portfolio.main(args=arguments, prog_name="portfolio", standalone_mode=False)
    except click.ClickException as mistake:
        mistake.show()
        code = 1
    except (click.Abort, KeyboardInterrupt):
        complain("Interrupted. What was finished is stored; the same command goes on from there.")
        code = 130
    except PortfolioError as refusal:
        refuse(refusal)
        code = 1
    sys.exit(code or 0)
