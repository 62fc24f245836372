"""What can be wrong with a SQL model, and where: file, line and column, all problems at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from portfolio_pipeline.core.errors import PortfolioError


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to mend. Lines and columns count from 1."""

    path: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class SqlModelError(PortfolioError):
    """SQL models that cannot be used, with every problem found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("SQL_MODEL_WRONG", found="\n".join(map(str, self.problems)))


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character of `text`, both from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
