"""What others do in the account: found, kept apart, taken over when it is said, and never a profit of ours.

The account is told by a ledger of plain sums (`Broker`), which knows nothing of books.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, AccountSnapshot, Book, Holding, Position, to_cents, value
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.positions import books_that_do_not_add_up, hold
from portfolio_pipeline.core.books.reconciliation import (
    Decision,
    Difference,
    ForeignOrder,
    Kind,
    Reconciled,
    Told,
    decided,
    outside_of,
    reconcile,
    undecided,
)
from portfolio_pipeline.core.books.reconciliation_rows import decisions_of, difference_rows, differences_of
from portfolio_pipeline.core.books.strategy_books import Ledger, advance
from portfolio_pipeline.core.books.unclaimed import Outside
from portfolio_pipeline.core.calendar.sessions import next_session
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.tables import RECONCILIATION, RECONCILIATION_DECISIONS
from portfolio_pipeline.core.tables.declare import RESERVE
from portfolio_pipeline.core.tables.rows import checked

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


def test_a_decision_says_nothing_of_closes_before_it_was_made() -> None:
    """A session that was lived through without it comes out the same when it is computed again."""
    ledger, broker = opened({})
    broker.moves("AAA", 7 * SHARE)
    before = found(ledger, broker)
    later = [replace(says("AAA", accepted=True), since=next_session(DAY))]
    assert outside_of(DAY, (), before.differences, later) == outside_of(DAY, (), before.differences, [])
    assert outside_of(next_session(DAY), (), before.differences, later).claimed == {"AAA"}
    assert not undecided(before.differences, later)


@pytest.mark.parametrize(
    ("made_at", "since"),
    [
        ("2026-03-05T22:00", "2026-03-05"),  # the evening
        ("2026-03-06T14:29", "2026-03-05"),  # before the open
        ("2026-03-06T14:30", "2026-03-06"),
        ("2026-03-06T22:00", "2026-03-06"),
        ("2026-03-07T12:00", "2026-03-06"),  # a Saturday
    ],
)
def test_a_decision_is_in_force_from_the_session_that_can_still_be_planned(made_at: str, since: str) -> None:
    row = {
        "decision_id": 1,
        "session": DAY,
        "subject": "AAA",
        "action": "accept",
        "reason": "so",
        "who": "me",
        "made_at": datetime.fromisoformat(made_at),
    }
    [word] = decisions_of(pa.Table.from_pylist([row]))
    assert word.since == date.fromisoformat(since)


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


def test_of_what_is_wholly_others_no_split_is_suspected_and_it_can_be_left_alone() -> None:
    ledger, broker = opened({})
    ledger.account.positions["CCC"] = Position(5 * SHARE, PRICES["CCC"], PRICES["CCC"])
    ledger.unclaimed.positions["CCC"] = Position(5 * SHARE, PRICES["CCC"], PRICES["CCC"])
    for there, kind in ((10, Kind.FOREIGN_POSITION), (1, Kind.MISSING_SHARES)):
        broker.held["CCC"] = there * SHARE
        now = reconciled(deepcopy(ledger), told(broker), says("CCC", accepted=False))
        assert [(one.kind, one.ratio) for one in now.differences] == [(kind, None)]
        assert (now.open, dict(now.unclaimed)) == ((), {"CCC": there * SHARE})


def test_what_comes_after_a_decision_is_open_again() -> None:
    ledger, broker = opened({})
    fills = [fill(1, "AAA", 4, False, broker)]
    earlier = [Difference(BEFORE, "old", Kind.FOREIGN_EXECUTION, "AAA", 9 * SHARE)]
    word = says("AAA", accepted=True, session=BEFORE)
    now = found(ledger, broker, fills, [word], earlier)
    assert [one.item for one in now.open] == ["fill-1"]
    assert dict(now.unclaimed) == {"AAA": 4 * SHARE}


def test_what_others_trade_after_the_close_is_asked_about_once_and_booked_in_the_next_session() -> None:
    ledger, broker = opened({"AAA": 40 * SHARE})
    then, evening = broker.says(), Fill(DAY, "fill-1", "by hand 1", "AAA", 3 * SHARE, 10.0, 0, NOW)
    ours = replace(evening, fill_id="fill-2", client_order_id=f"{OWN}2")
    told = Told(then, later=[evening, ours])
    now = reconcile([BEFORE], ledger, told, {}, lambda name: name.startswith(OWN), [])
    assert [(one.session, one.item, one.quantity) for one in now.open] == [(BEFORE, "fill-1", 3 * SHARE)]
    assert (now.book.quantity("AAA"), dict(now.unclaimed)) == (40 * SHARE, {})
    ledger, broker = opened({"AAA": 40 * SHARE})
    broker.executes(evening)
    word = says("AAA", accepted=False, session=BEFORE)
    after = found(ledger, broker, [evening], [word], now.differences)
    assert (after.differences, after.open) == ((), ())
    assert (after.book.quantity("AAA"), dict(after.unclaimed)) == (40 * SHARE, {"AAA": 3 * SHARE})


def test_of_what_has_no_bar_the_books_are_worth_what_the_account_is() -> None:
    """Others sell below the last mark, after the reserve has taken theirs over."""
    held = Position(5 * SHARE, 90.0, 100.0)
    ledger = Ledger(Book(0, {"ZZZ": held}), {RESERVE: Book(0, {"ZZZ": replace(held)})})
    sold = Fill(DAY, "fill-1", "by hand 1", "ZZZ", -SHARE, 50.0, 0, NOW)
    results = advance(ledger, {}, [], {}, None, 9, outside=Outside([sold], claimed=frozenset({"ZZZ"})))
    assert ledger.account.equity == ledger.books[RESERVE].equity == 50_00 + 400_00
    assert results["account"].profit_and_loss == results[RESERVE].profit_and_loss == -50_00


def test_money_paid_in_is_explained() -> None:
    ledger, broker = opened({})
    broker.cash += 700_000
    told = Told(broker.says(), flows={DAY: [CashFlow(DAY, "1", "CSD", 700_000)]})
    assert not reconcile([DAY], ledger, told, BARS, lambda name: True, []).differences


def told(broker: Broker, **more: object) -> Told:
    return Told(broker.says(), **more)  # type: ignore[arg-type]


def reconciled(
    ledger: Ledger | None, said: Told, *decisions: Decision, bars: dict[date, dict[str, Bar]] = BARS
) -> Reconciled:
    return reconcile([DAY], ledger, said, bars, lambda name: name.startswith(OWN), decisions)


def test_a_difference_says_what_was_found_at_what_price_and_what_it_is_worth() -> None:
    ledger, broker = opened({"AAA": 5 * SHARE, "BBB": 4 * SHARE})
    broker.moves("AAA", -SHARE)
    broker.moves("CCC", 3 * SHARE)
    broker.moves("BBB", -4 * SHARE)
    broker.cash += 1_234
    found = {one.subject: one for one in reconciled(ledger, told(broker)).differences}
    assert found["AAA"] == Difference(
        *(DAY, f"AAA-{DAY}", Kind.MISSING_SHARES, "AAA", -SHARE, -10_00, 10.0),
        told="books 5, broker 4",
    )
    assert found["CCC"] == Difference(
        *(DAY, f"CCC-{DAY}", Kind.FOREIGN_POSITION, "CCC", 3 * SHARE, 299_97, 99.99),
        told="books 0, broker 3",
    )
    # What the broker has none of is priced as the books have it.
    assert (found["BBB"].quantity, found["BBB"].price) == (-4 * SHARE, 25.5)
    assert found["cash"] == Difference(
        *(DAY, f"cash-{DAY}", Kind.CASH, "cash", 0, 1_234), told="books 50,000.00, broker 50,012.34"
    )
    flow = found["cash"].flow
    assert flow is not None
    assert (flow.session, flow.flow_id, flow.amount, flow.note) == (DAY, f"cash-{DAY}", 1_234, found["cash"].told)
    assert found["AAA"].flow is None


def test_only_differences_of_shares_are_of_shares() -> None:
    of_shares = {kind for kind in Kind if Difference(DAY, "x", kind, "AAA").of_shares}
    assert of_shares == set(Kind) - {Kind.CASH, Kind.FOREIGN_ORDER}


def test_an_execution_of_others_is_told_with_its_figures_and_an_open_order_of_theirs_by_its_name() -> None:
    ledger, broker = opened({})
    foreign = fill(1, "AAA", -4, False, broker)
    order = ForeignOrder("theirs", "BBB", "buy 3 BBB")
    first, *_, last = reconciled(ledger, told(broker, fills={DAY: [foreign]}, orders=[order])).differences
    assert first == Difference(
        *(DAY, "fill-1", Kind.FOREIGN_EXECUTION, "AAA", -4 * SHARE, 40_00, 10.0),
        told="by hand 1: -4 AAA at 10, not sent from here",
    )
    assert last == Difference(DAY, "theirs", Kind.FOREIGN_ORDER, "BBB", told="buy 3 BBB")


def test_an_account_begins_at_what_was_paid_and_what_was_executed_before_is_in_it() -> None:
    broker = Broker(100_000, {"AAA": 5 * SHARE})
    before = Fill(DAY, "1", "theirs", "AAA", 5 * SHARE, 9.0, 0, NOW)
    said = told(broker, fills={DAY: [before]}, flows={DAY: [CashFlow(DAY, "1", "CSD", 700_000)]})
    said = replace(said, account=replace(said.account, holdings={"AAA": Holding(5 * SHARE, 10.0, 0, 8.0)}))
    now = reconciled(None, said)
    [one] = now.differences
    assert (one.kind, one.quantity, one.average_cost) == (Kind.FOREIGN_POSITION, 5 * SHARE, 8.0)
    assert (now.since, now.account) == (DAY, said.account)
    ledger, _ = opened({})
    later = reconciled(ledger, replace(said, fills={}, flows={}))
    assert later.differences[0].average_cost is None  # what comes later comes at what it is worth then


def test_the_prices_actions_do_not_happen_to_what_an_account_begins_with() -> None:
    split = {DAY: {"AAA": Bar(10.0, 10.0, 10.0, 10.0, split_ratio=2.0, dividend=1.0)}}
    broker = Broker(100_000, {"AAA": 5 * SHARE})
    now = reconciled(None, told(broker), says("AAA", accepted=True), bars=split)
    assert (now.open, now.book.quantity("AAA")) == ((), 5 * SHARE)
    ledger, broker = opened({"AAA": 5 * SHARE})
    broker.moves("AAA", 5 * SHARE)
    broker.cash += 10_00  # on each of the ten
    assert reconciled(ledger, told(broker), bars=split).differences == ()


@pytest.mark.parametrize(
    ("here", "there", "ratio"),
    [
        *((10, 20, 2.0), (10, 30, 3.0), (20, 10, 0.5), (30, 10, 1 / 3), (10, 500, 50.0), (500, 10, 1 / 50)),
        *((10, 15, 1.5), (30, 20, 2 / 3), (7, 16, 16 / 7)),
        *((10, 510, None), (510, 10, None), (10, 14, None), (10, 11, None), (10, 7, None), (0, 10, None)),
        *((10, 0, None), (-10, -20, None), (10, -20, None)),
    ],
)
def test_a_split_is_a_ratio_of_small_numbers_that_is_far_from_one(here: int, there: int, ratio: float | None) -> None:
    ledger, broker = opened({"AAA": here * SHARE} if here else {})
    broker.held["AAA"] = there * SHARE
    [one] = reconciled(ledger, told(broker)).differences
    assert (one.kind is Kind.CORPORATE_ACTION) == (ratio is not None)
    assert one.ratio == (None if ratio is None else pytest.approx(ratio))
    if ratio is None:
        assert one.kind is (Kind.FOREIGN_POSITION if abs(there) > abs(here) else Kind.MISSING_SHARES)
    else:
        assert "as after a split of" in one.told


def test_sessions_before_the_last_are_carried_with_what_was_found_in_them() -> None:
    """What others did on the first of two days lies apart on the second, and only the last is compared."""
    ledger, broker = opened({"AAA": 5 * SHARE})
    days = [DAY, next_session(DAY)]
    first = broker.executes(Fill(DAY, "1", "theirs", "BBB", 2 * SHARE, PRICES["BBB"], 0, NOW))
    second = broker.executes(Fill(days[1], "2", f"{OWN}x", "AAA", -SHARE, PRICES["AAA"], 0, NOW))
    bars = dict.fromkeys(days, BARS[DAY])
    said = told(broker, fills={DAY: [first], days[1]: [second]})
    now = reconcile(days, ledger, said, bars, lambda name: name.startswith(OWN), [])
    assert [(one.session, one.kind) for one in now.differences] == [(DAY, Kind.FOREIGN_EXECUTION)]
    assert (dict(now.unclaimed), now.since) == ({"BBB": 2 * SHARE}, DAY)
    assert now.book.quantity("AAA") == 4 * SHARE
    assert ledger.account.quantity("BBB") == 0  # what is handed over stays as it was


def test_shares_that_were_apart_before_stay_apart_until_they_are_claimed() -> None:
    ledger, broker = opened({"AAA": 5 * SHARE})
    ledger.account.positions["CCC"] = Position(2 * SHARE, PRICES["CCC"], PRICES["CCC"])
    ledger.unclaimed.positions["CCC"] = Position(2 * SHARE, PRICES["CCC"], PRICES["CCC"])
    broker.held["CCC"] = 2 * SHARE
    earlier = [Difference(BEFORE, "old", Kind.FOREIGN_POSITION, "CCC", 2 * SHARE)]
    for word, left in ((says("CCC", accepted=False), {"CCC": 2 * SHARE}), (says("CCC", accepted=True), {})):
        now = found(ledger, broker, decisions=[replace(word, session=BEFORE)], earlier=earlier)
        assert (now.differences, now.open, dict(now.unclaimed)) == ((), (), left)


def test_a_decision_holds_from_the_difference_it_speaks_of_on_and_the_last_one_counts() -> None:
    one = Difference(DAY, "item", Kind.FOREIGN_POSITION, "AAA", SHARE)
    later = next_session(DAY)
    words = [
        says("AAA", accepted=True, session=BEFORE),
        says("BBB", accepted=True),
        replace(says("item", accepted=False), since=DAY),
        replace(says("AAA", accepted=True, session=later), since=later),
    ]
    assert decided(one, words, BEFORE) is None
    assert decided(one, words, DAY) == words[2]
    assert decided(one, words, later) == words[3]
    assert undecided([one, replace(one, session=later, subject="CCC", item="new")], words) == [
        replace(one, session=later, subject="CCC", item="new")
    ]


def test_what_is_claimed_is_what_is_all_decided_and_what_moved_is_of_the_day() -> None:
    old = Difference(BEFORE, "old", Kind.FOREIGN_POSITION, "AAA", SHARE, price=9.0)
    new = Difference(DAY, "new", Kind.MISSING_SHARES, "AAA", -SHARE, price=10.0, average_cost=8.0)
    execution = Difference(DAY, "1", Kind.FOREIGN_EXECUTION, "BBB", SHARE, price=10.0)
    later = Difference(next_session(DAY), "later", Kind.FOREIGN_POSITION, "AAA", SHARE, price=1.0)
    cash = Difference(DAY, "cash", Kind.CASH, "cash", amount=5)
    everything = [old, new, execution, later, cash]
    accepted = [says(one, accepted=True, session=BEFORE) for one in ("AAA", "BBB")]
    now = outside_of(DAY, [], everything, accepted)
    assert now.claimed == frozenset()  # something of AAA is open again, and what was said of BBB was said before
    assert now.moved == {"AAA": Holding(-SHARE, 10.0, 0, 8.0)}
    both = outside_of(DAY, [], everything, [*accepted, says("AAA", accepted=True), says("BBB", accepted=False)])
    assert both.claimed == {"AAA"}
    assert (both.splits, both.fills) == ({}, ())
    assert outside_of(DAY, [], [replace(new, price=None)], []).moved["AAA"].price == 0.0


def test_what_is_written_is_what_is_read() -> None:
    differences = [
        Difference(DAY, "b", Kind.CORPORATE_ACTION, "AAA", SHARE // 2, -5, 10.0, 8.0, 2.0, "told"),
        Difference(BEFORE, "z", Kind.CASH, "cash", amount=7),
        Difference(DAY, "a", Kind.FOREIGN_ORDER, "BBB"),
    ]
    rows = checked(RECONCILIATION, difference_rows(differences))
    assert differences_of(rows) == [differences[1], differences[2], differences[0]]
    said = [(2, DAY, "AAA", "ignore", "no", "me", NOW), (1, BEFORE, "cash", "accept", "yes", "you", NOW)]
    table = pd.DataFrame(said, columns=list(RECONCILIATION_DECISIONS.column_names))
    assert decisions_of(checked(RECONCILIATION_DECISIONS, table)) == [
        Decision(BEFORE, "cash", True, "yes", "you", NOW, since=DAY),
        Decision(DAY, "AAA", False, "no", "me", NOW, since=DAY),
    ]
