"""Shares that a broker has turned into others, or into cash: another name, a merger.

What it has booked of them is read here, where it says all of it: the whole holding is gone, and what came for it is
told. Then everybody who had the old shares has their part of the new ones, at what the old had cost, and of the cash;
for cash alone it is a sale. All else is nobody's guess: the account then differs from the books, and people decide.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from portfolio_pipeline.core.books.book import SHARE, Book, Position, parts
from portfolio_pipeline.core.books.cash_flows import MERGERS, NAMES, CashFlow
from portfolio_pipeline.core.books.trades import Received


@dataclass(frozen=True, slots=True)
class Exchange:
    """So many units of a symbol (negative: short) that are gone, for units `into` another one, for cents, or both."""

    kind: str
    symbol: str
    units: int
    into: str | None
    into_units: int
    amount: int
    flows: frozenset[str]
    """The identifiers of the bookings that say so."""


def exchanges_of(flows: Iterable[CashFlow], held: Callable[[str], int]) -> list[Exchange]:
    """What the bookings of one session say beyond doubt, of an account that `held` so much when it began."""
    found = []
    for kinds in (NAMES, *(frozenset({kind}) for kind in sorted(MERGERS))):
        own = [flow for flow in flows if flow.kind in kinds]
        if own:
            found += (_names if kinds is NAMES else _mergers)(own, held)
    return found


def _moved(flows: Sequence[CashFlow]) -> dict[str, int]:
    """Units that came and went, by symbol."""
    moved: dict[str, int] = {}
    for flow in flows:
        if flow.symbol and flow.quantity:
            moved[flow.symbol] = moved.get(flow.symbol, 0) + flow.quantity
    return {symbol: units for symbol, units in moved.items() if units}


def _gone_and_come(flows: Sequence[CashFlow], held: Callable[[str], int]) -> tuple[dict[str, int], dict[str, int]]:
    """Holdings that are wholly gone, and units of whatever else has moved."""
    moved = _moved(flows)
    gone = {symbol: held(symbol) for symbol, units in moved.items() if units == -held(symbol)}
    return gone, {symbol: units for symbol, units in moved.items() if symbol not in gone}


def _names(flows: Sequence[CashFlow], held: Callable[[str], int]) -> list[Exchange]:
    gone, came = _gone_and_come(flows, held)
    pairs = {old: [new for new, units in came.items() if units == own] for old, own in gone.items()}
    if len(gone) != len(came) or any(len(new) != 1 for new in pairs.values()):
        return []
    return [_exchange(flows, old, gone[old], new, came[new], {old, new}) for old, [new] in pairs.items()]


def _mergers(flows: Sequence[CashFlow], held: Callable[[str], int]) -> list[Exchange]:
    gone, came = _gone_and_come(flows, held)
    if len(gone) == 1 and len(came) == 1:
        [(old, own)], [(new, units)] = gone.items(), came.items()
        return [_exchange(flows, old, own, new, units, {old, new, None})] if own * units > 0 else []
    if came or any(flow.symbol is None for flow in flows):
        return []
    found = [_exchange(flows, old, own, None, 0, {old}) for old, own in gone.items()]
    # A merger without money is one of which not everything is told yet; what is worthless brings none.
    return [one for one in found if one.amount * one.units > 0 or one.kind == "REORG"]


def _exchange(
    flows: Sequence[CashFlow], old: str, own: int, new: str | None, units: int, symbols: set[str | None]
) -> Exchange:
    mine = [flow for flow in flows if flow.symbol in symbols]
    amount = sum(flow.amount for flow in mine)
    return Exchange(mine[0].kind, old, own, new, units, amount, frozenset(flow.flow_id for flow in mine))


def carry_out(one: Exchange, names: Sequence[str], books: Sequence[Book]) -> list[Received]:
    """Everybody's part of it; the books together hold what is exchanged."""
    before = [book.quantity(one.symbol) for book in books]
    after = parts(before, lambda units: one.into_units * units // one.units)
    cash = parts(before, lambda units: one.amount * units // one.units)
    holders = [place for place, units in enumerate(before) if units]
    received, ratio = [], one.into_units / one.units
    price = next((book.positions[one.into].price for book in books if one.into in book.positions), None)
    for place in holders:
        book, position = books[place], books[place].positions.pop(one.symbol)
        book.cash += cash[place]
        if one.into is None:
            paid = one.amount / 100 / (one.units / SHARE)
            terms = -position.quantity, paid, cash[place], 0, None, position.quantity, position.average_cost
            received.append(Received(names[place], one.symbol, None, False, *terms))
        elif after[place]:
            marked = position.price / ratio if price is None else price
            book.positions[one.into] = _joined(
                book.positions.get(one.into),
                Position(after[place], position.average_cost / ratio, marked, position.sessions_without_bar),
            )
    return received


def _joined(held: Position | None, came: Position) -> Position:
    """What was held already, and what came to it."""
    if held is None:
        return came
    units = held.quantity + came.quantity
    paid = held.average_cost * held.quantity + came.average_cost * came.quantity
    return Position(units, paid / units if units else 0.0, held.price, held.sessions_without_bar)
