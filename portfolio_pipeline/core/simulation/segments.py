"""Many back-tests over one market at once: between two executions holdings stay, so books are marked by segment.

The meaning is that of `simulation.simulate_plainly`, from an empty book with cash 1 on, to 1e-12, with returns above
those of cash: prices are counted in units of cash that is left alone, which stays 1 for ever. Otherwise only the work
differs: prices are copied once, symbols down and sessions across, and a book touches only what it holds. Here: the
market cut into segments, the loop over the executions, and the doors through which decisions come in. Not here: which
symbols to hold (`selections`, the strategies), figures about returns (`performance`), going on from a book
(`simulation`).

NaN policy: as in `simulation`; a bar has both an open and a close, or is none. Time: nothing sees anything later than
its own session, and each value is added up in one fixed order, so further sessions change no bit of those before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.parallel import in_chunks
from portfolio_pipeline.core.simulation.selections import Selections
from portfolio_pipeline.core.simulation.simulation import TradePrices


class SegmentedMarket(NamedTuple):
    """Prices as the kernel reads them, cut at the executions that all its back-tests share.

    Where a symbol has no bar, `close` and `opens` hold its last close, and 0 before its first bar. All are over what 1
    of cash has become.
    """

    close: Array  # [symbols, sessions]
    bounds: Array  # int64 [executions + 1]: the session of each execution, then the number of sessions
    opens: Array  # [executions, symbols]
    tradable: Array  # bool [executions, symbols]
    all_tradable: Array  # bool [executions]
    cash_out: Array  # int64 [executions, symbols]: when a holding will next have been without bars for too long
    any_cash_out: Array  # bool [executions]: whether that comes before the next execution
    cash_growth: Array  # [executions]: what 1 of cash became since the close before

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
        if prices.cash_return.any():
            cash = np.cumprod(1.0 + prices.cash_return)
            close, opens = close / cash, opens / cash[starts, None]
        return cls(
            close,
            bounds,
            np.ascontiguousarray(opens),
            tradable,
            tradable.all(axis=1),
            cash_out,
            np.asarray((cash_out < bounds[1:, None]).any(axis=1)),
            1.0 + prices.cash_return[starts],
        )


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

    Daily net returns above cash are written to preallocated [candidates, sessions], turnover if wanted to [candidates,
    executions]; costs are turnover times the rate. What each candidate gets depends neither on the others nor on the
    number of workers.
    """
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    traded = _or_nothing(turnover)

    def play(first: int, stop: int) -> None:
        _play_weights(market, weights, float(cost_rate), net_return, traded, first, stop)

    in_chunks(play, len(weights), workers)
    if turnover is not None:
        turnover *= market.cash_growth  # of the equity at the close before, interest not yet paid


def play_selections(
    market: SegmentedMarket,
    selections: Selections,
    cost_rate: float,
    net_return: Array,
    turnover: Array | None = None,
    *,
    workers: int = 1,
) -> None:
    """As `play_weights` of the weights that the selections stand for, to the bit."""
    traded = _or_nothing(turnover)

    def play(first: int, stop: int) -> None:
        _play_selections(market, selections, float(cost_rate), net_return, traded, first, stop)

    in_chunks(play, len(selections.top), workers)
    if turnover is not None:
        turnover *= market.cash_growth  # of the equity at the close before, interest not yet paid


def _or_nothing(turnover: Array | None) -> Array:
    return np.empty((0, 0)) if turnover is None else turnover


@njit(cache=True, nogil=True)
def _carry_forward(close: Array, starts: Array, delist_after: int, cash_out: Array) -> None:  # pragma: no cover
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


class _Scratch(NamedTuple):
    """What one back-test needs, kept for the next one: its decisions, compactly, and its book."""

    wanted: Array  # int64 [executions]: how many symbols are wanted
    symbol: Array  # int64 [executions, symbols + 1]: which, in the first places of a row
    share: Array  # [executions, symbols + 1]: and how much of each
    held: Array  # int64 [symbols]: what the book holds, in its first places
    quantity: Array  # [symbols]: and how many of each
    next_held: Array  # int64 [symbols]
    next_quantity: Array  # [symbols]
    value: Array  # [symbols], by symbol: held at the opens and not dealt with yet; 0 between executions
    equity: Array  # [sessions]
    nothing: Array  # [0]


@njit(cache=True, nogil=True)
def _scratch(market: SegmentedMarket) -> _Scratch:  # pragma: no cover
    executions, symbols = market.opens.shape
    return _Scratch(
        np.zeros(executions, np.int64),
        np.zeros((executions, symbols + 1), np.int64),
        np.zeros((executions, symbols + 1)),
        np.zeros(symbols, np.int64),
        np.zeros(symbols),
        np.zeros(symbols, np.int64),
        np.zeros(symbols),
        np.zeros(symbols),
        np.zeros(market.close.shape[1]),
        np.zeros(0),
    )


@njit(cache=True, nogil=True)
def _mark(
    close: Array, equity: Array, held: Array, quantity: Array, cash: float, holdings: int, start: int, stop: int
) -> None:  # pragma: no cover
    """Equity at the closes from start to before stop. The only loop that is long."""
    segment = equity[start:stop]
    segment[:] = cash
    for h in range(holdings):
        each, prices = quantity[h], close[held[h], start:stop]
        for t in range(len(segment)):
            segment[t] += each * prices[t]


@njit(cache=True, nogil=True, error_model="numpy")
def _play(
    market: SegmentedMarket, book: _Scratch, cost_rate: float, net_return: Array, turnover: Array
) -> None:  # pragma: no cover
    """One back-test: execute, mark up to the next execution, and so on; then equity becomes returns."""
    # Unpacked once: each reading of a field would count a reference.
    close, bounds, opens, tradable, all_tradable, cash_outs, any_cash_out, _ = market
    wanted, symbol, share, held, quantity, next_held, next_quantity, value, equity, _ = book
    sessions = len(equity)
    equity[: bounds[0]] = 1.0
    turnover[:] = 0.0
    cash, holdings = 1.0, 0
    for e in range(len(opens)):
        start, stop = bounds[e], bounds[e + 1]

        # Execute at the opens. What cannot be traded stays.
        every, worth, stuck, kept = all_tradable[e], cash, 0.0, 0
        for h in range(holdings):
            i = held[h]
            worth_here = quantity[h] * opens[e, i]
            value[i] = worth_here
            worth += worth_here
            if not every and not tradable[e, i]:
                value[i] = 0.0
                stuck += abs(worth_here)
                next_held[kept], next_quantity[kept] = i, quantity[h]
                kept += 1
        if worth > 0.0:
            scale, traded = worth, 0.0
            if stuck > 0.0:
                asked, reachable = 0.0, 0.0
                for w in range(wanted[e]):
                    asked += abs(share[e, w])
                    reachable += abs(share[e, w]) if tradable[e, symbol[e, w]] else 0.0
                if reachable > 0.0:
                    scale *= min(1.0, max(0.0, asked - stuck / worth) / reachable)
            for w in range(wanted[e]):
                i = symbol[e, w]
                if every or tradable[e, i]:
                    aim = share[e, w] * scale
                    change = aim - value[i]
                    value[i] = 0.0
                    traded += abs(change)
                    cash -= change
                    next_held[kept], next_quantity[kept] = i, aim / opens[e, i]
                    kept += 1
            # What still has a value was held and is no longer wanted: it is sold.
            for h in range(holdings):
                traded += abs(value[held[h]])
                cash += value[held[h]]
                value[held[h]] = 0.0
            cash -= cost_rate * traded
            if len(turnover) > 0:
                turnover[e] = traded / equity[start - 1]
            holdings = kept
            for h in range(kept):
                held[h], quantity[h] = next_held[h], next_quantity[h]
        else:
            for h in range(holdings):
                value[held[h]] = 0.0

        # Mark at the closes, and cash out what has been without bars for too long.
        while True:
            marked = stop
            if any_cash_out[e]:
                for h in range(holdings):
                    marked = min(marked, cash_outs[e, held[h]])
            _mark(close, equity, held, quantity, cash, holdings, start, marked)
            if marked == stop:
                break
            kept = 0
            for h in range(holdings):
                i = held[h]
                if cash_outs[e, i] == marked:
                    cash += quantity[h] * close[i, marked]
                else:
                    held[kept], quantity[kept] = i, quantity[h]
                    kept += 1
            holdings, start = kept, marked

    net_return[0], lost = 0.0, 0
    for t in range(1, sessions):
        net_return[t] = equity[t] / equity[t - 1] - 1.0
        lost += equity[t] <= 0.0
    if lost > 0:
        # A book that has lost everything stays empty, whatever was played after that.
        first = 0
        while equity[first] > 0.0:
            first += 1
        net_return[first] = -1.0
        net_return[first + 1 :] = 0.0
        if len(turnover) > 0:
            turnover[np.searchsorted(bounds[:-1], first, side="right") :] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _play_weights(
    market: SegmentedMarket,
    weights: Array,
    cost_rate: float,
    net_return: Array,
    turnover: Array,
    first: int,
    stop: int,
) -> None:  # pragma: no cover
    executions, symbols = market.opens.shape
    book = _scratch(market)
    for c in range(first, stop):
        for e in range(executions):
            wanted = 0
            for i in range(symbols):
                # Written always, counted if wanted: cheaper than a branch that is hard to foresee.
                book.symbol[e, wanted] = i
                book.share[e, wanted] = weights[c, e, i]
                wanted += weights[c, e, i] != 0.0
            book.wanted[e] = wanted
        _play(market, book, cost_rate, net_return[c], turnover[c] if len(turnover) > 0 else book.nothing)


@njit(cache=True, nogil=True, error_model="numpy")
def _play_selections(
    market: SegmentedMarket,
    selections: Selections,
    cost_rate: float,
    net_return: Array,
    turnover: Array,
    first: int,
    stop: int,
) -> None:  # pragma: no cover
    book, executions = _scratch(market), len(market.opens)
    orders, allowed, which_order, which_filter, tops, shares = selections
    picked, count = np.empty((executions, orders.shape[2]), np.int64), np.empty(executions, np.int64)
    for c in range(first, stop):
        if c == first or which_order[c] != which_order[c - 1] or tops[c] != tops[c - 1]:
            _by_symbol(orders[which_order[c]], tops[c], picked, count)
        _let_through(picked, count, allowed[which_filter[c]], shares[c], book.wanted, book.symbol, book.share)
        _play(market, book, cost_rate, net_return[c], turnover[c] if len(turnover) > 0 else book.nothing)


@njit(cache=True, nogil=True)
def _let_through(
    picked: Array, count: Array, through: Array, each: float, wanted: Array, symbol: Array, share: Array
) -> None:  # pragma: no cover
    """What the filter leaves of each row."""
    for e in range(len(count)):
        left = 0
        for n in range(count[e]):
            # Written always, counted if wanted: cheaper than a branch that is hard to foresee.
            i = picked[e, n]
            symbol[e, left], share[e, left] = i, each
            left += through[e, i]
        wanted[e] = left


@njit(cache=True, nogil=True)
def _by_symbol(order: Array, top: int, picked: Array, count: Array) -> None:  # pragma: no cover
    """The first `top` places of each row, sorted by symbol: sums then have the bits that spread weights give."""
    for e in range(len(picked)):
        size = 0
        while size < top and order[e, size] >= 0:
            i, place = np.int64(order[e, size]), size
            while place > 0 and picked[e, place - 1] > i:
                picked[e, place] = picked[e, place - 1]
                place -= 1
            picked[e, place] = i
            size += 1
        count[e] = size
