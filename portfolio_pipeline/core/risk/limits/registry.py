"""The limits in force, by name, in the order in which they cut. What a limit is stands in `limit`."""

from __future__ import annotations

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.risk.limits.limit import Limit
from portfolio_pipeline.core.risk.limits.of_exposure import ASSET_CLASS, GROSS, NET, NET_MINIMUM
from portfolio_pipeline.core.risk.limits.of_symbols import FINITE, SYMBOL, UNIVERSE
from portfolio_pipeline.core.risk.limits.of_turnover import TURNOVER

LIMITS: dict[str, Limit] = {
    limit.name: limit for limit in (FINITE, UNIVERSE, SYMBOL, ASSET_CLASS, GROSS, NET, NET_MINIMUM, TURNOVER)
}


def register(limit: Limit) -> None:
    """Put a limit in force. Before settings are read, for it may have a key there."""
    if limit.name in LIMITS or limit.name == "tolerance":
        raise ConfigurationError(
            "LIMIT_NAME_TAKEN", found=limit.name, expected="a name of its own", remedy="Call the limit otherwise."
        )
    LIMITS[limit.name] = limit
