"""The portfolio's assets on a real warehouse: tables, checks, refusals, and a range as its sessions one by one."""

from __future__ import annotations

import json
import math
from datetime import date

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.components.session_check import SessionCheck
from portfolio_pipeline.core.arrays import long
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days, sessions_between
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.risk.adaptation import Adaptation
from portfolio_pipeline.core.risk.states.settings import Responses
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import MANUAL_SHARES, STRATEGY_HONESTY
from portfolio_pipeline.core.tables.market import REGIMES
from portfolio_pipeline.defs.portfolio.aggregated_targets import (
    aggregated_targets,
    targets_cover_the_universe,
    targets_within_limits,
)
from portfolio_pipeline.defs.portfolio.risk import risk
from portfolio_pipeline.defs.portfolio.strategy_stages import strategy_stages
from portfolio_pipeline.defs.portfolio.strategy_weights import shares_within_limits, strategy_weights
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests import chain
from portfolio_pipeline_tests.chain import active_settings
from portfolio_pipeline_tests.fakes.clock import FixedClock

MARKET = SessionRange(date(2022, 9, 1), date(2023, 2, 28))
LIFE = SessionRange(date(2023, 1, 17), MARKET.last)
DAYS = sessions_between(LIFE.first, LIFE.last)
LAST = SessionRange(DAYS[-2], DAYS[-1])
BEFORE = SessionRange(DAYS[0], DAYS[-3])
UNANSWERED = Responses(drawdown="alert_only", strategy_drawdown="alert_only")
"""For tests of something else: the paper returns of the fixture lose more than strategies may."""
ASSETS = [strategy_stages, strategy_weights, aggregated_targets, risk]
TABLES = (
    *("strategy_stages", "strategy_weights", "rebalance_decisions", "allocation_inputs", "aggregated_targets"),
    *("risk_states", "risk_metrics", "risk_breaches"),
)


@pytest.fixture
def filled(duckdb_warehouse: Warehouse) -> Warehouse:
    """Prices of a simulated market, and for each card targets and paper returns that wander."""
    settings, generator = active_settings(), np.random.default_rng(11)
    bars = SimulatedMarketData(settings.universe).bars(settings.symbols, MARKET)
    duckdb_warehouse.replace("prices", MARKET, bars)
    days = as_days(DAYS)
    for card in load_cards():
        wandering = 0.5 * generator.normal(size=31) + np.cumsum(generator.normal(0, 0.02, (len(days), 31)), axis=0)
        targets = np.maximum(wandering, 0) ** 3 / (np.maximum(wandering, 0) ** 3).sum(axis=1, keepdims=True)
        rows = long(days, settings.symbols, by="symbol", weight=targets).assign(strategy=card.name, decided=True)
        duckdb_warehouse.replace("strategy_targets", LIFE, rows, where={"strategy": card.name})
        figures = {"gross_return": generator.normal(0.0005, 0.004 + 0.01 * generator.random(), (len(days), 1))}
        figures |= {"cost": np.full((len(days), 1), 1e-5), "turnover": np.full((len(days), 1), 0.1)}
        figures["cash_return"] = np.zeros((len(days), 1))
        paper = long(days, [card.name], by="strategy", **figures)
        paper["net_return"] = paper["gross_return"] - paper["cost"]
        duckdb_warehouse.replace("strategy_returns", LIFE, paper, where={"strategy": card.name})
        judge(duckdb_warehouse, card.name, LIFE)
    return duckdb_warehouse


def judge(
    warehouse: Warehouse,
    strategy: str,
    sessions: SessionRange,
    verdict: str = "unproven",
    evidence: float = 1.0,
    loss: float = 1.0,
) -> None:
    """Rows of strategy_honesty that say this, and nothing else that matters here."""
    rows = pd.DataFrame({column.name: None for column in STRATEGY_HONESTY.columns}, index=range(len(sessions)))
    rows["session"], rows["strategy"], rows["reasons"] = as_days(tuple(sessions)).astype("datetime64[s]"), strategy, ""
    rows["verdict"], rows["evidence"], rows["loss_evidence"] = verdict, evidence, loss
    rows["walked_sessions"], rows["takes_new_capital"] = 0, True
    warehouse.replace("strategy_honesty", sessions, rows, where={"strategy": strategy})


def materialise(
    warehouse: Warehouse,
    sessions: SessionRange,
    *,
    succeed: bool = True,
    strategies: tuple[StrategyCard, ...] | None = None,
    promotion: str = "suggest",
    allocation: Allocation | None = None,
    rebalancing: Rebalancing | None = None,
    responses: Responses | None = None,
    adaptation: Adaptation | None = None,
) -> dg.ExecuteInProcessResult:
    shipped = active_settings()
    changed = {
        "promotion": promotion,
        "allocation": allocation or shipped.allocation,
        "rebalancing": rebalancing or shipped.rebalancing,
        "responses": responses or shipped.responses,
        "adaptation": adaptation or shipped.adaptation,
    }
    return chain.materialise(
        ASSETS,
        sessions,
        warehouse=warehouse,
        raise_on_error=succeed,
        settings=shipped.model_copy(update=changed),
        strategies=strategies or load_cards(),
        clock=FixedClock.after_close(LIFE.last),
    )


def tables(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    return {name: warehouse.read(name).to_pandas() for name in TABLES}


def test_a_range_session_by_session_and_overlapping_ranges_give_identical_tables(filled: Warehouse) -> None:
    materialise(filled, LIFE)
    at_once = tables(filled)
    materialise(filled, BEFORE)
    materialise(filled, SessionRange(DAYS[12], BEFORE.last))
    for session in LAST:
        materialise(filled, SessionRange.single(session))
    for name, table in tables(filled).items():
        pd.testing.assert_frame_equal(table, at_once[name], check_exact=True, obj=name)
    assert all(len(table) for table in at_once.values())


def test_where_asked_for_the_book_adapts_to_the_regime_with_the_same_bits_day_by_day(filled: Warehouse) -> None:
    materialise(filled, LIFE)
    (before,) = (rows for name, rows in tables(filled).items() if name == "aggregated_targets")
    chances = dict.fromkeys((f"probability_{name}" for name in REGIMES), 0.0)
    told = {"regime": "crisis", **chances, "probability_crisis": 0.5, "probability_bull_quiet": 0.5}
    stored = pd.DataFrame({"session": as_days(DAYS).astype("datetime64[s]"), **told})
    filled.replace("regimes", LIFE, stored)
    materialise(filled, LIFE)
    pd.testing.assert_frame_equal(filled.read("aggregated_targets").to_pandas(), before, check_exact=True)
    adaptation = Adaptation(to_regime=True)
    result = materialise(filled, LIFE, adaptation=adaptation)
    assert all(found.passed for found in result.get_asset_check_evaluations())
    at_once = filled.read("aggregated_targets").to_pandas()
    newest = at_once[at_once["session"] == DAYS[-1]]
    asked, held = newest[newest["requested_weight"] != 0.0], newest[newest["weight"] != 0.0]
    assert len(held) == math.ceil(0.7 * len(asked))
    assert held["requested_weight"].min() >= asked[asked["weight"] == 0.0]["requested_weight"].max()
    assert held["weight"].sum() <= 0.625 * asked["requested_weight"].sum() + 1e-9
    assert asked["reason"].str.contains("regime: ").all()
    materialise(filled, BEFORE, adaptation=adaptation)
    for session in LAST:
        materialise(filled, SessionRange.single(session), adaptation=adaptation)
    pd.testing.assert_frame_equal(filled.read("aggregated_targets").to_pandas(), at_once, check_exact=True)


def test_where_a_regime_is_missing_that_the_settings_ask_for_the_session_is_refused(filled: Warehouse) -> None:
    result = materialise(filled, LIFE, adaptation=Adaptation(to_regime=True), succeed=False)
    (failure, *_) = result.get_step_failure_events()
    assert "REGIMES_MISSING" in str(failure.step_failure_data.user_failure_data)


def test_all_checks_hold_and_pictures_and_figures_are_shown(filled: Warehouse) -> None:
    result = materialise(filled, LIFE)
    evaluations = {found.check_name: found for found in result.get_asset_check_evaluations()}
    assert set(evaluations) == {
        *(
            "cards_are_as_the_rule_says",
            "states_follow_from_paper",
            "shares_within_limits",
            "targets_within_limits",
            "targets_obey_the_states",
            "targets_cover_the_universe",
            "figures_within_limits",
            "components_add_up",
            "correlations_are_as_they_were",
        ),
        "targets_come_from_strategies",
    }
    assert all(found.passed for found in evaluations.values())
    for asset in ("strategy_weights", "aggregated_targets", "risk"):
        shown: dict[str, dg.MetadataValue] = {}
        for event in result.asset_materializations_for_node(asset):
            shown |= event.metadata
        assert "SIMULATED" in str(shown["picture"].value)


def test_the_future_changes_no_row_of_the_past(filled: Warehouse) -> None:
    materialise(filled, LIFE)
    before = tables(filled)
    for noun, column in (("strategy_returns", "net_return"), ("prices", "close"), ("strategy_targets", "weight")):
        with filled.transaction() as transaction:
            transaction.execute(f"update {noun} set {column} = {column} * 1.01 where session > '{BEFORE.last}'")
    materialise(filled, LIFE)
    for name, table in tables(filled).items():
        past, expected = (rows[rows["session"] <= BEFORE.last] for rows in (table, before[name]))
        pd.testing.assert_frame_equal(past, expected, check_exact=True, obj=name)
    assert not tables(filled)["aggregated_targets"].equals(before["aggregated_targets"])


def test_a_missing_previous_session_is_refused(filled: Warehouse) -> None:
    materialise(filled, BEFORE)
    result = materialise(filled, SessionRange.single(DAYS[-1]), succeed=False)
    assert not result.success
    (failure, *_) = result.get_step_failure_events()
    assert "PREVIOUS_SESSION_MISSING" in str(failure.step_failure_data.user_failure_data)


def test_a_strategy_without_targets_is_refused_and_nothing_is_stored(filled: Warehouse) -> None:
    name = load_cards()[0].name
    filled.replace("strategy_targets", LAST, filled.read("strategy_targets").slice(0, 0), where={"strategy": name})
    result = materialise(filled, LIFE, succeed=False)
    (failure, *_) = result.get_step_failure_events()
    assert f"STRATEGY_TARGETS_MISSING: strategy={name}" in str(failure.step_failure_data.user_failure_data)
    assert len(filled.read("aggregated_targets")) == 0


def asked(check: SessionCheck, warehouse: Warehouse) -> dg.AssetCheckResult:
    """What the check says of the newest sessions, as they are stored."""
    given = {
        "sessions": LAST,
        "warehouse": warehouse,
        "settings": active_settings(),
        "strategies": load_cards(),
    }
    return check.function(**{name: given[name] for name in check.parameters})


def test_a_target_above_its_limit_fails_the_check_with_the_offending_row(filled: Warehouse) -> None:
    materialise(filled, LIFE)
    with filled.transaction() as transaction:
        transaction.execute(
            f"update aggregated_targets set weight = 0.21 where symbol = 'SPY' and session = '{LAST.last}'"
        )
    found = asked(targets_within_limits, filled)
    assert not found.passed
    assert targets_within_limits.blocking
    assert f"| {LAST.last} | SPY | symbol | 0.21 | 0.2 |" in str(found.metadata["offending rows"].value)


def test_a_missing_target_fails_the_check(filled: Warehouse) -> None:
    materialise(filled, LIFE)
    with filled.transaction() as transaction:
        transaction.execute(f"delete from aggregated_targets where symbol = 'IEF' and session = '{LAST.last}'")
    found = asked(targets_cover_the_universe, filled)
    assert not found.passed
    assert f"| {LAST.last} | IEF |" in str(found.metadata["offending rows"].value)


def test_a_share_that_jumps_fails_the_check(filled: Warehouse) -> None:
    materialise(filled, LIFE)
    name = load_cards()[0].name
    with filled.transaction() as transaction:
        transaction.execute(
            "update strategy_weights set unresponded_weight = unresponded_weight - 0.03"
            f" where strategy = '{name}' and session = '{LAST.last}'"
        )
    found = asked(shares_within_limits, filled)
    assert not found.passed
    assert f"SHARE_TOO_SMALL: strategy={name}" in str(found.metadata["offending rows"].value)


def shares_of(warehouse: Warehouse, strategy: str) -> pd.DataFrame:
    return warehouse.read("strategy_weights", where={"strategy": strategy}).to_pandas().set_index("session")


def strict(card: StrategyCard) -> StrategyCard:
    return card.model_copy(update={"honesty": card.honesty.model_copy(update={"when_doubted": "no_new_capital"})})


def test_a_doubted_strategy_gets_no_new_capital_and_the_check_knows(filled: Warehouse) -> None:
    first, *others = load_cards()
    name, cards = first.name, (strict(first), *others)
    materialise(filled, SessionRange(DAYS[0], DAYS[9]), strategies=cards)
    share = shares_of(filled, name)["weight"].iloc[-1]
    later = SessionRange(DAYS[10], LIFE.last)
    judge(filled, name, later, "doubted", loss=12.0)
    # Its returns are so quiet that inverse volatility would hand it nearly everything.
    with filled.transaction() as transaction:
        transaction.execute(f"update strategy_returns set net_return = net_return / 50 where strategy = '{name}'")
    result = materialise(filled, later, strategies=cards)
    found = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert not found.pop("cards_are_as_the_rule_says")
    assert all(found.values())
    at_once = tables(filled)["strategy_weights"]
    shares = shares_of(filled, name)
    assert (shares["requested_weight"].iloc[20:] > 0.8).all()
    assert (shares["weight"].iloc[10:] <= share).all()
    assert (shares["kept_weight"].iloc[10:] == share).all()
    assert shares["kept_weight"].iloc[:10].isna().all()
    assert shares["weight"].iloc[-1] > 0.1
    assert shares["reason"].iloc[-1] == f"gets no new capital: keeps {share:.4g}"
    totals = at_once.groupby("session")["weight"].sum()
    np.testing.assert_allclose(totals, 1.0, atol=1e-9)
    for session in LAST:
        materialise(filled, SessionRange.single(session), strategies=cards)
    pd.testing.assert_frame_equal(tables(filled)["strategy_weights"], at_once, check_exact=True)
    with filled.transaction() as transaction:
        transaction.execute(
            "update strategy_weights set unresponded_weight = unresponded_weight + 0.01"
            f" where strategy = '{name}' and session = '{LAST.last}'"
        )
    told = asked(shares_within_limits, filled)
    assert shares_within_limits.blocking
    assert f"SHARE_TOO_LARGE: strategy={name}" in str(told.metadata["offending rows"].value)


def test_a_home_without_stages_and_kept_shares_goes_on_with_what_its_strategies_have(filled: Warehouse) -> None:
    """As a migration leaves it: shares of before, verdicts without evidence, nothing of stages."""
    first, *others = load_cards()
    cards, before = (strict(first), *others), SessionRange(DAYS[0], DAYS[9])
    materialise(filled, before, strategies=cards)
    share = shares_of(filled, first.name)["weight"].iloc[-1]
    with filled.transaction() as transaction:
        transaction.delete("strategy_stages", before)
        transaction.execute("update strategy_weights set kept_weight = null")
    judge(filled, first.name, SessionRange(DAYS[10], LIFE.last), "doubted", evidence=np.nan, loss=np.nan)
    result = materialise(filled, SessionRange(DAYS[10], LIFE.last), strategies=cards)
    assert all(found.passed for found in result.get_asset_check_evaluations() if found.blocking)
    assert (shares_of(filled, first.name)["kept_weight"].iloc[10:] == share).all()
    stages = filled.read("strategy_stages", where={"strategy": first.name}).to_pandas()
    assert stages["session"].tolist() == list(DAYS[10:])
    assert set(stages["stage"]) == {"active"}


def test_a_candidate_holds_nothing_of_the_capital(filled: Warehouse) -> None:
    first, *others = load_cards()
    candidate = first.model_copy(update={"stage": "candidate"})
    result = materialise(filled, LIFE, strategies=(candidate, *others))
    assert all(found.passed for found in result.get_asset_check_evaluations())
    assert (shares_of(filled, first.name)["weight"] == 0.0).all()
    assert (shares_of(filled, first.name)["reason"] == "has no capital: candidate or paused").all()
    assert shares_of(filled, others[0].name)["weight"].iloc[-1] > 0.0


def test_the_rule_of_promotion_is_told_or_in_force_as_the_settings_say(filled: Warehouse) -> None:
    """One rises from candidate to active and grows, one falls from active over watched to paused."""
    first, second, *others = load_cards()
    cards = (first.model_copy(update={"stage": "candidate"}), second, *others)
    judge(filled, first.name, SessionRange(DAYS[5], LIFE.last), "believed", evidence=25.0)
    judge(filled, second.name, SessionRange(DAYS[5], LIFE.last), "doubted", loss=30.0)
    told = materialise(filled, LIFE, strategies=cards)
    suggested = tables(filled)
    (check,) = (one for one in told.get_asset_check_evaluations() if one.check_name == "cards_are_as_the_rule_says")
    assert not check.passed
    assert not check.blocking
    assert check.description is not None
    assert f"{first.name} is candidate by its card, active by the rule" in check.description
    assert f"{second.name} is active by its card, paused by the rule" in check.description
    assert (shares_of(filled, first.name)["weight"] == 0.0).all()
    assert shares_of(filled, second.name)["weight"].iloc[-1] > 0.1

    result = materialise(filled, LIFE, strategies=cards, promotion="act")
    assert all(found.passed for found in result.get_asset_check_evaluations())
    acted = tables(filled)
    rule = ["strategy", "rule_stage", "reason", "rule_capital"]
    pd.testing.assert_frame_equal(acted["strategy_stages"][rule], suggested["strategy_stages"][rule])
    stages = acted["strategy_stages"].set_index("strategy")
    assert stages.loc[second.name, "stage"].tolist()[4:8] == ["active", "watched", "paused", "paused"]
    risen, fallen = shares_of(filled, first.name), shares_of(filled, second.name)
    np.testing.assert_allclose(risen["weight"].iloc[4:8], [0.0, 0.02, 0.04, 0.06])
    largest = active_settings().allocation.maximum * stages.loc[first.name, "capital"].to_numpy()
    assert (risen["weight"].to_numpy() <= largest + 1e-12).all()
    assert fallen["weight"].iloc[5] <= fallen["kept_weight"].iloc[5] == fallen["weight"].iloc[4]
    assert fallen["weight"].iloc[-1] == 0.0
    for session in LAST:
        materialise(filled, SessionRange.single(session), strategies=cards, promotion="act")
    for name, table in tables(filled).items():
        pd.testing.assert_frame_equal(table, acted[name], check_exact=True, obj=name)


@pytest.mark.parametrize("method", ["black_litterman", "hierarchical", "kelly", "ensemble"])
def test_any_method_with_locks_and_groups_gives_a_range_as_its_sessions_one_by_one(
    filled: Warehouse, method: str
) -> None:
    """Locked while invested, in a group, by exposures and asset classes that are read of the tables and cards."""
    first, second, *_ = (card.name for card in load_cards())
    rules = Allocation.model_validate(
        {
            "method": method,
            "locked": {first: "while_invested"},
            "groups": {"two": {"strategies": [first, second], "maximum": 0.35}},
            "tracking_error": 0.002,
        }
    )
    result = materialise(filled, LIFE, allocation=rules, responses=UNANSWERED)
    assert all(found.passed for found in result.get_asset_check_evaluations())
    at_once = tables(filled)["strategy_weights"]
    assert set(at_once["method"]) == {method}
    held = at_once[at_once["strategy"] == first]
    targets = filled.read("strategy_targets", where={"strategy": first}).to_pandas()
    invested = targets.groupby("session")["weight"].apply(lambda weights: weights.abs().sum() > 0)
    locked = held.set_index("session")["locked"]
    assert locked.iloc[1:].tolist() == invested.loc[list(locked.index[1:])].tolist()
    assert not locked.iloc[0]
    kept = held[held["locked"]]
    np.testing.assert_array_equal(kept["weight"], kept["previous_weight"])
    for session in LAST:
        materialise(filled, SessionRange.single(session), allocation=rules, responses=UNANSWERED)
    pd.testing.assert_frame_equal(tables(filled)["strategy_weights"], at_once, check_exact=True)


@pytest.mark.parametrize("by", ["the rule", "its card"])
def test_the_share_of_who_is_paused_stays_in_cash(filled: Warehouse, by: str) -> None:
    first, second, *others = load_cards()
    name, paused = second.name, second.model_copy(update={"stage": "paused"})
    if by == "the rule":
        judge(filled, name, SessionRange(DAYS[5], LIFE.last), "doubted", loss=30.0)
        materialise(filled, LIFE, promotion="act", responses=UNANSWERED)
    else:
        materialise(filled, SessionRange(DAYS[0], DAYS[5]), responses=UNANSWERED)
        later = SessionRange(DAYS[6], LIFE.last)
        materialise(filled, later, strategies=(first, paused, *others), responses=UNANSWERED)
    newest = tables(filled)["strategy_weights"]
    newest = newest[newest["session"] == newest["session"].max()].set_index("strategy")
    assert newest.loc[name, "weight"] == 0.0
    assert newest.loc[name, "reason"] == "paused: its share stays in cash"
    assert newest["requested_weight"].sum() == pytest.approx(1.0)
    assert newest["weight"].sum() == pytest.approx(1.0 - newest.loc[name, "requested_weight"], abs=0.02)


def say(warehouse: Warehouse, action: str, strategy: str, first: date, **said: object) -> None:
    """A row of manual_shares."""
    with warehouse.transaction() as tx:
        number = len(tx.read(MANUAL_SHARES.name)) + 1
        row = {"event_id": number, "action": action, "strategy": strategy, "share": None, "effective_from": first}
        row |= {"expires": None, "reason": "a test", "who": "somebody", "recorded_at": pd.Timestamp("2023-02-28")}
        tx.insert(MANUAL_SHARES.name, pd.DataFrame([row | said]))


def test_any_rule_of_rebalancing_gives_a_range_as_its_sessions_one_by_one(filled: Warehouse) -> None:
    """Steps, drift, costs, a regime that changes, a pause by the rule, shares by hand that begin and end."""
    first, second, third, *_ = (card.name for card in load_cards())
    rules = Rebalancing(
        trigger=("weekly", "drift", "adaptive", "after_breach"),
        drift=0.004,
        steps=4,
        cost_benefit=True,
        cost_multiple=40.0,
    )
    told = pd.DataFrame({"session": as_days(DAYS).astype("datetime64[s]")}).assign(
        regime=["bull_quiet"] * 12 + ["crisis"] * (len(DAYS) - 12), **{f"probability_{name}": 0.0 for name in REGIMES}
    )
    filled.replace("regimes", LIFE, told)
    judge(filled, second, SessionRange(DAYS[9], LIFE.last), "doubted", loss=30.0)
    say(filled, "set", first, DAYS[3], share=0.3, expires=DAYS[14])
    say(filled, "lock", third, DAYS[6], expires=DAYS[11])
    say(filled, "pause", third, DAYS[18])
    say(filled, "now", "", DAYS[7])
    result = materialise(filled, LIFE, rebalancing=rules, promotion="act")
    assert all(found.passed for found in result.get_asset_check_evaluations() if found.blocking)
    at_once = tables(filled)
    decisions = at_once["rebalance_decisions"].set_index("session")
    assert set(decisions["decision"]) == {"moved", "kept", "refused"}
    fired = ",".join(decisions["trigger"]).split(",")
    assert {"first", "weekly", "drift", "regime_change", "after_breach", "manual"} <= set(fired)
    by_hand = [DAYS.index(day) for day in decisions.index[decisions["who"] == "somebody"]]
    assert by_hand == [3, 6, 7, 12, 15, 18]
    for step in (*(SessionRange.single(day) for day in DAYS[10:]), SessionRange(DAYS[2], LIFE.last)):
        materialise(filled, step, rebalancing=rules, promotion="act")
        for name, table in tables(filled).items():
            past = table["session"] <= step.last
            pd.testing.assert_frame_equal(
                table[past], at_once[name][past], check_exact=True, obj=f"{name} after {step}"
            )


def test_each_decision_says_what_became_of_the_shares_and_what_was_known(filled: Warehouse) -> None:
    materialise(filled, LIFE, rebalancing=Rebalancing(trigger=("month_end",)))
    stored = tables(filled)
    weights = stored["strategy_weights"].pivot_table(index="session", columns="strategy", values="unresponded_weight")
    decisions = stored["rebalance_decisions"].set_index("session")
    for session, row in decisions.iterrows():
        assert json.loads(row["shares_after"]) == weights.loc[session].to_dict()
    assert decisions["shares_before"].isna().tolist() == [True] + [False] * (len(DAYS) - 1)
    pd.testing.assert_series_equal(
        decisions["shares_before"].iloc[1:], decisions["shares_after"].shift().iloc[1:], check_names=False
    )
    moved = decisions.index[decisions["trigger"] == "month_end"]
    assert list(moved) == [date(2023, 1, 31), date(2023, 2, 28)]
    turnover = weights.diff().abs().sum(axis=1)
    np.testing.assert_allclose(decisions["turnover"].iloc[1:], turnover.iloc[1:], atol=1e-12)
    assert len(stored["allocation_inputs"]) == len(stored["strategy_weights"])
    known = stored["allocation_inputs"].groupby("session")["volatility"].count()
    assert known.iloc[18] == 0
    assert known.iloc[-1] == len(load_cards())


def test_a_share_by_hand_is_reached_by_the_daily_change_held_and_left_again(filled: Warehouse) -> None:
    name = load_cards()[0].name
    materialise(filled, LIFE)
    without = shares_of(filled, name)["weight"]
    say(filled, "set", name, DAYS[4], share=0.35, expires=DAYS[16])
    result = materialise(filled, LIFE)
    assert all(found.passed for found in result.get_asset_check_evaluations())
    rows = shares_of(filled, name)
    np.testing.assert_array_equal(rows["weight"].iloc[:4], without.iloc[:4])
    assert rows["locked"].tolist() == [4 <= place <= 16 for place in range(len(DAYS))]
    begun = without.iloc[3]
    for place in range(4, 17):
        assert rows["weight"].iloc[place] == pytest.approx(min(0.35, begun + 0.02 * (place - 3)), abs=1e-9)
    assert rows["weight"].iloc[-1] < 0.35


def test_a_share_beyond_what_somebody_set_fails_the_check(filled: Warehouse) -> None:
    name = load_cards()[0].name
    say(filled, "lock", name, DAYS[4])
    materialise(filled, LIFE)
    assert asked(shares_within_limits, filled).passed
    with filled.transaction() as transaction:
        transaction.execute(
            "update strategy_weights set unresponded_weight = unresponded_weight + 0.01"
            f" where strategy = '{name}' and session = '{LAST.last}'"
        )
    assert f"SHARE_TOO_LARGE: strategy={name}" in str(asked(shares_within_limits, filled).metadata)


def test_a_regime_that_is_not_there_is_missed_by_the_trigger_that_asks_for_it(filled: Warehouse) -> None:
    result = materialise(filled, LIFE, succeed=False, rebalancing=Rebalancing(trigger=("adaptive",)))
    (failure, *_) = result.get_step_failure_events()
    assert "REGIMES_MISSING" in str(failure.step_failure_data.user_failure_data)


def test_capital_is_not_shared_out_before_the_strategies_are_judged(filled: Warehouse) -> None:
    name = load_cards()[2].name
    with filled.transaction() as transaction:
        transaction.delete("strategy_honesty", LAST, where={"strategy": name})
    result = materialise(filled, LIFE, succeed=False)
    (failure, *_) = result.get_step_failure_events()
    message = str(failure.step_failure_data.user_failure_data)
    assert f"STRATEGY_HONESTY_MISSING: strategy={name}, sessions=2, first_missing={LAST.first}" in message
    assert len(filled.read("strategy_weights")) == 0
