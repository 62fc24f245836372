"""Completion by the shell: the script that it reads, and what it may offer while somebody types.

It is asked at every press of a key: names are taken from files alone. Nothing is imported that computes, nothing of
the home is run, nothing is written.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import click
from click.shell_completion import CompletionItem, get_completion_class

from portfolio_pipeline.core.errors import PortfolioError

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_PORTFOLIO_COMPLETE"
_COMMAND = "portfolio"


def script(shell: str, command: click.Command) -> str:
    """What the shell reads to complete `portfolio`."""
    completer = get_completion_class(shell)
    assert completer is not None, "click knows all of SHELLS, and the command takes no other"
    # Without asking the shell for its version, as click's own `source` does: it may be made on another machine.
    made = completer(command, {}, _COMMAND, VARIABLE)
    return made.source_template % made.source_vars()


def strategies(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from portfolio_pipeline.adapters.card_files import names_in_files
    from portfolio_pipeline.adapters.environment import home_folder

    return [CompletionItem(name) for name in names_in_files(home_folder(os.environ)) if name.startswith(incomplete)]


def sessions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest ones that have closed, as far as they are known without asking the calendar."""
    from portfolio_pipeline.adapters.closes_file import known_closed
    from portfolio_pipeline.adapters.environment import home_folder

    try:
        found = known_closed(home_folder(os.environ), datetime.now(UTC))
    except PortfolioError:
        return []
    return [CompletionItem(day.isoformat()) for day in found if day.isoformat().startswith(incomplete)]
