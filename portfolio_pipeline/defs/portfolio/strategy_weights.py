"""The asset strategy_weights and its check: capital shared out between the strategies.

Only reading, calling `core.portfolio.allocation` and writing belong here.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import get_args

import dagster as dg
import numpy as np

from portfolio_pipeline.adapters.sealed_states import require_before, write_states
from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.arrays import by_session, days, long, spread
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, as_days, previous_session
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.market.indicators import forget_inputs
from portfolio_pipeline.core.portfolio.allocation.allocate import (
    Shares,
    broken_limits,
    kept_shares,
    largest_shares,
)
from portfolio_pipeline.core.portfolio.allocation.bounds import locked_by_hand
from portfolio_pipeline.core.portfolio.answered_shares import answered_shares
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import ByHand
from portfolio_pipeline.core.portfolio.rebalancing.course import Kind
from portfolio_pipeline.core.portfolio.rebalancing.rows import decision_rows, input_rows
from portfolio_pipeline.core.risk.breaches import Breach, breach_rows
from portfolio_pipeline.core.risk.exposures import EPSILON
from portfolio_pipeline.core.risk.states.of_strategies import scope_of, strategy_rule
from portfolio_pipeline.core.risk.states.rows import breaches_of, state_rows
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import (
    ALLOCATION_INPUTS,
    MANUAL_SHARES,
    REBALANCE_DECISIONS,
    REGIME_TABLE,
    RISK_BREACHES,
    RISK_OVERRIDES,
    RISK_STATES,
    STATE_SEALS,
    STRATEGY_RETURNS,
    STRATEGY_STAGES,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.capital import capital_before, known_of_capital
from portfolio_pipeline.reads.risk_states import stored_standings, strategy_standings
from portfolio_pipeline.reports.pictures import simulated, stacked_picture


@session_check(blocking=True)
def shares_within_limits(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
) -> dg.AssetCheckResult:
    """Minimum, maximum, daily change and sum of the decided shares hold, and nobody has capital it must not be given:
    neither by its stage, nor by the state that its risk is in.

    `core.portfolio.allocation` says how the former go together."""
    first = previous_session(sessions.first) or sessions.first
    names = tuple(card.name for card in strategies)
    with warehouse.reading() as reader:
        rows = frame(reader.read(STRATEGY_WEIGHTS.name, SessionRange(first, sessions.last)))
        known = known_of_capital(reader, sessions, settings, strategies)
        _, standings = strategy_standings(reader, sessions, strategies, settings)
    shares, keeps = by_session(rows, "strategy", "unresponded_weight"), by_session(rows, "strategy", "kept_weight")
    given = by_session(rows, "strategy", "weight")
    before = shares.get(first) if first < sessions.first else None
    kept = _array(keeps.get(first, {}) if first < sessions.first else {}, names)
    offending = []
    stop, paper = len(known.paper) - len(sessions), known.paper
    for row, session in enumerate(sessions):
        takes, granted = known.granted.takes_new_capital[row], known.granted.capital[row]
        found, stop = shares.get(session, {}), stop + 1
        kept = kept_shares(kept, None if before is None else np.nan_to_num(_array(before, names)), takes != 0.0)
        largest = dict(zip(names, largest_shares(kept, granted, names, settings.allocation).tolist(), strict=True))
        broken = broken_limits(
            found,
            before,
            settings.allocation,
            largest=largest,
            invested=dict(zip(names, known.exposure[stop - 1] > 0.0, strict=True)),
            returns=dict(zip(names, paper[:stop].T, strict=True)) if set(found) <= set(names) else None,
            by_hand=_locks(known.said, row, before, names),
        )
        before, held = found, given.get(previous_session(session) or session) if session > first else None
        answered = _allowed_by_states(given.get(session, {}), found, held, standings[row])
        offending += [{"session": session, "broken": line} for line in (*broken, *answered)]
    return check_result(offending, checked=len(sessions), remedy="Materialise strategy_weights again.")


@session_check(blocking=True)
def states_follow_from_paper(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
) -> dg.AssetCheckResult:
    """Every strategy's stored state is the one that its paper returns lead to, from the session before the first."""
    with warehouse.reading() as reader:
        _, expected = strategy_standings(reader, sessions, strategies, settings)
        stored = stored_standings(reader, sessions, "strategies")
    offending = [
        {"session": session, "strategy": name, "found": found and found.state, "expected": standing.state}
        for session, standings in zip(sessions, expected, strict=True)
        for name, standing in standings.items()
        if (found := stored.get(session, {}).get(scope_of(name))) != standing
    ]
    remedy = "Somebody has edited them. Materialise strategy_weights again."
    return check_result(offending, checked=len(sessions) * len(strategies), remedy=remedy)


@session_asset(
    table=STRATEGY_WEIGHTS,
    group="portfolio",
    begins="targets",
    reads=(STRATEGY_RETURNS, STRATEGY_TARGETS, STRATEGY_STAGES, REGIME_TABLE, MANUAL_SHARES, RISK_OVERRIDES),
    also_fills=(REBALANCE_DECISIONS, ALLOCATION_INPUTS, RISK_STATES, STATE_SEALS, RISK_BREACHES),
    checks=(states_follow_from_paper, shares_within_limits),
)
def strategy_weights(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
    plan_key: dg.ResourceParam[bytes],
) -> Stored:
    forget_inputs()
    names = tuple(card.name for card in strategies)
    allocation = settings.allocation
    with warehouse.reading() as reader:
        before = capital_before(reader, sessions.first, names)
        known = known_of_capital(reader, sessions, settings, strategies)
        require_before(reader, plan_key, sessions.first, "strategies")
        standing_before, standings = strategy_standings(reader, sessions, strategies, settings)
    _refuse_unjudged(known.granted.takes_new_capital, sessions, names)
    wanted = as_days(tuple(sessions))
    shares = known.shared_out(allocation, settings.rebalancing, settings.costs.total, before)
    held = None if before.answered is None else np.nan_to_num(_array(before.answered, names))
    answered = answered_shares(shares.weight, standings, names, held)
    rows = long(
        wanted,
        names,
        by="strategy",
        weight=answered,
        previous_weight=np.vstack([np.full(len(names), np.nan) if held is None else held, answered[:-1]]),
        requested_weight=shares.requested,
        reason=np.array(_reasons(shares, answered, standings, names), dtype=object),
        kept_weight=shares.kept,
        decided_weight=shares.decided,
        drifted_weight=shares.drifted,
        unresponded_weight=shares.weight,
    )
    rows["method"] = allocation.method
    fixed = list(allocation.fixed)
    invested = (known.exposure[-len(wanted) :] > 0.0) & [name in allocation.kept_while_invested for name in names]
    kept_by_hand = known.said.kept | ~np.isnan(known.said.share)
    rows["locked"] = (
        rows["strategy"].isin(fixed).to_numpy() | (invested & ~np.isnan(shares.previous)).ravel() | kept_by_hand.ravel()
    )
    states = [
        (session, scope_of(name), standing)
        for session, after in zip(sessions, standings, strict=True)
        for name, standing in after.items()
    ]
    breaches = breach_rows(_breaches(sessions, standing_before, standings, strategies, settings), "strategies")
    with warehouse.transaction() as tx:
        count = tx.replace(STRATEGY_WEIGHTS.name, sessions, rows)
        write_states(tx, plan_key, sessions, "strategies", state_rows(states, "strategies"))
        tx.replace(RISK_BREACHES.name, sessions, breaches, where={"level": "strategies"})
        tx.replace(REBALANCE_DECISIONS.name, sessions, decision_rows(wanted, names, allocation.method, shares))
        tx.replace(ALLOCATION_INPUTS.name, sessions, input_rows(wanted, names, known.paper))
    newest = shares.decisions[-1]
    return Stored(
        rows=count,
        metadata={
            "states": {name: standings[-1][name].state for name in names},
            "shares": {name: float(share) for name, share in zip(names, answered[-1], strict=True)},
            "decision": ": ".join(filter(None, (newest.kind, ", ".join(newest.trigger), newest.reason))),
            **{f"sessions {kind}": sum(one.kind == kind for one in shares.decisions) for kind in get_args(Kind)},
        },
        picture=lambda origin: _picture(warehouse, sessions.last, names, origin),
    )


def _picture(warehouse: Warehouse, last: date, names: Sequence[str], origin: Sequence[str]) -> str:
    """Shares of capital over time."""
    history = frame(warehouse.read(STRATEGY_WEIGHTS.name, SessionRange(FIRST_SESSION, last)))
    drawn = np.unique(days(history))
    parts = spread(history, "weight", drawn, names, by="strategy", missing=0.0)
    lines = {name: parts[:, place] for place, name in enumerate(names)}
    return stacked_picture(simulated("Shares of capital", origin), drawn, lines)


def _array(by_name: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    return np.array([by_name.get(name, np.nan) for name in names], dtype=np.float64)


def _locks(said: ByHand, row: int, before: Mapping[str, float] | None, names: Sequence[str]) -> dict[str, float]:
    """The shares that people set or keep at a session."""
    held = np.full(len(names), np.nan) if before is None else np.nan_to_num(_array(before, names))
    lock = locked_by_hand(np.full(len(names), np.nan), said.share[row], said.kept[row], held)
    return {name: share for name, share in zip(names, lock.tolist(), strict=True) if not np.isnan(share)}


def _allowed_by_states(
    given: Mapping[str, float],
    decided: Mapping[str, float],
    held: Mapping[str, float] | None,
    standings: Mapping[str, Standing],
) -> list[str]:
    """Shares that are not what the risk states leave of the decided ones."""
    names = tuple(standings)
    before = None if held is None else np.nan_to_num(_array(held, names))
    allowed = answered_shares(_array(decided, names)[None], [standings], names, before)[0]
    return [
        f"NOT_AS_STATES_ALLOW: strategy={name}, found={given.get(name, np.nan):.6g}, allowed={share:.6g}"
        for name, share in zip(names, allowed.tolist(), strict=True)
        if not abs(given.get(name, np.nan) - share) <= EPSILON
    ]


def _reasons(
    shares: Shares, answered: np.ndarray, standings: Sequence[Mapping[str, Standing]], names: Sequence[str]
) -> list[list[str]]:
    """What a risk state took away is told by the state."""
    return [
        [
            after[name].told() if given < decided - EPSILON else reason
            for name, reason, given, decided in zip(names, row, *pair, strict=True)
        ]
        for row, after, pair in zip(
            shares.reason, standings, zip(answered.tolist(), shares.weight.tolist(), strict=True), strict=True
        )
    ]


def _breaches(
    sessions: SessionRange,
    before: Mapping[str, Standing],
    standings: Sequence[Mapping[str, Standing]],
    strategies: Sequence[StrategyCard],
    settings: Settings,
) -> dict[date, list[Breach]]:
    rules = {
        card.name: strategy_rule(settings.limits, settings.responses, card.sizing.maximum_drawdown)
        for card in strategies
    }
    found: dict[date, list[Breach]] = {}
    for session, after in zip(sessions, standings, strict=True):
        found[session] = [
            breach
            for name, standing in after.items()
            for breach in breaches_of(session, name, rules[name], before.get(name), standing)
        ]
        before = after
    return found


def _refuse_unjudged(takes_new_capital: np.ndarray, sessions: SessionRange, names: tuple[str, ...]) -> None:
    for place, name in enumerate(names):
        missing = np.flatnonzero(np.isnan(takes_new_capital[:, place]))
        if missing.size:
            raise SessionError(
                "STRATEGY_STAGES_MISSING",
                strategy=name,
                sessions=missing.size,
                first_missing=as_days(tuple(sessions))[missing[0]],
                remedy="Materialise strategy_stages for them first.",
            )
