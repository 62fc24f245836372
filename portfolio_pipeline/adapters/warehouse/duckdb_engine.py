"""The one DuckDB engine of this process, and the database files attached to it for the length of a call.

To start an engine costs ten times what it costs to attach a file to one that runs. Attaching and detaching belong here,
and nothing of locks, waiting or tables: who may have a file, and when, is settled before (see `duckdb`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import duckdb

ENGINE_SETTINGS: Mapping[str, str | bool | int] = {
    # Postgres puts NULL last when ascending and first when descending.
    "default_null_order": "nulls_last_on_asc_first_on_desc",
    # A mistyped table name must not find a variable of the caller.
    "python_enable_replacements": False,
}


@dataclass
class _Attachment:
    name: str
    users: int


class Engine:
    """An engine without data of its own. Threads share it, and readers of one file share its attachment."""

    def __init__(self) -> None:
        self._instance = duckdb.connect(":memory:", config=dict(ENGINE_SETTINGS))
        self._changing = threading.Lock()
        self._attached: dict[str, _Attachment] = {}
        self._numbers = count(1)

    def attach(self, file: Path, *, write: bool) -> duckdb.DuckDBPyConnection:
        """A connection that sees the file's tables and no others; `detach` ends it, and the engine's hold on the file.

        A file that several readers share is let go by the last of them.
        """
        with self._changing:
            key = os.path.realpath(file)
            attachment = self._attached.get(key)
            if attachment is None:
                attachment = _Attachment(f"file_{next(self._numbers)}", 0)
                mode = "" if write else " (read_only)"
                self._instance.execute(f"attach {_text(file)} as {attachment.name}{mode}")
                self._attached[key] = attachment
            attachment.users += 1
            try:
                connection = self._instance.cursor()
                connection.execute(f"use {attachment.name}")
            except BaseException:
                self._let_go(key)
                raise
            return connection

    def detach(self, file: Path, connection: duckdb.DuckDBPyConnection) -> None:
        with self._changing:
            connection.close()
            self._let_go(os.path.realpath(file))

    def copy_compactly(self, file: Path, target: Path) -> None:
        """Everything in `file`, in a new file without the room that deleted rows leave behind."""
        connection = self.attach(file, write=False)
        try:
            source = self._attached[os.path.realpath(file)].name
            copy = f"file_{next(self._numbers)}"
            connection.execute(f"attach {_text(target)} as {copy}")
            try:
                connection.execute(f"copy from database {source} to {copy}")
            finally:
                connection.execute(f"detach {copy}")
        finally:
            self.detach(file, connection)

    def _let_go(self, key: str) -> None:
        attachment = self._attached[key]
        attachment.users -= 1
        if not attachment.users:
            del self._attached[key]
            self._instance.execute(f"detach {attachment.name}")


_starting = threading.Lock()
_engines: dict[int, Engine] = {}


def engine() -> Engine:
    """The engine of this process. A forked child starts its own: the threads of its parent's did not come along."""
    with _starting:
        if os.getpid() not in _engines:
            _engines[os.getpid()] = Engine()
        return _engines[os.getpid()]


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
