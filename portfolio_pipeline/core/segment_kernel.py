"""Many back-tests over one market at once: between two executions holdings stay, so books are marked by segment.

The meaning is that of `backtest.simulate_plainly`, from an empty book with cash 1 on, to 1e-12. Only the work differs:
prices are copied once, symbols down and sessions across, and a book touches only what it holds. Here: the market cut
into segments, the loop over the executions, and the doors through which decisions come in. Not here: which symbols to
hold (`top_selection`, the strategies), figures about returns (`kernel_metrics`), going on from a stored book (`backtest`).

NaN policy: as in `backtest`; a bar has both an open and a close, or is none. Time: nothing sees anything later than its
own session, and each value is added up in one fixed order, so further sessions change no bit of those before.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numba import njit

from portfolio_pipeline.core.backtest import TradePrices
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.panel import Array

_CHUNKS_PER_WORKER = 4


class SegmentedMarket(NamedTuple):
    """Prices as the kernel reads them, cut at the executions that all its back-tests share.

    Where a symbol has no bar, `close` and `opens` hold its last close, and 0 before its first bar.
    """

    close: Array  # [symbols, sessions]
    bounds: Array  # int64 [executions + 1]: the session of each execution, then the number of sessions
    opens: Array  # [executions, symbols]
    tradable: Array  # bool [executions, symbols]
    all_tradable: Array  # bool [executions]
    cash_out: Array  # int64 [executions, symbols]: when a holding will next have been without bars for too long
    any_cash_out: Array  # bool [executions]: whether that comes before the next execution

    @classmethod
    def of(cls, prices: TradePrices, rows: Array, *, delist_after: int = 10) -> SegmentedMarket:
        """For decisions at the closes of `rows`, ascending. One at the last session is never executed."""
        missing = np.isnan(prices.close)
        if not np.array_equal(missing, np.isnan(prices.open)):
            raise DataError("BAR_INCOMPLETE", found="an open or a close alone", expected="both, or no bar")
        starts = np.asarray(rows, np.int64) + 1
        starts = starts[starts < len(missing)]
        bounds = np.append(starts, len(missing))
        close = np.array(prices.close.T, order="C")
        cash_out = np.full((len(starts), len(close)), len(missing), np.int64)
        if missing.any():
            _carry_forward(close, starts, delist_after, cash_out)
        tradable = ~missing[starts]
        opens = np.where(tradable, prices.open[starts], close[:, starts - 1].T)
        soon = (cash_out < bounds[1:, None]).any(axis=1)
        return cls(close, bounds, np.ascontiguousarray(opens), tradable, tradable.all(axis=1), cash_out, soon)


class Selections(NamedTuple):
    """Candidates that hold the first symbols of an order in equal parts, where a filter allows them (`top_selection`).

    The tables are shared: candidate c takes orders[order[c]], allowed[filter[c]] and its first top[c] places. A place
    that is empty or not allowed stays in cash.
    """

    orders: Array  # int16 [orders, rows, places], -1 for an empty place
    allowed: Array  # bool [filters, rows, symbols]
    order: Array  # int64 [candidates]
    filter: Array  # int64 [candidates]
    top: Array  # int64 [candidates], at most `places`


def play_weights(
    market: SegmentedMarket,
    weights: Array,
    cost_rate: float,
    net_return: Array,
    turnover: Array | None = None,
    *,
    workers: int = 1,
) -> None:
    """Back-test each candidate's target weights, [candidates, rows, symbols].

    Daily net returns, and turnover if wanted, are written to preallocated [candidates, sessions]; costs are turnover
    times the rate. What each candidate gets depends neither on the others nor on the number of workers.
    """
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    traded = _or_nothing(turnover)

    def play(first: int, stop: int) -> None:
        _play_weights(market, weights, float(cost_rate), net_return, traded, first, stop)

    in_chunks(play, len(weights), workers)


def play_selections(
    market: SegmentedMarket,
    selections: Selections,
    cost_rate: float,
    net_return: Array,
    turnover: Array | None = None,
    *,
    workers: int = 1,
) -> None:
    """As `play_weights`, for candidates that share orders and filters: their weights are never spread out."""
    traded = _or_nothing(turnover)

    def play(first: int, stop: int) -> None:
        _play_selections(market, selections, float(cost_rate), net_return, traded, first, stop)

    in_chunks(play, len(selections.top), workers)


def in_chunks(work: Callable[[int, int], None], count: int, workers: int) -> None:
    """Call work(first, stop) for parts of `count` in threads; good for work that releases the GIL."""
    if workers <= 1:
        work(0, count)
        return
    edges = np.unique(np.linspace(0, count, workers * _CHUNKS_PER_WORKER + 1).astype(int)).tolist()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))


def _or_nothing(turnover: Array | None) -> Array:
    return np.empty((0, 0)) if turnover is None else turnover


@njit(cache=True, nogil=True)
def _carry_forward(close, starts, delist_after, cash_out):  # pragma: no cover
    """Fill gaps with the last close, and note when each gap has lasted `delist_after` sessions."""
    symbols, sessions = close.shape
    for i in range(symbols):
        last, gap, waiting = 0.0, 0, 0
        for t in range(sessions):
            if np.isnan(close[i, t]):
                close[i, t] = last
                gap += 1
                if gap == delist_after:
                    while waiting < len(starts) and starts[waiting] <= t:
                        cash_out[waiting, i] = t
                        waiting += 1
            else:
                last = close[i, t]
                gap = 0


@njit(cache=True, nogil=True)
def _play_weights(market, weights, cost_rate, net_return, turnover, first, stop):  # pragma: no cover
    executions, symbols = market.opens.shape
    book = _scratch(market)
    for c in range(first, stop):
        for e in range(executions):
            wanted = 0
            for i in range(symbols):
                # Written always and kept if wanted: cheaper than a branch that is hard to foresee.
                book.symbol[e, wanted] = i
                book.share[e, wanted] = weights[c, e, i]
                wanted += weights[c, e, i] != 0.0
            book.wanted[e] = wanted
        _play(market, book, cost_rate, net_return[c], turnover[c] if len(turnover) else book.nothing)


@njit(cache=True, nogil=True, error_model="numpy")
def _play_selections(market, selections, cost_rate, net_return, turnover, first, stop):  # pragma: no cover
    book = _scratch(market)
    for c in range(first, stop):
        order, allowed = selections.orders[selections.order[c]], selections.allowed[selections.filter[c]]
        top = selections.top[c]
        for e in range(len(market.opens)):
            wanted = 0
            for place in range(top):
                i = np.int64(order[e, place])
                book.symbol[e, wanted] = i
                book.share[e, wanted] = 1.0 / top
                wanted += i >= 0 and allowed[e, i]
            book.wanted[e] = wanted
        _play(market, book, cost_rate, net_return[c], turnover[c] if len(turnover) else book.nothing)


class _Scratch(NamedTuple):
    """What one back-test needs, kept for the next one: its decisions, compactly, and its book."""

    wanted: Array  # int64 [executions]: how many symbols are wanted
    symbol: Array  # int64 [executions, symbols + 1]
    share: Array  # [executions, symbols + 1]
    quantity: Array  # [symbols], 0 between back-tests
    held: Array  # int64 [symbols]: what is held, in any order
    kept: Array  # int64 [symbols]
    bought: Array  # int64 [symbols]: the last execution at which a symbol was wanted
    equity: Array  # [sessions]
    nothing: Array  # [0]


@njit(cache=True, nogil=True)
def _scratch(market):  # pragma: no cover
    executions, symbols = market.opens.shape
    return _Scratch(
        np.zeros(executions, np.int64),
        np.zeros((executions, symbols + 1), np.int64),
        np.zeros((executions, symbols + 1)),
        np.zeros(symbols),
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.int64),
        np.zeros(market.close.shape[1]),
        np.zeros(0),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _play(market, book, cost_rate, net_return, turnover):  # pragma: no cover
    """One back-test: execute, mark up to the next execution, and so on; then equity becomes returns."""
    sessions = len(book.equity)
    book.quantity[:] = 0.0
    book.bought[:] = -1
    book.equity[: market.bounds[0]] = 1.0
    turnover[:] = 0.0
    cash, holdings, alive = 1.0, 0, sessions
    for e in range(len(market.opens)):
        start, stop = market.bounds[e], market.bounds[e + 1]
        before = book.equity[start - 1]
        cash, holdings, traded = _execute(market, book, e, cost_rate, cash, holdings)
        if len(turnover):
            turnover[start] = traded / before
        while True:
            marked = stop
            if market.any_cash_out[e]:
                for h in range(holdings):
                    marked = min(marked, market.cash_out[e, book.held[h]])
            _mark(market.close, book, cash, holdings, start, marked)
            if marked == stop:
                break
            cash, holdings = _cash_out(market, book, e, marked, cash, holdings)
            start = marked
        alive = _first_without_equity(book.equity, market.bounds[e], stop)
        if alive < stop:
            book.equity[alive:] = 0.0
            break
        alive = sessions
    net_return[0] = 0.0
    for t in range(1, sessions):
        net_return[t] = book.equity[t] / book.equity[t - 1] - 1.0
    net_return[alive + 1 :] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _execute(market, book, e, cost_rate, cash, holdings):  # pragma: no cover
    """Trade to what is wanted at the opens. Gives the cash, how many symbols are held, and the value traded."""
    equity, stuck = cash, 0.0
    for h in range(holdings):
        i = book.held[h]
        value = book.quantity[i] * market.opens[e, i]
        equity += value
        if not market.tradable[e, i]:
            stuck += abs(value)
    if equity <= 0.0:
        return cash, holdings, 0.0
    wanted, symbol, share = book.wanted[e], book.symbol[e], book.share[e]
    scale = equity
    if stuck > 0.0:
        asked, reachable = 0.0, 0.0
        for w in range(wanted):
            asked += abs(share[w])
            reachable += abs(share[w]) if market.tradable[e, symbol[w]] else 0.0
        if reachable > 0.0:
            scale = equity * min(1.0, max(0.0, asked - stuck / equity) / reachable)
    traded, kept = 0.0, 0
    for w in range(wanted):
        i = symbol[w]
        if market.tradable[e, i]:
            value = share[w] * scale
            change = value - book.quantity[i] * market.opens[e, i]
            traded += abs(change)
            cash -= change
            book.quantity[i] = value / market.opens[e, i]
            book.bought[i] = e
            book.kept[kept] = i
            kept += 1
    for h in range(holdings):
        i = book.held[h]
        if not market.tradable[e, i]:
            book.kept[kept] = i
            kept += 1
        elif book.bought[i] != e:
            value = book.quantity[i] * market.opens[e, i]
            traded += abs(value)
            cash += value
            book.quantity[i] = 0.0
    book.held[:kept] = book.kept[:kept]
    return cash - cost_rate * traded, kept, traded


@njit(cache=True, nogil=True)
def _mark(close, book, cash, holdings, start, stop):  # pragma: no cover
    """Equity at the closes from start to before stop. The only loop that is long."""
    equity = book.equity[start:stop]
    equity[:] = cash
    for h in range(holdings):
        quantity, prices = book.quantity[book.held[h]], close[book.held[h], start:stop]
        for t in range(len(equity)):
            equity[t] += quantity * prices[t]


@njit(cache=True, nogil=True)
def _cash_out(market, book, e, session, cash, holdings):  # pragma: no cover
    """Turn what has been without bars for too long at this session into cash."""
    kept = 0
    for h in range(holdings):
        i = book.held[h]
        if market.cash_out[e, i] == session:
            cash += book.quantity[i] * market.close[i, session]
            book.quantity[i] = 0.0
        else:
            book.held[kept] = i
            kept += 1
    return cash, kept


@njit(cache=True, nogil=True)
def _first_without_equity(equity, start, stop):  # pragma: no cover
    """The first session whose equity is not above 0; `stop` if there is none."""
    lost = 0
    for t in range(start, stop):
        lost += equity[t] <= 0.0
    if lost:
        for t in range(start, stop):
            if equity[t] <= 0.0:
                return t
    return stop
