"""What people decide about states by hand, with a reason: from a session on, and until when.

`release` ends a liquidation or pause: paper's peak is set to where it stands, and the re-entry begins. `override` puts
a factor in the place of the state's own until it expires. `review` is the record that the last step of a re-entry may
wait for. What is in force at a session is a pure function of the rows; rows are only ever added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

Kind = Literal["override", "release", "review"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Override:
    """One decision; `factor` is of overrides alone, `until` the last session that it holds for (None: for good)."""

    kind: Kind
    scope: str
    since: date
    reason: str
    factor: float | None = None
    until: date | None = None


@dataclass(frozen=True)
class Overrides:
    """The decisions in the order in which they were taken."""

    taken: tuple[Override, ...] = ()

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Overrides:
        ordered = sorted(rows, key=lambda row: row["override_id"])
        return cls(
            tuple(
                Override(
                    row["action"], row["scope"], row["from_session"], row["reason"], row["factor"], row["until_session"]
                )
                for row in ordered
            )
        )

    def released(self, scope: str, session: date) -> Override | None:
        return self._at("release", scope, session)

    def reviewed(self, scope: str, session: date) -> bool:
        return self._at("review", scope, session) is not None

    def in_force(self, scope: str, session: date) -> Override | None:
        """The newest override that holds; a release that begins later ends it."""
        found = None
        for one in self.taken:
            if one.scope != scope or one.since > session:
                continue
            if one.kind == "override":
                found = one
            elif one.kind == "release":
                found = None
        return None if found is None or (found.until is not None and session > found.until) else found

    def _at(self, kind: Kind, scope: str, session: date) -> Override | None:
        return next((o for o in self.taken if o.kind == kind and o.scope == scope and o.since == session), None)


NONE_TAKEN = Overrides()
