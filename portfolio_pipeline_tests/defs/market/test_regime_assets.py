"""The asset of regimes and its check on a real database, by both methods."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.settings import Settings, load_settings
from portfolio_pipeline.core.tables.market import REGIMES
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.defs.market.regimes import regimes
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.core.markets import market
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.stored_panels import store_panel

RULES = load_settings(PACKAGE_ROOT / "portfolio.yaml")
MARKOV = RULES.model_copy(
    update={"regimes": RULES.regimes.model_copy(update={"method": "markov", "fewest_sessions": 300})}
)
PANEL = market(420, 4, seed=8, missing=0.0)
SYMBOLS = RULES.symbols[:4]  # SPY first
DAYS = [day.astype(date) for day in PANEL.sessions]


@pytest.fixture
def stored_market(duckdb_warehouse: Warehouse) -> Warehouse:
    store_panel(duckdb_warehouse, replace(PANEL, symbols=SYMBOLS))
    return duckdb_warehouse


def materialise(warehouse: Warehouse, first: int, last: int, settings: Settings = RULES) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [regimes],
        resources={"warehouse": warehouse, "settings": settings, "clock": FixedClock.after_close(DAYS[-1])},
        tags={
            "dagster/asset_partition_range_start": DAYS[first].isoformat(),
            "dagster/asset_partition_range_end": DAYS[last].isoformat(),
        },
    )


def table(warehouse: Warehouse) -> pd.DataFrame:
    return frame(warehouse.read("regimes", SessionRange(DAYS[0], DAYS[-1])))


def test_the_check_reports_every_change_in_a_range_and_the_one_at_its_first_session(stored_market: Warehouse) -> None:
    materialise(stored_market, 255, 419)
    names = table(stored_market)["regime"].to_numpy()
    places = 255 + 1 + np.flatnonzero(names[1:] != names[:-1])
    assert len(places) > 2
    (evaluation,) = materialise(stored_market, int(places[0]), int(places[-1])).get_asset_check_evaluations()
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    assert evaluation.metadata["changes"].value == len(places)
    rows = str(evaluation.metadata["changes, newest first"].value).splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in rows[:20]] == [str(DAYS[p]) for p in places[::-1][:20]]
    assert str(evaluation.description).startswith(f"{names[places[-1] - 256]} (")
    calm = next(row for row in range(256, 420) if row not in places)
    (evaluation,) = materialise(stored_market, calm, calm).get_asset_check_evaluations()
    assert evaluation.passed


@pytest.mark.parametrize("settings", [RULES, MARKOV], ids=["rules", "markov"])
def test_a_range_and_its_sessions_one_by_one_fill_the_same_table(stored_market: Warehouse, settings: Settings) -> None:
    materialise(stored_market, 410, 413, settings)
    whole = table(stored_market)
    with stored_market.transaction() as transaction:
        transaction.delete("regimes", None)
    for row in (410, 411, 412, 413):
        materialise(stored_market, row, row, settings)
    pd.testing.assert_frame_equal(table(stored_market), whole, check_exact=True)


def test_a_home_of_sessions_told_without_a_memory_goes_on_as_if_it_had_always_had_one(
    stored_market: Warehouse,
) -> None:
    forgetful = RULES.model_copy(update={"regimes": RULES.regimes.model_copy(update={"memory_sessions": 0})})
    materialise(stored_market, 255, 409, forgetful)
    before = table(stored_market)
    materialise(stored_market, 410, 419)
    gone_on = table(stored_market)
    pd.testing.assert_frame_equal(gone_on[:155], before, check_exact=True)
    materialise(stored_market, 255, 419)
    anew = table(stored_market)
    pd.testing.assert_frame_equal(gone_on[155:], anew[155:], check_exact=True)
    assert (anew[:155] != before).any(axis=None)


def test_the_newest_partition_shows_method_probabilities_and_a_picture(stored_market: Warehouse) -> None:
    (event,) = materialise(stored_market, 280, 419, MARKOV).asset_materializations_for_node("regimes")[-1:]
    metadata = event.metadata
    assert metadata["method"].value == "markov"
    assert "fewer than 300" in str(metadata["notes"].value)
    newest = table(stored_market).iloc[-1]
    for name in REGIMES:
        assert f"| {name} | {newest[f'probability_{name}']:.6g} |" in str(metadata["probabilities"].value)
    assert "SIMULATED" in str(metadata["picture"].value)
