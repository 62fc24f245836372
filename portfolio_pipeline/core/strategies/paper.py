"""A strategy followed from session to session: its targets, and the paper book that trades them.

At each session D the paper book first executes, at the open, what was decided at the close before; then, if D decides
(`transitions` says when and what), new targets are decided at D's close. The targets of a session without a decision
are the weights that the paper book holds.

A range is played one session after the other from the book before it, so it cannot differ from its sessions one by one.
Choosing parameters is not done here (`core.search`), nor is reading or writing tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.indicators import inputs_of
from portfolio_pipeline.core.market.panel import AdjustedPrices
from portfolio_pipeline.core.simulation.simulation import BacktestResult, Decisions, PaperBook, TradePrices, simulate
from portfolio_pipeline.core.strategies.base import Strategy
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.transitions import wanted

CASH = "cash"


@dataclass(frozen=True, eq=False)
class PaperState:
    """A paper book by symbol, as it is stored: only what is held, and the decision still to be executed."""

    cash: float
    holdings: Mapping[str, tuple[float, int, float]]  # quantity, sessions without a bar, last price
    pending: Mapping[str, float] | None

    @classmethod
    def of_rows(cls, book: pd.DataFrame, targets: pd.DataFrame) -> PaperState:
        """From the rows of strategy_paper_books and strategy_targets of one strategy and session."""
        held = book[book["symbol"] != CASH]
        return cls(
            cash=float(book.loc[book["symbol"] == CASH, "quantity"].iloc[0]),
            holdings={
                symbol: (float(quantity), int(missing), float(price))
                for symbol, quantity, missing, price in zip(
                    held["symbol"], held["quantity"], held["sessions_without_bar"], held["price"], strict=True
                )
            },
            pending=dict(zip(targets["symbol"], targets["weight"].astype(float), strict=True))
            if bool(targets["decided"].any())
            else None,
        )


@dataclass(frozen=True, eq=False)
class FollowedSession:
    """One session of a strategy: what it aims at from its close on, what it earned, and the book it ends with."""

    weights: Array
    decided: bool
    result: BacktestResult
    book: PaperBook


def follow(
    strategy: Strategy,
    card: StrategyCard,
    panel: AdjustedPrices,
    universe: tuple[str, ...],
    mixtures: Sequence[Mixture],
    changed: Sequence[bool],
    before: PaperState | None,
    cost_rate: float,
    *,
    cash_return: Array | None = None,
    earlier: Sequence[Mixture] = (),
    delist_after: int = 10,
) -> list[FollowedSession]:
    """Play the last len(mixtures) sessions of `panel`, whose first session is the first stored one.

    `panel` holds the universe and, behind it, what the book still holds of symbols that have left the universe;
    `cash_return` says what cash earned in each of its sessions.
    `earlier` are the mixtures of the sessions before, oldest first: `sessions_looked_back` of them, if there are.
    """
    start = len(panel.sessions) - len(mixtures)
    inputs = inputs_of(panel.select(universe), strategy.name)
    weights = np.zeros((len(mixtures), len(panel.symbols)))
    weights[:, : len(universe)], decided = wanted(strategy, card, inputs, mixtures, changed, earlier)

    prices, book, sessions = TradePrices.of(panel, cash_return), _book(before, panel.symbols), []
    for k in range(len(mixtures)):
        row = start + k
        decision = Decisions(np.zeros(int(decided[k]), np.int64), weights[k : k + int(decided[k])])
        result = simulate(prices.rows(row, row + 1), decision, cost_rate, book, delist_after=delist_after)
        book = result.end
        sessions.append(
            FollowedSession(weights[k] if decided[k] else result.weights[0], bool(decided[k]), result, book)
        )
    return sessions


def target_rows(
    card: StrategyCard, days: Array, symbols: tuple[str, ...], universe: int, played: list[FollowedSession]
) -> pd.DataFrame:
    """Rows of strategy_targets: the universe, and what is still held beside it."""
    weights = np.stack([session.weights for session in played])
    wanted = (np.arange(len(symbols)) < universe) | (weights != 0.0)
    row, column = np.nonzero(wanted)
    return pd.DataFrame(
        {
            "session": days[row].astype("datetime64[s]"),
            "strategy": card.name,
            "symbol": np.array(symbols, dtype=object)[column],
            "weight": weights[row, column],
            "decided": np.array([session.decided for session in played])[row],
        }
    )


def return_rows(card: StrategyCard, days: Array, played: list[FollowedSession], cash_return: Array) -> pd.DataFrame:
    """Rows of strategy_returns; `cash_return` is of the sessions played."""
    return pd.DataFrame(
        {
            "session": days.astype("datetime64[s]"),
            "strategy": card.name,
            "gross_return": [float(session.result.gross_return[0]) for session in played],
            "cost": [float(session.result.cost[0]) for session in played],
            "net_return": [float(session.result.net_return[0]) for session in played],
            "turnover": [float(session.result.turnover[0]) for session in played],
            "cash_return": cash_return,
        }
    )


def book_rows(card: StrategyCard, days: Array, symbols: tuple[str, ...], played: list[FollowedSession]) -> pd.DataFrame:
    """Rows of strategy_paper_books: cash, and each symbol held."""
    rows: list[tuple[object, str, float, int, float]] = []
    for day, session in zip(days.astype("datetime64[s]"), played, strict=True):
        book = session.book
        rows.append((day, CASH, book.cash, 0, 1.0))
        rows.extend(
            (day, symbols[i], float(book.quantity[i]), int(book.sessions_without_bar[i]), float(book.price[i]))
            for i in np.flatnonzero(book.quantity != 0.0)
        )
    columns = ["session", "symbol", "quantity", "sessions_without_bar", "price"]
    return pd.DataFrame(rows, columns=columns).assign(strategy=card.name)


def limits_broken(card: StrategyCard, rows: pd.DataFrame) -> list[dict[str, object]]:
    """Decided rows of strategy_targets that do not keep to the card: direction, largest position, gross, number."""
    decided, sizing, slack = rows[rows["decided"]], card.sizing, 1e-9
    lowest = -slack if card.direction == "long_only" else -sizing.maximum_weight - slack
    single = decided[~decided["weight"].between(lowest, sizing.maximum_weight + slack)]
    gross = decided["weight"].abs().groupby(decided["session"]).sum()
    held = (decided["weight"] != 0.0).groupby(decided["session"]).sum()
    most = np.inf if sizing.maximum_positions is None else sizing.maximum_positions
    return (
        [
            {"session": day, "symbol": symbol, "weight": float(weight), "limit": sizing.maximum_weight}
            for day, symbol, weight in zip(single["session"], single["symbol"], single["weight"], strict=True)
        ]
        + [
            {"session": day, "symbol": "gross exposure", "weight": float(value), "limit": sizing.maximum_gross}
            for day, value in gross[gross > sizing.maximum_gross + slack].items()
        ]
        + [
            {"session": day, "symbol": "positions", "weight": float(count), "limit": most}
            for day, count in held[held > most].items()
        ]
    )


def _book(state: PaperState | None, symbols: tuple[str, ...]) -> PaperBook:
    empty = PaperBook.empty(len(symbols))
    if state is None:
        return empty
    quantity, price, missing = empty.quantity, empty.price, empty.sessions_without_bar
    for symbol, (held, without_bar, last) in state.holdings.items():
        i = symbols.index(symbol)
        quantity[i], missing[i], price[i] = held, without_bar, last
    pending = None if state.pending is None else np.array([state.pending.get(symbol, 0.0) for symbol in symbols])
    return PaperBook(quantity, price, missing, state.cash, pending)
