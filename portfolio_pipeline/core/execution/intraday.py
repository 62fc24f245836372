"""The account while the market is open: what was held at the close, with the executions since, marked at quotes.

For looking and for warning only: nothing is decided on it. Where a symbol has no quote that can be relied on, the last
close stands. Money that was booked since the close beside executions (dividends, fees) is not in it before the evening.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from portfolio_pipeline.core.books.book import Book, to_currency, to_shares, value
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.market.quality.settings import Quality
from portfolio_pipeline.core.market.quotes import Quote, QuoteState, state_of
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.limits.check import check_limits
from portfolio_pipeline.core.risk.limits.registry import LIMITS
from portfolio_pipeline.core.tables import INTRADAY_MARKS

WHOLE = "ACCOUNT"
DRAWDOWN = "drawdown"


@dataclass(frozen=True)
class Marked:
    """One symbol: units now and at the close, the price it is marked at, and cents that came in or went out since."""

    quantity: int
    before: int
    close: float
    price: float
    traded: int
    quote: Quote | None
    state: QuoteState

    @property
    def worth(self) -> int:
        return value(self.quantity, self.price)

    @property
    def gain(self) -> int:
        return self.worth - value(self.before, self.close) + self.traded


@dataclass(frozen=True)
class MarkedAccount:
    session: date
    marked_at: datetime
    cash: int
    symbols: Mapping[str, Marked]
    peak: int
    """The highest equity that counts, in cents."""

    @property
    def equity(self) -> int:
        return self.cash + sum(marked.worth for marked in self.symbols.values())

    @property
    def gain(self) -> int:
        return sum(marked.gain for marked in self.symbols.values())

    @property
    def drawdown(self) -> float:
        """Below the peak; negative when money is lost."""
        return min(self.equity / self.peak - 1.0, 0.0) if self.peak > 0 else 0.0

    def weights(self) -> dict[str, float]:
        equity = max(self.equity, 1)
        return {symbol: marked.worth / equity for symbol, marked in self.symbols.items() if marked.quantity}

    def breaches(self, terms: TradingTerms) -> tuple[Breach, ...]:
        """The limits that the account stands past at these marks, and did not at the close."""
        at_close = {symbol: value(marked.before, marked.close) for symbol, marked in self.symbols.items()}
        then = max(self.equity - self.gain, 1)
        found = check_limits(
            self.weights(),
            terms.asset_classes,
            terms.limits,
            previous={symbol: worth / then for symbol, worth in at_close.items() if worth},
            tolerance=terms.limits.tolerance,
            sectors=terms.sectors,
        )
        lost = terms.limits.value(DRAWDOWN)
        # Of the way from one book to the next there is nothing to say: no targets are decided here.
        grave = [one for one in found if one.severity == "block" and not LIMITS[one.rule].about_the_way]
        if isinstance(lost, float | int) and -self.drawdown > lost:
            message = f"DRAWDOWN_LIMIT: subject={WHOLE}, found={-self.drawdown:.6g}, limit={lost:.6g}"
            grave.append(Breach(WHOLE, DRAWDOWN, "block", -self.drawdown, lost, message))
        return tuple(grave)

    def rows(self) -> pd.DataFrame:
        """Rows of `intraday_marks`."""
        equity = max(self.equity, 1)
        found = [
            {
                "scope": symbol,
                "quantity": to_shares(marked.quantity),
                "bid": marked.quote.bid if marked.quote else None,
                "ask": marked.quote.ask if marked.quote else None,
                "mid": marked.quote.mid if marked.quote else None,
                "quoted_at": marked.quote.at if marked.quote else None,
                "quote": marked.state,
                "price": marked.price,
                "market_value": to_currency(marked.worth),
                "day_pnl": to_currency(marked.gain),
                "exposure": abs(marked.worth) / equity,
            }
            for symbol, marked in self.symbols.items()
        ]
        found.append(
            {
                "scope": WHOLE,
                "market_value": to_currency(self.equity),
                "day_pnl": to_currency(self.gain),
                "exposure": sum(abs(marked.worth) for marked in self.symbols.values()) / equity,
                "drawdown": self.drawdown,
            }
        )
        rows = pd.DataFrame(found, columns=list(INTRADAY_MARKS.column_names))
        rows["session"], rows["marked_at"] = pd.Timestamp(self.session), pd.Timestamp(self.marked_at)
        kinds = {"session": "datetime64[s]", "marked_at": "datetime64[us]", "quoted_at": "datetime64[us]"}
        numbers = [column.name for column in INTRADAY_MARKS.columns if column.type == "double"]
        return rows.astype({**kinds, **dict.fromkeys(numbers, "float64")})


def marked_account(
    session: date,
    now: datetime,
    book: Book,
    closes: Mapping[str, float],
    fills: Sequence[Fill],
    quotes: Mapping[str, Quote],
    quality: Quality,
    peak: int,
) -> MarkedAccount:
    """`book` as it was at the last close; `now` is in UTC without zone, `peak` in cents.

    What is neither held at the close nor has one of its own is marked at what was paid for it.
    """
    traded, paid = dict.fromkeys(book.positions, 0), {}
    cash = dict.fromkeys(book.positions, 0)
    for fill in fills:
        traded[fill.symbol] = traded.get(fill.symbol, 0) + fill.quantity
        cash[fill.symbol] = cash.get(fill.symbol, 0) + fill.cash
        paid[fill.symbol] = fill.price
    symbols = {}
    for symbol in sorted(traded):
        held = book.positions.get(symbol)
        close = held.price if held else closes.get(symbol, paid.get(symbol, 0.0))
        quote = quotes.get(symbol)
        state = state_of(quote, now, close, quality.largest_daily_move)
        price = quote.mid if quote is not None and state == "fresh" else close
        before = book.quantity(symbol)
        symbols[symbol] = Marked(before + traded[symbol], before, close, price, cash[symbol], quote, state)
    whole = book.cash + sum(cash.values())
    return MarkedAccount(session, now, whole, symbols, max(peak, book.equity))
