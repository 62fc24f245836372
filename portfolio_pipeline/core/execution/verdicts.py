"""Whether what is about to be traded may be traded: the limits asked about one session's targets and tickets.

Asked three times with the same functions: by the planner, by the blocking check on orders, and by submissions with
the tickets as they are stored and the account as the broker has it then. The limits themselves are in `core.risk`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from portfolio_pipeline.core.books.book import Book, value
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.market.bars import Bars
from portfolio_pipeline.core.market.past import Past
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.limits.check import check_limits


def judge_targets(
    weights: Mapping[str, float], previous: Mapping[str, float], terms: TradingTerms, past: Past | None = None
) -> tuple[Breach, ...]:
    """The limits that a session's targets break; `previous` are the targets of the session before."""
    breaches = check_limits(
        weights, terms.asset_classes, terms.limits, previous=previous, sectors=terms.sectors, past=past
    )
    return tuple(replace(breach, rule=f"targets_{breach.rule}") for breach in breaches)


def judge_trades(
    book: Book,
    trades: Mapping[str, int],
    bars: Bars,
    terms: TradingTerms,
    past: Past | None = None,
    *,
    near: float | None = None,
) -> tuple[Breach, ...]:
    """The limits that `book` breaks once `trades` (units by symbol) are done at the close, or that they make worse.

    `near` as in `check_limits`: those that it comes near as well."""
    unpriced = sorted(symbol for symbol in trades if symbol not in bars and symbol not in book.positions)
    if unpriced:
        return tuple(Breach(s, "price", "block", None, None, f"NO_PRICE: symbol={s}") for s in unpriced)
    equity = max(book.equity, 1)
    prices = {symbol: position.price for symbol, position in book.positions.items()}
    prices |= {symbol: bars[symbol].close for symbol in trades if symbol in bars}
    before = {symbol: value(book.quantity(symbol), price) / equity for symbol, price in sorted(prices.items())}
    after = {
        symbol: value(book.quantity(symbol) + trades.get(symbol, 0), price) / equity
        for symbol, price in sorted(prices.items())
    }
    return check_limits(
        after,
        terms.asset_classes,
        terms.limits,
        previous=before,
        tolerance=terms.limits.tolerance,
        sectors=terms.sectors,
        past=past,
        near=near,
    )
