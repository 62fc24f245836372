"""Whether something may be said about orders, and the row that it becomes; in one message why not. Pure.

On the day limits, states and the gate hold all the same: what is allowed here may still be cut or refused there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from portfolio_pipeline.core.books.book import SHARE, Book, to_currency, to_shares, value
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction, Instructions, Kind
from portfolio_pipeline.core.execution.by_hand.sizing import Money, most_units
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.registry import near
from portfolio_pipeline.core.words import clean

_NOTHING_WRITTEN = "Nothing was written."


@dataclass(frozen=True)
class Known:
    """What is there to be ordered about: the session that is open to decisions, books and prices of the newest one."""

    session: date
    now: datetime
    terms: TradingTerms
    said: Instructions
    strategies: tuple[str, ...]
    closes: Mapping[str, float] = field(default_factory=dict)
    books: Mapping[str, Book] = field(default_factory=dict)
    money: Mapping[str, Money] = field(default_factory=dict)
    tickets: Mapping[str, Ticket] = field(default_factory=dict)
    """Planned for the session, by identifier."""


@dataclass(frozen=True)
class Asked:
    """What somebody says. `quantity` in units, negative to sell; None with `order`: as many as the money buys."""

    kind: Kind
    why: str
    who: str
    strategy: str = ""
    symbol: str = ""
    quantity: int | None = None
    price: float | None = None
    order: str = ""
    withdraws: int | None = None
    session: date | None = None


def instruction(asked: Asked, known: Known) -> Instruction:
    """The row, or why it cannot be."""
    if not asked.why.strip():
        raise _no("REASON_MISSING", expected="why it is done by hand", remedy="Give it with --why.")
    session = asked.session or known.session
    if session < known.session:
        raise _no(
            "SESSION_DECIDED",
            found=session,
            expected=f"{known.session} or later",
            remedy="Its orders are at the market.",
        )
    quantity = asked.quantity
    if asked.kind in ("order", "sell_all", "close"):
        _require_strategy(asked, known)
        _require_open(asked, known, session)
    if asked.kind in ("order", "sell_all"):
        _require_symbol(asked, known)
    if asked.kind == "order":
        quantity = _quantity(asked, known)
    if asked.kind == "sell_all" and not _held(asked, known):
        raise _no(
            "NOTHING_HELD", strategy=asked.strategy, symbol=asked.symbol, found=0, remedy="There is nothing to sell."
        )
    if asked.kind == "withdraw":
        _require_in_force(asked, known)
    if asked.kind in ("cancel", "modify"):
        _require_ticket(asked, known)
    row = Instruction(
        number=known.said.next_number,
        kind=asked.kind,
        session=session,
        who=clean(asked.who),
        why=clean(asked.why),
        made_at=known.now,
        strategy=asked.strategy,
        symbol=asked.symbol,
        quantity=quantity,
        limit_price=asked.price,
        order=asked.order,
        withdraws=asked.withdraws,
    )
    _require_new(row, known)
    return row


def in_words(row: Instruction, known: Known) -> str:
    """What will be done, and when."""
    when = f"Planned with the orders of {row.session}, for the open after it."
    withdraw = f"`portfolio order withdraw {row.number}`"
    shares = f"{to_shares(abs(row.quantity or 0)):g}"
    limit = "" if row.limit_price is None else f" at {row.limit_price:g} or better"
    if row.kind == "order":
        side = "buys" if (row.quantity or 0) > 0 else "sells"
        worth = abs(value(row.quantity or 0, row.limit_price or known.closes[row.symbol]))
        money = known.money[row.strategy]
        left = f", and has {to_currency(money.cash - worth):,.2f} left" if side == "buys" else ""
        return (
            f"Order {row.number}: {row.strategy} {side} {shares} {row.symbol}{limit}, worth"
            f" {to_currency(worth):,.2f}{left}. {when} Then it stays as it is: the strategy does not trade"
            f" {row.symbol}, not for what it wants itself either, until `portfolio order sell-all`, or {withdraw}."
        )
    if row.kind == "sell_all":
        held = to_shares(known.books[row.strategy].quantity(row.symbol))
        return (
            f"Order {row.number}: {row.strategy} sells all it has of {row.symbol}, {held:g} shares now{limit}. {when}"
            " After that the strategy decides on it itself again."
        )
    if row.kind == "close":
        return f"Order {row.number}: {row.strategy} sells all it has, and has nothing until {withdraw}. {when}"
    if row.kind == "flatten":
        return f"Order {row.number}: everything is sold, and nothing bought until {withdraw}. {when}"
    if row.kind == "withdraw":
        return f"Order {row.withdraws} is withdrawn from {row.session} on."
    if row.kind == "modify":
        return f"{row.order} is canceled, and once that is confirmed the rest is ordered anew: {shares} shares{limit}."
    return f"{row.order} is to be canceled. It may still be filled before the request arrives."


def _require_strategy(asked: Asked, known: Known) -> None:
    if asked.strategy not in known.strategies:
        raise _no(
            "STRATEGY_UNKNOWN",
            found=asked.strategy or "nothing",
            expected=", ".join(known.strategies) + near(asked.strategy, known.strategies),
            remedy="portfolio strategy list names them all.",
        )
    if asked.strategy not in known.books:
        raise _no(
            "NO_BOOK",
            strategy=asked.strategy,
            found="no capital and no holding so far",
            remedy="Only who has capital has a book to trade in: portfolio allocate, or stage: active on its card.",
        )


def _require_open(asked: Asked, known: Known, session: date) -> None:
    flat, closed = known.said.flattened(session), known.said.closed(session).get(asked.strategy)
    shut = flat or closed
    if shut is not None and asked.kind != "sell_all":
        raise _no(
            "EVERYTHING_IS_FLAT" if flat else "STRATEGY_CLOSED",
            found=f"order {shut.number}, {shut.told}",
            remedy=f"{_NOTHING_WRITTEN} First: portfolio order withdraw {shut.number}.",
        )


def _require_symbol(asked: Asked, known: Known) -> None:
    if asked.symbol not in known.terms.asset_classes:
        raise _no(
            "SYMBOL_UNKNOWN",
            found=asked.symbol or "nothing",
            expected=f"one of the universe{near(asked.symbol, tuple(known.terms.asset_classes))}",
            remedy=f"{_NOTHING_WRITTEN} What is not in the settings' universe has no prices and no limits.",
        )
    close, collar = known.closes.get(asked.symbol), known.terms.limits.value("price_collar")
    if close is None:
        raise _no("NO_PRICE", symbol=asked.symbol, found="no close of the newest session", remedy=_NOTHING_WRITTEN)
    if asked.price is None:
        return
    off = abs(asked.price / close - 1.0)
    if not asked.price > 0 or (isinstance(collar, float | int) and off > collar):
        raise _no(
            "PRICE_FAR_OFF",
            found=f"{asked.price:g}",
            close=f"{close:g}",
            limit=f"{collar:.0%} from it, limits.price_collar",
            remedy=f"{_NOTHING_WRITTEN} The gate would refuse it.",
        )


def _quantity(asked: Asked, known: Known) -> int:
    """What is ordered, or as much as the strategy's money buys."""
    terms, money = known.terms, known.money[asked.strategy]
    price = asked.price or known.closes[asked.symbol]
    most = most_units(money.budget, price, terms.costs.commission_bps / 1e4, fractional=terms.orders.fractional)
    quantity = most if asked.quantity is None else asked.quantity
    if not terms.orders.fractional and quantity % SHARE:
        raise _no(
            "FRACTION_NOT_TRADED", found=f"{to_shares(quantity):g}", expected="whole shares", remedy=_NOTHING_WRITTEN
        )
    if quantity > most or quantity == 0:
        raise _no(
            "BUDGET_TOO_SMALL",
            strategy=asked.strategy,
            found=f"{to_shares(quantity):g} shares at {price:g}" if quantity else f"nothing to spend at {price:g}",
            budget=f"{to_currency(money.budget):,.2f}",
            expected=f"at most {to_shares(most):g} shares",
            of=f"allocated {to_currency(money.allocated):,.2f}, held {to_currency(money.held):,.2f}, cash"
            f" {to_currency(money.cash):,.2f}, buying power {to_currency(money.buying_power):,.2f}",
            remedy=f"{_NOTHING_WRITTEN} {_for_more(money)}",
        )
    held = _held(asked, known)
    if quantity < 0 and -quantity > held and not terms.limits.value("short"):
        raise _no(
            "SELLS_MORE_THAN_HELD",
            strategy=asked.strategy,
            found=f"{to_shares(-quantity):g} {asked.symbol}",
            expected=f"at most {to_shares(held):g}, which it has",
            remedy=_NOTHING_WRITTEN,
        )
    return quantity


def _for_more(money: Money) -> str:
    """What can be done about the least of what a strategy may spend."""
    if money.buying_power < min(money.allocated - money.held, money.cash):
        return "The account has no more cash: sell something first, of whatever strategy."
    return (
        "The strategy's money is at work: sell something of it first (portfolio order sell-all, or place --side sell),"
        " and order at the close after; or give it a larger share (portfolio allocate set)."
    )


def _held(asked: Asked, known: Known) -> int:
    return known.books[asked.strategy].quantity(asked.symbol)


def _require_in_force(asked: Asked, known: Known) -> None:
    open_ = {one.number: one for one in known.said.in_force(date.max)}
    if asked.withdraws not in open_:
        raise _no(
            "NOTHING_TO_WITHDRAW",
            found=asked.withdraws,
            expected=", ".join(map(str, open_)) or "nothing is in force",
            remedy="portfolio order list names what is in force.",
        )


def _require_ticket(asked: Asked, known: Known) -> None:
    ticket = known.tickets.get(asked.order)
    if ticket is None:
        raise _no(
            "ORDER_UNKNOWN",
            found=asked.order,
            expected=f"an order of {known.session}" + near(asked.order, tuple(known.tickets)),
            remedy="portfolio order list names them.",
        )
    if asked.kind == "cancel":
        return
    quantity = abs(ticket.quantity) if asked.quantity is None else asked.quantity
    price = ticket.limit_price if asked.price is None else asked.price
    if asked.price is not None:
        _require_symbol(Asked("modify", asked.why, asked.who, symbol=ticket.symbol, price=price), known)
    if not 0 < quantity <= abs(ticket.quantity):
        raise _no(
            "QUANTITY_IMPOSSIBLE",
            found=f"{to_shares(quantity):g}",
            expected=f"more than 0, and at most the {to_shares(abs(ticket.quantity)):g} that were planned",
            remedy=f"{_NOTHING_WRITTEN} For none: portfolio order cancel. For more: portfolio order place.",
        )
    if (quantity, price) == (abs(ticket.quantity), ticket.limit_price):
        raise _no("NOTHING_CHANGED", found=asked.order, remedy="Give another --quantity or --limit.")


def _require_new(row: Instruction, known: Known) -> None:
    """The same, said twice, is a slip of the hand."""
    in_force = {one.number for one in known.said.in_force(row.session)}
    for one in known.said.said:
        same = (one.kind, one.session, one.strategy, one.symbol, one.order) == (
            *(row.kind, row.session, row.strategy, row.symbol, row.order),
        )
        if same and one.withdraws == row.withdraws and (one.kind in ("cancel", "withdraw") or one.number in in_force):
            raise _no(
                "ALREADY_SAID",
                found=f"order {one.number}, {one.told}",
                remedy=f"{_NOTHING_WRITTEN} To say it otherwise: portfolio order withdraw {one.number} first."
                if one.kind not in ("cancel", "withdraw")
                else f"{_NOTHING_WRITTEN}",
            )


def _no(reason: str, *, remedy: str, **figures: object) -> ConfigurationError:
    return ConfigurationError(reason, remedy=remedy, **figures)
