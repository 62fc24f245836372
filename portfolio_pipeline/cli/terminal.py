"""Where the command writes: results to the output, complaints and progress to the error stream.

On a terminal text is coloured and wrapped to its width. Anywhere else it is plain, and a line is as long as it has to
be, so that whoever searches or pipes it finds sentences whole.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from portfolio_pipeline.core.errors import PortfolioError, Several

if TYPE_CHECKING:
    import pandas as pd

Fact = tuple[str, str, str]
"""A name, what is known of it, and a style."""

BAD, DOUBTFUL, GOOD = "bold red", "yellow", "green"
_BETWEEN = 2  # blanks between columns
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


def facts(rows: Sequence[Fact], *, indent: int = 0) -> Table:
    """Names and what is known of them, side by side; long text wraps under its own column."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for name, value, style in rows:
        made.add_row(Text(" " * indent + name, style=style or "dim"), Text(value, style=style))
    return made


@dataclass(frozen=True)
class Column:
    """`number`: set to the right. `text`: may be wrapped, and so never has to be left out."""

    heading: str
    number: bool = False
    text: bool = False


def table(columns: Sequence[Column], rows: Sequence[tuple[Sequence[str], str]], title: str = "") -> Table:
    """Rows with a style each. On a terminal that is too narrow for them the last columns are left out."""
    kept = len(columns)
    if OUT.is_terminal:
        widths = [_width(column, [cells[place] for cells, _ in rows]) for place, column in enumerate(columns)]
        while kept > 2 and sum(widths[:kept]) + _BETWEEN * (kept - 1) > OUT.width:
            kept -= 1
    made = headed(title)
    for column in columns[:kept]:
        made.add_column(
            column.heading, justify="right" if column.number else "left", no_wrap=not column.text, overflow="fold"
        )
    for cells, style in rows:
        made.add_row(*(Text(cell) for cell in cells[:kept]), style=style)
    return made


def _width(column: Column, cells: Sequence[str]) -> int:
    longest = max((len(cell) for cell in cells), default=0)
    return max(len(column.heading), min(longest, 12) if column.text else longest)


def headed(title: str = "", *, between: int = _BETWEEN) -> Table:
    """An empty table without lines, for columns to be added to."""
    return Table(
        box=None,
        padding=(0, between, 0, 0),
        pad_edge=False,
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="dim",
    )


def words_table(rows: pd.DataFrame, title: str, *, narrow: bool = False) -> Table:
    """Rows of words, the first column to the left, all others to the right."""
    table = headed(title, between=1 if narrow else 2)
    for place, name in enumerate(rows.columns):
        table.add_column(name, justify="right" if place else "left", no_wrap=not place, overflow="fold")
    for row in rows.to_numpy().tolist():
        table.add_row(*row)
    return table


def _lines(value: object) -> str:
    return "\n".join(value) if isinstance(value, Several) else str(value)
