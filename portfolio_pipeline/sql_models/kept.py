"""The library of a folder, kept beside it: to find out what SQL says takes half a second."""

from __future__ import annotations

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from portfolio_pipeline.core import tables
from portfolio_pipeline.core.kept import kept
from portfolio_pipeline.sql_models.library import Library

_CODE = (Path(__file__).parent, Path(tables.__file__).parent)
_READ_BY = ("sqlglot", "pydantic")


def kept_library(folder: Path) -> Library:
    """The library; refused with every problem found."""
    return kept(folder, "library", _digest(folder), lambda: _found_out(folder))


def _found_out(folder: Path) -> Library:
    from portfolio_pipeline.sql_models.inspection import load_library

    library = load_library(folder)
    for name in library.models:
        library.columns(name), library.lineage(name)
    return library


def _digest(folder: Path) -> str:
    whole = sha256(" ".join(version(name) for name in _READ_BY).encode())
    files = [*folder.rglob("*.sql"), *(file for code in _CODE for file in code.glob("*.py"))]
    for file in sorted(files):
        whole.update(f"{file}\0".encode() + file.read_bytes() + b"\0")
    return whole.hexdigest()[:16]
