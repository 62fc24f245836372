"""The text of a SQL file: what it reads through `ref()`, and where everything stands in it.

`ref('prices')` is replaced by `prices` and spaces, so that every line and column stays where it is in the file. What
the text means is found out in `analysis`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portfolio_pipeline.core.tables import ColumnType
from portfolio_pipeline.sql_models.problems import position

if TYPE_CHECKING:
    from sqlglot import exp

Columns = dict[str, ColumnType | None]  # None: the type is not known before it runs
Lineage = dict[str, tuple[tuple[str, str], ...]]  # column -> (table, column) it comes from
_REF = re.compile(r"\bref\(\s*'([^']*)'\s*\)")
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Query:
    """A file. `sql` is its text with the refs replaced; `refs` are the names it reads and where."""

    path: Path
    sql: str
    refs: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, path: Path, text: str) -> Query:
        comments = [match.span() for match in _COMMENT.finditer(text)]
        refs = [ref for ref in _REF.finditer(text) if not any(start <= ref.start() < end for start, end in comments)]
        sql = text
        for ref in refs:
            sql = sql[: ref.start()] + ref[1].ljust(len(ref[0])) + sql[ref.end() :]
        return cls(path, sql, {ref[1]: position(text, ref.start()) for ref in reversed(refs)})

    @property
    def start(self) -> tuple[int, int]:
        """Where the SELECT begins, after the header."""
        return position(self.sql, len(self.sql) - len(_COMMENT.sub("", self.sql, count=1).lstrip()))

    def at(self, node: exp.Expr) -> tuple[int, int]:
        """Where `node` stands in the file."""
        around: exp.Expr | None = node
        while around is not None:
            offsets = [part.meta["start"] for part in around.walk() if "start" in part.meta]
            if offsets:
                return position(self.sql, min(offsets))
            around = around.parent  # Some words have no place of their own.
        return self.start
