"""A PostgreSQL server that is gone after so many statements: a door to a real one, which shuts for good."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SOCKET = ".s.PGSQL.5432"


class Door:
    """Counts the statements that go through; the one after the last allowed finds the door shut, as does whoever comes
    later.
    """

    def __init__(self, server: Path, folder: Path, allowed: int | None) -> None:
        self.statements = 0
        self._server, self._allowed = server, allowed
        self._open: list[socket.socket] = []
        self._changing = threading.Lock()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / _SOCKET))
        self._listening.listen()
        threading.Thread(target=self._let_in, daemon=True).start()

    def shut(self) -> None:
        with self._changing:
            self._allowed = -1
            for one in [self._listening, *self._open]:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._open.clear()

    def _let_in(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server / _SOCKET))
                with self._changing:
                    self._open += [client, server]
                threading.Thread(target=self._asked, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answered, args=(server, client), daemon=True).start()

    def _asked(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError, EOFError):
            first = _exactly(client, 4)
            server.sendall(first + _exactly(client, int.from_bytes(first) - 4))
            while True:
                head = _exactly(client, 5)
                if head[:1] == b"Q":
                    self.statements += 1
                    if self._allowed is not None and self.statements > self._allowed:
                        self.shut()
                        return
                server.sendall(head + _exactly(client, int.from_bytes(head[1:]) - 4))

    @staticmethod
    def _answered(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while told := server.recv(65536):
                client.sendall(told)
            client.shutdown(socket.SHUT_RDWR)


@contextmanager
def door(server: Path, allowed: int | None = None) -> Iterator[tuple[Path, Door]]:
    """The folder of the door's socket, and the door to the server whose socket is in that folder."""
    folder = Path(tempfile.mkdtemp(prefix="door", dir="/tmp"))
    one = Door(server, folder, allowed)
    try:
        yield folder, one
    finally:
        one.shut()
        shutil.rmtree(folder, ignore_errors=True)


def _exactly(client: socket.socket, count: int) -> bytes:
    told = b""
    while len(told) < count:
        more = client.recv(count - len(told))
        if not more:
            raise EOFError
        told += more
    return told
