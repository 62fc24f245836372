"""Where bars come from, as the inside asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from portfolio_pipeline.core.calendar.sessions import SessionRange

if TYPE_CHECKING:
    import pandas as pd


class MarketData(Protocol):
    """Where bars come from. It hands over what the source says, right or wrong: judging it is done in
    `core.market.quality`."""

    @property
    def source(self) -> str:
        """Written on every row; SIMULATED for made-up markets."""
        ...

    def bars(self, symbols: Sequence[str], sessions: SessionRange) -> pd.DataFrame:
        """Rows with the columns of the prices table; a symbol without a bar has no row.

        Rows outside `symbols` or `sessions` may be among them when the source delivered them: they are judged too.
        """
        ...
