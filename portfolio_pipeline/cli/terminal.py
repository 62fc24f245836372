"""Where the command writes: results to the output, complaints and progress to the error stream."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

# Any text is text: what somebody typed, or a file says, is no markup.
OUT = Console(highlight=False, markup=False)
PROGRESS = Console(stderr=True, highlight=False, markup=False)


# Sentences are not wrapped, so that they stay in one line for whoever searches or pipes them.
def say(text: str, style: str = "") -> None:
    OUT.print(Text(text, style=style), soft_wrap=True)


def complain(text: str) -> None:
    PROGRESS.print(Text(text, style="bold red"), soft_wrap=True)
