"""What the world does to files and servers, in words: a full disk, a read-only folder, a server that is gone.

Every library below says it in its own way, some as text alone. Here each fault has one name and one remedy. Not here:
faults of what stands in a file, which whoever reads it knows better.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from portfolio_pipeline.core.errors import PortfolioError, WarehouseError

ROOM = 32_000_000  # bytes that a run wants to find free before it begins: ten times what a day leaves behind
_TAKEN_BY_OTHERS = ("database is locked", "database table is locked")
_FULL = ("no space left on device", "disk is full", "disk quota exceeded", "disk full", "file too large")
_NOT_OURS = ("read-only file system", "readonly database", "permission denied", "operation not permitted")
_GONE = (
    "server closed the connection",
    "terminating connection",
    "no connection to the server",
    "connection not open",
    "could not receive data from server",
    "could not send data to server",
    "connection refused",
    "the database system is shutting down",
    "connection already closed",
    "broken pipe",
)
_LIBRARIES = ("sqlalchemy", "psycopg2", "adbc_driver_manager", "duckdb")


def fault(found: str) -> WarehouseError | None:
    """The fault that such words tell of; None when they are about something else."""
    said, told = found.casefold(), " ".join(found.split())
    if any(words in said for words in _FULL):
        return WarehouseError(
            "DISK_FULL",
            found=told,
            expected="room to write",
            remedy="Free some space and give the same command again: what was finished is stored, the rest is undone.",
        )
    if any(words in said for words in _NOT_OURS):
        return WarehouseError(
            "PLACE_NOT_WRITABLE",
            found=told,
            expected="a place that can be written",
            remedy="Mount it writable or mend its permissions, or set DAGSTER_HOME or DATABASE_URL to another place.",
        )
    if any(words in said for words in _GONE):
        return WarehouseError(
            "DATABASE_LOST",
            found=told,
            expected="a server that stays",
            remedy="What was not finished is undone. Start the server, then give the same command again.",
        )
    if any(words in said for words in _TAKEN_BY_OTHERS):
        return WarehouseError(
            "STORAGE_LOCKED",
            found=told,
            expected="a file that nobody else keeps locked",
            remedy="Close the program that has a file under `dagster/` of the home open, then try again.",
        )
    return None


def refusal_of(error: BaseException | None) -> PortfolioError | None:
    """What a person is told instead of the traceback of an error that the world has caused; None for any other."""
    told: PortfolioError | None = None
    seen = error
    # The cause at the bottom says it shortest.
    while seen is not None:
        if isinstance(seen, OSError | sqlite3.Error) or type(seen).__module__.startswith(_LIBRARIES):
            told = fault(str(seen)) or told
        seen = seen.__cause__ or seen.__context__
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
