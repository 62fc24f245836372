"""What a person is told of a mistake in a YAML file: file, line, entry, what was found, what was expected.

Here: pydantic's and YAML's findings in plain words, and the lines they stand on. Not here: what may be written, which
stands beside what it steers (`sections`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.registry import one_of

_NO_TEXT = ("int_", "float_", "bool_")  # what pydantic says of a text where it wants none begins so
_LONGEST = 80  # letters of what was found
# By pydantic's name of the mistake; figures are those of the mistake.
_PLAIN: Mapping[str, str] = {
    "missing": "an entry of this name",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "finite_number": "a number that is finite",
    "bool_type": "true or false",
    "list_type": "a list, as [a, b]",
    "tuple_type": "a list, as [a, b]",
    "dict_type": "entries of its own, as `name: value`",
    "model_type": "entries of its own, as `name: value`",
    "model_attributes_type": "entries of its own, as `name: value`",
    "invalid_key": "a text as the name of an entry (put it in quotes)",
    "date_type": "a date, as 2026-11-20",
    "date_parsing": "a date, as 2026-11-20",
    "date_from_datetime_parsing": "a date, as 2026-11-20",
    "date_from_datetime_inexact": "a date without a time, as 2026-11-20",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:,} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:,} or less",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "a text that is not empty",
    "too_short": "{min_length} or more of them",
    "recursion_loop": "something that does not contain itself",
}


@dataclass(frozen=True)
class Written:
    """What a YAML text says, and the nodes that know the lines it says it on."""

    document: Any
    root: yaml.Node | None


@dataclass(frozen=True)
class Mistake:
    """Where it stands, what was found there, and what was expected or why it cannot be."""

    at: tuple[object, ...]
    found: object
    expected: str = ""
    why: str = ""


def read_written(path: Path, kind: str, remedy: str) -> Written:
    """What a YAML file says; a file that cannot be read, or is no YAML, is refused. `kind` is CARD or SETTINGS."""
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{kind}_UNREADABLE", found=path, why=error.strerror, remedy=remedy) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            f"{kind}_UNREADABLE", found=f"{path}:{line}", expected="text in UTF-8", remedy="Save it as UTF-8."
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigurationError(
            f"{kind}_NOT_YAML",
            found=f"{path}:{mark.line + 1}" if mark else path,
            why=_of_yaml(error),
            remedy="Mend this line: look at its indentation, brackets and quotes.",
        ) from None


def wrong(kind: str, path: Path | str, written: Written, mistake: Mistake, *, outer: int = 0, remedy: str) -> Exception:
    """The refusal. The first `outer` parts of a place are the file's affair, and not named to people."""
    entry = ".".join(map(str, mistake.at[outer:])) or ".".join(map(str, mistake.at)) or "the file"
    told = {name: said for name, said in (("why", mistake.why), ("expected", mistake.expected)) if said}
    line = line_of(written.root, mistake.at)
    return ConfigurationError(
        f"{kind}_WRONG", at=f"{path}:{line}", entry=entry, found=shortened(mistake.found), **told, remedy=remedy
    )


def first_mistake(refusal: ValidationError, written: object, model: type[BaseModel]) -> Mistake:
    """The first of pydantic's findings. What may have several forms is told with all of them."""
    errors = refusal.errors()
    first = errors[0]
    at = _place(written, first)
    same = [one for one in errors if _place(written, one) == at]
    expected = " or ".join(dict.fromkeys(_expected(one, model) for one in same))
    if first["type"] == "why":
        deeper = tuple(first["ctx"]["at"])
        return Mistake((*at, *deeper), first["ctx"].get("found", _inside(first["input"], deeper)), why=first["msg"])
    return Mistake(at, _found(first), expected)


def line_of(root: yaml.Node | None, location: Sequence[object]) -> int:
    """The line of the deepest entry of `location` that is there."""
    node, line = root, 1
    for part in location:
        found: tuple[yaml.Node, yaml.Node] | None = None
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if _names(key, part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _names(key: yaml.Node, part: object) -> bool:
    """Whether that is the entry's name; `no` and `1` are names that YAML takes for something else than a text."""
    return bool(key.value == part or (not isinstance(part, str) and yaml.safe_load(str(key.value)) == part))


def shortened(found: object) -> str:
    """A value as a person wrote it, or what stands under it where that is long."""
    if isinstance(found, Mapping):
        found = f"entries {', '.join(map(str, found))}" if found else "nothing"
    if isinstance(found, bool):
        found = str(found).lower()
    told = " ".join(("nothing" if found is None or found == "" else str(found)).split())
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"


def _parsed(text: str) -> Written:
    """By libyaml where it is there."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
        _refuse_twice(root)
        return Written(None if root is None else loader.construct_document(root), root)
    finally:
        loader.dispose()


def _refuse_twice(root: yaml.Node | None) -> None:
    """YAML would take the last of two entries of one name, and nobody would know."""
    inside = [] if root is None else [root]
    seen: set[int] = set()
    while inside:
        node = inside.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            inside += node.value
        elif isinstance(node, yaml.MappingNode):
            names: dict[object, int] = {}
            for key, value in node.value:
                inside.append(value)
                if isinstance(key, yaml.ScalarNode) and key.value in names and key.value != "<<":
                    line = names[key.value] + 1
                    raise yaml.MarkedYAMLError(
                        problem=f"{key.value} stands there already, on line {line}", problem_mark=key.start_mark
                    )
                if isinstance(key, yaml.ScalarNode):
                    names[key.value] = key.start_mark.line


def _of_yaml(error: Exception) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return "a character that no text has"
    if isinstance(error, RecursionError):
        return "it goes too deep"
    problem = getattr(error, "problem", None) or str(error)
    return re.sub(r"\s+", " ", str(problem)).strip()


def _place(written: object, error: Mapping[str, Any]) -> tuple[object, ...]:
    """Where the error stands in the file; pydantic also names the form of a value that it was read as."""
    node, kept = written, []
    for part in error["loc"]:
        if (isinstance(node, dict) and part in node) or (isinstance(node, list) and isinstance(part, int)):
            kept.append(part)
            node = node[part]
    return (*kept, error["loc"][-1]) if error["type"] == "missing" else tuple(kept)


def _found(error: Mapping[str, Any]) -> object:
    if error["type"] == "missing":
        return None
    if error["type"] in ("extra_forbidden", "invalid_key"):
        return error["loc"][-1]
    found = error["input"]
    return f"the text {found!r}" if isinstance(found, str) and error["type"].startswith(_NO_TEXT) else found


def _expected(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    special: Mapping[str, Callable[[], str]] = {
        "literal_error": lambda: one_of(
            str(error["input"]), [word.strip("'") for word in re.findall(r"'[^']*'|\d+", context["expected"])]
        ),
        "extra_forbidden": lambda: one_of(str(error["loc"][-1]), _entries(model, error["loc"][:-1])),
    }
    if kind in special:
        return special[kind]()
    if kind in _PLAIN:
        return _PLAIN[kind].format(**context) + _without_quotes(error)
    return str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")


def _without_quotes(error: Mapping[str, Any]) -> str:
    """How a number is written that YAML takes for a text: in quotes, or as 1e9."""
    try:
        number = float(error["input"]) if error["type"].startswith(_NO_TEXT) else None
    except (TypeError, ValueError):
        return ""
    return (
        ""
        if number is None or isinstance(error["input"], bool | float)
        else f" (write {number:f}".rstrip("0").rstrip(".") + ")"
    )


def _entries(model: type[BaseModel], location: Sequence[object]) -> list[str]:
    """The names that may stand at a place of the model."""
    for part in location:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field is not None else None
        inner = next((one for one in (inner, *get_args(inner)) if _is_model(one)), None)
        if inner is not None:
            model = inner
    own = getattr(model, "entries", None)
    return list(own() if own is not None else model.model_fields)


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _inside(value: object, location: Sequence[object]) -> object:
    for part in location:
        if isinstance(value, BaseModel):
            value = getattr(value, str(part), None)
        elif isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list | tuple) and isinstance(part, int):
            value = value[part]
    return value
