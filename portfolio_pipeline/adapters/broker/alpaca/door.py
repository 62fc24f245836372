"""Where the account is: alpaca-py's trading client, opened with keys and address of the mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.adapters.alpaca.client import Door
from portfolio_pipeline.ports.broker import TradingMode

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient


def trading_door(access: AlpacaAccess, mode: TradingMode) -> Door:
    """Refused where the access is not one for that mode; nothing is connected yet."""
    access.require(mode)
    url = access.url(mode)

    def opened() -> TradingClient:
        from alpaca.trading.client import TradingClient

        return TradingClient(access.key, access.secret, paper=mode == "PAPER", raw_data=True, url_override=url)

    return Door(url, opened)
