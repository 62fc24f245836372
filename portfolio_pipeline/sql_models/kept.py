"""The library of a folder, kept beside it as Python keeps bytecode: to find out what SQL says takes half a second.

The file's name is a digest of everything that a library follows from. So nothing has to be kept up to date: another
state of the SQL, the tables, this code or sqlglot has no such file yet.
"""

from __future__ import annotations

import pickle
import sys
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path

from portfolio_pipeline.core import tables
from portfolio_pipeline.sql_models.library import Library

_CODE = (Path(__file__).parent, Path(tables.__file__).parent)
_READ_BY = ("sqlglot", "pydantic")
_NAME = "library"


def kept_library(folder: Path) -> Library:
    """The library; refused with every problem found."""
    kept = Path(cache_from_source(str(folder / f"{_NAME}-{_digest(folder)}.py"))).with_suffix(".pickle")
    with suppress(OSError, EOFError, pickle.UnpicklingError):
        library: Library = pickle.loads(kept.read_bytes())  # as trustworthy as the bytecode beside it
        return library
    library = _found_out(folder)
    if not sys.dont_write_bytecode:
        with suppress(OSError):  # the folder need not be ours to write to
            _keep(kept, library)
    return library


def _found_out(folder: Path) -> Library:
    from portfolio_pipeline.sql_models.inspection import load_library

    library = load_library(folder)
    for name in library.models:
        library.columns(name), library.lineage(name)
    return library


def _keep(kept: Path, library: Library) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_suffix(".partial")
    fresh.write_bytes(pickle.dumps(library))
    for earlier in kept.parent.glob(f"{_NAME}-*.pickle"):
        earlier.unlink(missing_ok=True)
    fresh.replace(kept)


def _digest(folder: Path) -> str:
    whole = sha256(" ".join(version(name) for name in _READ_BY).encode())
    files = [*folder.rglob("*.sql"), *(file for code in _CODE for file in code.glob("*.py"))]
    for file in sorted(files):
        whole.update(f"{file}\0".encode() + file.read_bytes() + b"\0")
    return whole.hexdigest()[:16]
