"""What the world does to files and servers, in words: a full disk, a read-only folder, a server that is gone.

Every library below says it in its own way, some as text alone. Here each fault has one name and one remedy. Not here:
faults of what stands in a file, which whoever reads it knows better.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from portfolio_pipeline.core.errors import PortfolioError, WarehouseError

ROOM = 32_000_000  # bytes that a run wants to find free before it begins: thirty times what a daily run leaves behind


@dataclass(frozen=True)
class _Fault:
    reason: str
    words: tuple[str, ...]
    expected: str
    remedy: str
    of_files: bool = True  # whether the system says so of files; else only a library means it by these words


_FAULTS = (
    _Fault(
        "DISK_FULL",
        # The last is what SQLite says when it cannot make the file of its readers; a failing disk says it as well.
        (
            "no space left on device",
            "disk is full",
            "disk quota exceeded",
            "disk full",
            "file too large",
            "disk i/o error",
        ),
        "room to write, on a disk that answers",
        "Free some space and give the same command again: what was finished is stored, the rest is undone.",
    ),
    _Fault(
        "PLACE_NOT_WRITABLE",
        ("read-only file system", "readonly database", "permission denied", "operation not permitted"),
        "a place that can be written",
        "Mount it writable or mend its permissions, or set DAGSTER_HOME or DATABASE_URL to another place.",
    ),
    _Fault(
        "DATABASE_LOST",
        (
            "server closed the connection",
            "terminating connection",
            "no connection to the server",
            "connection not open",
            "could not receive data from server",
            "could not send data to server",
            "connection refused",
            "the database system is shutting down",
            "connection already closed",
        ),
        "a server that stays",
        "What was not finished is undone. Start the server, then give the same command again.",
        of_files=False,
    ),
    _Fault(
        "STORAGE_LOCKED",
        ("database is locked", "database table is locked"),
        "a file that nobody else keeps locked",
        "Close the program that has a file under `dagster/` of the home open, then try again.",
        of_files=False,
    ),
)
_LIBRARIES = ("sqlalchemy", "psycopg2", "adbc_driver_manager", "duckdb")


def fault(found: str, *, of_file: bool = False) -> WarehouseError | None:
    """The fault that such words tell of, of a file or a database; None when they are about something else."""
    said = found.casefold()
    for one in _FAULTS:
        if any(words in said for words in one.words) and (one.of_files or not of_file):
            return WarehouseError(one.reason, found=" ".join(found.split()), expected=one.expected, remedy=one.remedy)
    return None


@contextmanager
def as_refusals() -> Iterator[None]:
    """What the world causes inside is a refusal, as if whoever met it had said so; every other error stays as it is."""
    try:
        yield
    except PortfolioError:
        raise
    except Exception as error:
        refusal = _refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


def _refusal_of(error: BaseException) -> WarehouseError | None:
    told: WarehouseError | None = None
    seen: BaseException | None = error
    # The cause at the bottom says it shortest.
    while seen is not None:
        if isinstance(seen, OSError):
            told = fault(str(seen), of_file=True) or told
        elif isinstance(seen, sqlite3.Error) or type(seen).__module__.startswith(_LIBRARIES):
            told = fault(str(seen)) or told
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return told


def require_room(folder: Path) -> None:
    """Refuse to begin what would not come to its end."""
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        raise WarehouseError(
            "DISK_NEARLY_FULL",
            folder=folder,
            found=f"{free / 1e6:.0f} MB free",
            expected=f"at least {ROOM / 1e6:.0f} MB",
            remedy="Free some space, then give the same command again. Nothing was changed.",
        )
