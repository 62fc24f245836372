"""Whether what is about to be traded may be traded: the limits asked about one session's targets and tickets.

Asked three times with the same functions: by the planner, by the blocking check on orders, and by submissions with
the tickets as they are stored and the account as the broker has it then. The limits themselves are in `limits`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal, NamedTuple

import pandas as pd

from portfolio_pipeline.core.books.book import Book, value
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.market.bars import Bars
from portfolio_pipeline.core.risk.limits import Breach, check_limits
from portfolio_pipeline.core.tables import RISK_BREACHES


class Finding(NamedTuple):
    """Something that stops a session's orders (`block`), was mended (`cut`) or is only reported (`warning`)."""

    subject: str
    rule: str
    severity: Literal["block", "cut", "warning"]
    found: float | None
    limit: float | None
    message: str
    action: str = ""


def judge_targets(
    weights: Mapping[str, float], previous: Mapping[str, float], terms: TradingTerms
) -> tuple[Finding, ...]:
    """The limits that a session's targets break; `previous` are the targets of the session before."""
    breaches = check_limits(weights, terms.asset_classes, terms.limits, previous=previous)
    return tuple(_finding(breach, "targets_") for breach in breaches)


def judge_trades(book: Book, trades: Mapping[str, int], bars: Bars, terms: TradingTerms) -> tuple[Finding, ...]:
    """The limits that `book` breaks once `trades` (units by symbol) are done at the close, or that they make worse."""
    unpriced = sorted(symbol for symbol in trades if symbol not in bars and symbol not in book.positions)
    if unpriced:
        return tuple(Finding(s, "price", "block", None, None, f"NO_PRICE: symbol={s}") for s in unpriced)
    equity = max(book.equity, 1)
    prices = {symbol: position.price for symbol, position in book.positions.items()}
    prices |= {symbol: bars[symbol].close for symbol in trades if symbol in bars}
    before = {symbol: value(book.quantity(symbol), price) / equity for symbol, price in sorted(prices.items())}
    after = {
        symbol: value(book.quantity(symbol) + trades.get(symbol, 0), price) / equity
        for symbol, price in sorted(prices.items())
    }
    limits = terms.limits
    breaches = check_limits(after, terms.asset_classes, limits, previous=before, tolerance=limits.tolerance)
    return tuple(_finding(breach) for breach in breaches)


def blocking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.severity == "block")


def breach_rows(findings: Mapping[date, Iterable[Finding]], level: Literal["orders", "submission"]) -> pd.DataFrame:
    """Rows of risk_breaches. Of several findings on the same subject and rule the gravest is kept."""
    done = {"block": "the session's orders are refused", "warning": "reported"}
    gravity = ("warning", "cut", "block")
    kept: dict[tuple[date, str, str], tuple[object, ...]] = {}
    for session, found in findings.items():
        for f in sorted(found, key=lambda finding: gravity.index(finding.severity)):
            row = (session, level, f.subject, f.rule, f.severity, f.found, f.limit, f.action or done[f.severity], None)
            kept[session, f.subject, f.rule] = row
    return pd.DataFrame(list(kept.values()), columns=list(RISK_BREACHES.column_names))


def _finding(breach: Breach, prefix: str = "") -> Finding:
    return Finding(breach.subject, prefix + breach.rule, breach.severity, breach.found, breach.limit, str(breach))
