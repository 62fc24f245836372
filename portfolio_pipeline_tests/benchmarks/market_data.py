"""How long the made-up market and the judge of bars take: `python -m portfolio_pipeline_tests.benchmarks.market_data`.

Aim: ten years of 30 symbols in under 2 s, in a fresh process. `--json` puts the figures on the last line.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from time import perf_counter

import pandas as pd

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.adapters.market_data import simulated
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange, all_sessions
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.market.quality.bar_sequence import StoredBars
from portfolio_pipeline.core.market.quality.judge import judge
from portfolio_pipeline.core.settings import Settings, load_settings
from portfolio_pipeline.core.tables import PRICE_RESTATEMENTS, PRICES, QUARANTINE, Table

TEN_YEARS = SessionRange(date(2016, 11, 21), date(2026, 11, 20))


def main() -> None:
    all_sessions()  # the exchange calendar is not what is measured
    house = load_settings(PACKAGE_ROOT / "portfolio.yaml")
    large = Settings(
        benchmark="S0",
        universe=tuple(
            Instrument(symbol=f"S{n}", asset_class="equity", group=f"group{n % 20}", name="made up") for n in range(500)
        ),
    )
    figures: dict[str, float] = {}
    for name, settings in (("30_symbols", house), ("500_symbols", large)):
        simulated._paths.cache_clear()
        market = SimulatedMarketData(settings.universe)
        start = perf_counter()
        bars = market.bars(settings.symbols, TEN_YEARS)
        figures[f"{name}_ten_years_seconds"] = perf_counter() - start
        start = perf_counter()
        last = market.bars(settings.symbols, SessionRange.single(TEN_YEARS.last))
        figures[f"{name}_one_more_session_seconds"] = perf_counter() - start
        figures[f"{name}_judge_ten_years_seconds"] = _judged(bars, TEN_YEARS, settings)
        figures[f"{name}_judge_one_session_seconds"] = _judged(last, SessionRange.single(TEN_YEARS.last), settings)
    for label, seconds in figures.items():
        print(f"{label:45} {seconds:8.3f}")
    if "--json" in sys.argv:
        print(json.dumps(figures))


def _judged(bars: pd.DataFrame, sessions: SessionRange, settings: Settings) -> float:
    stored = StoredBars(_nothing(PRICES), _nothing(QUARANTINE), _nothing(PRICE_RESTATEMENTS), {})
    start = perf_counter()
    judge(bars, sessions=sessions, stored=stored, source="SIMULATED", terms=settings)
    return perf_counter() - start


def _nothing(table: Table) -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in table.column_names})


if __name__ == "__main__":
    main()
