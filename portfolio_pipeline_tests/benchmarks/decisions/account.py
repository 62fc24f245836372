"""The shipped portfolio's account on simulated markets of many seeds, beside equal shares of the cards' defaults.

Ten years after three of warming up, through the functions that the chain's assets call: strategies are searched and
followed, capital is shared out, targets are netted and cut, orders planned and filled, one session after the other.
Left out: verdicts, so that who is doubted may be given capital here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.books.book import Book, to_cents, value
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR, SessionRange, all_sessions, as_days
from portfolio_pipeline.core.execution.fill_model import play_session
from portfolio_pipeline.core.execution.orders import plan_session
from portfolio_pipeline.core.execution.tickets import Order
from portfolio_pipeline.core.execution.verdicts import judge_targets
from portfolio_pipeline.core.market.bars import NO_BARS, Bars, bars_by_session
from portfolio_pipeline.core.market.cash import above_cash
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import PricePanel, TotalReturnPanel
from portfolio_pipeline.core.market.past import Pasts
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline.core.portfolio.allocation.allocate import allocate
from portfolio_pipeline.core.portfolio.netting import net
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.portfolio.rebalancing.triggers import signals_of
from portfolio_pipeline.core.portfolio.session_targets import NO_TARGETS, SessionTargets
from portfolio_pipeline.core.portfolio.volatility_target import aims, scales
from portfolio_pipeline.core.risk.breaches import blocking
from portfolio_pipeline.core.risk.cutting import limit_path
from portfolio_pipeline.core.risk.limits.of_exposure import GROSS, NET
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline_tests.benchmarks.decisions.markets import total_returns
from portfolio_pipeline_tests.benchmarks.decisions.searches import Played, cash_earned, play, sharpe

TRADED, WARM_UP = 10 * SESSIONS_PER_YEAR, 3 * SESSIONS_PER_YEAR
LAST = date(2024, 12, 31)
SMALL = 0.0025
"""A fill of a smaller part of equity is small."""


@dataclass(frozen=True)
class Account:
    """What became of one account; Sharpe ratios are above what cash earned, rates are a year."""

    sharpe: float
    growth: float
    deepest_fall: float
    equal_default_sharpe: float
    balanced_sharpe: float  # six parts SPY, four parts IEF
    equal_weight_sharpe: float  # of the universe
    cash_rate: float
    invested: float
    fills: int
    small_fills: float
    small_value: float
    cost: float  # of equity, without impact
    volatility: float
    broken: int  # sessions whose targets break a limit


@dataclass(frozen=True, eq=False)
class Lived:
    """What there is before capital is shared out: a market, and what the cards made of it."""

    days: tuple[date, ...]
    whole: TotalReturnPanel
    earned: Array  # by cash
    bars: Mapping[date, Bars]
    played: Sequence[Played]


def account(seed: int, cards: Sequence[StrategyCard], settings: Settings) -> Account:
    """Play the portfolio on the simulated market of a seed."""
    return _account(_lived(seed, cards, settings), cards, settings)


def by_method(
    seed: int, cards: Sequence[StrategyCard], settings: Settings, methods: Sequence[str]
) -> dict[str, Account]:
    """The same, with capital shared out by each of these methods."""
    lived, found = _lived(seed, cards, settings), {}
    for method in methods:
        allocation = settings.allocation.model_copy(update={"method": method})
        found[method] = _account(lived, cards, settings.model_copy(update={"allocation": allocation}))
    return found


def by_rebalancing(
    seed: int, cards: Sequence[StrategyCard], settings: Settings, rules: Mapping[str, Rebalancing]
) -> dict[str, Account]:
    """The same, with capital shared out anew by each of these rules, of which none asks for the regime."""
    lived = _lived(seed, cards, settings)
    return {
        name: _account(lived, cards, settings.model_copy(update={"rebalancing": rule})) for name, rule in rules.items()
    }


def _lived(seed: int, cards: Sequence[StrategyCard], settings: Settings) -> Lived:
    days = tuple(day for day in all_sessions() if day <= LAST)[-(WARM_UP + TRADED) :]
    rows = SimulatedMarketData(settings.universe, seed).bars(settings.symbols, SessionRange(days[0], days[-1]))
    whole = total_returns(PricePanel.from_prices(rows, as_days(days), settings.symbols))
    earned = cash_earned(whole, settings)
    bars = bars_by_session(pa.Table.from_pandas(rows.assign(session=rows["session"].dt.date), preserve_index=False))
    for session, rate in zip(days, earned.tolist(), strict=True):
        bars[session].cash_return = rate
    return Lived(days, whole, earned, bars, [play(card, whole, settings, cash=earned) for card in cards])


def _account(lived: Lived, cards: Sequence[StrategyCard], settings: Settings) -> Account:
    played, whole = lived.played, lived.whole
    path = _targets(played, cards, lived.days, whole.adjusted_close, settings)
    equity, cash, fills, paid = _traded(path, lived.bars, settings)
    returns = equity[1:] / equity[:-1] - 1.0
    close = Inputs(whole.select(("SPY", "IEF"))).close[-len(equity) :]
    spy, ief = (close[1:] / close[:-1] - 1.0).T
    every = Inputs(lived.whole).close[-len(equity) :]
    everything = np.nanmean(every[1:] / every[:-1] - 1.0, axis=1)
    earned = lived.earned[-len(returns) :]
    sizes = np.array(fills) if fills else np.zeros(1)
    return Account(
        sharpe=float(sharpe(above_cash(returns, earned))),
        growth=_yearly(returns),
        deepest_fall=float((equity / np.maximum.accumulate(equity) - 1.0).min()),
        equal_default_sharpe=float(sharpe(np.mean([one.default[-len(returns) :] for one in played], axis=0))),
        balanced_sharpe=float(sharpe(above_cash(0.6 * spy + 0.4 * ief, earned))),
        equal_weight_sharpe=float(sharpe(above_cash(everything, earned))),
        cash_rate=_yearly(earned),
        invested=float(1.0 - (cash / equity).mean()),
        fills=len(fills),
        small_fills=float((sizes < SMALL).mean()),
        small_value=float(sizes[sizes < SMALL].sum() / max(sizes.sum(), 1e-12)),
        cost=paid / (len(returns) / SESSIONS_PER_YEAR),
        volatility=float(returns.std(ddof=1) * np.sqrt(SESSIONS_PER_YEAR)),
        broken=_broken(path, lived, settings),
    )


def _broken(path: Mapping[date, SessionTargets], lived: Lived, settings: Settings) -> int:
    pasts = Pasts.of_closes(lived.whole.adjusted_close, lived.days, settings.symbols, settings.asset_classes)
    before, broken = NO_TARGETS, 0
    for session, targets in path.items():
        broken += bool(blocking(judge_targets(targets.weights, before.weights, settings, pasts.at(session))))
        before = targets
    return broken


def _yearly(returns: Array) -> float:
    return float(np.prod(1.0 + returns) ** (SESSIONS_PER_YEAR / len(returns)) - 1.0)


def _targets(
    played: Sequence[Played], cards: Sequence[StrategyCard], days: Sequence[date], closes: Array, settings: Settings
) -> dict[date, SessionTargets]:
    """The account's targets of the sessions that are traded."""
    names = tuple(card.name for card in cards)
    paper = np.stack([one.searched for one in played], axis=1)
    exposure = np.stack([np.abs(one.targets).sum(axis=1) for one in played], axis=1)
    classes = tuple(card.asset_class(settings) for card in cards)
    shares = allocate(
        paper,
        TRADED,
        names,
        settings.allocation,
        None,
        exposure=exposure,
        classes=classes,
        rebalancing=settings.rebalancing,
        signals=signals_of(days[-TRADED:], settings.rebalancing, paper),
        cost=settings.costs.total,
    ).weight
    weights = np.stack([one.targets[-TRADED:] for one in played])
    symbols = settings.symbols
    wished = net(shares, weights)
    allocation = settings.allocation
    most, most_net = GROSS.cap(settings.limits), NET.cap(settings.limits)
    aimed = aims(wished, closes, allocation.volatility_target, most, most_net)
    scale = scales(aimed, np.empty(0), allocation.scale_memory)
    requested = wished * scale[:, None]
    traded, pasts = days[-TRADED:], Pasts.of_closes(closes, days, symbols, settings.asset_classes)
    path = limit_path(
        requested,
        symbols,
        settings.asset_classes,
        settings.limits,
        {},
        sectors=settings.sectors,
        pasts=[pasts.at(day) for day in traded],
    )
    return {
        day: SessionTargets(dict(limited.weights), dict(zip(symbols, asked, strict=True)))
        for day, limited, asked in zip(traded, path, requested.tolist(), strict=True)
    }


def _traded(
    path: Mapping[date, SessionTargets], bars: Mapping[date, Bars], settings: Settings
) -> tuple[Array, Array, list[float], float]:
    """Equity and cash at each close, the size of each fill as a part of equity, and what was paid, likewise."""
    book = Book(to_cents(settings.simulated_broker.initial_cash))
    equity, cash, fills, paid = [], [], [], 0.0
    orders: list[Order] = []
    pasts = Pasts.of_bars(bars, settings.asset_classes)
    for session, targets in path.items():
        today = bars.get(session, NO_BARS)
        before = max(book.equity, 1)
        for outcome in play_session(book, orders, today, settings.costs, settings.simulated_broker):
            if outcome.quantity:
                worth = abs(value(outcome.quantity, outcome.price)) / before
                fills.append(worth)
                paid += worth * settings.costs.total
        equity.append(book.equity)
        cash.append(book.cash)
        recent = RecentMarket(session, bars, past=pasts.at(session))
        tickets, _ = plan_session("SIMULATED", session, book, targets, today, settings, recent)
        orders = [ticket.order for ticket in tickets]
    return np.array(equity, float), np.array(cash, float), fills, paid
