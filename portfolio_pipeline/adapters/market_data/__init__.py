"""Where bars come from: a made-up market, or a folder of files.

This package fetches and hands over. Judging what was delivered belongs to `core.market.quality`.
"""

from __future__ import annotations

from portfolio_pipeline.adapters.environment import Environment
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import MarketData


def open_market_data(environment: Environment, settings: Settings) -> MarketData:
    """The market data that the environment asks for; nothing is read yet."""
    if environment.market_data == "simulated":
        from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData

        return SimulatedMarketData(settings.universe)
    if environment.market_data_path is None:
        raise ConfigurationError("MARKET_DATA_PATH_MISSING", remedy="Set MARKET_DATA_PATH, or MARKET_DATA=simulated.")
    from portfolio_pipeline.adapters.market_data.files import FileMarketData

    return FileMarketData(environment.market_data_path, environment.dagster_home / "price_files")
