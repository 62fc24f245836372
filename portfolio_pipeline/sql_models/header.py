"""The comment that opens a SQL file: what the model is, whose, its grain, its columns and what must hold.

/*
description: What is held at the newest session.
owner: portfolio
grain: [symbol]
columns:
  symbol: ticker of the instrument
*/
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from portfolio_pipeline.sql_models.problems import Problem, SqlModelError

_HEADER = re.compile(r"\A/\*\n(.*?)\*/", re.DOTALL)
_EXAMPLE = "a header: /* on the first line, YAML in the lines below it, then */"

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Checks(_Section):
    """What holds for the rows of a model. That the grain is unique is always checked."""

    not_null: tuple[str, ...] = ()
    between: dict[str, tuple[float, float]] = {}


class ModelHeader(_Section):
    """A model: a view, always computed from what is stored. `columns` says what each of them means."""

    description: Text
    owner: Text
    grain: Annotated[tuple[str, ...], Field(min_length=1)]
    group: str | None = None
    columns: Annotated[dict[str, Text], Field(min_length=1)]
    checks: Checks = Checks()


class AuditHeader(_Section):
    """An audit: a SELECT of the rows that must not be there, with a `session` column. `asset` is what it judges.

    `look_back` says how many earlier rows of each key (of a symbol, say) of a source it needs to judge a session: then
    it sees no others. A source without an entry is read as a whole.
    """

    description: Text
    owner: Text
    asset: Text
    severity: Literal["warning", "error"] = "error"
    look_back: dict[str, Count] = {}


HeaderType = TypeVar("HeaderType", ModelHeader, AuditHeader)


def read_header(kind: type[HeaderType], path: Path, text: str) -> HeaderType:
    """The header of a file, or a `SqlModelError` that names file and line."""
    found = _HEADER.match(text)
    if not found:
        raise SqlModelError([Problem(path, 1, 1, f"expected {_EXAMPLE}")])
    try:
        return kind.model_validate(yaml.safe_load(found[1]) or {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 2, mark.column + 1) if mark else (2, 1)
        raise SqlModelError([Problem(path, line, column, f"not YAML: {getattr(error, 'problem', error)}")]) from None
    except ValidationError as error:
        raise SqlModelError(
            [
                Problem(path, _line_of(found[1], wrong["loc"]), 1, f"header {_dotted(wrong['loc'])}: {wrong['msg']}")
                for wrong in error.errors()
            ]
        ) from None


def _dotted(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "as a whole"


def _line_of(yaml_text: str, location: tuple[int | str, ...]) -> int:
    """The file's line on which the innermost key of `location` stands; the header's first line if it is missing."""
    lines, line = yaml_text.splitlines(), 0
    for key in location:
        line = next((i for i in range(line, len(lines)) if re.match(rf"\s*{re.escape(str(key))}\s*:", lines[i])), line)
    return line + 2
