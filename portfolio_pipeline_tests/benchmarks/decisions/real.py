"""The shipped cards on real closes out of wheels: 20 US stocks 1990-2022, and 23 funds 2008-2016.

Closes only: what is decided at one close is traded at the next, a whole session later, which is harder than the chain's
next open. Cards whose classes a market lacks are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.market.panel import TotalReturnPanel
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline_tests import real_prices
from portfolio_pipeline_tests.benchmarks.decisions.searches import Played, play

_BONDS = ("TIP", "IEF", "LQD", "TLT", "BND", "CSJ")
_FEWEST = 4


def real_markets() -> dict[str, tuple[TotalReturnPanel, Mapping[str, str], str]]:
    """By name: prices, the asset class of each symbol, and the symbol that stands for the market."""
    stocks, funds = real_prices.us_stocks(), real_prices.funds()
    return {
        "20 US stocks 1990-2022": (_panel(stocks), dict.fromkeys(map(str, stocks.columns), "equity"), "GE"),
        "23 funds 2008-2016": (
            _panel(funds),
            {str(symbol): "bond" if symbol in _BONDS else "equity" for symbol in funds.columns},
            "SPY",
        ),
    }


def on_real_prices(cards: Sequence[StrategyCard], settings: Settings) -> dict[str, dict[str, Played]]:
    """By market and card."""
    found: dict[str, dict[str, Played]] = {}
    for name, (panel, classes, benchmark) in real_markets().items():
        universe = tuple(
            Instrument(symbol=symbol, asset_class=classes[symbol], group=symbol.lower(), name=symbol)  # type: ignore[arg-type]
            for symbol in panel.symbols
        )
        theirs = settings.model_copy(update={"universe": universe, "benchmark": benchmark})
        enough = [card for card in cards if len(card.universe(theirs)) >= _FEWEST]
        found[name] = {card.name: play(card, panel, theirs) for card in enough}
    return found


def _panel(closes: pd.DataFrame) -> TotalReturnPanel:
    prices = np.ascontiguousarray(closes.to_numpy(dtype=np.float64))
    days = closes.index.to_numpy().astype("datetime64[D]")
    return TotalReturnPanel(days, tuple(map(str, closes.columns)), prices, prices)
