"""The back-test: what target weights would have earned, after costs, when traded at the open after their decision.

A decision made at the close of session t is executed at the open of t+1: quantities are the weights times the equity at
those opens, and each unit traded costs a fixed fraction, taken from cash; short sales add to it. What cash earns is
paid before the open, on what there was at the close before; cash that is owed pays it.

NaN policy: NaN = no bar. A symbol without a bar at execution is not traded: a wanted share of it stays in cash, and
what is held of it stays and counts towards the exposure that was asked for, so the others are scaled to what is left.
Holdings without a bar keep their last close; after `delist_after` sessions in a row they are cashed out at it. A book
that has lost everything stays empty. Nothing sees anything later than its own session.

Prices are total-return prices (`adjusted_open` and `adjusted_close`), so quantities are total-return units and need no
corporate actions. A result carries the book it ends with: going on from it gives the same bits as never having stopped.
`simulate` is what runs (a compiled loop in `day_loop`); `simulate_plainly` says the same in plain NumPy and is its
test.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.panel import AdjustedPrices
from portfolio_pipeline.core.simulation.day_loop import day_loop


@dataclass(frozen=True, eq=False)
class TradePrices:
    """Prices to trade and to mark at, [sessions, symbols], NaN without a bar; and what 1 of cash earns, [sessions]."""

    open: Array
    close: Array
    cash_return: Array

    @classmethod
    def of(cls, panel: AdjustedPrices, cash_return: Array | None = None) -> TradePrices:
        return cls.made(panel.adjusted_open, panel.adjusted_close, cash_return)

    @classmethod
    def made(cls, opens: Array, closes: Array, cash_return: Array | None = None) -> TradePrices:
        """Cash earns nothing unless given."""
        earned = np.zeros(len(closes)) if cash_return is None else np.asarray(cash_return, np.float64)
        return cls(np.ascontiguousarray(opens), np.ascontiguousarray(closes), earned)

    def rows(self, start: int, stop: int) -> TradePrices:
        return TradePrices(self.open[start:stop], self.close[start:stop], self.cash_return[start:stop])


@dataclass(frozen=True, eq=False)
class Decisions:
    """Target weights [decisions, symbols] decided at the closes of `rows`; other sessions decide nothing."""

    rows: Array  # int64, ascending
    weights: Array


@dataclass(frozen=True, eq=False)
class PaperBook:
    """The state at a close. `pending` are weights decided at that close, to be executed at the next open."""

    quantity: Array
    price: Array  # last close seen; NaN for symbols that never traded
    sessions_without_bar: Array  # int64
    cash: float
    pending: Array | None = None

    @classmethod
    def empty(cls, symbols: int, cash: float = 1.0) -> PaperBook:
        return cls(np.zeros(symbols), np.full(symbols, np.nan), np.zeros(symbols, np.int64), cash)

    @property
    def equity(self) -> float:
        """Cash plus holdings, added in the order of the symbols."""
        equity = self.cash
        for quantity, price in zip(self.quantity, self.price, strict=True):
            if quantity != 0.0:
                equity += float(quantity * price)
        return equity

    @property
    def weights(self) -> Array:
        """Share of equity in each symbol; 0 in an empty book."""
        held = np.where(self.quantity != 0.0, self.quantity * self.price, 0.0)
        return held / self.equity if self.equity > 0.0 else held


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Per session: fractions of the equity at the previous close; `weights` are those held at the close."""

    net_return: Array
    cost: Array
    turnover: Array
    weights: Array = field(repr=False)
    end: PaperBook = field(repr=False)

    @property
    def gross_return(self) -> Array:
        gross: Array = self.net_return + self.cost
        return gross


def simulate(
    prices: TradePrices,
    decisions: Decisions,
    cost_rate: float,
    start: PaperBook | None = None,
    *,
    delist_after: int = 10,
    keep_weights: bool = True,
) -> BacktestResult:
    """Play the decisions from `start` (an empty book with cash 1 if None). Weights are left out unless kept."""
    sessions, symbols = prices.open.shape
    book = start or PaperBook.empty(symbols)
    quantity, price, missing = book.quantity.copy(), book.price.copy(), book.sessions_without_bar.copy()
    pending = np.zeros(symbols) if book.pending is None else book.pending.copy()
    decision_at = np.full(sessions, -1, np.int64)
    decision_at[decisions.rows] = np.arange(len(decisions.rows))
    weights = np.empty((sessions if keep_weights else 0, symbols))
    net, cost, turnover, cash, has_pending = day_loop(
        prices.open,
        prices.close,
        prices.cash_return,
        decision_at,
        np.ascontiguousarray(decisions.weights, dtype=np.float64),
        float(cost_rate),
        delist_after,
        quantity,
        price,
        missing,
        float(book.cash),
        pending,
        book.pending is not None,
        weights,
    )
    end = PaperBook(quantity, price, missing, float(cash), pending if has_pending else None)
    return BacktestResult(net, cost, turnover, weights, end)


def simulate_plainly(
    prices: TradePrices,
    decisions: Decisions,
    cost_rate: float,
    start: PaperBook | None = None,
    *,
    delist_after: int = 10,
) -> BacktestResult:
    """The specification of `simulate`, one readable step after the other."""
    sessions, symbols = prices.open.shape
    book = start or PaperBook.empty(symbols)
    quantity, price, missing = book.quantity.copy(), book.price.copy(), book.sessions_without_bar.copy()
    cash, pending = book.cash, book.pending
    decided = {int(row): decisions.weights[k] for k, row in enumerate(decisions.rows)}
    net, cost, turnover = np.zeros(sessions), np.zeros(sessions), np.zeros(sessions)
    weights = np.zeros((sessions, symbols))
    before = book.equity

    for t in range(sessions):
        opens, closes = prices.open[t], prices.close[t]
        cash += cash * prices.cash_return[t]

        if pending is not None and before > 0:
            tradable = ~np.isnan(opens)
            value = np.where(quantity != 0, quantity * np.where(tradable, opens, price), 0.0)
            equity = cash + value.sum()
            if equity > 0:
                stuck = np.abs(value[~tradable]).sum() / equity
                wanted_gross = np.abs(pending[tradable]).sum()
                room = max(0.0, np.abs(pending).sum() - stuck)
                scale = min(1.0, room / wanted_gross) if stuck > 0 and wanted_gross > 0 else 1.0
                wanted = np.where(tradable, pending * scale * equity / np.where(tradable, opens, 1.0), quantity)
                trade = np.where(tradable, (wanted - quantity) * opens, 0.0)
                paid = cost_rate * np.abs(trade).sum()
                cash -= trade.sum() + paid
                quantity = wanted
                turnover[t], cost[t] = np.abs(trade).sum() / before, paid / before

        price = np.where(np.isnan(closes), price, closes)
        missing = np.where(np.isnan(closes) & (quantity != 0), missing + 1, 0)
        gone = missing >= delist_after
        cash += (quantity[gone] * price[gone]).sum()
        quantity, missing = np.where(gone, 0.0, quantity), np.where(gone, 0, missing)

        value = np.where(quantity != 0, quantity * price, 0.0)
        after = cash + value.sum()
        if before > 0:
            if after <= 0:
                cash, after = 0.0, 0.0
                quantity, missing, value = np.zeros(symbols), np.zeros(symbols, np.int64), np.zeros(symbols)
            net[t] = after / before - 1
        weights[t] = value / after if after > 0 else 0.0
        before, pending = after, decided.get(t)

    return BacktestResult(net, cost, turnover, weights, PaperBook(quantity, price, missing, float(cash), pending))
