"""What of an account is simulated: as its tables say, whatever the environment says now."""

from __future__ import annotations

from portfolio_pipeline.adapters.origin import newest_sources
from portfolio_pipeline.core.market.made_up import any_made_up
from portfolio_pipeline.core.tables import SIM_ACCOUNT
from portfolio_pipeline.ports import Reader


def made_up(reader: Reader) -> tuple[str, ...]:
    """`prices`, `fills`, both or nothing. Fills are, where a simulated broker has kept an account."""
    prices = any_made_up(newest_sources(reader))
    fills = reader.newest(SIM_ACCOUNT.name) is not None
    return *(["prices"] if prices else []), *(["fills"] if fills else [])
