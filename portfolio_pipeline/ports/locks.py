"""Who is at work: locks that live and die with the process that holds them, so that none is ever left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, in words for people: `portfolio run, process 123 on host`, and since when."""

    who: str
    since: str

    def __str__(self) -> str:
        return f"{self.who}, since {self.since}"


class Lock(Protocol):
    """A lock that this process has taken."""

    def is_held(self) -> bool:
        """Whether it still is ours: a file may be taken away, a connection may end."""
        ...

    def release(self) -> None: ...


class Locks(Protocol):
    """Locks by name, shared by everybody who uses the same database, on whatever machine."""

    def take(self, name: str, who: str) -> Lock | None:
        """None when somebody holds it, this process included. It ends with the process, at the latest."""
        ...

    def holder(self, name: str) -> Holder | None:
        """Who holds it now; None when nobody does."""
        ...
