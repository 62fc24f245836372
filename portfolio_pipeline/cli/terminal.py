"""Where the command writes: results to the output, complaints and progress to the error stream.

On a terminal text is coloured and wrapped to its width. Anywhere else it is plain, and a line is as long as it has to
be, so that whoever searches or pipes it finds sentences whole.
"""

from __future__ import annotations

import io
import os

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from portfolio_pipeline.core.errors import PortfolioError, Several

_WIDEST = 2_000  # letters of a line that is read by no terminal


def _console(*, stderr: bool = False) -> Console:
    # Any text is text: what somebody typed, or a file says, is neither markup nor the name of a picture.
    colours = None if os.environ.get("NO_COLOR") else "auto"
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, color_system=colours)  # type: ignore[arg-type]


OUT = _console()
PROGRESS = _console(stderr=True)


def show(thing: RenderableType, console: Console = OUT) -> None:
    """A table or a text, wrapped on a terminal and plain without trailing blanks elsewhere."""
    if console.is_terminal:
        console.print(thing)
        return
    plain = Console(
        file=io.StringIO(),
        width=_WIDEST,
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    with plain.capture() as kept:
        plain.print(thing)
    console.file.write("\n".join(line.rstrip() for line in kept.get().split("\n")))
    console.file.flush()


def say(text: str, style: str = "") -> None:
    show(Text(text, style=style))


def complain(text: str) -> None:
    show(Text(text, style="bold red"), PROGRESS)


def refuse(refusal: PortfolioError) -> None:
    """Why something was not done: on a terminal one line for each figure, elsewhere all in one."""
    if not PROGRESS.is_terminal:
        complain(str(refusal))
        return
    PROGRESS.print(Text(refusal.reason, style="bold red"))
    told = [(name.replace("_", " "), _lines(value)) for name, value in refusal.figures.items()]
    show(
        facts(
            [
                *((name, value, "") for name, value in told),
                *([("to do", refusal.remedy, "bold")] * bool(refusal.remedy)),
            ],
            indent=2,
        ),
        PROGRESS,
    )


def facts(rows: list[tuple[str, str, str]], *, indent: int = 0) -> Table:
    """Names and what is known of them, side by side; long text wraps under its own column. The third is a style."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value, style in rows:
        table.add_row(Text(" " * indent + name, style=style or "dim"), Text(value, style=style))
    return table


def _lines(value: object) -> str:
    return "\n".join(value) if isinstance(value, Several) else str(value)
