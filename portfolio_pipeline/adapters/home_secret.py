"""The secret of the home: random bytes that plans, what people said, and risk states are sealed with, so that rows of
the database alone forge none.

Made on first use, readable by the owner only. Whoever loses it loses nothing but the plans that are not sent yet: they
have to be made again; what was said, and the states, are taken as they are and sealed anew. It is no credential, and
opens nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from portfolio_pipeline.core.errors import ConfigurationError

FILE_NAME = "secret"
_BYTES = 32


def home_secret(home: Path) -> bytes:
    """The secret, made if there is none yet; refused where others can read it, or when it is no secret."""
    path = home / FILE_NAME
    try:
        if not os.path.lexists(path):
            _make(path)
        readable_by = stat.S_IMODE(path.stat().st_mode)
        found = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            "SECRET_UNREADABLE", found=path, why=error.strerror, remedy="Make it a file that you can read and write."
        ) from None
    if readable_by & 0o077:
        raise ConfigurationError(
            "SECRET_NOT_SECRET", found=f"{path} with mode {readable_by:o}", remedy=f"Run: chmod 600 {path}"
        )
    if len(found) != _BYTES:
        raise ConfigurationError(
            "SECRET_DAMAGED",
            found=f"{path} with {len(found)} bytes",
            expected=f"{_BYTES} bytes",
            remedy="Remove it: the next run makes another, and plans what is not sent yet anew.",
        )
    return found


def once_with_this_secret(home: Path, name: str, key: bytes, seal: Callable[[], None]) -> None:
    """Seal what is there, where this home has not done so with this secret: it is of an earlier version, its secret was
    lost, or its owner has removed the file of this name that says so.
    """
    file, mark = home / name, hmac.new(key, name.encode(), hashlib.sha256).hexdigest()
    try:
        if file.exists() and file.read_text(encoding="utf-8").strip() == mark:
            return
        seal()
        file.touch(mode=0o600)
        file.write_text(f"{mark}\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            "PLACE_NOT_WRITABLE", found=file, why=error.strerror, remedy="Make it a file that you can read and write."
        ) from None


def _make(path: Path) -> None:
    """Whole or not at all, and one only, however many runs begin at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f"{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(own, path)
    finally:
        own.unlink(missing_ok=True)
