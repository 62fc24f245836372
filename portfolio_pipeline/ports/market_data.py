"""Where bars come from, as the inside asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from portfolio_pipeline.core.calendar.sessions import SessionRange

if TYPE_CHECKING:
    import pandas as pd

    from portfolio_pipeline.core.errors import DataError
    from portfolio_pipeline.core.market.quotes import Quote


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


@dataclass(frozen=True, eq=False)
class ChangedPast:
    """Bars that a source holds otherwise than it did: as they are now, and session and symbol of those gone.

    Where there are several vendors, those gone say in `source` whose they were.
    """

    bars: pd.DataFrame
    gone: pd.DataFrame


@runtime_checkable
class RemembersThePast(Protocol):
    """Market data that notices by itself when the source's past changes, whichever sessions are asked for."""

    def changed_past(self, symbols: Sequence[str], before: date) -> ChangedPast:
        """What was noticed of sessions before one, as often as asked until it is recorded."""
        ...

    def past_is_recorded(self) -> None: ...


@runtime_checkable
class ComparesVendors(Protocol):
    """Market data of several vendors."""

    def differences(self) -> pd.DataFrame:
        """Rows of `vendor_differences`: what they said otherwise, the last time that they were asked for bars."""
        ...


@runtime_checkable
class TellsQuotes(Protocol):
    """Market data that knows prices of this moment."""

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """The newest quotes, however old; a symbol without one is not among them."""
        ...


@runtime_checkable
class CanBeExamined(Protocol):
    """Market data that somebody out in the world may refuse."""

    def examined(self, symbols: Sequence[str]) -> str:
        """What is fine, in words; refused as asking for bars would be."""
        ...


@runtime_checkable
class TellsWhatIsUnreadable(Protocol):
    """Market data that goes on with what it can read, and says what it could not."""

    def refusals(self) -> Sequence[DataError]:
        """What the source holds and could not be read, the last time that it was asked for bars."""
        ...
