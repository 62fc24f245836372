"""What instructions do to targets and books, for any of them: who is not named trades as before."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents, value
from portfolio_pipeline.core.books.strategy_books import Ledger, wishes
from portfolio_pipeline.core.calendar.sessions import next_session
from portfolio_pipeline.core.execution.by_hand.approvals import Approvals, Decision, expiry
from portfolio_pipeline.core.execution.by_hand.effect import instructed
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction, Instructions, instruction_rows
from portfolio_pipeline.core.execution.orders import client_order_id, modified, plan_session
from portfolio_pipeline.core.execution.settings import Approval
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import Bar, SessionBars
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline_tests.trading import OPEN, SYMBOLS
from portfolio_pipeline_tests.trading import settings as house

DAY, AT = date(2026, 3, 5), datetime.fromisoformat("2026-03-05T22:00:00")
NAMES = ("alpha", "beta", "gamma")
HOUSE = house(limits=Limits(symbol=1.0, turnover=2.0, asset_class=OPEN, order_volume=1.0, order_equity=1.0))
BARS = SessionBars({symbol: Bar(100.0 + 7 * k, 110.0, 90.0, 100.0 + 7 * k, 1e7) for k, symbol in enumerate(SYMBOLS)})


def said(number: int, kind: str, strategy: str = "", symbol: str = "", **more: object) -> Instruction:
    return Instruction(number, kind, DAY, "me", "so", AT, strategy, symbol, **more)  # type: ignore[arg-type]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[SessionTargets, Ledger, dict[str, float]]:
    """Books that add up to an account, and what their strategies wish for, no limit in the way."""
    books, account = {}, Book()
    for name in (*NAMES, "reserve"):
        book = Book(to_cents(draw(st.integers(1_000, 300_000))))
        for symbol in SYMBOLS:
            units = draw(st.sampled_from([0, 0, 1, 17, 120])) * SHARE
            if units and name != "reserve":
                book.positions[symbol] = Position(units, 100.0, BARS[symbol].close)
        books[name] = book
        account.cash += book.cash
        for symbol, held in book.positions.items():
            there = account.quantity(symbol)
            account.positions[symbol] = replace(held, quantity=there + held.quantity)
    shares = dict.fromkeys(NAMES, 0.3)
    own = {name: {symbol: draw(st.sampled_from([0.0, 0.02, 0.05])) for symbol in SYMBOLS[:4]} for name in NAMES}
    contributions = {name: {s: w for s, w in weights.items() if w} for name, weights in own.items()}
    asked = {symbol: sum(weights.get(symbol, 0.0) for weights in own.values()) for symbol in SYMBOLS}
    return SessionTargets(dict(asked), dict(asked), {}, contributions), Ledger(account, books), shares


@given(worlds(), st.sampled_from(NAMES), st.sampled_from(SYMBOLS), st.integers(1, 50))
@settings(deadline=None, max_examples=60)
def test_who_is_not_named_wishes_for_what_it_did_and_who_is_gets_the_shares(
    world: tuple[SessionTargets, Ledger, dict[str, float]], name: str, symbol: str, count: int
) -> None:
    targets, ledger, shares = world
    order = said(1, "order", name, symbol, quantity=count * SHARE)
    asked = instructed(DAY, targets, Instructions((order,)), ledger, shares, BARS)
    before, after = (wishes(ledger, one, BARS, 0.0) for one in (targets, asked))
    assert after[symbol][name] == count * SHARE
    for other in SYMBOLS:
        for book in ledger.books:
            if book != name and before.get(other):
                assert abs(after[other][book] - before[other][book]) <= 2, (other, book)
    worth = sum(value(units, BARS[s].close) for s, units in asked.pinned[name].items()) / ledger.account.equity
    own = sum(asked.contributions.get(name, {}).values())
    room = max(shares[name], sum(targets.contributions.get(name, {}).values()))
    assert own <= max(room - worth, 0.0) + 1e-9


@given(worlds(), st.sampled_from(NAMES))
@settings(deadline=None, max_examples=40)
def test_a_closed_strategy_wishes_to_be_rid_of_all_it_has(
    world: tuple[SessionTargets, Ledger, dict[str, float]], name: str
) -> None:
    targets, ledger, shares = world
    asked = instructed(DAY, targets, Instructions((said(1, "close", name),)), ledger, shares, BARS)
    wished = wishes(ledger, asked, BARS, 0.0)
    for symbol in SYMBOLS:
        held = ledger.books[name].quantity(symbol)
        assert wished.get(symbol, {}).get(name, 0) == -held
    assert asked.eased


@given(worlds())
@settings(deadline=None, max_examples=40)
def test_flat_means_that_every_share_is_sold(world: tuple[SessionTargets, Ledger, dict[str, float]]) -> None:
    targets, ledger, shares = world
    asked = instructed(DAY, targets, Instructions((said(1, "flatten"),)), ledger, shares, BARS)
    tickets, _ = plan_session("SIMULATED", DAY, ledger.account, asked, BARS, HOUSE)
    held = {symbol: -position.quantity for symbol, position in ledger.account.positions.items()}
    assert {ticket.symbol: ticket.quantity for ticket in tickets} == held
    assert all("by hand: me, so" in ticket.reason for ticket in tickets if targets.weights[ticket.symbol])


@given(worlds())
@settings(deadline=None, max_examples=40)
def test_ten_thousand_buy_22_shares_at_450_and_nothing_else_is_traded_for_it(
    world: tuple[SessionTargets, Ledger, dict[str, float]],
) -> None:
    targets, ledger, shares = world
    bars = SessionBars({**BARS, "FFF": Bar(450.0, 451.0, 449.0, 450.0, 1e7)})
    order = said(1, "order", "alpha", "FFF", quantity=22 * SHARE, limit_price=450.0)
    rich = replace(ledger, account=replace(ledger.account, cash=ledger.account.cash + 10**9))
    rich.books["reserve"].cash += 10**9
    for book in (rich.account, *rich.books.values()):
        book.positions.pop("FFF", None)
    asked = instructed(DAY, targets, Instructions((order,)), rich, shares, bars)
    without, _ = plan_session("SIMULATED", DAY, rich.account, targets, bars, HOUSE)
    tickets, _ = plan_session("SIMULATED", DAY, rich.account, asked, bars, HOUSE)
    [mine] = [ticket for ticket in tickets if ticket.symbol == "FFF"]
    assert (mine.quantity, mine.limit_price, mine.notional) == (22 * SHARE, 450.0, 9_900_00)
    others = [(one.symbol, one.quantity) for one in tickets if one.symbol != "FFF"]
    assert others == [(one.symbol, one.quantity) for one in without if one.symbol != "FFF"]


def test_a_lock_is_cleared_by_sell_all_and_by_withdrawing() -> None:
    first = said(1, "order", "alpha", "AAA", quantity=SHARE)
    later = next_session(DAY)
    assert set(Instructions((first,)).locked(later)) == {("alpha", "AAA")}
    sold = replace(said(2, "sell_all", "alpha", "AAA"), session=later)
    assert not Instructions((first, sold)).locked(later)
    assert Instructions((first, sold)).locked(DAY)
    over = replace(said(2, "withdraw", withdraws=1), session=later)
    assert not Instructions((first, over)).locked(later)
    assert Instructions((first, over)).locked(DAY)


@given(
    st.lists(
        st.builds(
            said,
            st.integers(1, 99),
            st.sampled_from(["order", "sell_all", "close", "flatten", "cancel", "modify"]),
            st.sampled_from(["", *NAMES]),
            st.sampled_from(["", *SYMBOLS]),
            quantity=st.none() | st.integers(-(10**12), 10**12),
            limit_price=st.none() | st.floats(0.01, 1e5),
            order=st.text(max_size=20),
            withdraws=st.none() | st.integers(1, 99),
        ),
        max_size=5,
        unique_by=lambda one: one.number,
    )
)
def test_what_is_written_is_what_is_read(rows: list[Instruction]) -> None:
    told = instruction_rows(rows, ["seal"] * len(rows)).astype(object)
    read = told.where(told.notna(), None).to_dict("records")
    assert Instructions.of_rows(read).said == tuple(sorted(rows, key=lambda one: one.number))


def ticket(quantity: int, symbol: str = "AAA") -> Ticket:
    return Ticket(DAY, client_order_id("PAPER", DAY, symbol, quantity), symbol, quantity, 100.0, 0.1, "why")


def test_a_modified_ticket_is_smaller_on_its_side_and_has_another_name() -> None:
    sold = ticket(-10 * SHARE)
    word = said(1, "modify", order=sold.client_order_id, quantity=4 * SHARE, limit_price=99.0)
    [now] = modified("PAPER", DAY, [sold], Instructions((word,)))
    assert (now.quantity, now.limit_price) == (-4 * SHARE, 99.0)
    assert now.client_order_id == client_order_id("PAPER", DAY, "AAA", -4 * SHARE, 99.0)
    larger = replace(word, quantity=40 * SHARE, limit_price=None)
    assert modified("PAPER", DAY, [sold], Instructions((larger,)))[0].quantity == sold.quantity


def test_only_what_was_approved_in_time_and_as_it_is_may_go() -> None:
    terms = Approval(mode="above", above=0.05)
    small, large = ticket(SHARE, "BBB"), ticket(100 * SHARE)
    equity = to_cents(100_000.0)
    until = expiry(DAY, terms)
    assert (until.hour, until.minute, until.date()) == (14, 25, next_session(DAY))  # 9:25 in New York

    def waiting(*decided: Decision) -> list[str]:
        return list(Approvals(terms, decided).waiting([small, large], equity))

    def decision(verdict: str, at: datetime, name: str = large.client_order_id) -> Decision:
        return Decision(1, DAY, name, verdict, "seal", "why", "me", at)  # type: ignore[arg-type]

    assert waiting() == [large.client_order_id]
    assert waiting(decision("approved", AT)) == []
    assert waiting(decision("rejected", AT)) == waiting(decision("approved", until)) == [large.client_order_id]
    assert waiting(decision("approved", AT, ticket(99 * SHARE).client_order_id)) == [large.client_order_id]
    assert list(Approvals(Approval(mode="auto")).waiting([large], equity)) == []
