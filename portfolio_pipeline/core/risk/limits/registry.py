"""The limits in force, by name, in the order in which they cut. What a limit is stands in `limit`."""

from __future__ import annotations

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.risk.limits.limit import Limit
from portfolio_pipeline.core.risk.limits.of_exposure import ASSET_CLASS, GROSS, NET, NET_MINIMUM, SHORT
from portfolio_pipeline.core.risk.limits.of_orders import ORDER_EQUITY, ORDER_NOTIONAL, ORDER_VOLUME, PRICE_COLLAR
from portfolio_pipeline.core.risk.limits.of_symbols import FINITE, SYMBOL, UNIVERSE
from portfolio_pipeline.core.risk.limits.of_turnover import TURNOVER
from portfolio_pipeline.core.risk.limits.order_limit import OrderLimit

LIMITS: dict[str, Limit] = {
    limit.name: limit for limit in (FINITE, UNIVERSE, SYMBOL, SHORT, ASSET_CLASS, GROSS, NET, NET_MINIMUM, TURNOVER)
}
ORDER_LIMITS: dict[str, OrderLimit] = {
    limit.name: limit for limit in (ORDER_NOTIONAL, ORDER_EQUITY, ORDER_VOLUME, PRICE_COLLAR)
}
"""Those of single orders, in the order in which they cut."""


def register(limit: Limit | OrderLimit) -> None:
    """Put a limit in force. Before settings are read, for it may have a key there."""
    if limit.name in LIMITS or limit.name in ORDER_LIMITS or limit.name == "tolerance":
        raise ConfigurationError(
            "LIMIT_NAME_TAKEN", found=limit.name, expected="a name of its own", remedy="Call the limit otherwise."
        )
    if isinstance(limit, OrderLimit):
        ORDER_LIMITS[limit.name] = limit
    else:
        LIMITS[limit.name] = limit
