"""Whether orders may be sent as orders: their size, their prices, a fresh bar, the cash, and a target that asks.

Asked by the planner of its own tickets, and by the gate of the stored ones. What the book may look like afterwards is
in `verdicts`; whether a ticket is what was planned, in `gate`. Nothing is taken from a ticket on trust: its worth is
worked out from the bars, what it is for from targets and account.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from portfolio_pipeline.core.books.book import SHARE, Book, to_currency, to_shares, to_units, value
from portfolio_pipeline.core.books.strategy_books import currency_per_weight
from portfolio_pipeline.core.execution.fill_model import worst_cost
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import Bars
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.risk.limits.order_limit import OrderFacts
from portfolio_pipeline.core.risk.limits.registry import ORDER_LIMITS

Quotes = Mapping[str, float]
"""Fresh prices of a real broker, by symbol, taken right before sending. The simulated market has none at its closes."""
NO_QUOTES: Quotes = {}


def judge_orders(
    tickets: Sequence[Ticket],
    book: Book,
    targets: SessionTargets,
    bars: Bars,
    terms: TradingTerms,
    recent: RecentMarket,
    quotes: Quotes = NO_QUOTES,
) -> tuple[Breach, ...]:
    """What forbids a session's orders, as orders."""
    if not tickets:
        return missing_targets(book, targets, terms)
    found = [*_one_each(tickets), *_fresh(tickets, book, bars, terms), *_asked_for(tickets, book, targets, bars, terms)]
    equity = book.equity
    facts = [
        order_facts(
            *(t.symbol, t.quantity, equity, bars, recent, t.reference_price, t.limit_price, quotes.get(t.symbol)),
            held=book.quantity(t.symbol),
            place=place,
        )
        for place, t in enumerate(tickets, start=1)
    ]
    traded = {ticket.symbol for ticket in tickets}
    facts += [order_facts(s, 0, equity, bars, recent, quote=quotes.get(s)) for s in book.positions if s not in traded]
    for order in facts:
        for limit in ORDER_LIMITS.values():
            broken = limit.broken(order, terms.limits)
            if broken:
                found.append(limit.breach(order, "block", *broken))
    return (*found, *paid(tickets, book, bars, terms))


def order_facts(
    symbol: str,
    quantity: int,
    equity: int,
    bars: Bars,
    recent: RecentMarket,
    reference_price: float | None = None,
    limit_price: float | None = None,
    quote: float | None = None,
    *,
    held: int = 0,
    place: int = 0,
) -> OrderFacts:
    """An order of `quantity` units as the limits see it, valued at the dearest of its prices; `equity` in cents."""
    close = bars[symbol].close if symbol in bars else None
    dearest = max((p for p in (close, reference_price, limit_price, quote) if p is not None), default=0.0)
    return OrderFacts(
        symbol=symbol,
        shares=to_shares(quantity),
        notional=to_shares(abs(quantity)) * dearest,  # not in whole cents, so that a cut to a limit holds it
        equity=to_currency(equity),
        close=close,
        reference_price=reference_price,
        limit_price=limit_price,
        earlier_close=recent.earlier_close(symbol),
        average_volume=recent.average_volume(symbol) if quantity else None,
        quote=quote,
        held=to_shares(held),
        place=place,
    )


def held_without_bar(book: Book, bars: Bars, terms: TradingTerms) -> tuple[Breach, ...]:
    """What is held and did not trade today: a warning, until it has to count as delisted.

    It is left alone, and it must not freeze the rest of the account: a gap of one symbol is common, and a delisted one
    would never have a bar again. A holding that should have become cash by now is one that the books do not know.
    """
    limit = terms.simulated_broker.delist_after_sessions
    return tuple(
        Breach(
            symbol,
            "bar",
            "warning" if position.sessions_without_bar < limit else "block",
            position.sessions_without_bar,
            limit,
            f"HELD_WITHOUT_BAR: symbol={symbol}, sessions={position.sessions_without_bar}, limit={limit}",
        )
        for symbol, position in sorted(book.positions.items())
        if symbol not in bars
    )


def missing_targets(book: Book, targets: SessionTargets, terms: TradingTerms) -> tuple[Breach, ...]:
    """What is held although no row says what is wanted of it: that is no wish for nothing."""
    found = []
    for symbol, position in sorted(book.positions.items()):
        if symbol not in targets.weights:
            known = symbol in terms.asset_classes
            remedy = "" if known else ", not in the universe: put it there, in portfolio.yaml, for prices and targets"
            message = f"MISSING_TARGET: symbol={symbol}, held={to_shares(position.quantity):g}{remedy}"
            found.append(_block("target", message, symbol))
    return tuple(found)


def _one_each(tickets: Sequence[Ticket]) -> list[Breach]:
    counted = Counter(ticket.symbol for ticket in tickets)
    return [_block("one_order", f"TWO_TICKETS: symbol={s}, found={n}", s) for s, n in counted.items() if n > 1]


def _fresh(tickets: Sequence[Ticket], book: Book, bars: Bars, terms: TradingTerms) -> list[Breach]:
    symbols = sorted({ticket.symbol for ticket in tickets if ticket.symbol not in bars})
    stale = [_block("bar", f"NO_BAR_TODAY: symbol={symbol}, nothing to size an order at", symbol) for symbol in symbols]
    return stale + [breach for breach in held_without_bar(book, bars, terms) if breach.severity == "block"]


def _asked_for(
    tickets: Sequence[Ticket], book: Book, targets: SessionTargets, bars: Bars, terms: TradingTerms
) -> list[Breach]:
    """Every order goes from what is held towards what the target says, and not past it; or to what a person orders."""
    found = list(missing_targets(book, targets, terms))
    scale = currency_per_weight(targets, book.equity, bars, terms.orders.cash_buffer)
    for ticket in tickets:
        symbol, held = ticket.symbol, book.quantity(ticket.symbol)
        if symbol not in targets.weights:
            found.append(_block("target", f"NO_TARGET: symbol={symbol}, no row asks for it", symbol))
        elif symbol in bars:
            wanted = to_units(targets.weights[symbol] * scale / bars[symbol].close) + targets.pins(symbol) - held
            by_hand = targets.orders(symbol)
            if not ticket.quantity or not min(0, wanted, by_hand) <= ticket.quantity <= max(0, wanted, by_hand):
                found.append(
                    _block(
                        "target",
                        f"NOT_ASKED_FOR: symbol={symbol}, order={to_shares(ticket.quantity):g},"
                        f" held={to_shares(held):g}, target={targets.weights[symbol]:.4%}, which is"
                        f" {(held + wanted) / SHARE:g}",
                        symbol,
                    )
                )
    return found


def paid(tickets: Sequence[Ticket], book: Book, bars: Bars, terms: TradingTerms) -> list[Breach]:
    """At the dearest that trading can become, what is bought is paid by the cash and what is sold."""
    worth = [value(ticket.quantity, bars[ticket.symbol].close) for ticket in tickets if ticket.symbol in bars]
    bought, sold = sum(w for w in worth if w > 0), -sum(w for w in worth if w < 0)
    cost = worst_cost(terms.costs, terms.simulated_broker)
    needed, there = bought * (1.0 + cost), book.cash + sold * (1.0 - cost)
    cents = (len(worth) + 1) * (1.0 + cost)  # each worth is rounded to one
    if not bought or needed <= there + cents:
        return []
    message = f"BUYING_POWER: needed={needed / 100:,.2f}, there={there / 100:,.2f}"
    return [Breach(PORTFOLIO, "buying_power", "block", needed / 100, there / 100, message)]


def is_unpaid(tickets: Sequence[Ticket], book: Book, bars: Bars, terms: TradingTerms) -> bool:
    return bool(paid(tickets, book, bars, terms))


def _block(rule: str, message: str, subject: str) -> Breach:
    return Breach(subject, rule, "block", None, None, message)
