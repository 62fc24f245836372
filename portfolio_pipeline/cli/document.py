"""`--json`: what a command found, as one document on the output and nothing else there.

The keys of each document stand in the help of its command, and stay; new ones may be added. `error` is null, or why
the command was refused: then the others are missing. The exit code is the one without `--json`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import Any

from portfolio_pipeline.adapters.faults import as_refusals
from portfolio_pipeline.core.errors import PortfolioError, Several

VERSION = 1


def write_document(name: str, look: Callable[[], Mapping[str, Any]]) -> None:
    """Look, with whatever is said on the way on the error stream, and write what was found."""
    refused = None
    with redirect_stdout(sys.stderr):
        try:
            with as_refusals():
                found: Mapping[str, Any] = {"error": None, **look()}
        except PortfolioError as refusal:
            refused, found = refusal, {"error": told(refusal)}
    sys.stdout.write(json.dumps(_plain({"document": name, "version": VERSION, **found}), indent=2) + "\n")
    if refused is not None:
        raise refused


def told(refusal: PortfolioError) -> dict[str, Any]:
    """A refusal by its parts."""
    figures = {
        name: list(value) if isinstance(value, Several) else str(value) for name, value in refusal.figures.items()
    }
    return {"reason": refusal.reason, "figures": figures, "to_do": refusal.remedy, "message": str(refusal)}


def _plain(value: Any) -> Any:
    """What JSON knows: days and times as ISO, what is no number as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
