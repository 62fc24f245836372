"""Limits of single orders: the planner cuts to them, the gate refuses what is past them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import Book, Position, to_cents, to_shares, to_units
from portfolio_pipeline.core.calendar.sessions import previous_session
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.execution.gate import judge_submission
from portfolio_pipeline.core.execution.orders import Plan, plan
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.market.bars import Bar, Bars
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.limits import registry as limits
from portfolio_pipeline.core.risk.limits.of_orders import (
    DAYS_TO_EXIT,
    LIMIT_DISTANCE,
    ORDER_COUNT,
    ORDER_EQUITY,
    ORDER_NOTIONAL,
    ORDER_VOLUME,
    PRICE_COLLAR,
)
from portfolio_pipeline.core.risk.limits.order_limit import OrderFacts, OrderLimit
from portfolio_pipeline.core.risk.limits.setting import Setting
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline_tests.trading import OPEN, settings

DAY = date(2020, 3, 16)
EARLIER = tuple(day for back in range(1, 25) if (day := previous_session(DAY, back)))
BUY = OrderFacts("AAA", 100.0, 10_000.0, 1_000_000.0, 100.0, 100.0, earlier_close=98.0, average_volume=5_000.0)


def house(**caps: float) -> Settings:
    limits = {"symbol": 1.0, "turnover": 4.0, "order_equity": 2.0, "asset_class": OPEN, **caps}
    return settings(orders=Orders(fractional=True, minimum_trade=0.0), limits=Limits(**limits))  # type: ignore[arg-type]


def bars(price: float = 100.0, volume: float = 1e6) -> dict[date, Bars]:
    return {day: {"AAA": Bar(price, price, price, price, volume)} for day in (DAY, *EARLIER)}


def planned(rules: Settings, market: dict[date, Bars], *, weight: float = 0.5) -> Plan:
    return plan("SIMULATED", [DAY], Book(to_cents(1e6)), {DAY: SessionTargets({"AAA": weight})}, market, rules)


@pytest.mark.parametrize(
    ("limit", "order", "found"),
    [
        (ORDER_NOTIONAL, BUY, 10_000.0),
        (ORDER_NOTIONAL, replace(BUY, shares=0.0), None),
        (ORDER_EQUITY, BUY, 0.01),
        (ORDER_EQUITY, replace(BUY, equity=0.0), 1e6),
        (ORDER_VOLUME, BUY, 0.02),
        (ORDER_VOLUME, replace(BUY, shares=-100.0), 0.02),
        (ORDER_VOLUME, replace(BUY, average_volume=None), None),
        (DAYS_TO_EXIT, BUY, 0.2),
        (DAYS_TO_EXIT, replace(BUY, held=400.0), 1.0),
        (DAYS_TO_EXIT, replace(BUY, held=-400.0), None),
        (DAYS_TO_EXIT, replace(BUY, shares=-500.0, held=400.0), None),
        (DAYS_TO_EXIT, replace(BUY, shares=-100.0, held=-400.0), 1.0),
        (DAYS_TO_EXIT, replace(BUY, average_volume=None), None),
        (ORDER_COUNT, replace(BUY, place=7), 7.0),
        (ORDER_COUNT, replace(BUY, place=7, shares=0.0), None),
        (LIMIT_DISTANCE, BUY, None),
        (LIMIT_DISTANCE, replace(BUY, limit_price=103.0), 0.03),
        (LIMIT_DISTANCE, replace(BUY, limit_price=97.0), 0.03),
        (LIMIT_DISTANCE, replace(BUY, limit_price=97.0, reference_price=None, close=194.0), 0.5),
        (LIMIT_DISTANCE, replace(BUY, limit_price=-1.0), float("inf")),
        (LIMIT_DISTANCE, replace(BUY, limit_price=0.0), float("inf")),
        (LIMIT_DISTANCE, replace(BUY, limit_price=97.0, reference_price=0.0), float("inf")),
        (PRICE_COLLAR, replace(BUY, earlier_close=0.0), float("inf")),
        (ORDER_EQUITY, replace(BUY, shares=-100.0, held=400.0), 0.01),
        (ORDER_EQUITY, replace(BUY, shares=-100.0, held=400.0, equity=0.005), 1e6),
        (PRICE_COLLAR, BUY, 100 / 98 - 1),
        (PRICE_COLLAR, replace(BUY, earlier_close=None), 0.0),
        (PRICE_COLLAR, replace(BUY, close=None, reference_price=None, limit_price=None), None),
        (PRICE_COLLAR, replace(BUY, limit_price=10.0), 0.9),
        (PRICE_COLLAR, replace(BUY, limit_price=1_000.0), 9.0),
        (PRICE_COLLAR, replace(BUY, quote=50.0), 0.5),
        (PRICE_COLLAR, replace(BUY, quote=-50.0), float("inf")),
        (PRICE_COLLAR, replace(BUY, reference_price=float("nan")), float("inf")),
    ],
)
def test_each_measures_its_figure(limit: OrderLimit, order: OrderFacts, found: float | None) -> None:
    assert limit.measure(order) == (None if found is None else pytest.approx(found))


@pytest.mark.parametrize(
    ("notional", "broken"),
    [
        (1e6, None),
        (1e6 + 5e-4, None),
        (1e6 + 2e-3, (1e6 + 2e-3, 1e6)),
        (float("nan"), (pytest.approx(float("nan"), nan_ok=True), 1e6)),
    ],
)
def test_it_is_broken_by_more_than_rounding_and_by_what_is_no_number(notional: float, broken: object) -> None:
    assert ORDER_NOTIONAL.broken(replace(BUY, notional=notional), Limits()) == broken


def test_a_breach_of_it_says_the_figures_and_the_prices_that_are_farthest_apart() -> None:
    (breach,) = [ORDER_EQUITY.breach(BUY, "cut", 0.5, 0.25, "halved")]
    assert (breach.subject, breach.rule, breach.severity, breach.found, breach.limit) == (
        *("AAA", "order_equity", "cut", 0.5, 0.25),
    )
    assert (str(breach), breach.action) == ("ORDER_EQUITY_LIMIT: subject=AAA, found=0.5, limit=0.25", "halved")
    far = replace(BUY, quote=50.0, limit_price=120.0)
    told = PRICE_COLLAR.breach(far, "block", 1.4, 0.35)
    assert str(told) == "PRICE_COLLAR_LIMIT: subject=AAA, found=1.4, limit=0.35, limit_price=120, quote=50"
    assert told.action == ""


@pytest.mark.parametrize(
    ("order", "found"),
    [
        (replace(BUY, equity=0.005), 1e6),
        (replace(BUY, equity=-5.0), 1e6),
        (replace(BUY, equity=0.02), 5e5),
        (replace(BUY, equity=0.0, shares=-100.0, held=400.0), None),
        (replace(BUY, equity=-5.0, shares=-100.0, held=100.0), None),
        (replace(BUY, equity=-5.0, shares=100.0, held=-400.0), None),
        (replace(BUY, equity=-5.0, shares=-100.0, held=99.0), 1e6),
        (replace(BUY, equity=-5.0, shares=100.0, held=400.0), 1e6),
        (replace(BUY, shares=0.0), None),
    ],
)
def test_an_order_of_an_account_without_equity_is_as_large_as_it_can_be(order: OrderFacts, found: float | None) -> None:
    assert ORDER_EQUITY.measure(order) == (None if found is None else pytest.approx(found))


@pytest.mark.parametrize(
    ("caps", "market", "shares"),
    [
        ({"order_notional": 200_000.0}, bars(), 2_000.0),
        ({"order_equity": 0.3}, bars(), 3_000.0),
        ({"order_volume": 0.05}, bars(volume=20_000.0), 1_000.0),
        ({}, bars(volume=0.0), 5_000.0),
        ({"order_notional": 200_000.0, "order_volume": 0.05}, bars(volume=20_000.0), 1_000.0),
    ],
)
def test_the_planner_cuts_an_order_to_the_largest_that_is_allowed(
    caps: dict[str, float], market: dict[date, Bars], shares: float
) -> None:
    rules = house(**caps)
    found = planned(rules, market)
    [ticket] = found.tickets
    assert ticket.verdict == "accepted"
    assert to_shares(ticket.quantity) == pytest.approx(shares)
    assert {cut.rule for cut in found.findings.get(DAY, ())} == set(caps)
    assert all(cut.severity == "cut" and cut.action.startswith("cut to ") for cut in found.findings.get(DAY, ()))
    gate = judge_submission(
        "SIMULATED", [DAY], found.tickets, Book(to_cents(1e6)), {DAY: SessionTargets({"AAA": 0.5})}, market, rules
    )
    assert gate.sendable == found.tickets


@pytest.mark.parametrize(("held", "bought"), [(0.0, 5_000.0), (3_000.0, 2_000.0)])
def test_an_order_is_cut_to_what_could_be_sold_again_in_time(held: float, bought: float) -> None:
    """Of 10,000 shares a day a tenth in each of five sessions: 5,000 may be held in all."""
    rules, market = house(order_volume=1.0), bars(10.0, 10_000.0)
    book = Book(to_cents(1e6 - 10 * held), {"AAA": Position(to_units(held), 10.0, 10.0)} if held else {})
    wishes = {DAY: SessionTargets({"AAA": 0.09})}
    found = plan("SIMULATED", [DAY], book, wishes, market, rules)
    [ticket] = found.tickets
    assert ticket.verdict == "accepted"
    assert to_shares(ticket.quantity) == pytest.approx(bought)
    assert [cut.rule for cut in found.findings[DAY]] == ["days_to_exit"]


def test_what_is_too_large_for_its_market_already_may_be_sold_and_not_added_to() -> None:
    rules, market = house(order_volume=1.0), bars(10.0, 10_000.0)
    book = Book(to_cents(5e5), {"AAA": Position(to_units(50_000.0), 10.0, 10.0)})
    for weight, shares in ((0.6, None), (0.45, -5_000.0)):
        found = plan("SIMULATED", [DAY], book, {DAY: SessionTargets({"AAA": weight})}, market, rules)
        assert [to_shares(one.quantity) for one in found.tickets] == ([shares] if shares else [])


def test_of_too_many_orders_the_smallest_are_left_for_the_sessions_after_and_sales_come_first() -> None:
    """A gate that is asked about all of them refuses."""
    symbols = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
    market = {day: {symbol: Bar(10.0, 10.0, 10.0, 10.0, 1e7) for symbol in symbols} for day in (DAY, *EARLIER)}
    weights = {"AAA": 0.0, "BBB": 0.1, "CCC": 0.3, "DDD": 0.05, "EEE": 0.2, "FFF": 0.01}
    book = Book(to_cents(999_000), {"AAA": Position(to_units(100.0), 10.0, 10.0)})
    wishes = {DAY: SessionTargets(weights)}
    found = plan("SIMULATED", [DAY], book, wishes, market, house(order_count=3))
    assert {one.symbol: one.verdict for one in found.tickets} == dict.fromkeys(("AAA", "CCC", "EEE"), "accepted")
    [cut] = found.findings[DAY]
    assert str(cut) == "ORDER_COUNT_LIMIT: subject=portfolio, found=6, limit=3"
    assert cut.action == "3 left for the sessions after"
    every = plan("SIMULATED", [DAY], book, wishes, market, house()).tickets
    assert len(every) == 6
    gate = judge_submission("SIMULATED", [DAY], every, book, wishes, market, house(order_count=3))
    assert gate.why(DAY).count("ORDER_COUNT_LIMIT") == 3


@pytest.mark.parametrize(("held", "kept"), [(20_000.0, "AAA"), (-20_000.0, "AAA"), (9_000.0, "CCC")])
def test_what_makes_a_position_smaller_goes_before_what_is_worth_more(held: float, kept: str) -> None:
    """A tenth of what is held is sold, or bought back; what opens or adds is worth more, and waits."""
    market = {day: {symbol: Bar(10.0, 10.0, 10.0, 10.0, 1e7) for symbol in ("AAA", "CCC")} for day in (DAY, *EARLIER)}
    book = Book(to_cents(1e6 - 10 * held), {"AAA": Position(to_units(held), 10.0, 10.0)})
    weight = 1e-5 * held * (0.9 if kept == "AAA" else 1.1)
    wishes = {DAY: SessionTargets({"AAA": weight, "CCC": 0.3})}
    found = plan("SIMULATED", [DAY], book, wishes, market, house(order_count=1, net_minimum=-1.0, short=1.0))
    assert [one.symbol for one in found.tickets] == [kept]


def test_a_collar_that_is_wider_than_the_limit_is_refused_when_the_settings_are_read() -> None:
    limits = Limits(asset_class=OPEN, limit_distance=0.01)
    with pytest.raises(ValueError, match=r"collar 0\.02 is above limits\.limit_distance, 0\.01"):
        settings(orders=Orders(type="limit"), limits=limits)
    assert settings(orders=Orders(type="market"), limits=limits).orders.collar == 0.02


def test_a_close_far_from_the_one_before_refuses_the_session_when_it_is_planned() -> None:
    market = bars() | {DAY: {"AAA": Bar(0.01, 0.01, 0.01, 0.01, 1e9)}}
    found = planned(house(), market)
    assert {ticket.verdict for ticket in found.tickets} == {"refused"}
    collar = [finding.severity for finding in found.findings[DAY] if finding.rule == "price_collar"]
    assert collar == ["block"]  # no cut: a smaller order is no nearer
    told = "PRICE_COLLAR_LIMIT: subject=AAA, found=0.9999, limit=0.35, close=0.01, close_before=100"
    assert told in [finding.message for finding in found.findings[DAY]]


def test_a_split_is_no_jump_of_the_price_nor_of_the_volume() -> None:
    halved = {"AAA": Bar(50.0, 50.0, 50.0, 50.0, 2e6, split_ratio=2.0)}
    recent = RecentMarket(DAY, bars() | {DAY: halved})
    assert recent.earlier_close("AAA") == 50.0
    assert recent.average_volume("AAA") == 2e6
    assert {ticket.verdict for ticket in planned(house(), bars() | {DAY: halved}).tickets} == {"accepted"}


def test_the_recent_market_is_twenty_sessions_and_never_the_future() -> None:
    days = sorted((DAY, *EARLIER))
    market = {day: {"AAA": Bar(1, 1, 1, float(place + 1), float(place + 1))} for place, day in enumerate(days)}
    here = days[-3]
    recent = RecentMarket(here, market)
    known = [bar["AAA"].volume for day, bar in market.items() if day <= here][-20:]
    assert recent.average_volume("AAA") == pytest.approx(sum(known) / 20)
    assert recent.earlier_close("AAA") == market[days[-4]]["AAA"].close
    quiet = {**market, days[-4]: {"AAA": Bar(1, 1, 1, 1, 0.0)}}  # a volume that nobody knows
    assert RecentMarket(here, quiet).average_volume("AAA") == pytest.approx((sum(known) - known[-2]) / 19)
    assert RecentMarket(here, market | {here: {}}).earlier_close("AAA") == market[days[-4]]["AAA"].close
    assert RecentMarket(days[0], market).earlier_close("AAA") is None
    assert RecentMarket(here).average_volume("AAA") is None


@examples(max_examples=60, deadline=None)
@given(
    weight=st.floats(0.01, 1.0),
    price=st.floats(0.5, 5_000.0),
    notional=st.floats(100.0, 1e6),
    share=st.floats(0.001, 1.0),
    volume=st.floats(1.0, 1e6),
)
def test_no_planned_order_is_past_any_of_them_and_none_is_refused(
    weight: float, price: float, notional: float, share: float, volume: float
) -> None:
    market = bars(price, volume)
    found = planned(house(order_notional=notional, order_equity=share, order_volume=0.1), market, weight=weight)
    for ticket in found.tickets:
        shares = to_shares(abs(ticket.quantity))
        assert ticket.verdict == "accepted"
        assert shares * price <= min(notional, share * 1e6) * (1 + 1e-6) + 0.01
        assert shares <= 0.1 * volume * (1 + 1e-6)


class Lots(OrderLimit):
    """The number of shares in one order."""

    name = "lots"
    setting = Setting(default=None, low=0, high=1e9, unit="shares")

    def measure(self, order: OrderFacts) -> float | None:
        return abs(order.shares)


@pytest.fixture
def _lots() -> Iterator[None]:
    limits.register(Lots())
    yield
    del limits.ORDER_LIMITS["lots"]


@pytest.mark.usefixtures("_lots")
def test_one_from_outside_is_set_cut_to_and_refused_like_any_other() -> None:
    assert Limits().model_dump()["lots"] is None
    [ticket] = planned(house(lots=700.0), bars()).tickets
    assert to_shares(ticket.quantity) == pytest.approx(700.0)
    loose = planned(house(), bars()).tickets
    targets = {DAY: SessionTargets({"AAA": 0.5})}
    gate = judge_submission("SIMULATED", [DAY], loose, Book(to_cents(1e6)), targets, bars(), house(lots=700.0))
    assert "LOTS_LIMIT: subject=AAA, found=5000, limit=700" in gate.why(DAY)
    for name in ("lots", "symbol", "tolerance"):
        taken = Lots()
        taken.name = name
        with pytest.raises(ConfigurationError, match=f"LIMIT_NAME_TAKEN: found={name}"):
            limits.register(taken)
