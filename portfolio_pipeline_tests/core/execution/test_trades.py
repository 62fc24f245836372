"""From targets to trades in shares: edges of cash, limits and equity, each against a sum that a person can do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents, to_shares
from portfolio_pipeline.core.calendar.sessions import previous_session
from portfolio_pipeline.core.execution.fill_model import worst_cost
from portfolio_pipeline.core.execution.order_verdicts import judge_orders, order_facts
from portfolio_pipeline.core.execution.orders import client_order_id, plan, plan_session
from portfolio_pipeline.core.execution.settings import Costs, Orders
from portfolio_pipeline.core.execution.tickets import Order, OrderType, Ticket
from portfolio_pipeline.core.execution.trades import trades_towards
from portfolio_pipeline.core.execution.verdicts import judge_trades
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline.core.portfolio.session_targets import (
    SessionTargets,
    invested_part,
    session_targets,
    shares_by_session,
)
from portfolio_pipeline.core.risk.breaches import Breach, blocking
from portfolio_pipeline.core.risk.limits.of_orders import ORDER_EQUITY
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline_tests.trading import OPEN, settings

DAY = date(2020, 2, 5)
BEFORE = previous_session(DAY) or DAY
LOOSE = {"symbol": 2.0, "turnover": 4.0, "asset_class": OPEN, "short": 1.0, "order_equity": 2.0, "order_notional": 1e9}
BARS = {symbol: Bar(100.0, 100.0, 100.0, 100.0) for symbol in ("AAA", "BBB", "CCC", "DDD", "EEE")}


def house(
    *,
    cash_buffer: float = 0.0,
    fractional: bool = False,
    minimum: float = 0.0,
    band: float = 0.0,
    trade_to: Literal["target", "edge"] = "target",
    **limits: object,
) -> Settings:
    """Trades at once, unless a band is given."""
    orders = Orders(
        cash_buffer=cash_buffer,
        fractional=fractional,
        band=band,
        trade_to=trade_to,
        minimum_trade=minimum,
        minimum_share=0.0025 if band else 0.0,
    )
    return settings(orders=orders, limits=Limits(**LOOSE | limits))  # type: ignore[arg-type]


def account(cash: float, **shares: float) -> Book:
    return Book(to_cents(cash), {s: Position(round(n * SHARE), 100.0, 100.0) for s, n in shares.items()})


def traded(
    weights: Mapping[str, float], book: Book, terms: Settings, bars: Mapping[str, Bar] = BARS
) -> tuple[dict[str, float], tuple[Breach, ...]]:
    trades, cuts = trades_towards(SessionTargets(dict(weights)), book, dict(bars), terms, RecentMarket(DAY))
    return {symbol: to_shares(quantity) for symbol, quantity in trades.items()}, cuts


def test_an_account_that_is_worth_nothing_or_less_buys_nothing_and_can_close_what_it_has() -> None:
    for cash in (-1e6, -2e6):
        book, targets = account(cash, AAA=10_000), SessionTargets({"AAA": 0.3, "BBB": 0.3})
        planned, cuts = plan_session("SIMULATED", DAY, book, targets, BARS, house(turnover=1.0), RecentMarket(DAY))
        assert ({one.symbol: to_shares(one.quantity) for one in planned}, cuts) == ({"AAA": -10_000.0}, ())
        judged = judge_trades(book, {"AAA": planned[0].quantity}, BARS, house(turnover=1.0))
        judged += judge_orders(planned, book, targets, BARS, house(turnover=1.0), RecentMarket(DAY))
        assert not blocking(judged), judged


def test_what_is_sold_short_is_closed_by_an_account_without_equity_as_far_as_its_cash_goes() -> None:
    book = account(500_000, AAA=-6_000)
    found, _ = traded({"AAA": 0.1}, book, house())
    assert 4_900 < found["AAA"] <= 5_000
    larger = order_facts("AAA", -SHARE, book.equity, BARS, RecentMarket(DAY), held=book.quantity("AAA"))
    assert ORDER_EQUITY.broken(larger, house().limits)


def test_a_symbol_without_a_bar_does_not_end_the_list() -> None:
    bars = {symbol: bar for symbol, bar in BARS.items() if symbol != "AAA"}
    found, _ = traded({"AAA": 0.1, "BBB": 0.1}, account(1e6), house(), bars)
    assert found == {"BBB": 1_000.0}


@pytest.mark.parametrize(("minimum", "made"), [(500.0, True), (500.01, False)])
def test_a_trade_of_just_the_minimum_is_made_in_either_direction(minimum: float, made: bool) -> None:
    terms = house(minimum=minimum)
    assert traded({"AAA": 0.0005}, account(1e6), terms)[0] == ({"AAA": 5.0} if made else {})
    assert traded({"AAA": 0.0005}, account(999_000, AAA=10), terms)[0] == ({"AAA": -5.0} if made else {})


def test_a_sale_is_cut_to_whole_shares_towards_nothing_like_a_buy() -> None:
    assert traded({"AAA": 0.00055}, account(998_900, AAA=11), house())[0] == {"AAA": -5.0}
    assert traded({"AAA": 0.00055}, account(998_900, AAA=11), house(fractional=True))[0] == {"AAA": -5.5}
    assert traded({"AAA": 0.1}, account(1e6 - 0.01, AAA=0.0001), house())[0] == {"AAA": 999.0}


def test_turnover_is_cut_to_the_limit_and_left_alone_at_it() -> None:
    book = account(600_000, AAA=4_000)
    weights = {"AAA": 0.0, "BBB": 0.2}
    assert traded(weights, book, house(turnover=0.6))[0] == {"AAA": -4_000.0, "BBB": 2_000.0}
    assert traded(weights, book, house(turnover=0.3))[0] == {"AAA": -2_000.0, "BBB": 1_000.0}


@pytest.mark.parametrize(
    ("eased", "turnover", "expected"),
    [
        (False, 0.2, {"AAA": -500.0, "BBB": 500.0, "CCC": 500.0, "DDD": -500.0}),
        (True, 0.2, {"AAA": -1_000.0, "BBB": 1_000.0}),
        (True, 0.15, {"AAA": -1_000.0, "BBB": 1_000.0}),
    ],
)
def test_where_a_breach_is_answered_what_gets_smaller_passes_the_turnover_limit_before_what_grows(
    eased: bool, turnover: float, expected: dict[str, float]
) -> None:
    book, terms = account(1e6, AAA=2_000, BBB=-2_000), house(turnover=turnover, net_minimum=-1.0)
    targets = SessionTargets({"AAA": 0.1, "BBB": -0.1, "CCC": 0.1, "DDD": -0.1}, eased=eased)
    trades, _ = trades_towards(targets, book, dict(BARS), terms, RecentMarket(DAY))
    assert {symbol: to_shares(quantity) for symbol, quantity in trades.items()} == expected


def test_the_rest_of_the_turnover_that_reductions_leave_is_shared_by_what_grows() -> None:
    book, targets = account(800_000, AAA=2_000), SessionTargets({"AAA": 0.1, "CCC": 0.2, "DDD": 0.1}, eased=True)
    trades, _ = trades_towards(targets, book, dict(BARS), house(turnover=0.25), RecentMarket(DAY))
    assert {symbol: to_shares(quantity) for symbol, quantity in trades.items()} == {
        "AAA": -1_000.0,
        "CCC": 1_000.0,
        "DDD": 500.0,
    }


def test_what_is_bought_is_paid_at_the_dearest_of_everything() -> None:
    """What is sold brings its worth less the worst cost, what is bought costs its own and more."""
    terms = house(fractional=True)
    cost = worst_cost(terms.costs, terms.simulated_broker)
    found, _ = traded({"AAA": 0.5, "BBB": 0.5}, account(0, AAA=10_000), terms)
    assert found["AAA"] == -5_000.0
    assert found["BBB"] == pytest.approx(5_000 * (1 - cost) / (1 + cost), abs=1e-3)


def test_the_buffer_counts_at_the_closes_where_it_is_more_than_the_costs() -> None:
    terms = house(fractional=True, cash_buffer=0.1)
    without_a_bar = {symbol: bar for symbol, bar in BARS.items() if symbol != "CCC"}
    found, _ = traded({"BBB": 0.4, "CCC": 0.0}, account(300_000, CCC=7_000), terms, without_a_bar)
    assert found["BBB"] == pytest.approx(2_000, abs=1e-3)  # 300,000 less 10 % of a million


def test_who_has_no_cash_buys_nothing_and_still_sells() -> None:
    without_a_bar = {symbol: bar for symbol, bar in BARS.items() if symbol != "CCC"}
    book = account(-10_000, AAA=50, CCC=10_000)
    found, _ = traded({"AAA": 0.0, "BBB": 0.3, "CCC": 0.0}, book, house(), without_a_bar)
    assert found == {"AAA": -50.0}


def test_an_order_past_two_of_its_limits_is_cut_to_the_tighter_and_both_are_told() -> None:
    terms = house(order_notional=300_000.0, order_equity=0.2)
    found, cuts = traded({"AAA": 0.4, "BBB": 0.1}, account(1e6), terms)
    assert found == {"AAA": 2_000.0, "BBB": 1_000.0}
    assert [(cut.subject, cut.rule, cut.severity, cut.found, cut.limit, cut.action) for cut in cuts] == [
        ("AAA", "order_notional", "cut", 400_000.0, 300_000.0, "cut to 3000 shares"),
        ("AAA", "order_equity", "cut", 0.3, 0.2, "cut to 2000 shares"),
    ]


def test_an_order_that_is_cut_to_nothing_is_none() -> None:
    found, cuts = traded({"AAA": 0.4}, account(1e6), house(order_notional=99.0))
    assert found == {}
    assert [cut.action for cut in cuts] == ["cut to 0 shares"]


@pytest.mark.parametrize(
    ("limits", "expected", "told"),
    [
        # what cannot be sold today counts: 40 % CCC, a bond, beside what is bought now
        ({"asset_class": OPEN | {"bond": 0.5}}, {"AAA": 2_000.0, "DDD": 1_000.0}, ("bond", "asset_class")),
        ({"gross": 0.6, "net": 0.6}, {"AAA": 1_000.0, "DDD": 1_000.0}, ("portfolio", "gross")),
        ({"margin": 0.18}, {"AAA": 1_000.0, "DDD": 1_000.0}, ("portfolio", "margin")),
        ({"symbol": 0.15}, {"AAA": 1_500.0, "DDD": 1_500.0}, ("AAA", "symbol")),
    ],
)
def test_what_grows_gives_way_to_what_cannot_be_sold_where_both_are_under_one_limit(
    limits: dict[str, Any], expected: dict[str, float], told: tuple[str, str]
) -> None:
    bars = {symbol: bar for symbol, bar in BARS.items() if symbol != "CCC"}
    terms = house(tolerance=0.0, **limits)
    found, cuts = traded({"AAA": 0.2, "CCC": 0.0, "DDD": 0.2}, account(600_000, CCC=4_000), terms, bars)
    assert found == {symbol: pytest.approx(shares, abs=1.0) for symbol, shares in expected.items()}
    assert (cuts[0].subject, cuts[0].rule, cuts[0].severity) == (*told, "cut")
    assert cuts[0].action.startswith("growing positions scaled by 0.")


def test_what_shrinks_is_not_held_back_by_a_limit_on_what_grows() -> None:
    bars = {symbol: bar for symbol, bar in BARS.items() if symbol != "CCC"}
    terms = house(tolerance=0.0, gross=0.5, net=0.5)
    found, _ = traded({"AAA": 0.05, "CCC": 0.0, "DDD": 0.2}, account(500_000, AAA=1_000, CCC=4_000), terms, bars)
    assert found["AAA"] == -500.0
    assert found["DDD"] == pytest.approx(500.0, abs=1.0)


def test_all_that_is_held_counts_in_what_is_too_much_long_and_short() -> None:
    """2,000 long and 1,000 short are held, and as many are to come: the limit leaves room for half of that."""
    book = account(900_000, AAA=2_000, BBB=-1_000)
    for where in (book, account(800_000, AAA=2_000)):
        terms = house(tolerance=0.0, gross=0.45 if where is book else 0.25, net=1.0, net_minimum=-1.0)
        weights = {"AAA": 0.3, "BBB": -0.2} if where is book else {"AAA": 0.3}
        found, cuts = traded(weights, where, terms)
        halves = {"AAA": 750.0, "BBB": -750.0} if where is book else {"AAA": 500.0}
        assert found == {symbol: pytest.approx(shares, abs=1.0) for symbol, shares in halves.items()}
        assert [(cut.rule, cut.severity) for cut in cuts] == [("gross", "cut")]


def test_shorts_grow_downwards_and_are_cut_like_longs() -> None:
    terms = house(tolerance=0.0, symbol=0.1, net_minimum=-1.0)
    found, cuts = traded({"AAA": -0.2}, account(1e6), terms)
    assert found == {"AAA": pytest.approx(-1_000.0, abs=1.0)}
    assert cuts[0].found == pytest.approx(0.2)
    found, _ = traded({"AAA": -0.2}, account(1.05e6, AAA=-500), terms)
    assert found == {"AAA": pytest.approx(-500.0, abs=1.0)}


def test_a_plan_says_how_much_of_the_equity_it_trades() -> None:
    targets = {day: SessionTargets({"AAA": 0.1, "BBB": 0.0}) for day in (BEFORE, DAY)}
    planned = plan("SIMULATED", [DAY], account(700_000, BBB=3_000), targets, {DAY: BARS}, house())
    assert planned.turnover == {DAY: pytest.approx(0.4)}
    assert planned.seals == ()
    assert plan("SIMULATED", [DAY], Book(0), {DAY: SessionTargets()}, {DAY: BARS}, house()).turnover == {DAY: 0.0}


def test_tickets_name_price_target_and_who_asked_the_loudest_first_and_then_by_name() -> None:
    wishes = {"zeta": {"AAA": 0.04}, "beta": {"AAA": -0.04}, "alpha": {"AAA": 0.1}, "none": {"AAA": 0.0}}
    targets = SessionTargets({"AAA": 0.1, "BBB": 0.0}, contributions=wishes)
    book = account(995_000, BBB=50)
    (sale, buy), _ = plan_session("SIMULATED", DAY, book, targets, BARS, house())
    assert (sale.symbol, sale.quantity, sale.reference_price, sale.target_weight) == ("BBB", -50 * SHARE, 100.0, 0.0)
    assert (buy.symbol, buy.quantity, buy.reference_price, buy.target_weight) == ("AAA", 1_000 * SHARE, 100.0, 0.1)
    assert sale.reason == "want 0.00%, hold 0.50%: no strategy wants it"
    assert buy.reason == "want 10.00%, hold 0.00%: alpha +10.00%, beta -4.00%, zeta +4.00%"
    assert buy.notional == 10_000_000


@pytest.mark.parametrize(
    ("pinned", "by_hand", "told"),
    [
        ({}, {}, "want 0.00%, hold 10.00%: no strategy wants it"),
        ({"mine": {"AAA": 5 * SHARE}}, {}, "want 0.05%, hold 10.00%"),
        ({}, {"AAA": "ordered by me: why not"}, "want 0.00%, hold 10.00%; ordered by me: why not"),
    ],
)
def test_what_a_person_wants_is_not_said_to_be_wanted_by_no_strategy(
    pinned: dict[str, dict[str, int]], by_hand: dict[str, str], told: str
) -> None:
    targets = SessionTargets({"AAA": 0.0}, pinned=pinned, by_hand=by_hand)
    [ticket], _ = plan_session("SIMULATED", DAY, account(900_000, AAA=1_000), targets, BARS, house(), RecentMarket(DAY))
    assert ticket.reason == told


def test_an_identifier_is_the_same_whenever_it_is_worked_out() -> None:
    """And by whatever version: the broker knows orders of the past by it."""
    intent = hashlib.sha256(b'["PAPER", "2020-02-05", "AAA", -5000000, null, "day"]').hexdigest()
    name = f"PAPER-account-20200205-AAA-sell-1-{intent[:16]}"
    assert client_order_id("PAPER", DAY, "AAA", -5 * SHARE) == name


def test_an_order_without_a_limit_price_is_a_market_order_for_the_day() -> None:
    ticket = Ticket(DAY, "a", "AAA", -SHARE, 9.0, 0.1, "")
    assert (ticket.verdict, ticket.limit_price, ticket.notional) == ("accepted", None, 900)
    assert ticket.order == Order(DAY, "a", "AAA", -SHARE)
    assert (ticket.order.order_type, ticket.order.side) == (OrderType.MARKET, "sell")
    assert Order(DAY, "a", "AAA", SHARE, 8.0).order_type == OrderType.LIMIT


@pytest.mark.parametrize(
    ("weights", "buffer", "part"),
    [
        *(({}, 0.5, 1.0), ({"A": -0.5}, 0.5, 1.0), ({"A": 0.5, "B": -0.5}, 0.9, 1.0), ({"A": 0.4}, 0.8, 0.5)),
        *(({"A": 0.8, "B": 0.4}, 0.4, 0.5), ({"A": 0.5}, 0.5, 1.0), ({"A": 1e-300}, 0.5, 1.0)),
    ],
)
def test_weights_are_scaled_to_what_the_buffer_leaves_and_never_up(
    weights: dict[str, float], buffer: float, part: float
) -> None:
    assert invested_part(weights, buffer) == pytest.approx(part)


@pytest.mark.parametrize(
    ("weight", "requested", "cut"),
    [
        *((0.1, 0.2, 0.5), (0.2, 0.2, 1.0), (0.0, 0.2, 0.0), (0.3, 0.2, 1.0), (-0.1, 0.2, 1.0), (-0.1, -0.2, 0.5)),
        *((0.1, 0.0, 1.0), (0.1, None, 1.0), (None, 0.2, 0.0)),
    ],
)
def test_a_cut_is_the_part_that_was_left(weight: float | None, requested: float | None, cut: float) -> None:
    weights = {} if weight is None else {"AAA": weight}
    asked = {} if requested is None else {"AAA": requested}
    assert SessionTargets(weights, asked).cut("AAA") == cut


def test_the_rows_of_three_tables_become_the_targets_of_each_session() -> None:
    shares = pa.table({"session": [BEFORE, DAY, DAY], "strategy": ["a", "a", "b"], "weight": [0.5, 0.4, 0.0]})
    own = pa.table(
        {
            "session": [BEFORE, DAY, DAY, DAY, DAY],
            "strategy": ["a", "a", "a", "b", "c"],
            "symbol": ["AAA", "AAA", "BBB", "AAA", "AAA"],
            "weight": [0.2, 0.5, 0.0, 0.9, 0.9],
        }
    )
    book = pa.table(
        {
            "session": [BEFORE, DAY, DAY],
            "symbol": ["AAA", "AAA", "BBB"],
            "requested_weight": [0.1, 0.2, 0.125],
            "weight": [0.1, 0.15, 0.125],
            "reason": ["", "symbol limit 0.15", ""],
            "scale": [1.0, 1.25, 1.25],
            "sleeve": [0.0, 0.0, 0.125],
        }
    )
    assert shares_by_session(shares) == {BEFORE: {"a": 0.5}, DAY: {"a": 0.4, "b": 0.0}}
    assert session_targets(book, own, shares) == {
        BEFORE: SessionTargets({"AAA": 0.1}, {"AAA": 0.1}, {}, {"a": {"AAA": 0.1}}),
        DAY: SessionTargets(
            {"AAA": 0.15, "BBB": 0.125},
            {"AAA": 0.2, "BBB": 0.125},
            {"AAA": "symbol limit 0.15"},
            {"a": {"AAA": 0.25}, "reserve": {"BBB": 0.125}},
        ),
    }


def width(weight: float, band: float) -> float:
    """The band as a shift of weight whose yearly loss of utility equals what drifting in and out of it costs."""
    cost = Costs().total
    shift: float = band * (1.5 * cost / 3.0 * (weight * (1.0 - weight)) ** 2) ** (1.0 / 3.0)
    return max(0.0025, shift)


@pytest.mark.parametrize("band", [1.0, 2.5])
@pytest.mark.parametrize("weight", [0.02, 0.1, 0.4])
def test_a_holding_within_the_band_of_its_target_is_left_where_it_is(weight: float, band: float) -> None:
    terms, edge = house(band=band), width(weight, band)
    for side in (1, -1):
        for part, moved in ((0.98, False), (1.02, True)):
            held = weight + side * part * edge
            found, _ = traded({"AAA": weight}, account(1e6 * (1 - held), AAA=1e4 * held), terms)
            # Beyond it the trade goes all the way to the target.
            assert found == (pytest.approx({"AAA": round(-side * part * edge * 1e4)}, abs=1.0) if moved else {})


@pytest.mark.parametrize("weight", [-0.1, -0.4])
def test_the_band_of_what_is_sold_short_is_that_of_as_much_held(weight: float) -> None:
    terms, edge = house(band=2.5, net_minimum=-1.0), width(-weight, 2.5)
    for side in (1, -1):
        for part, moved in ((0.98, False), (1.02, True)):
            held = weight + side * part * edge
            found, _ = traded({"AAA": weight}, account(1e6 * (1 - held), AAA=1e4 * held), terms)
            assert found == (pytest.approx({"AAA": round(-side * part * edge * 1e4)}, abs=1.0) if moved else {})


def test_a_trade_may_go_to_the_edge_of_the_band_and_is_none_when_that_is_next_to_nothing() -> None:
    terms, edge = house(band=1.0, trade_to="edge"), width(0.1, 1.0)
    for side in (1, -1):
        for beyond, sold in ((0.02, 0.02), (0.003, 0.003), (0.002, 0.0)):
            held = 0.1 + side * (edge + beyond)
            found, _ = traded({"AAA": 0.1}, account(1e6 * (1 - held), AAA=1e4 * held), terms)
            assert found == (pytest.approx({"AAA": round(-side * sold * 1e4)}, abs=1.0) if sold else {})
    closing, _ = traded({"AAA": 0.0, "BBB": 0.5}, account(5e5 - 1_000, AAA=10, BBB=5_000), terms)
    assert closing == {"AAA": -10.0}


def test_what_is_held_as_it_is_wanted_is_no_trade() -> None:
    assert traded({"AAA": 0.1, "BBB": 0.0}, account(900_000, AAA=1_000), house()) == ({}, ())


def test_what_no_target_wants_is_sold_however_little_it_is() -> None:
    found, _ = traded({"AAA": 0.0, "BBB": 0.5}, account(5e5 - 1_000, AAA=10, BBB=5_000), house(band=1.0))
    assert found == {"AAA": -10.0}


def test_a_drift_within_the_band_above_what_a_limit_allows_is_traded_back() -> None:
    over, terms = account(7e5 - 1_000, AAA=1_000, BBB=2_010), house(band=1.0)
    for reasons, expected in (({}, {}), ({"BBB": "symbol 0.2"}, {"BBB": -10.0})):
        targets = SessionTargets({"AAA": 0.1, "BBB": 0.2}, reasons=reasons)
        trades, _ = trades_towards(targets, over, dict(BARS), terms, RecentMarket(DAY))
        assert {symbol: to_shares(quantity) for symbol, quantity in trades.items()} == expected
    under = account(7.02e5 - 1_000, AAA=1_000, BBB=1_990)
    targets = SessionTargets({"AAA": 0.1, "BBB": 0.2}, reasons={"BBB": "symbol 0.2"})
    assert trades_towards(targets, under, dict(BARS), terms, RecentMarket(DAY))[0] == {}


def test_a_band_is_not_kept_where_the_book_would_break_a_limit_by_it() -> None:
    drifted = account(4.9e5, AAA=3_020, BBB=2_080)
    wanted = {"AAA": 0.3, "BBB": 0.2, "CCC": 0.1}
    for gross, sold in ((1.0, set()), (0.6, {"AAA", "BBB"})):
        found, _ = traded(wanted, drifted, house(band=1.0, gross=gross, tolerance=0.0))
        assert {symbol for symbol, quantity in found.items() if quantity < 0} == sold


@given(seed=st.integers(0, 2**32 - 1))
@hypothesis_settings(deadline=None)
def test_a_band_leaves_out_trades_and_changes_none(seed: int) -> None:
    random = np.random.default_rng(seed)
    symbols = list(BARS)
    weights = dict(zip(symbols, (random.dirichlet(np.ones(6))[:5] * random.integers(0, 2, 5)).tolist(), strict=True))
    held = (random.dirichlet(np.ones(6))[:5] * 1e4).astype(int)
    book = account(1e6 - 100.0 * held.sum(), **{s: float(n) for s, n in zip(symbols, held, strict=True) if n})
    at_once, banded = (traded(weights, book, house(band=band, cash_buffer=0.0))[0] for band in (0.0, 1.0))
    assert set(banded) <= set(at_once)
    for symbol, quantity in banded.items():
        # Less is bought only because less is sold to pay for it.
        assert abs(quantity) <= abs(at_once[symbol]) + 1 or quantity > 0
