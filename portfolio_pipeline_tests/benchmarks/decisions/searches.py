"""Searched strategies beside the same cards at their defaults, out of sample and after costs, market by market.

A strategy is searched as the chain searches it (`core.search.Walk`) and followed as the chain follows it
(`core.strategies.paper.follow`), from the first session on; Sharpe ratios are of the sessions from JUDGED_FROM on.
Beside it stand peers: the best single set of the last 504 sessions, the mean of all sets, and the one set that was best
on all other markets of the kind, which nobody has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.cash import above_cash, cash_rows
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import TotalReturnPanel
from portfolio_pipeline.core.market.regimes.tell import tell_regimes
from portfolio_pipeline.core.search import Backtests, Stretch, Walk
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.paper import follow
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

JUDGED_FROM = 2 * SESSIONS_PER_YEAR
PEERS = ("best of two years", "mean of all sets")
_TWO_YEARS = 504


@dataclass(frozen=True, eq=False)
class Played:
    """One card on one market: daily net returns of all sessions, above cash, and Sharpe ratios of those judged."""

    searched: Array
    default: Array
    targets: Array  # of the searched one, [sessions, symbols of the universe]
    sharpe: dict[str, float]  # of "default", "searched" and each of PEERS
    by_set: Array  # Sharpe ratio of each set of the pool
    turnover: float  # of the searched one, a year
    default_turnover: float


def sharpe(returns: Array) -> Array:
    """A year, along the last axis; 0 for what never moved."""
    deviation = returns.std(axis=-1, ddof=1)
    moving = deviation > 1e-9
    daily = np.where(moving, returns.mean(axis=-1) / np.where(moving, deviation, 1.0), 0.0)
    yearly: Array = daily * np.sqrt(SESSIONS_PER_YEAR)
    return yearly


def probabilities(panel: TotalReturnPanel, settings: Settings) -> Array:
    """Those of the regimes, at every session."""
    rows = np.arange(len(panel.sessions))
    return tell_regimes(panel, settings.benchmark, rows, settings.regimes).probabilities


def searched(
    card: StrategyCard, panel: TotalReturnPanel, cost_rate: float, regimes: Array | None, cash: Array | None
) -> tuple[Walk, list[Stretch]]:
    """The walk over the whole panel, which holds the strategy's symbols."""
    strategy = STRATEGY_TYPES[card.type]
    space = ParameterSpace.of(strategy.Parameters, card.parameters, card.constraints)
    walk = Walk(space, Backtests(strategy, Inputs(panel), card, cost_rate, cash_return=cash), regimes)
    return walk, walk.run(0, len(panel.sessions))


def cash_earned(whole: TotalReturnPanel, settings: Settings) -> Array:
    """What cash earned in each session, as the settings say."""
    earned: Array = cash_rows(whole, settings.risk_free_rate, 0)["cash_return"].to_numpy()
    return np.concatenate([[0.0], earned[:-1]])


def play(
    card: StrategyCard,
    whole: TotalReturnPanel,
    settings: Settings,
    regimes: Array | None = None,
    *,
    cash: Array | None = None,
) -> Played:
    """The card on a market that holds the universe of the settings; without `cash` it earns nothing."""
    panel = whole.select(card.universe(settings))
    if regimes is None and card.search.regime_share > 0.0:
        regimes = probabilities(whole, settings)
    walk, stretches = searched(card, panel, settings.costs.total, regimes, cash)
    mixtures = [mixture for stretch in stretches for mixture in stretch.mixtures]
    changed = [True] + [one != before for one, before in zip(mixtures[1:], mixtures[:-1], strict=True)]
    strategy, cost_rate = STRATEGY_TYPES[card.type], settings.costs.total
    followed = follow(strategy, card, panel, panel.symbols, mixtures, changed, None, cost_rate, cash_return=cash)
    mine = np.array([session.result.net_return[0] for session in followed])
    if cash is not None:
        mine = above_cash(mine, cash)
    turnover = np.array([session.result.turnover[0] for session in followed])
    net, _ = walk.backtests.of(walk.fixed.candidates)
    default = net[walk.fixed.places[walk.space.default]]
    _, traded = walk.backtests.of([walk.space.default])
    judged = slice(JUDGED_FROM, None)
    years = (len(mine) - JUDGED_FROM) / SESSIONS_PER_YEAR
    return Played(
        mine,
        default,
        _in_universe(np.array([session.weights for session in followed]), panel.symbols, whole.symbols),
        {
            "default": float(sharpe(default[judged])),
            "searched": float(sharpe(mine[judged])),
            "best of two years": float(sharpe(_best_of_two_years(net, walk.sessions, walk.fixed.begin)[judged])),
            "mean of all sets": float(sharpe(net.mean(axis=0)[judged])),
        },
        sharpe(net[:, judged]),
        float(turnover[judged].sum() / years),
        float(traded[0][walk.backtests.traded_at >= JUDGED_FROM].sum() / years),
    )


def _in_universe(weights: Array, mine: tuple[str, ...], symbols: tuple[str, ...]) -> Array:
    spread = np.zeros((len(weights), len(symbols)))
    spread[:, [symbols.index(symbol) for symbol in mine]] = weights
    return spread


def best_elsewhere(by_market: Sequence[Array]) -> Array:
    """What the set that was best on all the other markets earned on each: a bound that nobody can know."""
    known = np.array(by_market)
    others = known.sum(axis=0) - known
    found: Array = known[np.arange(len(known)), others.argmax(axis=1)]
    return found


def _best_of_two_years(net: Array, sessions: Array, begin: int) -> Array:
    """The set that did best over the last two years, chosen at each month's end, before it costs anything to change."""
    returns, used = np.zeros(net.shape[1]), 0
    months = set(np.flatnonzero(due(sessions, "monthly")).tolist())
    for t in range(begin + _TWO_YEARS, net.shape[1]):
        returns[t] = net[used, t]
        if t in months:
            used = int(sharpe(net[:, t + 1 - _TWO_YEARS : t + 1]).argmax())
    return returns
