"""The asset S/strategy_targets of a card whose changes are phased in and whose holdings are stopped, on a database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.components.strategy.targets import targets_asset
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.transitions import wanted
from portfolio_pipeline.core.strategies.types.momentum import Momentum, MomentumParameters
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.core.markets import market, up_to
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.stored_panels import store_panel

SETTINGS = load_settings(PACKAGE_ROOT / "portfolio.yaml")
SYMBOLS = SETTINGS.symbols[:6]
PANEL = market(320, 6, seed=3)
DAYS = [day.astype(date) for day in PANEL.sessions]
CARD = StrategyCard.model_validate(
    {
        "name": "tested",
        "type": "momentum",
        "description": "for tests",
        "symbols": {"only": SYMBOLS},
        "rebalance": "monthly",
        "transition_sessions": 4,
        "sizing": {"adjust": "daily", "volatility_target": 0.1, "stop": 0.06},
    }
)
TABLES = ("strategy_targets", "strategy_returns", "strategy_paper_books")
FIRST, LAST = 284, 296
FOUR = Mixture.single(MomentumParameters(top=4))
STEPS = {FIRST: 2, 288: 4, 290: 3}  # how many symbols are held from these sessions on


@pytest.fixture
def stored(duckdb_warehouse: Warehouse) -> Warehouse:
    """A warehouse with prices and features, and the parameters that were chosen."""
    store_panel(duckdb_warehouse, replace(PANEL, symbols=SYMBOLS))
    rows = range(FIRST, LAST + 1)
    parameters = pd.DataFrame(
        {
            "session": PANEL.sessions[FIRST : LAST + 1].astype("datetime64[s]"),
            "strategy": "tested",
            "parameters": [
                MomentumParameters(top=STEPS[max(step for step in STEPS if step <= row)]).to_json() for row in rows
            ],
            "objective": "sharpe",
            "score": 1.0,
            "trials": 3,
            "changed": [row in STEPS for row in rows],
            "plateau_score": 1.0,
            "holdout_score": 1.0,
            "reason": "",
            "members": 1,
        }
    )
    duckdb_warehouse.replace("optimized_parameters", SessionRange(DAYS[FIRST], DAYS[LAST]), parameters)
    alone = parameters[["session", "strategy", "parameters"]].assign(member=1, share=1.0)
    duckdb_warehouse.replace("parameter_mixtures", SessionRange(DAYS[FIRST], DAYS[LAST]), alone)
    return duckdb_warehouse


def materialise(warehouse: Warehouse, first: int, last: int) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [targets_asset(CARD)],
        resources={"warehouse": warehouse, "settings": SETTINGS, "clock": FixedClock.after_close(DAYS[-1])},
        tags={
            "dagster/asset_partition_range_start": DAYS[first].isoformat(),
            "dagster/asset_partition_range_end": DAYS[last].isoformat(),
        },
    )


def tables(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    return {name: frame(warehouse.read(name, SessionRange(DAYS[0], DAYS[-1]))) for name in TABLES}


def test_ranges_in_the_midst_of_a_transition_fill_the_tables_as_one_range_does(stored: Warehouse) -> None:
    assert materialise(stored, FIRST, LAST).success
    whole = tables(stored)
    held = whole["strategy_targets"].groupby("session")["weight"].apply(lambda weights: (weights > 0).sum())
    assert held.min() >= 1
    assert held.max() > held.min()
    with stored.transaction() as transaction:
        for name in TABLES:
            transaction.delete(name, None)
    for first, last in ((FIRST, 287), (288, 288), (289, 291), (292, LAST)):
        materialise(stored, first, last)
    for name, rows in tables(stored).items():
        pd.testing.assert_frame_equal(rows, whole[name], check_exact=True, obj=name)


def test_parameters_of_another_card_are_not_phased_out(stored: Warehouse) -> None:
    materialise(stored, FIRST, 287)
    with stored.transaction() as transaction:
        text = json.dumps({"from": "another type"})
        transaction.execute(f"update parameter_mixtures set parameters = '{text}' where session < date '{DAYS[288]}'")
    result = materialise(stored, 288, 288)
    assert [evaluation.passed for evaluation in result.get_asset_check_evaluations()] == [True]
    inputs = Inputs(replace(up_to(PANEL, 288), symbols=SYMBOLS))
    at_once, _ = wanted(Momentum(), CARD, inputs, [FOUR], [True])
    phased, _ = wanted(
        Momentum(), CARD, inputs, [FOUR], [True], earlier=[Mixture.single(MomentumParameters(top=2))] * 4
    )
    found = tables(stored)["strategy_targets"].pivot_table(index="session", columns="symbol", values="weight")
    np.testing.assert_array_equal(found[list(SYMBOLS)].iloc[-1], at_once[0])
    assert np.abs(phased - at_once).max() > 0.01
