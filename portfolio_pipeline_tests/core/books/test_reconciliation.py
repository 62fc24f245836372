"""What others do in the account: found, kept apart, taken over when it is said, and never a profit of ours.

The account is told by a ledger of plain sums (`Broker`), which knows nothing of books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, AccountSnapshot, Book, Holding, Position, to_cents, value
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.positions import books_that_do_not_add_up, hold
from portfolio_pipeline.core.books.reconciliation import (
    Decision,
    Difference,
    Kind,
    Reconciled,
    Told,
    outside_of,
    reconcile,
)
from portfolio_pipeline.core.books.strategy_books import Ledger
from portfolio_pipeline.core.calendar.sessions import next_session
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.tables.declare import RESERVE

BEFORE = date(2026, 3, 5)
DAY = next_session(BEFORE)
NOW = datetime(2026, 3, 6, 22, tzinfo=UTC).replace(tzinfo=None)
PRICES = {"AAA": 10.0, "BBB": 25.5, "CCC": 99.99}
BARS = {DAY: {symbol: Bar(price, price, price, price) for symbol, price in PRICES.items()}}
OWN = "PAPER-account-"

shares = st.integers(1, 300).map(lambda whole: whole * SHARE)
trades = st.lists(
    st.tuples(st.sampled_from(sorted(PRICES)), st.integers(-50, 50).filter(bool), st.booleans()), max_size=6
)


@dataclass
class Broker:
    """Plain sums: what is there after everything that happened."""

    cash: int
    held: dict[str, int] = field(default_factory=dict)

    def executes(self, fill: Fill) -> Fill:
        self.cash -= value(fill.quantity, fill.price)
        self.moves(fill.symbol, fill.quantity)
        return fill

    def moves(self, symbol: str, units: int) -> None:
        self.held[symbol] = self.held.get(symbol, 0) + units

    def says(self) -> AccountSnapshot:
        held = {symbol: Holding(units, PRICES[symbol]) for symbol, units in self.held.items() if units}
        return AccountSnapshot(DAY, self.cash, held)


def opened(held: dict[str, int], cash: int = 5_000_000) -> tuple[Ledger, Broker]:
    def book() -> Book:
        return Book(cash, {s: Position(units, PRICES[s], PRICES[s]) for s, units in held.items()})

    return Ledger(book(), {RESERVE: book()}), Broker(cash, dict(held))


def fill(number: int, symbol: str, whole: int, own: bool, broker: Broker) -> Fill:
    name = f"{OWN}{number}" if own else f"by hand {number}"
    return broker.executes(Fill(DAY, f"fill-{number}", name, symbol, whole * SHARE, PRICES[symbol], 0, NOW))


def found(
    ledger: Ledger | None,
    broker: Broker,
    fills: Sequence[Fill] = (),
    decisions: Sequence[Decision] = (),
    earlier: Sequence[Difference] = (),
) -> Reconciled:
    told = Told(broker.says(), {DAY: fills})
    return reconcile([DAY], ledger, told, BARS, lambda name: name.startswith(OWN), decisions, earlier)


def says(subject: str, *, accepted: bool, session: date = DAY) -> Decision:
    return Decision(session, subject, accepted, "because", "me", NOW)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(PRICES)), shares),
    trades,
    st.dictionaries(st.sampled_from(["AAA", "CCC"]), st.integers(1, 40)),
)
def test_what_is_not_ours_is_what_others_brought_and_the_rest_is_ours(
    held: dict[str, int], happened: list[tuple[str, int, bool]], gifts: dict[str, int]
) -> None:
    ledger, broker = opened(held)
    ours = {**held}
    theirs: dict[str, int] = {}
    fills = [fill(number, *one, broker) for number, one in enumerate(happened)]
    for symbol, whole, own in happened:
        side = ours if own else theirs
        side[symbol] = side.get(symbol, 0) + whole * SHARE
    for symbol, whole in gifts.items():
        broker.moves(symbol, whole * SHARE)
    now = found(ledger, broker, fills)
    if any(one.kind is Kind.CORPORATE_ACTION for one in now.differences):
        return  # a gift that doubles what is there looks like a split
    for symbol, whole in gifts.items():
        theirs[symbol] = theirs.get(symbol, 0) + whole * SHARE
    assert dict(now.unclaimed) == {symbol: units for symbol, units in theirs.items() if units}
    assert {s: p.quantity for s, p in now.book.positions.items()} == {s: units for s, units in ours.items() if units}
    assert len(now.open) == len(now.differences) == sum(not own for *_, own in happened) + len(gifts)
    everything = [says(one.subject, accepted=True) for one in now.differences]
    after = found(ledger, broker, fills, everything)
    assert (after.open, dict(after.unclaimed)) == ((), {})
    assert {s: p.quantity for s, p in after.book.positions.items()} == {s: q for s, q in broker.held.items() if q}
    ignored = found(ledger, broker, fills, [says(one.subject, accepted=False) for one in now.differences])
    assert (ignored.open, ignored.unclaimed) == ((), now.unclaimed)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(PRICES)), shares), trades, st.integers(-10_000, 10_000), st.booleans())
def test_the_books_become_what_the_broker_says_and_others_bring_no_profit(
    held: dict[str, int], happened: list[tuple[str, int, bool]], cash: int, accepted: bool
) -> None:
    """Prices stand still: whatever happens, nothing is earned but the cash that nobody explains."""
    ledger, broker = opened(held)
    fills = [fill(number, *one, broker) for number, one in enumerate(happened)]
    broker.moves("BBB", 3 * SHARE)
    broker.cash += cash
    now = found(ledger, broker, fills)
    decisions = [says(one.subject, accepted=accepted) for one in now.differences]
    foreign = [one for one in fills if not one.client_order_id.startswith(OWN)]
    outside = outside_of(DAY, foreign, now.differences, decisions)
    flows = [flow for one in now.differences if (flow := one.flow) is not None]
    rows = hold(
        *([DAY], ledger, BEFORE, {DAY: [one for one in fills if one not in foreign]}, BARS, {}, {}),
        opening=Book(),
        cash_buffer=0.0,
        delist_after_sessions=10,
        payments={DAY: flows},
        outside={DAY: outside},
    )
    if any(one.kind is Kind.CORPORATE_ACTION for one in now.differences):
        return
    whole = rows.positions[rows.positions["book"] == "account"]
    assert dict(zip(whole["symbol"], (whole["quantity"] * SHARE).astype(int), strict=True)) == {
        symbol: units for symbol, units in sorted(broker.held.items()) if units
    }
    account = rows.account.set_index("book")
    # Some cents beside bookings are rounding, which the books enter elsewhere.
    unentered = 0 if any(one.kind is Kind.CASH for one in now.differences) else cash
    assert to_cents(account.loc["account", "cash"]) == broker.cash - unentered
    assert books_that_do_not_add_up(rows.positions, rows.account).empty
    explained = sum(flow.amount for flow in flows)
    assert to_cents(account.loc["account", "profit_and_loss"]) == explained
    if "unclaimed" in account.index:
        assert account.loc["unclaimed", "cash"] == 0.0


def test_an_account_begins_with_cash_and_what_it_holds_is_somebody_elses() -> None:
    broker = Broker(100_000, {"AAA": 5 * SHARE})
    now = found(None, broker)
    assert [(one.kind, one.subject) for one in now.open] == [(Kind.FOREIGN_POSITION, "AAA")]
    assert now.book.positions == {}
    claimed = found(None, broker, decisions=[says("AAA", accepted=True)])
    assert claimed.book.quantity("AAA") == 5 * SHARE


def test_a_split_that_prices_do_not_have_is_seen_beside_a_trade_of_the_day() -> None:
    ledger, broker = opened({"AAA": 40 * SHARE})
    broker.held["AAA"] *= 3
    fills = [fill(1, "AAA", -7, True, broker)]
    [split] = found(ledger, broker, fills).differences
    assert (split.kind, split.ratio) == (Kind.CORPORATE_ACTION, 3.0)
    accepted = outside_of(DAY, [], [split], [says("AAA", accepted=True)])
    assert accepted.splits == {"AAA": 3.0}
    assert outside_of(DAY, [], [split], []).splits == {}


def test_what_comes_after_a_decision_is_open_again() -> None:
    ledger, broker = opened({})
    fills = [fill(1, "AAA", 4, False, broker)]
    earlier = [Difference(BEFORE, "old", Kind.FOREIGN_EXECUTION, "AAA", 9 * SHARE)]
    word = says("AAA", accepted=True, session=BEFORE)
    now = found(ledger, broker, fills, [word], earlier)
    assert [one.item for one in now.open] == ["fill-1"]
    assert dict(now.unclaimed) == {"AAA": 4 * SHARE}


def test_money_paid_in_is_explained() -> None:
    ledger, broker = opened({})
    broker.cash += 700_000
    told = Told(broker.says(), flows={DAY: [CashFlow(DAY, "1", "CSD", 700_000)]})
    assert not reconcile([DAY], ledger, told, BARS, lambda name: True, []).differences
