"""Trades: what each book received of what was executed, crossed inside or turned into cash, and what that brought it.

A trade that takes a book through zero is two: one ends the position, the other begins the next. A position lasts from
the first close at which it is held on one side to the session in which it no longer is; whoever sold and bought back
within a session held it all along. Profit is realised on what makes a position smaller, against its average cost and
before the commission. Who receives how much is decided in `strategy_books`. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from portfolio_pipeline.core.books.book import parts, pro_rata, to_currency, to_shares, value
from portfolio_pipeline.core.books.fills import Fill, Side
from portfolio_pipeline.core.calendar.sessions import sessions_between

Entries = Mapping[tuple[str, str], date]
"""By book and symbol, since which session's close what is held now has been held."""
_ROUNDING = 3  # cents, by which parts of one execution may differ from their quantity times its price


class Received(NamedTuple):
    """A book's part of one order's executions, or of a cross inside (`order` is None): units and cents, signed."""

    book: str
    symbol: str
    order: str | None
    crossed: bool
    units: int
    price: float
    gross: int
    cost: int
    at: datetime | None
    held: int  # by the book right before
    average: float  # that this had cost


@dataclass
class _Trade:
    book: str
    symbol: str
    order: str | None
    crossed: bool
    effect: str
    entry: date
    units: int = 0
    worth: float = 0.0  # units times price, for the average
    price: float = 0.0
    gross: int = 0
    cost: int = 0
    realised: int = 0
    at: datetime | None = None
    held_sessions: int | None = None


def trade_rows(
    session: date,
    received: Iterable[Received],
    entries: Entries,
    is_long: Callable[[str, str], bool | None],
    reason: Callable[[str, str, str | None, bool], str],
) -> list[tuple[Any, ...]]:
    """Rows of the table trades. `is_long` says of a book whether it holds a symbol, and on which side, at the close;
    `reason` why it traded.
    """
    found: dict[tuple[Any, ...], _Trade] = {}
    for one in received:
        key = one.book, one.symbol
        for part in _at_zero(one):
            reduces = part.held * part.units < 0 or not part.units
            name = (*key, one.order, one.crossed, reduces, part.units > 0)
            trade = found.get(name)
            if trade is None:
                effect = "reduces" if reduces else "adds" if part.held else "opens"
                entry = session if effect == "opens" else entries.get(key, session)
                trade = found[name] = _Trade(one.book, one.symbol, one.order, one.crossed, effect, entry)
            trade.price = part.price if not trade.units else trade.price
            trade.units += part.units
            trade.worth += part.units * part.price
            trade.gross += part.gross
            trade.cost += part.cost
            trade.at = max(filter(None, (trade.at, part.at)), default=None)
            trade.realised += _realised(part, reduces)
    _mark_ends(session, found.values(), is_long)
    numbers: dict[tuple[str, str], int] = {}
    rows = []
    for trade in found.values():
        numbers[trade.book, trade.symbol] = number = numbers.get((trade.book, trade.symbol), 0) + 1
        rows.append(_row(session, number, trade, reason))
    return rows


def _at_zero(one: Received) -> Sequence[Received]:
    """What takes a book from one side to the other, in two."""
    if one.held * one.units >= 0 or abs(one.units) <= abs(one.held):
        return (one,)
    amounts = [-one.held, one.units + one.held]
    gross = parts(amounts, lambda running: one.gross * running // one.units)
    cost = parts(amounts, lambda running: one.cost * running // one.units)
    return (
        one._replace(units=amounts[0], gross=gross[0], cost=cost[0]),
        one._replace(units=amounts[1], gross=gross[1], cost=cost[1], held=0),
    )


def _realised(part: Received, reduces: bool) -> int:
    """Against what it had cost. Beginning a position realises nothing, but where executed orders of both sides have
    left more money than what is left of them is worth.
    """
    if reduces:
        return part.gross + value(part.units, part.average)
    beside = part.gross + value(part.units, part.price)
    return beside if abs(beside) > _ROUNDING else 0


def _mark_ends(session: date, trades: Iterable[_Trade], is_long: Callable[[str, str], bool | None]) -> None:
    """The last trade that made a position smaller which is no longer held tells for how many sessions it was."""
    last = {(trade.book, trade.symbol): trade for trade in trades if trade.effect == "reduces" and trade.units}
    for which, trade in last.items():
        if is_long(*which) != (trade.units < 0):
            trade.effect = "closes"
            trade.held_sessions = len(sessions_between(trade.entry, session)) - 1


def _row(
    session: date, number: int, trade: _Trade, reason: Callable[[str, str, str | None, bool], str]
) -> tuple[Any, ...]:
    side = Side.of(trade.units or -trade.gross)
    price = trade.price if trade.worth == trade.units * trade.price else trade.worth / trade.units
    return (
        *(session, trade.book, trade.symbol, number),
        *(str(side), to_shares(abs(trade.units)), price),
        *(to_currency(-side.signed(trade.gross)), to_currency(trade.cost), to_currency(trade.realised)),
        *(trade.crossed, trade.order, trade.at, trade.effect, trade.entry, trade.held_sessions),
        reason(trade.book, trade.symbol, trade.order, trade.crossed),
    )


def of_account(book: str, fill: Fill, held: int, average: float) -> Received:
    """An execution, as the account itself has it."""
    gross = -value(fill.quantity, fill.price)
    return Received(
        *(book, fill.symbol, fill.client_order_id, False, fill.quantity, fill.price, gross, fill.commission),
        *(fill.filled_at, held, average),
    )


def of_orders(net: int, fills: Sequence[Fill]) -> list[tuple[str, int, datetime]]:
    """By order: how much of the net trade it brought, without sign, and when it was last executed.

    Where orders of both sides were executed, those on the side of what is left bring it in proportion.
    """
    brought: dict[str, int] = {}
    at: dict[str, datetime] = {}
    for fill in sorted(fills, key=lambda fill: (fill.client_order_id, fill.filled_at)):
        if net * fill.quantity > 0:
            brought[fill.client_order_id] = brought.get(fill.client_order_id, 0) + abs(fill.quantity)
            at[fill.client_order_id] = fill.filled_at
    units = pro_rata(list(brought.values()), abs(net)) if brought else []
    return [(name, amount, at[name]) for name, amount in zip(brought, units, strict=True) if amount]


def of_books(
    symbol: str,
    side: int,
    books: Sequence[tuple[str, int, float]],
    orders: Sequence[tuple[str, int, datetime]],
    executed: Sequence[int],
    crossed: Sequence[int],
    gross: Sequence[int],
    fees: Sequence[int],
    price: float,
) -> list[Received]:
    """What the books received of one symbol: their parts of each order, then what crossed inside.

    Of each book its name, what it held and what that had cost. What was `executed` is without sign. Money and fees are
    given for both together; they come out in parts that add up to them.
    """
    left, shares = list(executed), []
    for name, amount, at in orders:
        got = left if len(orders) == 1 else pro_rata(left, amount)
        left = [before - units for before, units in zip(left, got, strict=True)]
        shares.append((name, got, at))
    found: list[Received] = []
    for index, (book, held, average) in enumerate(books):
        own, crossing, money, fee = executed[index], crossed[index], gross[index], fees[index]
        inside = _between(money, -value(crossing, price)) if own and crossing else 0 if own else money
        outside = money - inside
        for name, got, at in shares if own else ():
            units = got[index]
            if not units:
                continue
            received = outside * units // own
            paid = fee * units // own
            found.append(Received(book, symbol, name, False, side * units, price, received, paid, at, held, average))
            held, own, outside, fee = held + side * units, own - units, outside - received, fee - paid
        if crossing:
            found.append(Received(book, symbol, None, True, crossing, price, inside, fee, None, held, average))
    return found


def _between(whole: int, part: int) -> int:
    """A part that is none of the other sign, nor more than the whole."""
    return max(min(part, whole), 0) if whole > 0 else min(max(part, whole), 0)
