"""An account beside its peers: `python -m portfolio_pipeline_tests.benchmarks.ten_years HOME [PICTURE.svg]`.

The account as the home holds it, costs included; 60/40 (the benchmark and IEF) and equal weight of the universe, both
rebalanced at every close and without costs. Returns are a year; Sharpe ratios are above what cash earned.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days
from portfolio_pipeline.core.market.returns import growth, total_returns
from portfolio_pipeline.core.performance.metrics import performance
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reads.cash import cash_earned
from portfolio_pipeline.reads.prices import price_history
from portfolio_pipeline.reads.state import sources
from portfolio_pipeline.reports.pictures import equity_picture, simulated

FIGURES = ("annual_return", "volatility", "sharpe", "max_drawdown")
BONDS = "IEF"


def main() -> None:
    warehouse = open_warehouse(f"duckdb:///{Path(sys.argv[1]) / 'portfolio.duckdb'}")
    with warehouse.reading() as reader:
        first, last = reader.oldest("account"), reader.newest("account")
        assert first is not None
        assert last is not None
        days = as_days(tuple(SessionRange(first, last)))
        lines, cash, origin = (
            _returns(reader, SessionRange(first, last)),
            cash_earned(reader, days),
            sources(reader, last),
        )
    print(f"{first} to {last}, {len(days):,} sessions")
    print(f"{'':14}" + "".join(f"{name:>15}" for name in FIGURES))
    for name, returns in lines.items():
        figures = performance(returns, cash)
        print(f"{name:14}" + "".join(f"{figures[figure][-1]:15.3f}" for figure in FIGURES))
    if len(sys.argv) > 2:
        grown = {name: growth(np.nan_to_num(returns)) for name, returns in lines.items()}
        picture = equity_picture(simulated("What 1 became, and the account's drawdown", origin), days, grown)
        code = re.search(r"data:image/svg\+xml,(.*)\)$", picture)
        assert code is not None
        Path(sys.argv[2]).write_text(unquote(code[1]) + "\n", encoding="utf-8")


def _returns(reader: Reader, life: SessionRange) -> dict[str, Array]:
    """By line, of every session of the account; NaN in the first."""
    settings = load_settings(PACKAGE_ROOT / "portfolio.yaml")
    equity = frame(reader.read("account", life, columns=["session", "equity"], where={"book": "account"}))["equity"]
    mixed = price_history(reader, (settings.benchmark, BONDS), life.last)
    universe = price_history(reader, settings.symbols, life.last)
    lines = {
        "account": equity.pct_change().to_numpy(),
        "60/40": np.nan_to_num(total_returns(mixed)) @ np.array([0.6, 0.4]),
        "equal weight": np.nanmean(total_returns(universe), axis=1),
    }
    lines = {name: values[-len(life) :].copy() for name, values in lines.items()}
    for values in lines.values():
        values[0] = np.nan
    return lines


if __name__ == "__main__":
    main()
