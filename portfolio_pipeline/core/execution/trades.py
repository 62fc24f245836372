"""From a session's targets to trades in shares: what to buy and sell, cut down to what cash and limits allow. Pure.

Every cut scales trades by a common factor and never makes one larger. Which targets are allowed is decided in
`core.risk`; how trades become tickets, in `orders`; whether they may be sent, in `verdicts`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from portfolio_pipeline.core.books.book import SHARE, Book, to_units, value
from portfolio_pipeline.core.books.strategy_books import currency_per_weight
from portfolio_pipeline.core.execution.fill_model import worst_cost
from portfolio_pipeline.core.execution.order_types import order_form
from portfolio_pipeline.core.execution.order_verdicts import order_facts
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.execution.verdicts import judge_trades
from portfolio_pipeline.core.market.bars import Bars, SessionBars, asset
from portfolio_pipeline.core.market.past import Past
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.breaches import Breach, blocking
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.risk.limits.of_orders import ORDER_COUNT
from portfolio_pipeline.core.risk.limits.of_turnover import TURNOVER
from portfolio_pipeline.core.risk.limits.order_limit import OrderFacts
from portfolio_pipeline.core.risk.limits.registry import LIMITS, ORDER_LIMITS

Trades = Mapping[str, int]
"""Units by symbol, negative to sell."""

_ROUNDS = 8


def trades_towards(
    targets: SessionTargets, book: Book, bars: Bars, terms: TradingTerms, recent: RecentMarket
) -> tuple[Trades, tuple[Breach, ...]]:
    """The trades of one session, and what the limits on orders and on the book cut of them.

    A symbol without a bar today is left alone, for there is no price to size it at; and so is one that no target names.
    """
    trades: Trades = _wanted(book, targets, bars, terms, recent.past)
    trades, cuts = _within_order_limits(book, trades, bars, terms, recent)
    trades, left_out = _within_count(book, trades, bars, terms)
    trades = _within_turnover(book, trades, bars, terms, eased=targets.eased)
    trades = _within_cash(book, trades, bars, terms)
    trades, more = _within_limits(book, trades, bars, terms, recent.past)
    # A short sale that was cut does not pay any more.
    trades = _within_cash(book, trades, bars, terms)
    return trades, (*_not_allowed(book, targets, bars), *cuts, *left_out, *more)


def _wanted(book: Book, targets: SessionTargets, bars: Bars, terms: TradingTerms, past: Past | None) -> dict[str, int]:
    """Units by symbol that lead from the book to the targets; what is too small to be worth it is left out.

    What drifted within the band of its target is left where it is, unless a limit has cut that target, or the book
    would break one. What a person orders is added to either.
    """
    trades, equity = _all_wanted(book, targets, bars, terms), book.equity
    outside = {}
    for symbol, quantity in trades.items():
        worth, band = abs(value(quantity, bars[symbol].close)), _band(targets.weights[symbol], terms) * equity
        cut = symbol in targets.reasons and quantity * book.quantity(symbol) < 0
        cut = cut or crosses(book, targets, symbol)
        if not to_units(targets.weights[symbol]) or cut or (worth > band and terms.orders.trade_to == "target"):
            outside[symbol] = quantity
        elif worth - band > terms.orders.minimum_share * equity:
            outside |= _scaled(book, {symbol: quantity}, 1.0 - band / worth, bars, terms)
    everything, chosen = (_with_orders(some, book, targets, bars, terms) for some in (trades, outside))
    if everything == chosen or blocking(judge_trades(book, chosen, bars, terms, past)):
        return everything
    return chosen


def _with_orders(
    trades: dict[str, int], book: Book, targets: SessionTargets, bars: Bars, terms: TradingTerms
) -> dict[str, int]:
    """Trades, and what is ordered by hand beside them: in whole shares, unless that closes a position."""
    if not targets.ordered:
        return trades
    both = dict(trades)
    for symbol in sorted({symbol for own in targets.ordered.values() for symbol in own if symbol in bars}):
        held, total = book.quantity(symbol), trades.get(symbol, 0) + targets.orders(symbol)
        if asset(bars, symbol).tradable:
            both[symbol] = total if total == -held else _whole(symbol, total, held, bars, terms)
    return {symbol: quantity for symbol, quantity in both.items() if quantity}


def _band(weight: float, terms: TradingTerms) -> float:
    """How far from a target a holding may be before a trade is worth its cost, as a part of equity.

    The cube-root rule of portfolio choice under small costs: both what deviating loses and how fast a holding drifts
    grow with its variance, which therefore drops out.
    """
    orders, size = terms.orders, min(abs(weight), 1.0)
    width = 1.5 * terms.costs.total / orders.risk_aversion * (size * (1.0 - size)) ** 2
    return max(orders.band * math.cbrt(width), orders.minimum_share)


def crosses(book: Book, targets: SessionTargets, symbol: str) -> bool:
    """Whether what is wanted is on the other side of nothing than what is held.

    Then everything is closed, and nothing more: no broker sells more than there is in one order, and the other side is
    opened when the first order has been filled, that is planned at the next close.
    """
    return targets.weights[symbol] * book.quantity(symbol) < 0 and not targets.pins(symbol)


def _all_wanted(book: Book, targets: SessionTargets, bars: Bars, terms: TradingTerms) -> dict[str, int]:
    """Units by symbol that lead from the book to the targets exactly, but for trades below `minimum_trade`, and for
    what the broker does not let be done. Without what is ordered by hand, which goes its own way.
    """
    scale = currency_per_weight(targets, book.equity, bars, terms.orders.cash_buffer)
    trades = {}
    for symbol, weight in sorted(targets.weights.items()):
        allowed = asset(bars, symbol)
        if symbol not in bars or not allowed.tradable:
            continue
        price, held = bars[symbol].close, book.quantity(symbol) + targets.orders(symbol)
        target = to_units(weight * scale / price) + targets.pins(symbol)
        if not target or crosses(book, targets, symbol):
            trades[symbol] = -held
        elif target < held and target < 0 and not allowed.shortable:
            continue
        elif _worth_it(trade := _whole(symbol, target - held, held, bars, terms), price, terms):
            trades[symbol] = trade
    return {symbol: quantity for symbol, quantity in trades.items() if quantity}


def _not_allowed(book: Book, targets: SessionTargets, bars: Bars) -> tuple[Breach, ...]:
    """What the broker does not let be done with what is wanted or held."""
    if not (isinstance(bars, SessionBars) and bars.assets):
        return ()
    found = []
    for symbol, weight in sorted(targets.weights.items()):
        allowed = asset(bars, symbol)
        if not allowed.tradable and (weight or book.quantity(symbol)):
            message = f"NOT_TRADABLE: symbol={symbol}, the broker takes no order for it"
            found.append(Breach(symbol, "tradable", "cut", None, None, message, "left alone"))
        elif not allowed.shortable and weight < 0:
            message = f"NOT_SHORTABLE: symbol={symbol}, the broker does not lend it"
            found.append(Breach(symbol, "shortable", "cut", None, None, message, "not sold short"))
    return tuple(found)


def _within_order_limits(
    book: Book, trades: Trades, bars: Bars, terms: TradingTerms, recent: RecentMarket
) -> tuple[Trades, tuple[Breach, ...]]:
    """Each trade cut to the largest order that is allowed; the rest is for the sessions after."""
    kept, cuts, equity = dict(trades), [], book.equity
    shrinking = [limit for limit in ORDER_LIMITS.values() if limit.shrinks]

    def facts_of(symbol: str) -> OrderFacts:
        form = order_form(terms.orders, kept[symbol], bars[symbol].close)
        held = book.quantity(symbol)
        return order_facts(symbol, kept[symbol], equity, bars, recent, limit_price=form.limit_price, held=held)

    for symbol in trades:
        facts = facts_of(symbol)
        for limit in shrinking:
            broken = limit.broken(facts, terms.limits)
            if broken:
                found, cap = broken
                part = limit.part(facts, found, cap)
                kept[symbol] = _scaled(book, {symbol: kept[symbol]}, part, bars, terms).get(symbol, 0)
                action = f"cut to {kept[symbol] / SHARE:g} shares"
                cuts.append(limit.breach(facts, "cut", found, cap, action))
                facts = facts_of(symbol)
    return {symbol: quantity for symbol, quantity in kept.items() if quantity}, tuple(cuts)


def _within_count(
    book: Book, trades: Trades, bars: Bars, terms: TradingTerms
) -> tuple[Mapping[str, int], tuple[Breach, ...]]:
    """As many trades as a session may have: what makes positions smaller first, then what is worth most."""
    most = ORDER_COUNT.cap(terms.limits)
    if most is None or len(trades) <= most:
        return trades, ()

    def rank(symbol: str) -> tuple[bool, int, str]:
        worth = abs(value(trades[symbol], bars[symbol].close))
        return not _only_smaller(book.quantity(symbol), trades[symbol]), -worth, symbol

    kept = sorted(sorted(trades, key=rank)[: int(most)])
    message = f"{ORDER_COUNT.name.upper()}_LIMIT: subject={PORTFOLIO}, found={len(trades)}, limit={most:g}"
    action = f"{len(trades) - len(kept)} left for the sessions after"
    cut = Breach(PORTFOLIO, ORDER_COUNT.name, "cut", len(trades), most, message, action)
    return {symbol: trades[symbol] for symbol in kept}, (cut,)


def _within_turnover(
    book: Book, trades: Mapping[str, int], bars: Bars, terms: TradingTerms, *, eased: bool
) -> Mapping[str, int]:
    """All trades scaled by the same factor when together they are more than the turnover limit allows.

    Where a breach is answered (`eased`), what only makes a position smaller passes first.
    """
    worth = {symbol: abs(value(quantity, bars[symbol].close)) for symbol, quantity in trades.items()}
    cap = None if terms.limits.only_reports(TURNOVER.name) else TURNOVER.cap(terms.limits)
    allowed = math.inf if cap is None else cap * max(book.equity, 0)
    if not sum(worth.values()) > allowed > 0:
        return trades
    passing = {s: q for s, q in trades.items() if eased and _only_smaller(book.quantity(s), q)}
    others = {symbol: quantity for symbol, quantity in trades.items() if symbol not in passing}
    left = max(allowed - sum(worth[symbol] for symbol in passing), 0.0)
    total = sum(worth[symbol] for symbol in others)
    return passing | (_scaled(book, others, left / total, bars, terms) if total > left else others)


def _only_smaller(held: int, quantity: int) -> bool:
    """Whether a trade brings what is held nearer to nothing, and not past it."""
    return abs(held + quantity) < abs(held) and (held + quantity) * held >= 0


def _within_cash(book: Book, trades: Mapping[str, int], bars: Bars, terms: TradingTerms) -> Mapping[str, int]:
    """Buys scaled to the cash that is there once the sells are done.

    At the closes the buffer has to stay; at the dearest prices there must be no debt, so the buffer pays costs and
    gaps.
    """
    worth = {symbol: value(quantity, bars[symbol].close) for symbol, quantity in trades.items()}
    buys = sum(amount for amount in worth.values() if amount > 0)
    sells = -sum(amount for amount in worth.values() if amount < 0)
    cost = worst_cost(terms.costs, terms.simulated_broker)
    at_the_closes = book.cash + sells - terms.orders.cash_buffer * max(book.equity, 0)
    at_the_dearest = (book.cash + sells * (1.0 - cost)) / (1.0 + cost)
    budget = max(min(at_the_closes, at_the_dearest), 0.0)
    if buys <= budget + len(trades):  # each worth is rounded to a cent
        return trades
    kept = {symbol: quantity for symbol, quantity in trades.items() if quantity < 0}
    cut = {symbol: quantity for symbol, quantity in trades.items() if quantity > 0}
    return kept | _scaled(book, cut, budget / buys, bars, terms)


def _within_limits(
    book: Book, trades: Trades, bars: Bars, terms: TradingTerms, past: Past | None
) -> tuple[Trades, tuple[Breach, ...]]:
    """Trades that make positions larger, scaled until the book fits the limits.

    The targets fit them already. The book may not, while something that no target wants any more cannot be sold: it has
    no bar, or the turnover limit lets it go by and by. Buying its successor in full would then be too much of both.
    """
    cuts: dict[tuple[str, str], Breach] = {}
    for _ in range(_ROUNDS):
        breaches = blocking(judge_trades(book, trades, bars, terms, past))
        if not breaches:
            break
        just_cut: set[str] = set()
        for breach in breaches:
            growing = {
                symbol: value(abs(book.quantity(symbol) + quantity) - abs(book.quantity(symbol)), bars[symbol].close)
                for symbol, quantity in trades.items()
                if abs(book.quantity(symbol) + quantity) > abs(book.quantity(symbol))
                and breach.subject == _subject(breach.rule, symbol, terms)
            }
            growth = sum(growing.values()) / max(book.equity, 1)
            if not growth or breach.found is None or breach.limit is None or not just_cut.isdisjoint(growing):
                continue  # what was just cut is judged anew first: one excess may break several limits
            just_cut |= growing.keys()
            excess = LIMITS[breach.rule].too_much(breach.found, breach.limit, _gross(book, trades, bars))
            factor = max(0.0, 1.0 - excess / growth)
            scaled = _scaled(book, {symbol: trades[symbol] for symbol in growing}, factor, bars, terms)
            trades = {symbol: q for symbol, q in trades.items() if symbol not in growing} | scaled
            cut = replace(breach, severity="cut", action=f"growing positions scaled by {factor:.4f}")
            cuts.setdefault((breach.subject, breach.rule), cut)
    return trades, tuple(cuts.values())


def _gross(book: Book, trades: Trades, bars: Bars) -> float:
    """What there is after the trades, long and short, as a fraction of equity."""
    untouched = (value(p.quantity, p.price) for symbol, p in book.positions.items() if symbol not in trades)
    traded = (value(book.quantity(symbol) + quantity, bars[symbol].close) for symbol, quantity in trades.items())
    return sum(map(abs, (*untouched, *traded))) / max(book.equity, 1)


def _subject(rule: str, symbol: str, terms: TradingTerms) -> str | None:
    """Whom a breach of the rule names that the symbol has a part in."""
    place = LIMITS[rule].place if rule in LIMITS else "portfolio"
    by_place = {"symbol": symbol, "asset_class": terms.asset_classes.get(symbol), "sector": terms.sectors.get(symbol)}
    return by_place.get(place, PORTFOLIO)


def _scaled(book: Book, trades: Mapping[str, int], factor: float, bars: Bars, terms: TradingTerms) -> dict[str, int]:
    smaller = {
        symbol: _whole(symbol, int(quantity * factor), book.quantity(symbol), bars, terms)
        for symbol, quantity in trades.items()
    }
    return {symbol: part for symbol, part in smaller.items() if _worth_it(part, bars[symbol].close, terms)}


def _whole(symbol: str, quantity: int, held: int, bars: Bars, terms: TradingTerms) -> int:
    """Cut to whole lots, towards nothing, unless fractions are traded; nobody lends fractions."""
    if terms.orders.fractional and asset(bars, symbol).fractionable and held >= 0 and held + quantity >= 0:
        return quantity
    lot = terms.orders.lot * SHARE
    whole = abs(quantity) // lot * lot
    return whole if quantity > 0 else -whole


def _worth_it(quantity: int, price: float, terms: TradingTerms) -> bool:
    return quantity != 0 and abs(value(quantity, price)) >= terms.orders.minimum_trade * 100
