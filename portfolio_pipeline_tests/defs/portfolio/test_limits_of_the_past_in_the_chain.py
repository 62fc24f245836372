"""Top five, volatility and value at risk on a real warehouse: cut, checked, a range as its sessions, edited rows."""

from __future__ import annotations

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.defs.market.features import features
from portfolio_pipeline.defs.portfolio.aggregated_targets import aggregated_targets, targets_within_limits
from portfolio_pipeline.defs.portfolio.strategy_stages import strategy_stages
from portfolio_pipeline.defs.portfolio.strategy_weights import strategy_weights
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests import chain
from portfolio_pipeline_tests.chain import active_settings
from portfolio_pipeline_tests.defs.portfolio.test_portfolio_assets import DAYS, LIFE, MARKET, filled
from portfolio_pipeline_tests.fakes.clock import FixedClock

__all__ = ["filled"]

ASSETS = [strategy_stages, strategy_weights, aggregated_targets]
TIGHT = {"volatility": 0.04, "value_at_risk": 0.004, "top_five": 0.11}
ROOM = {"turnover": 4.0}


def house(**limits: float | None) -> Settings:
    written = active_settings().limits.model_dump()
    return active_settings().model_copy(update={"limits": Limits(**{**written, **ROOM, **TIGHT, **limits})})


def materialise(warehouse: Warehouse, sessions: SessionRange, settings: Settings) -> dg.ExecuteInProcessResult:
    return chain.materialise(
        ASSETS,
        sessions,
        warehouse=warehouse,
        settings=settings,
        strategies=load_cards(),
        clock=FixedClock.after_close(LIFE.last),
    )


@pytest.fixture
def priced(filled: Warehouse) -> Warehouse:
    chain.materialise([features], MARKET, warehouse=filled, settings=house(), clock=FixedClock.after_close(LIFE.last))
    return filled


def figures(warehouse: Warehouse) -> pd.DataFrame:
    """Of each session's final targets, by pandas: volatility, value at risk and the five largest."""
    weights = (
        warehouse.read("aggregated_targets").to_pandas().pivot_table(index="session", columns="symbol", values="weight")
    )
    closes = (
        warehouse.read("features").to_pandas().pivot_table(index="session", columns="symbol", values="adjusted_close")
    )
    found = {}
    change = closes.pct_change(fill_method=None).iloc[1:].reindex(columns=weights.columns)  # one is not listed yet
    classes = pd.Series(active_settings().asset_classes)
    alike = change.T.groupby(classes).transform("mean").T  # what a symbol without a return is taken to have earned
    change = change.fillna(alike).fillna(0.0)
    for session, held in weights.iterrows():
        earned = (change.loc[:session].tail(252) * held).sum(axis=1)
        found[session] = (
            float(np.sqrt(earned.pow(2).ewm(halflife=63).mean().iloc[-1] * 252)),
            float(-np.percentile(earned, 5)),
            float(held.abs().nlargest(5).sum()),
        )
    return pd.DataFrame(found, index=["volatility", "value_at_risk", "top_five"]).T


def test_every_session_holds_the_limits_and_most_are_at_one_of_them(priced: Warehouse) -> None:
    result = materialise(priced, LIFE, house())
    assert all(found.passed for found in result.get_asset_check_evaluations())
    found = figures(priced)
    for name, cap in TIGHT.items():
        assert (found[name] <= cap + 1e-9).all(), name
    at_one = np.isclose(found[list(TIGHT)], list(TIGHT.values()), rtol=1e-9).any(axis=1)
    assert at_one.mean() > 0.5
    cuts = priced.read("risk_breaches").to_pandas()
    assert {"volatility", "top_five"} <= set(cuts["rule"])


def test_a_range_and_its_sessions_one_by_one_are_cut_alike(priced: Warehouse) -> None:
    materialise(priced, LIFE, house())
    at_once = priced.read("aggregated_targets").to_pandas()
    materialise(priced, SessionRange(DAYS[0], DAYS[-6]), house())
    for session in DAYS[-5:]:
        materialise(priced, SessionRange.single(session), house())
    pd.testing.assert_frame_equal(priced.read("aggregated_targets").to_pandas(), at_once, check_exact=True)


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        ("update aggregated_targets set weight = weight * 1.02 where session = '{day}'", "volatility"),
        ("update aggregated_targets set weight = 0.1 where session = '{day}' and symbol < 'EMB'", "top_five"),
    ],
)
def test_an_edited_row_fails_the_check_by_what_all_rows_come_to(priced: Warehouse, edit: str, rule: str) -> None:
    settings = house(top_five=None, value_at_risk=None) if rule == "volatility" else house(volatility=None)
    materialise(priced, LIFE, settings)
    with priced.transaction() as transaction:
        transaction.execute(edit.format(day=LIFE.last))
    given = {"sessions": SessionRange(DAYS[-2], DAYS[-1]), "warehouse": priced, "settings": settings}
    found = targets_within_limits.function(**{name: given[name] for name in targets_within_limits.parameters})
    assert not found.passed
    assert f"| {LIFE.last} | portfolio | {rule} |" in str(found.metadata["offending rows"].value)


def test_a_limit_that_is_only_reported_cuts_nothing_and_each_session_past_it_is_told(priced: Warehouse) -> None:
    settings = house(top_five=None, value_at_risk=None)
    told = settings.model_copy(update={"limits": settings.limits.model_copy(update={"alert_only": ("volatility",)})})
    result = materialise(priced, LIFE, told)
    assert all(found.passed for found in result.get_asset_check_evaluations())
    found = figures(priced)["volatility"]
    past = set(found.index[found > TIGHT["volatility"] + 1e-9])
    breaches = priced.read("risk_breaches").to_pandas().query("rule == 'volatility'")
    assert set(breaches["session"]) == past
    assert past
    assert set(breaches["severity"]) == {"warning"}
    assert set(breaches["action"]) == {"reported: the settings ask for no more"}
