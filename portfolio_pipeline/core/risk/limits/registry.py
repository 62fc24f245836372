"""The limits in force, by name, in the order in which they cut. What a limit is stands in `limit`."""

from __future__ import annotations

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.risk.breaches import GRAVE, Gravity
from portfolio_pipeline.core.risk.limits.limit import Limit
from portfolio_pipeline.core.risk.limits.of_concentration import SECTOR, TOP_FIVE
from portfolio_pipeline.core.risk.limits.of_exposure import ASSET_CLASS, GROSS, MARGIN, NET, NET_MINIMUM, SHORT
from portfolio_pipeline.core.risk.limits.of_orders import (
    DAYS_TO_EXIT,
    LIMIT_DISTANCE,
    ORDER_COUNT,
    ORDER_EQUITY,
    ORDER_NOTIONAL,
    ORDER_VOLUME,
    PRICE_COLLAR,
)
from portfolio_pipeline.core.risk.limits.of_returns import VALUE_AT_RISK, VOLATILITY
from portfolio_pipeline.core.risk.limits.of_strategies import STRATEGY_LIMITS
from portfolio_pipeline.core.risk.limits.of_symbols import FINITE, SYMBOL, UNIVERSE
from portfolio_pipeline.core.risk.limits.of_time import LIMITS_OVER_TIME
from portfolio_pipeline.core.risk.limits.of_turnover import TURNOVER
from portfolio_pipeline.core.risk.limits.order_limit import OrderLimit

LIMITS: dict[str, Limit] = {
    limit.name: limit
    for limit in (
        *(FINITE, UNIVERSE, SYMBOL, TOP_FIVE, SHORT, SECTOR, ASSET_CLASS, GROSS, MARGIN, NET, NET_MINIMUM),
        *(VOLATILITY, VALUE_AT_RISK, TURNOVER),
    )
}
ORDER_LIMITS: dict[str, OrderLimit] = {
    limit.name: limit
    for limit in (
        *(ORDER_NOTIONAL, ORDER_EQUITY, ORDER_VOLUME, DAYS_TO_EXIT),
        *(ORDER_COUNT, LIMIT_DISTANCE, PRICE_COLLAR),
    )
}
"""Those of single orders, in the order in which they cut."""


def register(limit: Limit | OrderLimit) -> None:
    """Put a limit in force. Before settings are read, for it may have a key there."""
    taken = {*LIMITS, *ORDER_LIMITS, *STRATEGY_LIMITS, *LIMITS_OVER_TIME, "tolerance"}
    if limit.name in taken:
        raise ConfigurationError(
            "LIMIT_NAME_TAKEN", found=limit.name, expected="a name of its own", remedy="Call the limit otherwise."
        )
    if isinstance(limit, OrderLimit):
        ORDER_LIMITS[limit.name] = limit
    else:
        LIMITS[limit.name] = limit


def gravity_of_rule(name: str) -> Gravity:
    """How grave it is to break the limit or rule of this name."""
    limit = LIMITS.get(name)
    return GRAVE.get(name, "low") if limit is None else limit.gravity
