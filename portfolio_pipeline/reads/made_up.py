"""What of an account is simulated: as its tables say, whatever the environment says now."""

from __future__ import annotations

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import PRICES, SIM_ACCOUNT
from portfolio_pipeline.ports import Reader

_SOURCE = "SIMULATED"


def made_up(reader: Reader) -> tuple[str, ...]:
    """`prices`, `fills`, both or nothing. Fills are, where a simulated broker has kept an account."""
    newest = reader.newest(PRICES.name)
    sources = (
        [] if newest is None else reader.read(PRICES.name, SessionRange.single(newest), columns=["source"])["source"]
    )
    prices = _SOURCE in {str(source) for source in sources}
    fills = reader.newest(SIM_ACCOUNT.name) is not None
    return *(["prices"] if prices else []), *(["fills"] if fills else [])
