"""How like a real market the made-up one is: `python -m portfolio_pipeline_tests.benchmarks.market_likeness`.

Real series beside simulated ones of their class, in figures (`market_figures`), over thirty seeds (`--seeds N`) with
the tenth and the ninetieth percentile; and what moves together, in calm and in crisis. Last, which seed is the most
ordinary one, by the rule that has chosen the default among a hundred (`_ordinary`). `--json` puts everything on the
last line. Real prices come out of wheels, which pip has to be able to download (`real_prices`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.adapters.market_data.market_model import BEAR, CASH, CRISIS
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, as_days
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline_tests import real_prices
from portfolio_pipeline_tests.market_figures import YEAR, in_crisis, losers_against_winners, market_figures

HOUSE = load_settings(PACKAGE_ROOT / "portfolio.yaml")
WHOLE = SessionRange(FIRST_SESSION, date(2026, 11, 20))
TEN_YEARS = "2016-11-21"
FIVE_YEARS = "2021-11-22"
COST_BPS = HOUSE.costs.commission_bps + HOUSE.costs.half_spread_bps + HOUSE.costs.slippage_bps


@dataclass(frozen=True)
class Likeness:
    """Series of one kind: real ones, and symbols of the made-up market that ought to be like them."""

    name: str
    real: pd.DataFrame
    cash: float
    simulated: tuple[str, ...]


def main() -> None:
    seeds = range(int(sys.argv[sys.argv.index("--seeds") + 1]) if "--seeds" in sys.argv else 30)
    real = _real()
    markets = {seed: simulated_closes(seed) for seed in seeds}
    figures = {seed: market_figures(closes, CASH) for seed, closes in markets.items()}
    told: dict[str, object] = {"seeds": len(seeds)}
    for kind in real:
        drawn = [one.loc[list(kind.simulated)] for one in figures.values()]
        table = _beside(market_figures(kind.real, kind.cash), drawn)
        print(f"\n{kind.name}: {', '.join(kind.real)} ({kind.real.index[0]:%Y} to {kind.real.index[-1]:%Y})")
        print(f"beside {', '.join(kind.simulated)}\n{table.round(3).to_string()}")
        told[kind.name] = table.to_dict("index")
    rest = pd.concat([one.loc[list(_WITHOUT_LIKE)] for one in figures.values()]).groupby(level=0).median().T
    print(f"\nWithout a real counterpart at hand, the middle of the seeds\n{rest.round(3).to_string()}")
    told["without a real counterpart"] = rest.to_dict("index")
    funds = real_prices.funds()[_STOCK_FUNDS]
    weekly = pd.DataFrame({"real": _reversal(funds)}).join(
        _spread(_reversal(one[_STOCK_FUNDS]) for one in markets.values())
    )
    print(f"\nSharpe of a week's losers against its winners, stock funds\n{weekly.round(2).to_string()}")
    told["losers against winners"] = weekly.to_dict("index")
    together = _together_table(real_prices.funds(), markets.values())
    print(f"\nCorrelation with SPY\n{together.round(2).to_string()}")
    told["correlation with SPY"] = together.astype(object).where(together.notna(), None).to_dict("index")
    ranked = _ordinary(markets)
    print(f"\nMost ordinary seeds, by the rule\n{ranked.head().round(2).to_string()}")
    told["most ordinary"] = ranked.head().to_dict("index")
    if "--json" in sys.argv:
        print(json.dumps(told))


def simulated_closes(seed: int, symbols: Sequence[str] = HOUSE.symbols) -> pd.DataFrame:
    """What a holder of each symbol of the shipped universe has, dividends included: the whole history."""
    bars = SimulatedMarketData(HOUSE.universe, seed).bars(symbols, WHOLE)
    panel = PricePanel.from_prices(bars, as_days(tuple(WHOLE)), tuple(symbols))
    closes = pd.DataFrame(panel.adjusted_close, index=pd.DatetimeIndex(panel.sessions), columns=list(symbols))
    return closes.ffill()


def _real() -> tuple[Likeness, ...]:
    cash, funds = real_prices.us_cash(), real_prices.funds()
    lately = float(cash["2008":"2016"].mean())
    return (
        Likeness("large companies", real_prices.us_index(), float(cash["1990":].mean()), ("SPY",)),
        Likeness("stock funds", funds[_STOCK_FUNDS], lately, tuple(_STOCK_FUNDS)),
        Likeness("treasuries", funds[["IEF", "TLT"]], lately, ("IEF", "TLT")),
        Likeness("other bonds", funds[["TIP", "LQD"]], lately, ("TIP", "LQD")),
        Likeness("crude oil", real_prices.oil(), float(cash["1986":].mean()), ("USO",)),
    )


_STOCK_FUNDS = ["EFA", "EEM", "EWJ", "VGK", "XLK", "XLF", "XLE", "XLU"]
_WITHOUT_LIKE = ("SHY", "HYG", "EMB", "GLD", "DBA", "DBB", "VNQ", "RWX")


def _beside(real: pd.DataFrame, simulated: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """A row per figure: the mean and the ends of the real series, the middle and the spread of the simulated ones."""
    drawn = _spread([one.mean() for one in simulated])
    return pd.DataFrame({"real": real.mean(), "lowest": real.min(), "highest": real.max()}).join(drawn)


def _spread(by_seed: Iterable[pd.Series]) -> pd.DataFrame:
    drawn = pd.DataFrame(list(by_seed))
    return pd.DataFrame({"middle": drawn.median(), "tenth": drawn.quantile(0.1), "ninetieth": drawn.quantile(0.9)})


def _reversal(closes: pd.DataFrame) -> pd.Series:
    return pd.Series({f"{bps} bps": losers_against_winners(closes, bps / 10_000) for bps in (0.0, COST_BPS)})


def _together_table(real: pd.DataFrame, markets: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """With SPY: stock funds (their mean) and others, while SPY is calm and while it is in crisis."""
    drawn = pd.DataFrame([_together(closes) for closes in markets])
    return pd.DataFrame({"real": _together(real), "middle": drawn.median(), "tenth": drawn.quantile(0.1)}).join(
        drawn.quantile(0.9).rename("ninetieth")
    )


def _together(closes: pd.DataFrame) -> pd.Series:
    moves, crisis = np.log(closes).diff(), in_crisis(closes["SPY"])
    told: dict[str, float] = {}
    for name, part in (("calm", moves[~crisis]), ("crisis", moves[crisis])):
        with_spy = part.corrwith(part["SPY"])
        told[f"stock funds, {name}"] = with_spy[_STOCK_FUNDS].mean()
        for symbol in ("TLT", "IEF", "TIP", "LQD", "HYG", "GLD", "USO", "VNQ"):
            told[f"{symbol}, {name}"] = with_spy.get(symbol, np.nan)
    return pd.Series(told)


def _ordinary(markets: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """Seeds with a crisis and a bear market within the newest five years, the most ordinary one first.

    How ordinary: the rank among all seeds of what stocks, long treasuries, gold and property have earned, how far and
    how often stocks fell, over ten years and over all. The seed counts whose farthest rank is nearest to the middle.
    """
    figures = pd.DataFrame({seed: _in_short(closes) for seed, closes in markets.items()}).T
    off = (figures.rank(pct=True) - 0.5 - 0.5 / len(figures)).abs()
    both = [seed for seed, closes in markets.items() if {CRISIS, BEAR} <= set(_moods_since(seed, closes, FIVE_YEARS))]
    return figures.assign(farthest=off.max(axis=1)).loc[both].sort_values("farthest")


def _in_short(closes: pd.DataFrame) -> pd.Series:
    told: dict[str, float] = {}
    for name, part in (("ten", closes[TEN_YEARS:]), ("all", closes)):
        earned = part.pct_change().mean() * YEAR
        told |= {f"{symbol} {name}": earned[symbol] for symbol in ("SPY", "TLT", "GLD", "VNQ")}
        told[f"swings {name}"] = part["SPY"].pct_change().std()
        told[f"drawdown {name}"] = (part["SPY"] / part["SPY"].cummax()).min()
    return pd.Series(told)


def _moods_since(seed: int, closes: pd.DataFrame, first: str) -> list[int]:
    mood = SimulatedMarketData(HOUSE.universe, seed).market.mood[: len(closes)]
    return list(mood[closes.index >= first])


if __name__ == "__main__":
    main()
