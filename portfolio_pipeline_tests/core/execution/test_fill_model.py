"""The fill model against hand-computed prices, and what must hold for any orders."""

from __future__ import annotations

import math
from datetime import date, datetime

import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, Position, value
from portfolio_pipeline.core.calendar.sessions import session_open
from portfolio_pipeline.core.execution.fill_model import (
    Outcome,
    execute,
    executed_at,
    play_session,
    worst_cost,
)
from portfolio_pipeline.core.execution.settings import Costs, Orders, SimulatedBroker
from portfolio_pipeline.core.execution.tickets import Order, TimeInForce
from portfolio_pipeline.core.market.bars import Bar

COSTS = Costs(commission_bps=0.5, half_spread_bps=1.0, slippage_bps=2.0)
MARKET = SimulatedBroker(impact_bps=50.0, maximum_volume_share=0.1)
RICH = 10**12
DECIDED = date(2024, 1, 2)


def bar(price: float = 100.0, volume: float = 1_000_000.0, **more: float) -> Bar:
    return Bar(price, price * 1.02, price * 0.98, price, volume, **more)


def one(shares: float, market_bar: Bar | None, cash: int = RICH, limit: float | None = None) -> Outcome:
    order = Order(DECIDED, "id", "AAA", round(shares * SHARE), limit)
    [outcome] = execute([order], {} if market_bar is None else {"AAA": market_bar}, cash, COSTS, MARKET)
    return outcome


@pytest.mark.parametrize(("shares", "side"), [(10_000, 1), (-10_000, -1)])
def test_a_fill_pays_spread_slippage_and_the_square_root_of_its_volume_share(shares: float, side: int) -> None:
    outcome = one(shares, bar())
    price = 100.0 * (1 + side * (1 + 2 + 50 * math.sqrt(0.01)) / 1e4)
    assert outcome.state == "filled"
    assert outcome.quantity == shares * SHARE
    assert outcome.price == pytest.approx(price, abs=1e-6)
    assert outcome.commission == round(10_000 * price * 0.5 / 1e4 * 100)
    assert outcome.cash == pytest.approx(-shares * price * 100 - outcome.commission, abs=1)


def test_the_dearest_price_is_never_exceeded() -> None:
    outcome = one(10**7, bar())
    assert outcome.price * (1 + COSTS.commission_bps / 1e4) <= 100.0 * (1 + worst_cost(COSTS, MARKET)) * (1 + 1e-6)


def test_at_most_a_share_of_the_volume_is_filled_and_the_rest_expires() -> None:
    outcome = one(500, bar(volume=1_234.0))
    assert (outcome.state, outcome.quantity) == ("partially_filled", 123 * SHARE)
    assert outcome.note == "VOLUME_SHARE_REACHED: filled=123, wanted=500"


@pytest.mark.parametrize("shares", [500, -500])
def test_unknown_volume_fills_in_full_and_without_impact(shares: float) -> None:
    outcome = one(shares, bar(volume=0.0))
    assert (outcome.state, outcome.quantity) == ("filled", shares * SHARE)
    assert outcome.price == pytest.approx(100.0 * (1 + math.copysign(3e-4, shares)))


def test_without_a_bar_an_order_expires() -> None:
    outcome = one(5, None)
    assert (outcome.state, outcome.quantity, outcome.cash) == ("expired", 0, 0)
    assert outcome.note == "NO_BAR: the symbol did not trade"


def test_an_order_decided_before_a_split_is_carried_over_it() -> None:
    assert one(30, bar(split_ratio=3.0)).quantity == 90 * SHARE
    assert one(-25, bar(split_ratio=0.1)).quantity == -2.5 * SHARE
    assert one(10, bar(price=50.0, split_ratio=2.0), limit=102.0).price == pytest.approx(50.0 * (1 + 3e-4), rel=1e-4)


@pytest.mark.parametrize(
    ("shares", "limit", "price"),
    [
        (10, 101.0, "open"),
        (10, 99.0, 99.0),
        (10, 97.0, None),
        (-10, 99.0, "open"),
        (-10, 101.0, 101.0),
        (-10, 103.0, None),
    ],
)
def test_a_limit_order_fills_at_the_open_or_at_its_limit_or_not_at_all(
    shares: float, limit: float, price: float | str | None
) -> None:
    outcome = one(shares, bar(), limit=limit)
    if price is None:
        assert outcome.state == "expired"
        assert str(outcome.note).startswith("LIMIT_NOT_REACHED")
    elif price == "open":
        assert outcome.price == one(shares, bar()).price
    else:
        assert outcome.price == price


def test_sells_come_first_and_pay_for_the_buys() -> None:
    orders = [Order(DECIDED, "1", "AAA", 100 * SHARE), Order(DECIDED, "2", "ZZZ", -100 * SHARE)]
    bars = {"AAA": bar(99.0), "ZZZ": bar(100.0)}
    outcomes = execute(orders, bars, 0, COSTS, MARKET)
    assert [(o.order.symbol, o.state) for o in outcomes] == [("ZZZ", "filled"), ("AAA", "filled")]


def test_a_buy_beyond_the_cash_is_cut_to_what_it_pays_for() -> None:
    outcome = one(100, bar(), cash=55_555_00 // 10)
    assert (outcome.state, outcome.quantity) == ("partially_filled", 55 * SHARE)
    assert str(outcome.note).startswith("NOT_ENOUGH_CASH")
    assert one(100, bar(), cash=-5).state == "expired"


@examples(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_orders_ever_bring_cash_below_nothing_or_trade_more_than_was_asked(data: st.DataObject) -> None:
    symbols = ["AAA", "BBB", "CCC", "DDD"]
    bars = {
        symbol: Bar(price, price * 1.01, price * 0.99, price, volume, 0.0, split)
        for symbol, price, volume, split in zip(
            symbols,
            data.draw(st.lists(st.floats(0.05, 5_000), min_size=4, max_size=4)),
            data.draw(st.lists(st.one_of(st.just(0.0), st.floats(1, 1e7)), min_size=4, max_size=4)),
            data.draw(st.lists(st.sampled_from([1.0, 2.0, 0.1, 1 / 3]), min_size=4, max_size=4)),
            strict=True,
        )
        if data.draw(st.booleans()) or symbol == "AAA"
    }
    quantity = st.one_of(st.integers(-5_000, 5_000).map(lambda n: n * SHARE), st.integers(-(10**9), 10**9))
    orders = [Order(DECIDED, s, s, data.draw(quantity.filter(bool))) for s in symbols]
    cash = data.draw(st.integers(0, 10**9))
    outcomes = execute(orders, bars, cash, COSTS, MARKET)
    running = cash
    for outcome in outcomes:
        running += outcome.cash
        if outcome.quantity > 0:
            assert running >= 0
        split = bars[outcome.order.symbol].split_ratio if outcome.quantity else 1.0
        assert abs(outcome.quantity) <= round(abs(outcome.order.quantity) * split)
        assert outcome.quantity * outcome.order.quantity >= 0
        assert outcome.commission >= 0
        assert (outcome.note is None) == (outcome.state == "filled")
    assert execute(orders[::-1], bars, cash, COSTS, MARKET) == outcomes


def typed(shares: float, kind: TimeInForce, limit: float | None = None, name: str = "id", symbol: str = "AAA") -> Order:
    return Order(DECIDED, name, symbol, round(shares * SHARE), limit, kind)


@pytest.mark.parametrize("shares", [10_000, -10_000])
@pytest.mark.parametrize(("kind", "print_"), [(TimeInForce.OPENING, 100.0), (TimeInForce.CLOSING, 104.0)])
def test_in_an_auction_all_trade_at_its_price_without_a_spread(shares: int, kind: TimeInForce, print_: float) -> None:
    [outcome] = execute([typed(shares, kind)], {"AAA": Bar(100.0, 105.0, 99.0, 104.0, 1e6)}, RICH, COSTS, MARKET)
    worse = math.copysign((2 + 50 * math.sqrt(0.01)) / 1e4, shares)
    assert outcome.state == "filled"
    assert outcome.price == pytest.approx(print_ * (1 + worse), abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "limit", "filled"),
    [
        (TimeInForce.OPENING, 100.03, True),
        (TimeInForce.OPENING, 100.01, False),  # the session goes there later, when the auction is over
        (TimeInForce.CLOSING, 104.03, True),
        (TimeInForce.CLOSING, 104.01, False),
    ],
)
def test_a_limit_in_an_auction_holds_for_its_price_alone(kind: TimeInForce, limit: float, filled: bool) -> None:
    [outcome] = execute([typed(10, kind, limit)], {"AAA": Bar(100.0, 105.0, 99.0, 104.0)}, RICH, COSTS, MARKET)
    assert (outcome.state == "filled") == filled


def test_orders_for_the_close_come_last_and_are_executed_then() -> None:
    """The sale at the close does not pay for what is bought at the open; what is bought at the close, it does."""
    orders = [
        typed(-10, TimeInForce.CLOSING, name="1", symbol="ZZZ"),
        typed(5, TimeInForce.DAY, name="2", symbol="BBB"),
        typed(5, TimeInForce.CLOSING, name="3", symbol="AAA"),
    ]
    bars = dict.fromkeys(["AAA", "BBB", "ZZZ"], Bar(100.0, 100.0, 100.0, 100.0))
    outcomes = execute(orders, bars, 0, COSTS, MARKET)
    assert [(one.order.symbol, one.state) for one in outcomes] == [
        ("BBB", "expired"), ("ZZZ", "filled"), ("AAA", "filled")
    ]  # fmt: skip
    moments = [executed_at(one.order, date(2024, 7, 3)) for one in outcomes]
    assert moments == [datetime(2024, 7, 3, hour, 30 * (hour == 13)) for hour in (13, 17, 17)]  # noqa: DTZ001


@examples(max_examples=300, deadline=None)
@given(data=st.data())
def test_nothing_is_ever_filled_beyond_its_limit_nor_where_the_session_did_not_go(data: st.DataObject) -> None:
    """Bought at most at the limit, sold at least at it; and, beyond what trading costs, between low and high."""
    low, high = sorted(data.draw(st.lists(st.floats(1, 500), min_size=2, max_size=2)))
    opened, closed = (data.draw(st.floats(low, high)) for _ in range(2))
    split = data.draw(st.sampled_from([1.0, 2.0, 0.1]))
    limit = round(data.draw(st.floats(low * 0.9, high * 1.1)) * split, 4)
    volume = data.draw(st.one_of(st.just(0.0), st.floats(1, 1e6)))
    order = typed(data.draw(st.integers(-500, 500).filter(bool)), data.draw(st.sampled_from(TimeInForce)), limit)
    [outcome] = execute([order], {"AAA": Bar(opened, high, low, closed, volume, 0.0, split)}, RICH, COSTS, MARKET)
    if not outcome.quantity:
        assert outcome.state == "expired"
        return
    side = math.copysign(1, outcome.quantity)
    assert side * (outcome.price - limit / split) <= 1e-6
    dearest = worst_cost(COSTS, MARKET)
    assert low * (1 - dearest) - 1e-6 <= outcome.price <= high * (1 + dearest) + 1e-6


def test_the_market_opens_at_half_past_nine_in_new_york() -> None:
    assert session_open(date(2024, 1, 3)) == datetime(2024, 1, 3, 14, 30)  # noqa: DTZ001
    assert session_open(date(2024, 7, 3)) == datetime(2024, 7, 3, 13, 30)  # noqa: DTZ001


def test_the_dearest_is_all_costs_and_the_impact_of_the_largest_share_of_the_volume() -> None:
    assert worst_cost(COSTS, MARKET) == pytest.approx((0.5 + 1.0 + 2.0 + 50.0 * math.sqrt(0.1)) / 1e4, rel=1e-12)
    assert COSTS.total == pytest.approx(3.5e-4, rel=1e-12)


def test_prices_are_rounded_to_a_millionth() -> None:
    assert one(1, bar(price=1.23456789, volume=0.0)).price == round(1.23456789 * (1 + 3e-4), 6)


@pytest.mark.parametrize(
    ("shares", "limit", "low", "high", "price"),
    [
        (10, 99.0, 99.0, 101.0, None),  # touched, and no more: whoever stood in front was served
        (10, 99.0, 98.99, 101.0, 99.0),
        (10, 100.03, 99.0, 101.0, 100.03),  # just what the open costs
        (10, 100.02, 100.02, 101.0, None),
        (-10, 101.0, 99.0, 101.0, None),
        (-10, 101.0, 99.0, 101.01, 101.0),
        (-10, 99.97, 99.0, 101.0, 99.97),
    ],
)
def test_a_limit_is_reached_when_it_is_passed(
    shares: int, limit: float, low: float, high: float, price: float | None
) -> None:
    outcome = one(shares, Bar(100.0, high, low, 100.0, 0.0), limit=limit)
    assert (outcome.price or None) == price
    if price is None:
        assert outcome.note == f"LIMIT_NOT_REACHED: limit_price={limit}, low={low:g}, high={high:g}"


def test_a_limit_is_carried_over_a_split_like_the_shares() -> None:
    halved = Bar(52.0, 53.0, 50.0, 52.0, 0.0, 0.0, 2.0)
    outcome = one(10, halved, limit=102.0)
    assert (outcome.quantity, outcome.price) == (20 * SHARE, 51.0)
    assert one(10, halved, limit=100.0).state == "expired"


@pytest.mark.parametrize(
    ("shares", "volume", "filled"),
    [
        (10, 100.0, 10.0),
        (10, 99.0, 9.0),
        (10, 10.0, 1.0),
        (10, 9.99, 0.0),
        (2.5, 9.0, 0.9),
        (-2.5, 9.0, -0.9),
        (2.5, 9.00001, 0.900001),
        (10, 1.0, 0.0),
    ],
)
def test_whole_shares_are_filled_in_whole_shares_and_fractions_in_fractions(
    shares: float, volume: float, filled: float
) -> None:
    outcome = one(shares, bar(volume=volume))
    assert outcome.quantity == round(filled * SHARE)
    if not filled:
        assert (outcome.state, outcome.note) == ("expired", f"VOLUME_TOO_SMALL: volume={volume:g}")
        assert (outcome.price, outcome.commission, outcome.cash) == (0.0, 0, 0)
    elif filled != shares:
        assert outcome.note == f"VOLUME_SHARE_REACHED: filled={abs(filled):g}, wanted={abs(shares):g}"


def test_the_smallest_order_there_is_is_a_buy_or_a_sale_like_any_other() -> None:
    buy, sell = Order(DECIDED, "1", "AAA", 1), Order(DECIDED, "2", "ZZZ", -1)
    first, second = execute([buy, sell], {"AAA": bar(volume=0.0), "ZZZ": bar(volume=0.0)}, 0, COSTS, MARKET)
    assert (first.order, first.quantity, first.price) == (sell, -1, 99.97)
    assert (second.order, second.quantity, second.price) == (buy, 1, 100.03)


def test_the_smallest_volume_there_is_has_its_impact() -> None:
    assert one(0.01, bar(volume=1.0)).price == round(100.0 * (1 + (3 + 50 * math.sqrt(0.01)) / 1e4), 6)


def test_an_order_that_a_split_has_broken_is_filled_in_fractions() -> None:
    outcome = one(5, bar(split_ratio=0.1, volume=4.0))
    assert outcome.quantity == round(0.4 * SHARE)


def test_buys_are_served_in_the_order_of_their_symbols_and_identifiers() -> None:
    orders = [Order(DECIDED, "2", "BBB", 10 * SHARE), Order(DECIDED, "9", "AAA", 10 * SHARE)]
    orders += [Order(DECIDED, "1", "BBB", 10 * SHARE)]
    bars = {"AAA": bar(10.0, 0.0), "BBB": bar(10.0, 0.0)}
    outcomes = execute(orders, bars, 205_00, COSTS, MARKET)
    assert [(o.order.client_order_id, o.state) for o in outcomes] == [
        ("9", "filled"),
        ("1", "filled"),
        ("2", "expired"),
    ]
    cash = 205_00 + outcomes[0].cash + outcomes[1].cash
    assert outcomes[2].note == f"NOT_ENOUGH_CASH: cash={cash / 100:.2f}"
    assert cash == 205_00 - 2 * (round(10 * 10.003 * 100) + 1)


@examples(max_examples=150, deadline=None)
@given(
    price=st.floats(0.01, 500).map(lambda p: round(p, 2)), shares=st.integers(1, 400), cash=st.integers(-100, 500_00)
)
def test_a_buy_is_as_many_whole_shares_as_the_cash_pays_for_with_the_commission(
    price: float, shares: int, cash: int
) -> None:
    """By trying every number; a part leaves the cent that rounding may cost."""
    outcome = one(shares, bar(price, 0.0), cash=cash)
    paid = round(price * (1 + 3e-4), 6)

    def costs(number: int) -> int:
        worth = value(number * SHARE, paid)
        return worth + round(worth * 0.5 / 1e4)

    def pays(number: int) -> bool:
        return costs(number) <= cash and (number == shares or number * paid * (1 + 0.5e-4) * 100 <= cash - 1)

    most = max(number for number in range(shares + 1) if number == 0 or pays(number))
    assert outcome.quantity == most * SHARE
    assert outcome.state == ("filled" if most == shares else "partially_filled" if most else "expired")
    if most:
        assert (outcome.price, -outcome.cash) == (paid, costs(most))
    if 0 < most < shares:
        assert outcome.note == f"NOT_ENOUGH_CASH: filled={most}, wanted={shares}"


@examples(max_examples=100, deadline=None)
@given(price=st.floats(0.01, 500).map(lambda p: round(p, 2)), units=st.integers(1, 10**9), cash=st.integers(0, 50_00))
def test_a_buy_of_fractions_leaves_no_more_than_two_cents(price: float, units: int, cash: int) -> None:
    assume(units % SHARE)
    outcome = one(units / SHARE, bar(price, 0.0), cash=cash)
    assert 0 <= outcome.quantity <= units
    assert -outcome.cash <= cash
    if outcome.quantity < units:
        assert cash + outcome.cash <= 2


def test_a_session_brings_dividends_before_its_orders_and_marks_at_its_end() -> None:
    book = Book(0, {"AAA": Position(100 * SHARE, 9.0, 10.0), "OLD": Position(SHARE, 5.0, 7.0, 1)})
    bars = {"AAA": Bar(10.0, 12.0, 10.0, 11.0, 0.0, 1.0), "BBB": bar(10.0, 0.0)}
    orders = [Order(DECIDED, "1", "BBB", 5 * SHARE), Order(DECIDED, "2", "ZZZ", SHARE)]
    market = SimulatedBroker(delist_after_sessions=2)
    bought, expired = play_session(book, orders, bars, COSTS, market)
    assert (bought.state, expired.state) == ("filled", "expired")
    assert book.cash == 100_00 + bought.cash + 7_00
    assert {symbol: position.price for symbol, position in book.positions.items()} == {"AAA": 11.0, "BBB": 10.0}
    assert book.positions["BBB"].average_cost == bought.price
    assert "ZZZ" not in book.positions


def test_trading_costs_this_where_the_settings_say_nothing() -> None:
    assert Costs().model_dump() == {"commission_bps": 0.5, "half_spread_bps": 1.0, "slippage_bps": 1.0}
    assert SimulatedBroker().model_dump() == {
        "initial_cash": 1_000_000.0,
        "impact_bps": 50.0,
        "maximum_volume_share": 0.1,
        "delist_after_sessions": 10,
    }
    assert Orders().model_dump(exclude={"rejects"}) == {
        "type": "market",
        "collar": 0.02,
        "fractional": False,
        "lot": 1,
        "minimum_trade": 500.0,
        "minimum_share": 0.0025,
        "band": 1.0,
        "trade_to": "target",
        "risk_aversion": 3.0,
        "cash_buffer": 0.01,
    }
