"""Where the broker's account is not what the books make it: what differs, what it looks like, and what was decided.

Carried from the last close that is stored to the newest one, with every execution and booking that the broker tells,
the account has to come out as the broker says, share for share and cent for cent. What does not is a difference, and
so is what others did there. It blocks the next orders until a person has accepted it (it is the house's from then on)
or decided to ignore it (it stays in the book `unclaimed`, and is never traded). Pure; asking the broker is done in
`reads.reconciled`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction

from portfolio_pipeline.core.books.book import AccountSnapshot, Book, Holding, to_currency, to_shares, value
from portfolio_pipeline.core.books.cash_flows import UNEXPLAINED, CashFlow, rounding
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.strategy_books import Ledger, advance
from portfolio_pipeline.core.books.unclaimed import Outside, own
from portfolio_pipeline.core.market.bars import NO_BARS, Bars, without_actions
from portfolio_pipeline.core.tables.declare import RESERVE

CASH = "cash"
_LARGEST_PART = 50  # of the ratio of a split


class Kind(StrEnum):
    FOREIGN_ORDER = "foreign_order"  # an open order that others have given
    FOREIGN_EXECUTION = "foreign_execution"
    FOREIGN_POSITION = "foreign_position"  # shares that no execution has brought
    MISSING_SHARES = "missing_shares"  # the broker has fewer than the books
    CORPORATE_ACTION = "corporate_action"  # a split that the prices do not have
    CASH = "cash"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the broker says and the books do not: units and cents more at the broker than in the books."""

    session: date
    item: str
    kind: Kind
    subject: str
    """The symbol, or cash."""
    quantity: int = 0
    amount: int = 0
    price: float | None = None
    average_cost: float | None = None
    ratio: float | None = None
    """Of the split that it looks like."""
    told: str = ""

    @property
    def of_shares(self) -> bool:
        return self.kind not in (Kind.CASH, Kind.FOREIGN_ORDER)

    @property
    def flow(self) -> CashFlow | None:
        """What is booked for cash that nobody can explain."""
        if self.kind is not Kind.CASH:
            return None
        return CashFlow(self.session, self.item, UNEXPLAINED, self.amount, note=self.told)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said of a subject: a symbol, cash, or an order's identifier; of all there was until a close."""

    session: date
    subject: str
    accepted: bool
    reason: str
    who: str
    made_at: datetime
    since: date = date.min
    """The session at whose close it is first in force: what was lived through before stays as it was."""


@dataclass(frozen=True, slots=True)
class ForeignOrder:
    """An open order at the broker that this house has not sent."""

    name: str
    symbol: str
    told: str


@dataclass(frozen=True)
class Told:
    """What the broker says: of the sessions since the last close that is stored, and of the account at the newest."""

    account: AccountSnapshot
    fills: Mapping[date, Sequence[Fill]] = field(default_factory=dict)
    flows: Mapping[date, Sequence[CashFlow]] = field(default_factory=dict)
    orders: Sequence[ForeignOrder] = ()
    later: Sequence[Fill] = ()
    """What was executed since the newest close: it is not in the account as it was then."""


@dataclass(frozen=True)
class Reconciled:
    """The account at a close, what of it is others' once decisions are done, and what is still to be decided."""

    account: AccountSnapshot
    unclaimed: Mapping[str, int] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    """Of the sessions that were carried, of which the first is `since`."""
    since: date | None = None
    open: tuple[Difference, ...] = ()
    """Of these and of all before."""
    outside: Mapping[date, Outside] = field(default_factory=dict)
    """What others did in these sessions, as it was decided."""
    flows: Mapping[date, Sequence[CashFlow]] = field(default_factory=dict)
    """What was booked in them beside executions."""

    @property
    def book(self) -> Book:
        """What may be planned with."""
        return own(Book.of(self.account), self.unclaimed)


def reconcile(
    sessions: Sequence[date],
    ledger: Ledger | None,
    told: Told,
    bars: Mapping[date, Bars],
    is_own: Callable[[str], bool],
    decisions: Sequence[Decision],
    earlier: Sequence[Difference] = (),
) -> Reconciled:
    """Carry the account from the close before `sessions` to the last of them. Without a `ledger` it begins there, and
    what the broker holds is somebody else's.

    `earlier` are the differences of the sessions before: what was decided of a symbol holds until something new happens
    to it. What others trade after the close is asked about at once, and is in the books of the next session.
    """
    last, found = sessions[-1], list(earlier)
    asked = {one.item for one in earlier}
    begins, outside = ledger is None, {}
    ledger = Ledger.opened(Book(told.account.cash)) if ledger is None else _of_two(ledger)
    for session in sessions:
        # What was executed before an account begins is in what it begins with.
        executed = [] if begins else told.fills.get(session, ())
        foreign = [fill for fill in executed if not is_own(fill.client_order_id)]
        found += [_execution(fill, session) for fill in foreign if fill.fill_id not in asked]
        if session == last:
            carried = deepcopy(ledger)
            _carry(carried, session, told, bars, Outside(foreign), is_own, begins)
            bookings = sum(map(len, (*told.fills.values(), *told.flows.values())))
            traded: dict[str, int] = {}
            for fill in told.fills.get(session, ()):
                traded[fill.symbol] = traded.get(fill.symbol, 0) + fill.quantity
            booked = [flow for day in sessions for flow in told.flows.get(day, ()) if flow.quantity]
            differ = _differences(session, carried, told, bookings, traded, begins)
            found += [_booked(one, booked) for one in differ]
            found += [_execution(fill, session) for fill in told.later if not is_own(fill.client_order_id)]
        outside[session] = outside_of(session, foreign, found, decisions)
        _carry(ledger, session, told, bars, outside[session], is_own, begins)
        begins = False
    unclaimed = {symbol: position.quantity for symbol, position in ledger.unclaimed.positions.items()}
    new, open_ = tuple(found[len(earlier) :]), tuple(undecided(found, decisions))
    flows = {day: [*told.flows.get(day, ()), *_unexplained(day, new)] for day in sessions}
    return Reconciled(told.account, unclaimed, new, sessions[0], open_, outside, flows)


def _unexplained(session: date, differences: Iterable[Difference]) -> list[CashFlow]:
    return [flow for one in differences if one.session == session and (flow := one.flow) is not None]


def outside_of(
    session: date, foreign: Sequence[Fill], differences: Iterable[Difference], decisions: Sequence[Decision]
) -> Outside:
    """What others did in the session, as the differences of it and before say, and what was decided by then."""
    known = [one for one in differences if one.session <= session and one.of_shares]
    words = {one.item: decided(one, decisions, session) for one in known}
    claimed = frozenset(one.subject for one in known if (word := words[one.item]) and word.accepted)
    claimed -= {one.subject for one in known if words[one.item] is None}
    today = [one for one in known if one.session == session]
    moved = {
        one.subject: Holding(one.quantity, one.price or 0.0, 0, one.average_cost)
        for one in today
        if one.kind in (Kind.FOREIGN_POSITION, Kind.MISSING_SHARES)
    }
    splits = {
        one.subject: one.ratio
        for one in today
        if one.kind is Kind.CORPORATE_ACTION and one.subject in claimed and one.ratio is not None
    }
    return Outside(tuple(foreign), moved, splits, claimed)


def decided(one: Difference, decisions: Sequence[Decision], session: date) -> Decision | None:
    """The last word on a difference by the close of a session."""
    words = [
        word
        for word in decisions
        if word.subject in (one.subject, one.item) and one.session <= word.session and word.since <= session
    ]
    return words[-1] if words else None


def undecided(differences: Iterable[Difference], decisions: Sequence[Decision]) -> list[Difference]:
    """What a person still has to decide."""
    return [one for one in differences if decided(one, decisions, date.max) is None]


def _of_two(ledger: Ledger) -> Ledger:
    """The same account as two books: what is ours, and what is not."""
    return Ledger(deepcopy(ledger.account), {RESERVE: _ours(ledger)}, deepcopy(ledger.unclaimed))


def _ours(ledger: Ledger) -> Book:
    ours = deepcopy(ledger.account)
    for symbol, position in ledger.unclaimed.positions.items():
        ours.trade(symbol, -position.quantity, position.price, 0)
    return ours


def _carry(
    ledger: Ledger,
    session: date,
    told: Told,
    bars: Mapping[date, Bars],
    outside: Outside,
    is_own: Callable[[str], bool],
    begins: bool,
) -> None:
    today = bars.get(session, NO_BARS)
    own = [] if begins else [fill for fill in told.fills.get(session, ()) if is_own(fill.client_order_id)]
    flows = () if begins else told.flows.get(session, ())
    forever = 10**9  # the broker itself says what is no longer traded
    advance(ledger, without_actions(today) if begins else today, own, {}, None, forever, flows, outside)


def _execution(fill: Fill, found_at: date) -> Difference:
    told = f"{fill.client_order_id}: {to_shares(fill.quantity):+g} {fill.symbol} at {fill.price:g}, not sent from here"
    return Difference(
        *(found_at, fill.fill_id, Kind.FOREIGN_EXECUTION, fill.symbol, fill.quantity, fill.cash, fill.price),
        told=told,
    )


def _differences(
    session: date, carried: Ledger, told: Told, bookings: int, traded: Mapping[str, int], begins: bool
) -> list[Difference]:
    book = carried.account
    found = [
        Difference(session, order.name, Kind.FOREIGN_ORDER, order.symbol, told=order.told) for order in told.orders
    ]
    holdings = told.account.holdings
    for symbol in sorted({*book.positions, *holdings}):
        here, there = book.quantity(symbol), holdings[symbol].quantity if symbol in holdings else 0
        if here != there:
            of_ours = here != carried.unclaimed.quantity(symbol)
            before = (here - traded.get(symbol, 0), there - traded.get(symbol, 0))  # what was traded came after it
            ratio = _split(*before) if of_ours else None  # what others have is theirs, whatever becomes of it
            found.append(_of_shares(session, symbol, here, there, book, holdings.get(symbol), ratio, begins))
    if told.account.cash != book.cash and rounding(session, book.cash, told.account.cash, bookings) is None:
        amount = told.account.cash - book.cash
        words = f"books {to_currency(book.cash):,.2f}, broker {to_currency(told.account.cash):,.2f}"
        found.append(Difference(session, f"{CASH}-{session}", Kind.CASH, CASH, 0, amount, told=words))
    return found


def _booked(one: Difference, flows: Sequence[CashFlow]) -> Difference:
    """With what the broker has booked of the shares, where the books could not follow it."""
    own = [flow for flow in flows if one.of_shares and flow.symbol == one.subject]
    if not own:
        return one
    told = ", ".join(f"{flow.kind} {to_shares(flow.quantity):+g} {flow.note}".rstrip() for flow in own)
    if one.quantity > 0:
        means = "accept: they are the reserve's, at the close, as paid in; ignore: they are left alone"
    else:
        means = "accept: they are gone, at the last price, as paid out"
    return replace(one, told=f"{one.told}; the broker has booked {told}. {means}")


def _of_shares(
    session: date,
    symbol: str,
    here: int,
    there: int,
    book: Book,
    holding: Holding | None,
    ratio: Fraction | None,
    begins: bool,
) -> Difference:
    words = f"books {to_shares(here):g}, broker {to_shares(there):g}"
    if ratio is not None:
        kind, words = Kind.CORPORATE_ACTION, f"{words}: as after a split of {ratio} that prices do not have"
    else:
        kind = Kind.FOREIGN_POSITION if abs(there) > abs(here) else Kind.MISSING_SHARES
    price = holding.price if holding else book.positions[symbol].price
    # What comes later comes at what it is worth then.
    paid = holding.average_cost if holding and begins else None
    units = there - here
    return Difference(
        *(session, f"{symbol}-{session}", kind, symbol, units, value(units, price), price, paid),
        None if ratio is None else float(ratio),
        words,
    )


def _split(here: int, there: int) -> Fraction | None:
    """The ratio of a split that explains it, if one does."""
    if here <= 0 or there <= 0:
        return None
    ratio = Fraction(there, here).limit_denominator(_LARGEST_PART)
    whole = round(here * ratio) == there and ratio.numerator <= _LARGEST_PART
    return ratio if whole and not Fraction(2, 3) < ratio < Fraction(3, 2) else None
