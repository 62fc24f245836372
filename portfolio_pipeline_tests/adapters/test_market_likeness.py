"""The made-up market is like a real one, on average over seeds: bounds are wide, real figures stand beside them.

The real ones are of the S&P 500 1990 to 2022 and of funds 2008 to 2016; `benchmarks.market_likeness` has them all.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.market_data.market_model import CASH, FACTOR_MODELS, MOODS, Market, mood_shares
from portfolio_pipeline.adapters.market_data.randomness import BLOCK, Randomness
from portfolio_pipeline.core.market.settings import DEFAULT_SEED
from portfolio_pipeline_tests.benchmarks.market_likeness import simulated_closes
from portfolio_pipeline_tests.market_figures import YEAR, in_crisis, market_figures

SEEDS = range(8)
STOCKS = ["SPY", "EFA", "EEM", "XLF", "XLU"]
SYMBOLS = [*STOCKS, "SHY", "IEF", "TLT", "HYG", "GLD", "USO", "DBA", "VNQ", "RWX"]


@pytest.fixture(scope="module")
def markets() -> list[pd.DataFrame]:
    return [simulated_closes(seed, SYMBOLS) for seed in SEEDS]


@pytest.fixture(scope="module")
def figures(markets: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean over the seeds; a row per symbol."""
    return pd.concat([market_figures(closes, CASH) for closes in markets]).groupby(level=0).mean()


@pytest.mark.parametrize(
    ("figure", "symbols", "low", "high"),
    [
        ("premium", STOCKS, 0.03, 0.09),  # real: 0.06 without dividends
        ("premium", ["VNQ", "RWX"], 0.02, 0.075),
        ("premium", ["IEF", "TLT"], 0.0, 0.03),
        ("premium", ["GLD", "DBA"], -0.02, 0.04),
        ("premium", ["SHY"], -0.002, 0.006),  # cash earns 2.5 % a year
        ("volatility", ["SPY"], 0.14, 0.20),  # real: 0.18
        ("volatility", ["TLT"], 0.12, 0.16),  # real: 0.16
        ("volatility", ["SHY"], 0.008, 0.016),
        ("volatility", ["USO"], 0.30, 0.45),  # real: 0.40
        ("kurtosis", STOCKS, 6.0, 20.0),  # real: 10.6
        ("kurtosis", ["IEF", "TLT"], 1.0, 4.0),  # real: 1.2 to 2.0
        ("skew", ["SPY"], -1.2, 0.1),  # real: -0.4
        ("echo 1", STOCKS, -0.06, -0.005),  # real: -0.08
        ("clusters 1", ["SPY"], 0.20, 0.36),  # real: 0.28
        ("clusters 20", ["SPY"], 0.12, 0.28),  # real: 0.23
        ("clusters 60", ["SPY"], 0.03, 0.15),  # real: 0.10
        ("leverage", ["SPY"], -0.10, -0.03),  # real: -0.08
        ("variance 21", ["SPY", "TLT", "GLD"], 0.75, 1.05),  # real: 0.76 to 0.84
        ("drawdown", ["SPY"], -0.65, -0.30),  # real: -0.57
        ("years below", ["SPY"], 2.0, 10.0),  # real: 7.2
        ("crisis share", ["SPY"], 0.06, 0.16),  # real: 0.09
        ("held", ["SPY"], 0.2, 0.6),  # real: 0.36
        ("trend rule", ["SPY"], 0.15, 0.65),  # real: 0.41
        ("trend rule", ["TLT", "GLD", "USO", "VNQ"], -0.3, 0.5),
    ],
)
def test_it_is_like_real_ones(figures: pd.DataFrame, figure: str, symbols: list[str], low: float, high: float) -> None:
    assert low <= figures.loc[symbols, figure].mean() <= high


def test_stocks_fall_together_and_bonds_do_not(markets: list[pd.DataFrame]) -> None:
    """Real, of stock funds with SPY: 0.79 in calm and 0.92 in crisis; of long treasuries -0.47 and -0.51."""
    calm, crisis = [], []
    for closes in markets:
        moves, hot = np.log(closes).diff(), in_crisis(closes["SPY"])
        calm.append(moves[~hot].corr()["SPY"])
        crisis.append(moves[hot].corr()["SPY"])
    quiet, wild = pd.DataFrame(calm).mean(), pd.DataFrame(crisis).mean()
    assert 0.65 < quiet[STOCKS[1:]].mean() < 0.85
    assert quiet[STOCKS[1:]].mean() + 0.05 < wild[STOCKS[1:]].mean() < 0.95
    assert quiet["VNQ"] + 0.1 < wild["VNQ"]
    assert quiet["USO"] < wild["USO"]
    assert -0.5 < quiet["TLT"] < -0.1
    assert -0.6 < wild["TLT"] < -0.1
    assert abs(quiet["GLD"]) < 0.15


def test_each_factor_earns_its_premium_over_many_seeds_and_nothing_by_its_moods() -> None:
    blocks = 22
    markets = [Market(Randomness(seed), blocks) for seed in range(100, 124)]
    earned = pd.DataFrame([{name: moves.mean() * YEAR for name, moves in one.factors.items()} for one in markets])
    error = earned.std() / np.sqrt(len(markets))
    for name, model in FACTOR_MODELS.items():
        assert abs(earned[name].mean() - model.premium) < 4 * error[name], name
        assert model.drift @ mood_shares() == pytest.approx(model.premium), name
    seen = np.mean([np.bincount(one.mood, minlength=len(MOODS)) for one in markets], axis=0) / (blocks * BLOCK)
    assert np.abs(seen - mood_shares()).max() < 0.05


def test_the_default_seed_is_neither_the_best_nor_the_worst_decade() -> None:
    decades = {seed: simulated_closes(seed, ["SPY"])["2016-11-21":]["SPY"] for seed in range(30)}
    earned = pd.Series({seed: closes.iloc[-1] / closes.iloc[0] for seed, closes in decades.items()})
    fell = pd.Series({seed: (closes / closes.cummax()).min() for seed, closes in decades.items()})
    assert 0.15 < earned.rank(pct=True)[DEFAULT_SEED] < 0.85
    assert 0.15 < fell.rank(pct=True)[DEFAULT_SEED] < 0.85
