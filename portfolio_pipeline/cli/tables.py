"""Tables on the terminal: headings, aligned columns, no lines. What is in them is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from portfolio_pipeline.cli.terminal import OUT

_BETWEEN = 2


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
    made = Table(
        box=None,
        padding=(0, _BETWEEN, 0, 0),
        pad_edge=False,
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="dim",
    )
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
