"""The page about the made-up market says what the model does: strengths are its own, and the comparison still holds."""

from __future__ import annotations

import pandas as pd
import pytest

from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.adapters.market_data.market_model import CASH, FACTOR_MODELS, MOODS
from portfolio_pipeline.defs.market import prices
from portfolio_pipeline.reports.made_up_market import MEASURED, Measured, made_up_market
from portfolio_pipeline_tests.benchmarks.market_likeness import simulated_closes
from portfolio_pipeline_tests.market_figures import market_figures

SEEDS = range(12)


@pytest.fixture(scope="module")
def drawn() -> list[pd.DataFrame]:
    symbols = sorted({symbol for one in MEASURED for symbol in one.symbols})
    return [market_figures(simulated_closes(seed, symbols), CASH) for seed in SEEDS]


@pytest.mark.parametrize("one", MEASURED, ids=lambda one: f"{one.series}: {one.figure}")
def test_what_was_measured_over_a_hundred_seeds_is_what_a_few_show(one: Measured, drawn: list[pd.DataFrame]) -> None:
    """Whoever changes the model measures again: of twelve seeds about ten are between the tenth and the ninetieth."""
    found = pd.Series([figures.loc[list(one.symbols), one.figure].mean() for figures in drawn])
    middle, low, high = one.made_up
    assert low < middle < high
    assert found.between(low, high).sum() >= 6
    assert found.quantile(0.1) <= middle <= found.quantile(0.9)


def test_the_page_names_every_factor_and_mood_with_what_the_model_gives_it() -> None:
    page = made_up_market()
    for name, model in FACTOR_MODELS.items():
        assert f"| {name} | {model.premium * 100:.1f} % |" in page
    for mood in MOODS:
        assert f"| {mood} | " in page
    assert f"Cash earns {CASH * 100:.1f} %" in page


def test_it_stands_on_the_prices_only_where_they_are_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKET_DATA", "simulated")
    assert "these prices are made up" in prices.description(read_environment())
    monkeypatch.setenv("MARKET_DATA", "files")
    assert "made up" not in prices.description(read_environment())
