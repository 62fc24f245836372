"""What takes long to find out, kept as Python keeps bytecode: beside the code, and as trustworthy.

The file's name is a digest of everything that the answer follows from. So nothing has to be kept up to date: other
circumstances have no such file yet.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")


def kept(folder: Path, name: str, digest: str, find_out: Callable[[], Answer]) -> Answer:
    """The answer of this name for the circumstances of the digest; what was kept for others is forgotten."""
    file = Path(cache_from_source(str(folder / f"{name}-{digest}.py"))).with_suffix(".pickle")
    with suppress(OSError, EOFError, pickle.UnpicklingError):
        answer: Answer = pickle.loads(file.read_bytes())
        return answer
    answer = find_out()
    if not sys.dont_write_bytecode:
        with suppress(OSError):  # the folder need not be ours to write to
            _keep(file, name, answer)
    return answer


def _keep(file: Path, name: str, answer: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".partial")
    fresh.write_bytes(pickle.dumps(answer))
    for earlier in file.parent.glob(f"{name}-*.pickle"):
        earlier.unlink(missing_ok=True)
    fresh.replace(file)
