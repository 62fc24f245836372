"""Where strategies and portfolio stand: the stored rows, and the same found anew from the paper that is stored.

What is found for a range goes on from the stored row of the session before it. Where there is none (a new home, or one
from before there were states) it goes on from what the whole stored paper leads to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from portfolio_pipeline.core.arrays import Array, spread, spreading
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, as_days, previous_session
from portfolio_pipeline.core.market.cash import above_cash
from portfolio_pipeline.core.market.panel import TotalReturnPanel
from portfolio_pipeline.core.market.past import WINDOW as PRICES_SEEN
from portfolio_pipeline.core.performance.paper_gap import EARLIER
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.risk.states.of_portfolio import paper_returns, portfolio_path, portfolio_rule
from portfolio_pipeline.core.risk.states.of_strategies import WINDOW, scope_of, strategies_path, strategy_rule
from portfolio_pipeline.core.risk.states.overrides import Overrides
from portfolio_pipeline.core.risk.states.rows import Level, standing_of
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import AGGREGATED_TARGETS, RISK_OVERRIDES, RISK_STATES, STRATEGY_RETURNS
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reads.cash import cash_earned
from portfolio_pipeline.reads.features import stored_adjusted_prices

_RETURNS = ("session", "strategy", "net_return", "cash_return")


def stored_standings(reader: Reader, sessions: SessionRange, level: Level) -> dict[date, dict[str, Standing]]:
    """By session and scope."""
    found: dict[date, dict[str, Standing]] = {}
    for row in reader.read(RISK_STATES.name, sessions, where={"level": level}).to_pylist():
        found.setdefault(row["session"], {})[row["scope"]] = standing_of(row)
    return found


def standings_before(reader: Reader, first: date, level: Level) -> dict[str, Standing]:
    """By scope, of the session before; empty where nothing is stored of it."""
    before = previous_session(first)
    return {} if before is None else stored_standings(reader, SessionRange.single(before), level).get(before, {})


def stored_overrides(reader: Reader) -> Overrides:
    return Overrides.of_rows(reader.read(RISK_OVERRIDES.name).to_pylist())


def strategy_standings(
    reader: Reader, sessions: SessionRange, strategies: Sequence[StrategyCard], settings: Settings
) -> tuple[dict[str, Standing], list[dict[str, Standing]]]:
    """By strategy: before the sessions, and after each of them."""
    names = tuple(card.name for card in strategies)
    stored = standings_before(reader, sessions.first, "strategies")
    before = {name: stored[scope_of(name)] for name in names if scope_of(name) in stored}
    first = sessions.first if before else min(reader.oldest(STRATEGY_RETURNS.name) or sessions.first, sessions.first)
    walked = tuple(SessionRange(first, sessions.last))
    seen = SessionRange(previous_session(first, WINDOW - 1) or FIRST_SESSION, sessions.last)
    rows = frame(reader.read(STRATEGY_RETURNS.name, seen, columns=_RETURNS))
    over = spreading(rows, as_days(tuple(seen)), names, by="strategy")
    returns = over("net_return", np.nan)
    above = above_cash(returns, over("cash_return", np.nan))
    rules = {
        card.name: strategy_rule(settings.limits, settings.responses, card.sizing.maximum_drawdown)
        for card in strategies
    }
    path = strategies_path(
        before, walked, returns, above, names, rules, settings.limits, settings.responses, stored_overrides(reader)
    )
    earlier = len(walked) - len(sessions)
    return (path[earlier - 1] if earlier else before), path[earlier:]


def portfolio_standings(
    reader: Reader,
    sessions: SessionRange,
    symbols: Sequence[str],
    settings: Settings,
    unresponded: Array | None = None,
    prices: TotalReturnPanel | None = None,
) -> tuple[Standing | None, list[Standing]]:
    """Before the sessions (None: there was nothing), and after each of them.

    `unresponded` [sessions, symbols] are their targets as if nothing was answered, where they are not stored yet, and
    `prices` those of PRICES_SEEN sessions more.
    """
    before = standings_before(reader, sessions.first, "portfolio").get(PORTFOLIO)
    first = sessions.first
    if before is None:
        first = min(reader.oldest(AGGREGATED_TARGETS.name) or first, first)
    known = SessionRange(previous_session(first, EARLIER) or first, sessions.last)
    weights = _unresponded(reader, known, symbols)
    if unresponded is not None:
        weights[len(weights) - len(unresponded) :] = unresponded
    if prices is None or first < sessions.first:
        seen = SessionRange(previous_session(first, PRICES_SEEN) or FIRST_SESSION, sessions.last)
        prices = stored_adjusted_prices(reader, symbols, as_days(tuple(seen)))
    cash = cash_earned(reader, prices.sessions)
    earned = paper_returns(weights, prices.adjusted_open, prices.adjusted_close, cash, settings.costs.total)
    walked = tuple(SessionRange(first, sessions.last))
    rule = portfolio_rule(settings.limits, settings.responses)
    path = portfolio_path(before, walked, earned[len(earned) - len(walked) :], rule, stored_overrides(reader))
    earlier = len(walked) - len(sessions)
    return (path[earlier - 1] if earlier else before), path[earlier:]


def _unresponded(reader: Reader, sessions: SessionRange, symbols: Sequence[str]) -> Array:
    columns = ["session", "symbol", "unresponded_weight"]
    rows = frame(reader.read(AGGREGATED_TARGETS.name, sessions, columns=columns))
    return spread(rows, "unresponded_weight", as_days(tuple(sessions)), symbols, by="symbol", missing=0.0)


def restricted(reader: Reader, sessions: SessionRange) -> Mapping[date, bool]:
    """In which sessions some strategy gives capital back: reductions then pass the limits on the way."""
    rows = reader.read(
        RISK_STATES.name, sessions, columns=["session", "factor"], where={"level": "strategies"}
    ).to_pylist()
    return {row["session"]: True for row in rows if row["factor"] < 1.0}
