"""What every report is written with: figures as words, tables in markdown and HTML, a page that needs no other file,
files in a folder. Which figures and pictures stand on a page is the business of the report.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.reports.tables import aligned

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #33383d; max-width: 68em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; display: block; overflow-x: auto; }
th, td { padding: .25em .8em; border-bottom: 1px solid #d9dde1; text-align: right; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; display: block; margin: 1em 0; }
"""


def cell(value: float, form: str) -> str:
    return "" if np.isnan(value) else form.format(value)


def markdown(table: pd.DataFrame) -> str:
    """The first column to the left, all others to the right."""
    rows = table.astype(str).to_numpy().tolist()
    return aligned(table.columns, rows, right=[place > 0 for place in range(len(table.columns))])


def plain(words: str) -> str:
    """Words in which markdown is to see no emphasis."""
    return words.replace("*", "\\*")


def whole_page(title: str, parts: Sequence[str]) -> str:
    """One file that needs no other, with the title above the parts."""
    escaped = html.escape(title)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escaped}</title>'
    body = "\n".join([f"<h1>{escaped}</h1>", *parts])
    return (
        f"<!doctype html>\n<html lang=en><head>{head}<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def html_table(table: pd.DataFrame) -> str:
    html: str = table.to_html(index=False, border=0, escape=True)
    return html


def paragraphs(lines: Sequence[str]) -> str:
    return "\n".join(f"<p>{html.escape(line)}</p>" for line in lines)


def image(picture: str) -> str:
    title, source = re.fullmatch(r"!\[(.*)\]\((.*)\)", picture, re.DOTALL).groups()  # type: ignore[union-attr]
    return f'<img alt="{html.escape(title)}" src="{source}">'


def written(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """The files, in a folder that is made where it is not there yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            "FOLDER_UNUSABLE", found=folder, why=error.strerror, remedy="Give --out a folder that you may write to."
        ) from None
    return [folder / name for name in files]
