"""What forbids orders as orders, one rule at a time: the bar, the target, the prices, the cash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents
from portfolio_pipeline.core.calendar.sessions import previous_session
from portfolio_pipeline.core.execution.fill_model import worst_cost
from portfolio_pipeline.core.execution.order_verdicts import NO_QUOTES, Quotes, judge_orders, order_facts
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline_tests.trading import OPEN, settings

DAY = date(2020, 2, 5)
BEFORE = previous_session(DAY) or DAY
PRICE = 100.0
ROOM = Limits(symbol=1.0, turnover=4.0, asset_class=OPEN, order_equity=2.0, order_notional=1e9, short=1.0)
HOUSE = settings(limits=ROOM, orders=Orders(cash_buffer=0.0))
COST = worst_cost(HOUSE.costs, HOUSE.simulated_broker)


def bars(**closes: float) -> dict[str, Bar]:
    return {symbol: Bar(close, close, close, close, 1e7) for symbol, close in closes.items()}


def account(cash: float, **shares: float) -> Book:
    return Book(to_cents(cash), {s: Position(round(n * SHARE), PRICE, PRICE) for s, n in shares.items()})


def ticket(symbol: str, shares: float, price: float = PRICE, limit: float | None = None) -> Ticket:
    return Ticket(DAY, symbol, symbol, round(shares * SHARE), price, 0.0, "", limit_price=limit)


def found(
    tickets: Sequence[Ticket],
    book: Book,
    weights: Mapping[str, float],
    today: dict[str, Bar] | None = None,
    quotes: Quotes = NO_QUOTES,
    limits: Limits = ROOM,
) -> tuple[Breach, ...]:
    now = bars(AAA=PRICE, BBB=PRICE) if today is None else today
    recent = RecentMarket(DAY, {DAY: now, BEFORE: bars(AAA=PRICE, BBB=PRICE)})
    house = settings(limits=limits, orders=Orders(cash_buffer=0.0))
    return judge_orders(tickets, book, SessionTargets(dict(weights)), now, house, recent, quotes)


def rules(breaches: Sequence[Breach]) -> list[tuple[str, str, str]]:
    return [(breach.severity, breach.subject, breach.rule) for breach in breaches]


def test_without_tickets_only_a_missing_target_is_told() -> None:
    assert found([], account(0, AAA=10), {"AAA": 0.0}, {}) == ()
    assert rules(found([], account(0, AAA=10), {}, {})) == [("block", "AAA", "target")]


def test_what_is_held_without_a_bar_is_told_when_it_has_been_too_long() -> None:
    book = account(1e6, BBB=10)
    order, wanted = [ticket("AAA", 10)], {"AAA": 0.1, "BBB": 0.0}
    for missed, told in ((0, []), (2, []), (3, [("block", "BBB", "bar")]), (4, [("block", "BBB", "bar")])):
        book.positions["BBB"].sessions_without_bar = missed
        breaches = found(order, book, wanted, bars(AAA=PRICE))
        assert rules(breaches) == told
        assert [(one.found, one.limit) for one in breaches] == [(missed, 3)] * len(told)


@pytest.mark.parametrize(
    ("shares", "weight", "held", "allowed"),
    [
        (1_000, 0.1, 0, True),
        (1_000.000001, 0.1, 0, False),
        (1, 0.1, 0, True),
        (0, 0.1, 0, False),
        (-1, 0.1, 0, False),
        (-500, 0.05, 1_000, True),
        (-501, 0.05, 1_000, False),
        (500, 0.05, 1_000, False),
        (1, 0.1, 1_000, False),
        (0.000001, 0.1, 999.999999, True),
        (-1_000, -0.1, 0, True),
        (-1_001, -0.1, 0, False),
    ],
)
def test_an_order_goes_towards_its_target_and_not_past_it(
    shares: float, weight: float, held: float, allowed: bool
) -> None:
    book = account(1e6 - held * PRICE, **({"AAA": held} if held else {}))
    breaches = found([ticket("AAA", shares)], book, {"AAA": weight})
    assert rules([one for one in breaches if one.rule == "target"]) == ([] if allowed else [("block", "AAA", "target")])


def test_an_order_past_its_target_says_what_is_held_and_where_the_target_is() -> None:
    (breach,) = found([ticket("AAA", 600)], account(950_000, AAA=500), {"AAA": 0.1})
    assert str(breach) == "NOT_ASKED_FOR: symbol=AAA, order=600, held=500, target=10.0000%, which is 1000"


def test_an_account_that_is_worth_nothing_may_only_close_what_it_has() -> None:
    book = account(-2e6, AAA=10_000)
    breaches = found([ticket("AAA", -10_000)], book, {"AAA": 0.3})
    assert "target" not in [rule for _, _, rule in rules(breaches)]
    breaches = found([ticket("AAA", -10_000.000001)], book, {"AAA": 0.3})
    assert ("block", "AAA", "target") in rules(breaches)


def test_a_price_far_away_of_what_is_only_held_is_found_too() -> None:
    book, order = account(900_000, BBB=1_000), [ticket("AAA", 10)]
    wanted = {"AAA": 0.1, "BBB": 0.1}
    assert found(order, book, wanted) == ()
    assert rules(found(order, book, wanted, bars(AAA=PRICE, BBB=200.0))) == [("block", "BBB", "price_collar")]
    (breach,) = found(order, book, wanted, quotes={"BBB": 50.0})
    assert str(breach) == "PRICE_COLLAR_LIMIT: subject=BBB, found=0.5, limit=0.35, quote=50, close=100"
    assert [one for one in found(order, book, wanted, quotes={"AAA": 50.0}) if one.subject == "BBB"] == []


def test_what_is_only_held_is_no_order_of_any_size() -> None:
    tight = Limits(symbol=1.0, turnover=4.0, asset_class=OPEN, order_equity=0.001, order_notional=1.0)
    breaches = found([ticket("AAA", 0.001)], account(900_000, BBB=1_000), {"AAA": 0.1, "BBB": 0.1}, limits=tight)
    assert rules(breaches) == []


@pytest.mark.parametrize(
    ("reference", "limit", "quote", "dearest"),
    [(None, None, None, 100.0), (110.0, None, None, 110.0), (90.0, 120.0, None, 120.0), (90.0, 80.0, 130.0, 130.0)],
)
@pytest.mark.parametrize("shares", [10, -10])
def test_an_order_is_worth_what_the_dearest_of_its_prices_makes_of_it(
    shares: int, reference: float | None, limit: float | None, quote: float | None, dearest: float
) -> None:
    recent = RecentMarket(DAY, {DAY: bars(AAA=PRICE)})
    facts = order_facts("AAA", shares * SHARE, to_cents(1e6), bars(AAA=PRICE), recent, reference, limit, quote)
    assert (facts.shares, facts.notional, facts.equity) == (shares, 10 * dearest, 1e6)
    assert (facts.close, facts.average_volume) == (PRICE, 1e7)


def test_an_order_without_any_price_is_worth_nothing_and_one_of_nothing_needs_no_volume() -> None:
    recent = RecentMarket(DAY, {DAY: bars(AAA=PRICE)})
    assert order_facts("ZZZ", 10 * SHARE, 100, {}, recent).notional == 0.0
    assert order_facts("AAA", 0, 100, bars(AAA=PRICE), recent).average_volume is None


def test_what_is_bought_is_paid_at_the_dearest_by_cash_and_by_what_is_sold_at_the_cheapest() -> None:
    """10,000 shares at 100 bought for what 5,000 sold and the cash bring, to the cent."""
    needed, sold = 1e6 * (1 + COST), 5e5 * (1 - COST)
    orders, weights = [ticket("AAA", 10_000), ticket("BBB", -5_000)], {"AAA": 1.0, "BBB": 0.0}

    def paid(cash: float) -> list[Breach]:
        breaches = found(orders, account(cash, BBB=5_000), weights)
        return [breach for breach in breaches if breach.rule == "buying_power"]

    slack = 3 * (1 + COST) / 100
    assert paid(needed - sold) == []
    assert paid(needed - sold - slack + 0.01) == []
    (breach,) = paid(needed - sold - slack - 0.01)
    assert (breach.severity, breach.subject) == ("block", "portfolio")
    assert breach.found == pytest.approx(needed, abs=1e-6)
    assert breach.limit == pytest.approx(needed - slack - 0.01, abs=0.011)
    assert str(breach) == f"BUYING_POWER: needed={breach.found:,.2f}, there={breach.limit:,.2f}"


def test_who_only_sells_needs_no_cash() -> None:
    breaches = found([ticket("BBB", -1_000)], account(-200_000, BBB=5_000), {"BBB": 0.0})
    assert "buying_power" not in [breach.rule for breach in breaches]


def test_what_has_no_bar_counts_for_nothing_in_what_is_paid() -> None:
    breaches = found([ticket("AAA", 10), ticket("BBB", 10)], account(500), {"AAA": 1.0, "BBB": 1.0}, bars(BBB=PRICE))
    told = {breach.rule: breach for breach in breaches}
    assert told["bar"].subject == "AAA"
    assert told["buying_power"].found == pytest.approx(1_000 * (1 + COST))


def test_two_orders_of_one_symbol_are_named_once_and_one_each_is_none() -> None:
    orders = [ticket("AAA", 10), ticket("BBB", 10), ticket("AAA", 10)]
    breaches = found(orders, account(1e6), {"AAA": 0.1, "BBB": 0.1})
    assert rules(breaches) == [("block", "AAA", "one_order")]
    assert str(breaches[0]) == "TWO_TICKETS: symbol=AAA, found=2"


def test_what_is_held_and_traded_is_judged_once_and_what_is_only_held_for_its_prices() -> None:
    """A quote that is far off is told of each symbol once, ordered or not."""
    quotes = {"AAA": PRICE * 2, "BBB": PRICE * 2}
    breaches = found([ticket("AAA", -10)], account(1e6, AAA=100, BBB=100), {"AAA": 0.0, "BBB": 0.0}, quotes=quotes)
    assert sorted(one.subject for one in breaches if one.rule == "price_collar") == ["AAA", "BBB"]
