"""Where bars come from, by the name that `MARKET_DATA` uses: a made-up market, files, Alpaca, or one from outside.

This package fetches and hands over. Judging what was delivered belongs to `core.market.quality`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.registry import Registry

if TYPE_CHECKING:
    from portfolio_pipeline.adapters.environment import Environment
    from portfolio_pipeline.core.settings import Settings
    from portfolio_pipeline.ports import MarketData


@dataclass(frozen=True)
class Vendor:
    """One source of bars; `open` reads nothing yet, but refuses an environment that it cannot work with."""

    name: str
    open: Callable[[Environment, Settings], MarketData]


def open_market_data(environment: Environment, settings: Settings) -> MarketData:
    """The market data that the environment asks for, of one vendor or of several; nothing is read yet."""
    vendors = [VENDORS[name].open(environment, settings) for name in environment.market_data.split(",")]
    if len(vendors) == 1:
        return vendors[0]
    from portfolio_pipeline.adapters.market_data.several import SeveralVendors

    return SeveralVendors(vendors, settings.quality.vendor_difference)


def _simulated(environment: Environment, settings: Settings) -> MarketData:
    from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData

    return SimulatedMarketData(settings.universe, settings.simulated_market.seed)


def _files(environment: Environment, settings: Settings) -> MarketData:
    from portfolio_pipeline.adapters.market_data.files import FileMarketData

    if environment.market_data_path is None:
        raise ConfigurationError(
            "MARKET_DATA_PATH_MISSING",
            expected="a folder of Parquet or CSV files",
            remedy="Set MARKET_DATA_PATH, or MARKET_DATA=simulated.",
        )
    return FileMarketData(environment.market_data_path, environment.dagster_home / "price_files")


def _alpaca(environment: Environment, settings: Settings) -> MarketData:
    from portfolio_pipeline.adapters.clock import SystemClock
    from portfolio_pipeline.adapters.market_data.alpaca.desk import DataDesk
    from portfolio_pipeline.adapters.market_data.alpaca.kept_bars import KeptBars
    from portfolio_pipeline.adapters.market_data.alpaca.vendor import AlpacaMarketData

    desk = DataDesk(environment.alpaca)
    return AlpacaMarketData(desk, KeptBars(environment.dagster_home / "alpaca_bars" / desk.feed), SystemClock())


VENDORS: Registry[Vendor] = Registry(
    "data vendor", (Vendor("simulated", _simulated), Vendor("files", _files), Vendor("alpaca", _alpaca))
)
