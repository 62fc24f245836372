"""What is added from outside the package: Python files in the home, and installed packages that say so.

`<DAGSTER_HOME>/extensions/*.py`, in the order of their names, and the modules that installed packages name as entry
points of the group `portfolio_pipeline.extensions` are imported once per process. Each adds what it brings to a
registry (`core.registry`). What there are registries of does not belong here.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from portfolio_pipeline.core.errors import ConfigurationError, PortfolioError

GROUP = "portfolio_pipeline.extensions"
FOLDER = "extensions"
_MODULE = "portfolio_extensions_"

# What a failed import has already added cannot be added again: the first complaint is the true one, and is kept.
_loaded: dict[Path, ConfigurationError | None] = {}


def load_extensions(home: Path) -> None:
    """Import the extensions of a home and the installed ones; a broken one is refused with file, line and cause."""
    if home not in _loaded:
        _loaded[home] = None
        try:
            for where, load in _found(home / FOLDER):
                _import(where, load)
        except ConfigurationError as error:
            _loaded[home] = error
    refusal = _loaded[home]
    if refusal is not None:
        raise refusal.with_traceback(None)


def _found(folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        yield _distribution(point), point.load
    for path in sorted(folder.glob("*.py")):
        yield str(path), lambda path=path: _run(path)  # type: ignore[misc]


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} ({point.value})" if point.dist else point.value


def _run(path: Path) -> None:
    name = _MODULE + path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def _import(where: str, load: Callable[[], object]) -> None:
    try:
        load()
    except Exception as error:  # noqa: BLE001  Whatever a stranger's code raises is the same to who has to mend it.
        raise ConfigurationError(
            "EXTENSION_BROKEN",
            at=_place(where, error),
            why=str(error) if isinstance(error, PortfolioError) else f"{type(error).__name__}: {error}",
            expected="a module that can be imported and adds something to a registry",
            remedy="Mend it, or take it away.",
        ) from None


def _place(where: str, error: Exception) -> str:
    """File and line of the newest frame in the extension itself, or where its syntax ends."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == where]
    return f"{where}:{lines[-1]}" if lines else where
