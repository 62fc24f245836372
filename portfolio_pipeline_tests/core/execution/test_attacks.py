"""The last gate trusts nobody: what is edited between planning and sending, and what is said of it.

Each attack starts from an honest plan of a quiet market, with an account that holds something, and edits what is
stored: tickets (with the identifier that fits the edit, for that is a public function), targets, bars, the account or
the settings. In the end nothing of the session may be sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents
from portfolio_pipeline.core.calendar.sessions import previous_session
from portfolio_pipeline.core.execution.gate import Gate, judge_submission
from portfolio_pipeline.core.execution.orders import client_order_id, plan
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline_tests.trading import OPEN, settings

DAY = date(2020, 2, 5)
BEFORE = previous_session(DAY) or DAY
PRICES = {"AAA": 100.0, "BBB": 40.0, "CCC": 10.0, "DDD": 25.0, "EEE": 50.0, "FFF": 5.0}
HELD = {"AAA": 1_000, "CCC": 8_000, "DDD": 2_000}
ASKED = {"AAA": 0.05, "BBB": 0.15, "CCC": 0.08, "DDD": 0.10, "EEE": 0.05, "FFF": 0.0}


@dataclass
class Table:
    """What lies on the table before orders leave."""

    house: Settings = field(default_factory=lambda: settings(limits=Limits(asset_class=OPEN)))
    book: Book = field(
        default_factory=lambda: Book(
            to_cents(770_000), {s: Position(n * SHARE, PRICES[s], PRICES[s]) for s, n in HELD.items()}
        )
    )
    targets: dict[date, SessionTargets] = field(
        default_factory=lambda: {BEFORE: SessionTargets(dict(ASKED)), DAY: SessionTargets(dict(ASKED))}
    )
    bars: dict[date, dict[str, Bar]] = field(
        default_factory=lambda: {day: {s: Bar(p, p, p, p, 1e6) for s, p in PRICES.items()} for day in (BEFORE, DAY)}
    )
    tickets: list[Ticket] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)
    quotes: dict[str, float] = field(default_factory=dict)

    def planned(self) -> Table:
        planned = plan("SIMULATED", [DAY], self.book, self.targets, self.bars, self.house)
        assert {ticket.verdict for ticket in planned.tickets} == {"accepted"}
        self.tickets = list(planned.tickets)
        return self

    def judged(self) -> Gate:
        return judge_submission(
            "SIMULATED", [DAY], self.tickets, self.book, self.targets, self.bars, self.house, {DAY: self.sent},
            self.quotes,
        )  # fmt: skip

    def edit(self, symbol: str, **changes: object) -> None:
        """Another ticket for the symbol, with the identifier that belongs to it."""
        place = next(place for place, ticket in enumerate(self.tickets) if ticket.symbol == symbol)
        self.tickets[place] = forged(replace(self.tickets[place], **changes))  # type: ignore[arg-type]

    def close(self, symbol: str, price: float, day: date = DAY) -> None:
        self.bars[day][symbol] = self.bars[day][symbol]._replace(close=price)


def forged(ticket: Ticket) -> Ticket:
    name = client_order_id("SIMULATED", ticket.session, ticket.symbol, ticket.quantity, ticket.limit_price)
    return replace(ticket, client_order_id=name)


def order(symbol: str, shares: int, price: float | None = None, **more: object) -> Ticket:
    price = PRICES[symbol] if price is None else price
    return forged(Ticket(DAY, "", symbol, shares * SHARE, price, ASKED[symbol], "", **more))  # type: ignore[arg-type]


def a_close_of_a_cent(table: Table) -> None:
    table.close("BBB", 0.01)


def a_close_of_a_cent_that_was_planned_on(table: Table) -> None:
    table.close("BBB", 0.01)
    table.edit("BBB", quantity=500_000 * SHARE, reference_price=0.01)


def a_tenfold_close_of_what_is_only_held(table: Table) -> None:
    table.close("DDD", 250.0)
    table.edit("BBB", quantity=9_000 * SHARE)


def another_reference_price(table: Table) -> None:
    table.edit("BBB", reference_price=4.0)


def a_reference_price_that_is_no_number(table: Table) -> None:
    table.edit("BBB", reference_price=float("nan"))


def a_held_symbol_without_a_bar_is_sold(table: Table) -> None:
    del table.bars[DAY]["AAA"]


def a_bought_symbol_without_a_bar(table: Table) -> None:
    del table.bars[DAY]["BBB"]


def a_holding_that_has_not_traded_for_too_long(table: Table) -> None:
    del table.bars[DAY]["DDD"]
    table.book.positions["DDD"].sessions_without_bar = table.house.delist_after_sessions


def opposite_tickets(table: Table) -> None:
    table.tickets += [order("EEE", 100_000), order("EEE", -100_000)]


def the_same_ticket_twice(table: Table) -> None:
    table.tickets.append(table.tickets[-1])


def a_short_sale(table: Table) -> None:
    table.edit("AAA", quantity=-1_500 * SHARE)


def a_short_sale_of_what_is_not_held(table: Table) -> None:
    table.tickets.append(order("FFF", -2_000))


def a_ticket_that_no_target_asks_for(table: Table) -> None:
    table.tickets.append(order("FFF", 2_000))


def a_ticket_of_a_symbol_that_has_no_target(table: Table) -> None:
    del table.targets[DAY].weights["BBB"]


def a_ticket_outside_the_universe(table: Table) -> None:
    table.bars[DAY]["XYZ"] = Bar(10.0, 10.0, 10.0, 10.0, 1e6)
    table.tickets.append(forged(replace(table.tickets[-1], symbol="XYZ", reference_price=10.0)))


def a_holding_without_a_target(table: Table) -> None:
    del table.targets[DAY].weights["DDD"]


def a_purchase_where_the_target_asks_for_a_sale(table: Table) -> None:
    table.edit("AAA", quantity=10 * SHARE)


def more_than_the_target_asks_for(table: Table) -> None:
    table.edit("BBB", quantity=4_000 * SHARE)


def a_limit_price_ten_times_off(table: Table) -> None:
    table.edit("BBB", limit_price=400.0)


def a_limit_price_of_a_tenth(table: Table) -> None:
    table.edit("AAA", limit_price=10.0)


def a_limit_price_close_by_that_nobody_planned(table: Table) -> None:
    table.edit("BBB", limit_price=41.0)


def another_quantity_with_its_identifier(table: Table) -> None:
    table.edit("BBB", quantity=table.tickets[-1].quantity // 2 // SHARE * SHARE)


def another_quantity_under_the_old_identifier(table: Table) -> None:
    table.tickets[-1] = replace(table.tickets[-1], quantity=100 * SHARE)


def a_ticket_left_out(table: Table) -> None:
    table.tickets = [ticket for ticket in table.tickets if ticket.quantity > 0]


def a_refused_verdict_made_accepted(table: Table) -> None:
    table.targets[DAY].weights["BBB"] = 0.9
    planned = plan("SIMULATED", [DAY], table.book, table.targets, table.bars, table.house).tickets
    table.tickets = [replace(ticket, verdict="accepted") for ticket in planned]


def an_old_plan_after_other_targets(table: Table) -> None:
    table.targets[DAY] = SessionTargets(ASKED | {"BBB": 0.20})


def another_account(table: Table) -> None:
    table.book.cash += to_cents(20_000)


def an_account_without_cash(table: Table) -> None:
    table.book.cash = to_cents(5_000)


def settings_with_another_buffer(table: Table) -> None:
    table.house = settings(limits=Limits(asset_class=OPEN, turnover=0.1))


def a_class_that_no_limit_names(table: Table) -> None:
    limits = Limits(asset_class={name: 1.0 for name in OPEN if name != "commodity"})
    table.house = table.house.model_copy(update={"limits": limits})


def an_order_beyond_the_largest_notional(table: Table) -> None:
    table.house = settings(limits=Limits(asset_class=OPEN, order_notional=50_000.0))


def an_order_beyond_the_largest_share_of_equity(table: Table) -> None:
    table.house = settings(limits=Limits(asset_class=OPEN, order_equity=0.1))


def an_order_beyond_the_share_of_what_is_traded(table: Table) -> None:
    for bars in table.bars.values():
        bars["BBB"] = bars["BBB"]._replace(volume=10_000.0)


def a_second_order_for_the_same_session(table: Table) -> None:
    table.sent = {client_order_id("SIMULATED", DAY, "BBB", 77 * SHARE)}


def a_quote_far_from_the_close(table: Table) -> None:
    table.quotes = {"BBB": 400.0}


ATTACKS: dict[Callable[[Table], None], str] = {
    a_close_of_a_cent: "PRICE_COLLAR_LIMIT: subject=BBB",
    a_close_of_a_cent_that_was_planned_on: "PRICE_COLLAR_LIMIT: subject=BBB, found=0.99975, limit=0.35, close=0.01,",
    a_tenfold_close_of_what_is_only_held: "PRICE_COLLAR_LIMIT: subject=DDD, found=9",
    another_reference_price: "PRICE_COLLAR_LIMIT: subject=BBB, found=0.9, limit=0.35, reference_price=4, close=40",
    a_reference_price_that_is_no_number: "PRICE_COLLAR_LIMIT: subject=BBB, found=inf",
    a_held_symbol_without_a_bar_is_sold: "NO_BAR_TODAY: symbol=AAA",
    a_bought_symbol_without_a_bar: "NO_BAR_TODAY: symbol=BBB",
    a_holding_that_has_not_traded_for_too_long: "HELD_WITHOUT_BAR: symbol=DDD, sessions=3, limit=3",
    opposite_tickets: "TWO_TICKETS: symbol=EEE, found=3",
    the_same_ticket_twice: "TWO_TICKETS: symbol=EEE, found=2",
    a_short_sale: "SHORT_LIMIT: subject=portfolio, found=0.05",
    a_short_sale_of_what_is_not_held: "SHORT_LIMIT: subject=portfolio, found=0.01",
    a_ticket_that_no_target_asks_for: "NOT_ASKED_FOR: symbol=FFF, order=2000, held=0, target=0.0000%, which is 0",
    a_ticket_of_a_symbol_that_has_no_target: "NO_TARGET: symbol=BBB",
    a_ticket_outside_the_universe: "UNIVERSE_LIMIT: subject=XYZ",
    a_holding_without_a_target: "MISSING_TARGET: symbol=DDD, held=2000",
    a_purchase_where_the_target_asks_for_a_sale: "NOT_ASKED_FOR: symbol=AAA, order=10, held=1000",
    more_than_the_target_asks_for: "NOT_ASKED_FOR: symbol=BBB, order=4000",
    a_limit_price_ten_times_off: "PRICE_COLLAR_LIMIT: subject=BBB, found=9, limit=0.35, limit_price=400, close=40",
    a_limit_price_of_a_tenth: "PRICE_COLLAR_LIMIT: subject=AAA, found=0.9, limit=0.35, limit_price=10, close=100",
    a_limit_price_close_by_that_nobody_planned: "NOT_AS_PLANNED: symbol=BBB",
    another_quantity_with_its_identifier: "NOT_AS_PLANNED: symbol=BBB",
    another_quantity_under_the_old_identifier: "TICKET_ALTERED",
    a_ticket_left_out: "NOT_AS_PLANNED: symbol=AAA, found=no order",
    a_refused_verdict_made_accepted: "SYMBOL_LIMIT: subject=BBB, found=0.9",
    an_old_plan_after_other_targets: "NOT_AS_PLANNED: symbol=BBB",
    another_account: "NOT_AS_PLANNED: symbol=BBB",
    an_account_without_cash: "BUYING_POWER: needed=",
    settings_with_another_buffer: "TURNOVER_LIMIT: subject=portfolio",
    a_class_that_no_limit_names: "ASSET_CLASS_LIMIT: subject=commodity",
    an_order_beyond_the_largest_notional: "ORDER_NOTIONAL_LIMIT: subject=BBB, found=150000, limit=50000",
    an_order_beyond_the_largest_share_of_equity: "ORDER_EQUITY_LIMIT: subject=BBB, found=0.15, limit=0.1",
    an_order_beyond_the_share_of_what_is_traded: "ORDER_VOLUME_LIMIT: subject=BBB, found=0.375, limit=0.1",
    a_second_order_for_the_same_session: "ALREADY_SENT: 1 other orders, the first SIMULATED-account-20200205-BBB-buy",
    a_quote_far_from_the_close: "PRICE_COLLAR_LIMIT: subject=BBB, found=9, limit=0.35, quote=400, close=40",
}


def test_an_honest_plan_is_sent() -> None:
    table = Table().planned()
    assert [ticket.symbol for ticket in table.tickets] == ["AAA", "BBB", "DDD", "EEE"]
    gate = table.judged()
    assert (gate.sendable, gate.refused, dict(gate.findings)) == (tuple(table.tickets), (), {})


@pytest.mark.parametrize(("attack", "said"), ATTACKS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_nothing_is_sent_of_what_was_edited_and_the_reason_is_told(attack: Callable[[Table], None], said: str) -> None:
    table = Table().planned()
    attack(table)
    gate = table.judged()
    assert gate.sendable == ()
    assert gate.stopped_at == DAY
    assert said in gate.why(DAY)


@examples(max_examples=150, deadline=None)
@given(
    place=st.integers(0, 3),
    shares=st.integers(-30_000, 30_000),
    price=st.sampled_from([None, 0.01, 38.0, 40.0, 41.0, 1e6]),
    limit=st.sampled_from([None, None, 0.01, 39.0, 100.0]),
)
def test_no_ticket_but_the_planned_one_ever_passes(place: int, shares: int, price: float | None, limit: float) -> None:
    table = Table().planned()
    honest = table.tickets[place]
    changed = forged(
        replace(
            honest,
            quantity=shares * SHARE,
            limit_price=limit,
            reference_price=honest.reference_price if price is None else price,
        )
    )
    table.tickets[place] = changed
    assert bool(table.judged().sendable) == (changed == honest)


def test_a_gap_in_one_holding_is_told_and_freezes_nothing() -> None:
    """A day without a bar is common, and one that is delisted has none ever again: the others are traded on."""
    table = Table()
    del table.bars[DAY]["CCC"]
    table.book.positions["CCC"].sessions_without_bar = 1
    gate = table.planned().judged()
    assert gate.sendable == tuple(table.tickets)
    [note] = gate.notes[DAY]
    assert (note.severity, str(note)) == ("warning", "HELD_WITHOUT_BAR: symbol=CCC, sessions=1, limit=3")
