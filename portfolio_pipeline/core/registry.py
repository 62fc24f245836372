"""Where things that there can be more of are found by name: strategy types, allocation methods, metrics, vendors, …

Each is one object with a `name`; a registry holds them in the order in which they were added. The package fills its
own; who extends it from outside calls `add` when its module is imported (`adapters.extensions`). What the things do
does not belong here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from portfolio_pipeline.core.errors import ConfigurationError


class Named(Protocol):
    """What can stand in a registry."""

    @property
    def name(self) -> str: ...


Entry = TypeVar("Entry", bound=Named)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,40}")


class Registry(Mapping[str, Entry]):
    """Things of one kind by their names. `kind` is what messages call one of them."""

    def __init__(self, kind: str, entries: Iterable[Entry] = ()) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> Entry:
        """Add one; refused if it has no usable name, or one that is taken."""
        reason = self.kind.upper().replace(" ", "_")
        name = getattr(entry, "name", None)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{reason}_WITHOUT_NAME",
                found=name if isinstance(name, str) else entry,
                expected="a `name` of 2 to 41 letters, digits and _, a letter first",
                remedy="Give it one.",
            )
        if name in self._entries:
            raise ConfigurationError(
                f"{reason}_TAKEN", found=name, expected=f"none of {', '.join(self)}", remedy="Choose another name."
            )
        self._entries[name] = entry
        return entry

    def known(self, name: str) -> str:
        """The name itself; a ValueError for one that nobody has, as settings and cards tell it."""
        if name not in self._entries:
            raise ValueError(one_of(name, self))
        return name

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def one_of(word: str, known: Iterable[str]) -> str:
    """What was expected in the place of `word`, and what was probably meant."""
    return f"one of {', '.join(known)}{near(word, known)}"


def near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
