"""Whether the files in which Dagster keeps its runs and events can be read, asked before Dagster opens them.

They hold the record of what was run, for people to look at: no table of the house is made from them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from portfolio_pipeline.adapters.faults import fault
from portfolio_pipeline.core.errors import WarehouseError

_FILES = ("run/runs.db", "event_log/index.db", "schedule/schedules.db")
_BUSY_SECONDS = 10


def require_sound_storage(home: Path, *, thoroughly: bool = False) -> None:
    """Refuse files that are no databases of SQLite any more; thoroughly: or have broken pages, or are kept locked."""
    for name in _FILES:
        file = home / "dagster" / name
        if file.exists():
            with opened(file) as connection:
                connection.execute("select count(*) from sqlite_master").fetchone()
                if thoroughly:
                    found = [str(row[0]) for row in connection.execute("pragma quick_check(1)")]
                    if found != ["ok"]:
                        raise _broken(file, found[0])
            if thoroughly:
                with opened(file, "rw") as connection:
                    connection.execute("begin immediate")


@contextmanager
def opened(file: Path, mode: str = "ro") -> Iterator[sqlite3.Connection]:
    """To look, or to ask whether one might write: nothing is ever committed."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode={mode}", uri=True, timeout=_BUSY_SECONDS)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise fault(str(error)) or _broken(file, str(error)) from None


def _broken(file: Path, found: str) -> WarehouseError:
    folder = file.parent
    return WarehouseError(
        "RUN_STORAGE_BROKEN",
        file=file,
        found=" ".join(found.split()),
        expected="a database of SQLite, with room on its disk",
        remedy="Stop `portfolio up`, look whether the disk is full, and move the folder aside:"
        f" mv {folder} {folder}.broken; then `portfolio up`. It held the record of runs that the web UI shows;"
        " every table of the house is elsewhere and whole.",
    )
