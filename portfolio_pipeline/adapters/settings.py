"""The settings as the environment points at them, read once per process as long as the file stays the same."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from portfolio_pipeline.adapters.environment import Environment, read_environment
from portfolio_pipeline.core.settings import Settings, load_settings


def active_settings(environment: Environment | None = None) -> Settings:
    """What everything runs with."""
    path = (environment or read_environment()).portfolio_config
    return _read(path, version(path))


def version(path: Path) -> int:
    """What changes when the file does; 0 while it cannot be asked."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _read(path: Path, version: int) -> Settings:
    return load_settings(path)
