"""A crash in the market walks the portfolio through every severity and back to full risk, with the same bits over a
range and day by day.

Everything falls by a quarter between two sessions and rises again in the two after: paper, which goes on, wins back
what the account does not. Responses are as shipped, but for shorter waits; the limit on value at risk is one that the
book has come to by then. Nothing is reported here, and research is done once: its own tests say that it does not matter
whether sessions come one by one.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.adapters.sealed_states import write_states
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.settings import Responses
from portfolio_pipeline.defs.portfolio import aggregated_targets, strategy_weights
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import Chain, Tables, active_settings, assert_same, chain_parts, read_tables
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData
from portfolio_pipeline_tests.trading import PLAN_KEY

FIRST, CRASH, LAST = date(2022, 1, 3), date(2022, 11, 10), date(2022, 12, 7)
WHOLE, HISTORY = SessionRange(FIRST, LAST), SessionRange(FIRST, date(2022, 11, 8))
RECENT = SessionRange(date(2022, 11, 9), LAST)
EVE, AFTER, RE_ENTRY = date(2022, 11, 9), date(2022, 11, 11), date(2022, 11, 25)
FALL, RISE = 0.76, 1.166
DECIDING = ("strategy_weights", "aggregated_targets", "risk", "orders", "submissions", "fills", "positions")
WAITS = Responses(cool_down=3, step_sessions=2)

pytestmark = pytest.mark.timeout(1800)


@cache
def market() -> ScriptedMarketData:
    """The made-up market with a crash in it."""
    settings = active_settings()
    made_up = SimulatedMarketData(settings.universe)
    scripted = ScriptedMarketData(made_up.bars(settings.symbols, WHOLE), source=made_up.source)
    scripted.scale_after(EVE, FALL)
    scripted.scale_after(CRASH, RISE)
    scripted.scale_after(AFTER, RISE)
    return scripted


def opened(path: Path) -> Warehouse:
    warehouse = open_warehouse(f"duckdb:///{path}")
    warehouse.prepare()
    return warehouse


def chain(warehouse: Warehouse) -> Chain:
    limits = active_settings().limits.model_dump() | {"gross": 0.8, "drawdown": 0.12, "value_at_risk": 0.0036}
    settings = active_settings().model_copy(update={"limits": Limits(**limits), "responses": WAITS})
    return replace(Chain.on(warehouse, WHOLE, market_data=market()), settings=settings)


@cache
def research() -> tuple[str, ...]:
    """The assets that come before decisions: those of markets and strategies, by name."""
    found = (part for part in chain_parts() if isinstance(part, dg.AssetsDefinition))
    keys = ((key.to_user_string(), part.group_names_by_key[key]) for part in found for key in part.keys)
    return tuple(name for name, group in keys if group not in ("reporting", "execution") and name not in DECIDING)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything up to two sessions before the crash."""
    path = tmp_path_factory.mktemp("walk") / "history.duckdb"
    assert chain(opened(path)).materialise(HISTORY, *research(), *DECIDING).success
    return path


@pytest.fixture(scope="module")
def file(history: Path) -> Path:
    path = Path(shutil.copy(history, history.parent / "portfolio.duckdb"))
    assert chain(opened(path)).materialise(RECENT, *research(), *DECIDING).success
    return path


@pytest.fixture(scope="module")
def walk(file: Path) -> Tables:
    return read_tables(opened(file))


def states(walk: Tables, scope: str) -> list[tuple[str, float]]:
    """What it went through, each state with its part of the full risk, from the crash on."""
    rows = walk["risk_states"]
    own = rows[(rows["scope"] == scope) & (rows["session"] >= CRASH)]
    listed = list(zip(own["state"], own["factor"], strict=True))
    return [one for place, one in enumerate(listed) if place == 0 or one != listed[place - 1]]


def test_the_portfolio_is_liquidated_waits_and_comes_back_in_steps(walk: Tables) -> None:
    steps = [("re_entering", 0.25), ("re_entering", 0.5), ("re_entering", 0.75), ("normal", 1.0)]
    out = [("liquidated", 0.0), ("cooling", 0.0)]
    assert states(walk, "portfolio") == [*out, *out, *steps]  # the first cool-down is broken off
    assert states(walk, "account")[0] == ("liquidated", 0.0)
    assert states(walk, "account")[-5:] == [("cooling", 0.0), *steps]


def test_everything_is_sold_at_the_next_open_whatever_the_turnover_limit(walk: Tables) -> None:
    account = walk["account"]
    account = account[account["book"] == "account"].set_index("session")["gross_exposure"]
    assert account[CRASH] > 0.7  # more than the turnover limit lets go in a session
    assert account[AFTER] == 0.0
    orders = walk["orders"]
    crash = orders[orders["session"] == CRASH]
    assert set(crash["side"]) == {"sell"}
    assert set(crash["verdict"]) == {"accepted"}


def test_nothing_is_bought_before_the_re_entry_and_everything_says_why(walk: Tables) -> None:
    rows = walk["risk_states"]
    out = rows[(rows["scope"] == "portfolio") & (rows["factor"] == 0.0)]["session"]
    targets = walk["aggregated_targets"]
    waiting = targets[targets["session"].isin(out)]
    assert (waiting["weight"] == 0.0).all()
    asked = waiting[waiting["requested_weight"] != 0.0]
    assert len(asked)
    assert asked["reason"].str.contains("drawdown").all()
    assert not (walk["orders"]["session"].isin(out) & (walk["orders"]["side"] == "buy")).any()
    assert (waiting["unresponded_weight"] != 0.0).any()


def test_before_the_crash_a_limit_of_high_gravity_scales_all_positions_alike(walk: Tables) -> None:
    rows = walk["risk_states"]
    (state,) = rows[(rows["scope"] == "portfolio") & (rows["session"] == EVE)].to_dict("records")
    assert (state["state"], state["rule"]) == ("reduced", "value_at_risk")
    breaches = walk["risk_breaches"]
    (told,) = breaches[(breaches["session"] == EVE) & (breaches["rule"] == "value_at_risk")].to_dict("records")
    assert (told["gravity"], told["severity"], told["resolved_session"]) == ("high", "cut", EVE)
    assert told["found"] > told["limit_value"] == 0.0036
    targets = walk["aggregated_targets"]
    eve = targets[(targets["session"] == EVE) & (targets["requested_weight"] != 0.0)]
    assert eve["reason"].str.endswith("value_at_risk limit 0.0036").all()
    scaled = eve["weight"] / eve["requested_weight"]
    np.testing.assert_allclose(scaled, told["limit_value"] / told["found"], rtol=1e-9)


def test_every_severity_is_met_with_its_response_and_the_breaches_are_resolved(walk: Tables) -> None:
    breaches = walk["risk_breaches"]
    met = breaches[breaches["severity"] == "cut"].groupby("gravity")["rule"].agg(set)
    assert met["critical"] == {"drawdown", "account_drawdown"}
    assert met["high"] == {"value_at_risk"}
    assert met["medium"] >= {"strategy_drawdown", "correlation"}
    assert met["low"] >= {"turnover"}
    drawdown = breaches[(breaches["rule"] == "drawdown") & (breaches["subject"] == "portfolio")]
    assert drawdown["gravity"].iloc[0] == "critical"
    assert drawdown["resolved_session"].isna().iloc[0]
    assert drawdown["resolved_session"].iloc[-1] == drawdown["session"].iloc[-1]
    paused = breaches[(breaches["rule"] == "strategy_drawdown") & (breaches["session"] == CRASH)]
    assert (paused["gravity"] == "medium").all()
    shares = walk["strategy_weights"]
    shares = shares[(shares["session"] == CRASH) & shares["strategy"].isin(paused["subject"])]
    assert len(shares)
    assert (shares["weight"] == 0.0).all()
    assert shares["reason"].str.contains("paused").all()


def test_the_books_still_add_up_to_the_account(walk: Tables) -> None:
    account = walk["account"]
    whole = account[account["book"] == "account"].set_index("session")["equity"]
    parts = account[account["book"] != "account"].groupby("session")["equity"].sum()
    np.testing.assert_allclose(parts, whole, atol=0.005)


def test_day_by_day_and_in_pieces_gives_the_bits_of_the_range(walk: Tables, history: Path, tmp_path: Path) -> None:
    daily = chain(opened(Path(shutil.copy(history, tmp_path / "portfolio.duckdb"))))
    assert daily.materialise(RECENT, *research()).success
    alone, days = (CRASH, AFTER, RE_ENTRY), list(RECENT)  # the weeks of waiting between them as ranges
    begins = [day for place, day in enumerate(days) if not place or day in alone or days[place - 1] in alone]
    ends = [*(days[days.index(day) - 1] for day in begins[1:]), LAST]
    for first, last in zip(begins, ends, strict=True):
        assert daily.materialise(SessionRange(first, last), *DECIDING).success
    assert_same(daily.tables(), walk)


@pytest.mark.parametrize(
    ("edit", "asset", "check"),
    [
        (
            "update aggregated_targets set weight = 0.05 where symbol = 'SPY' and session = '2022-11-15'",
            "aggregated_targets",
            "targets_obey_the_states",
        ),
        (
            "update risk_states set state = 'normal', factor = 1, may_add = true"
            " where scope = 'portfolio' and session = '2022-11-15'",
            "aggregated_targets",
            "targets_obey_the_states",
        ),
        ("delete from risk_states where scope = 'portfolio'", "aggregated_targets", "targets_obey_the_states"),
        (
            "update risk_states set factor = 1 where scope = 'strategy:momentum_equities' and session = '2022-11-11'",
            "strategy_weights",
            "states_follow_from_paper",
        ),
        (
            "update strategy_weights set weight = 0.1 where strategy = 'momentum_equities' and session = '2022-11-11'",
            "strategy_weights",
            "shares_within_limits",
        ),
    ],
)
def test_rows_that_allow_themselves_more_than_the_states_do_are_found(
    file: Path, tmp_path: Path, edit: str, asset: str, check: str
) -> None:
    warehouse = opened(Path(shutil.copy(file, tmp_path / "portfolio.duckdb")))
    with warehouse.transaction() as transaction:
        transaction.execute(edit)
    asked = {
        found.name: found
        for found in (
            aggregated_targets.targets_obey_the_states,
            strategy_weights.states_follow_from_paper,
            strategy_weights.shares_within_limits,
        )
    }[check]
    house = chain(warehouse)
    given = {"sessions": RECENT, "warehouse": warehouse, "settings": house.settings, "strategies": house.strategies}
    result = asked.function(**{name: given[name] for name in asked.parameters})
    assert not result.passed
    assert asked.blocking, asset


def test_targets_beyond_the_state_are_refused_by_the_planner_whoever_wrote_them(file: Path, tmp_path: Path) -> None:
    """The assets behind the targets alone: no check of theirs is asked."""
    warehouse = opened(Path(shutil.copy(file, tmp_path / "portfolio.duckdb")))
    day = SessionRange.single(LAST)
    with warehouse.transaction() as transaction:
        transaction.execute(
            f"update risk_states set state = 'liquidated', factor = 0, may_add = false"
            f" where scope = 'portfolio' and session = '{LAST}'"
        )
        edited = transaction.read("risk_states", day, where={"level": "portfolio"}).to_pandas()
        write_states(transaction, PLAN_KEY, day, "portfolio", edited)
        for sent in ("submissions", "sim_orders"):  # else it would be refused as a revision
            transaction.delete(sent, day)
    house = chain(warehouse)
    house.materialise(day, "orders", raise_on_error=False)
    orders = warehouse.read("orders", day).to_pylist()
    assert orders
    assert all(row["verdict"] == "refused" for row in orders)
    with warehouse.transaction() as transaction:
        write_states(transaction, PLAN_KEY, day, "portfolio", edited.iloc[:0])
    assert not house.materialise(day, "orders", raise_on_error=False).success
