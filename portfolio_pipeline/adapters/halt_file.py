"""The emergency switch as a file in the home: that it is there halts trading, what stands in it says why.

Made in two steps, so that a full disk, which still takes a new name, halts as well.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.halt import TradingState

FILE_NAME = "HALTED"


class HaltFile:
    """`ports.HaltSwitch` in a home."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE_NAME

    def state(self) -> TradingState:
        try:
            self._path.lstat()
        except FileNotFoundError:
            return TradingState()
        except OSError as error:
            return TradingState(halted=True, reason=f"{self._path} cannot be looked for: {error.strerror}")
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
            return TradingState(True, str(told["reason"]), datetime.fromisoformat(told["since"]))
        except (OSError, ValueError, KeyError, TypeError):
            return TradingState(halted=True, reason=f"{self._path} is there, but does not say why")

    def throw(self, reason: str, now: datetime) -> None:
        if os.path.lexists(self._path):
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise self._unusable(error) from None
        told = json.dumps({"reason": reason, "since": now.isoformat()})
        with suppress(OSError):
            self._path.write_text(told, encoding="utf-8")

    def lift(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> PortfolioError:
        return PortfolioError(
            "HALT_FILE_UNUSABLE",
            file=self._path,
            found=error.strerror,
            remedy=f"To be sure that nothing is sent, stop `portfolio up` and every run; to halt, create {self._path}.",
        )
