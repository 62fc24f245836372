"""The emergency switch, as the inside asks: one that needs neither the database nor the network."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from portfolio_pipeline.core.execution.halt import TradingState


class HaltSwitch(Protocol):
    """Thrown by `portfolio halt`. What cannot be read counts as thrown."""

    def state(self) -> TradingState: ...

    def throw(self, reason: str, now: datetime) -> None:
        """Halt; the first reason stays while it is thrown."""
        ...

    def lift(self) -> None: ...
