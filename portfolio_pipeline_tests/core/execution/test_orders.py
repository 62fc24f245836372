"""Planning: one session's tickets against what a person would write, and whole ranges against sessions one by one."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents, to_shares
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.execution.fill_model import play_session, worst_cost
from portfolio_pipeline.core.execution.gate import judge_submission
from portfolio_pipeline.core.execution.orders import client_order_id, plan, plan_session
from portfolio_pipeline.core.execution.rows import ticket_rows
from portfolio_pipeline.core.execution.seals import Sealed, Sealer
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.tickets import Order, Ticket, TimeInForce
from portfolio_pipeline.core.market.bars import Asset, Bar, Bars, SessionBars, bars_by_session
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets, invested_part, session_targets
from portfolio_pipeline.core.risk.limits.check import check_limits
from portfolio_pipeline.core.risk.limits.of_exposure import NET_MINIMUM
from portfolio_pipeline.core.risk.limits.of_turnover import TURNOVER
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline_tests.trading import OPEN, ROOMY, SYMBOLS, first_sessions, market, settings, wanted

DAY = date(2020, 2, 3)
PRICES = {"AAA": 100.0, "BBB": 40.0, "CCC": 10.0, "DDD": 25.0, "EEE": 50.0, "FFF": 5.0}
BARS = {symbol: Bar(price, price, price, price) for symbol, price in PRICES.items()}
WHOLE = Orders(minimum_trade=500.0, cash_buffer=0.01, minimum_share=0.0, band=0.0)
LOOSE = Limits(symbol=1.0, turnover=4.0, asset_class=OPEN, short=1.0, order_equity=2.0)
BOTH_WAYS = Limits(symbol=1.0, turnover=4.0, asset_class=OPEN, short=1.0, net_minimum=-1.0, order_equity=2.0)


def account(cash: float, **shares: float) -> Book:
    held = {symbol: Position(round(q * SHARE), PRICES[symbol], PRICES[symbol]) for symbol, q in shares.items()}
    return Book(to_cents(cash), held)


def trades(book: Book, weights: dict[str, float], house: Settings, bars: Bars = BARS) -> dict[str, float]:
    tickets, _ = plan_session("SIMULATED", DAY, book, SessionTargets(weights, weights), bars, house)
    return {ticket.symbol: to_shares(ticket.quantity) for ticket in tickets}


def test_targets_become_whole_shares_cut_towards_nothing() -> None:
    house = settings(orders=WHOLE, limits=LOOSE)
    assert trades(account(100_000), {"AAA": 0.1234, "BBB": 0.3}, house) == {"AAA": 123.0, "BBB": 750.0}


def test_fractions_are_traded_where_the_settings_say_so() -> None:
    house = settings(orders=Orders(fractional=True), limits=LOOSE)
    assert trades(account(100_000), {"AAA": 0.12345}, house) == {"AAA": 123.45}


def test_what_a_target_of_nothing_names_is_closed_to_the_last_fraction_however_small() -> None:
    house = settings(orders=WHOLE, limits=LOOSE)
    book = account(100_000, AAA=2.5, BBB=-1.0)
    assert trades(book, {"AAA": 0.0, "BBB": 0.0}, house) == {"AAA": -2.5, "BBB": 1.0}


def test_what_no_target_names_is_not_sold_but_refuses_the_session() -> None:
    house = settings(orders=WHOLE, limits=LOOSE)
    book = account(100_000, AAA=100.0)
    assert trades(book, {"BBB": 0.1}, house) == {"BBB": 275.0}
    planned = plan("SIMULATED", [DAY], book, {DAY: SessionTargets({"BBB": 0.1})}, {DAY: BARS}, house)
    assert [(ticket.symbol, ticket.verdict) for ticket in planned.tickets] == [("BBB", "refused")]
    assert "MISSING_TARGET: symbol=AAA, held=100" in [finding.message for finding in planned.findings[DAY]]


def test_a_trade_below_the_minimum_is_not_made() -> None:
    house = settings(orders=WHOLE, limits=LOOSE)
    book = account(90_000, AAA=100)
    assert trades(book, {"AAA": 0.1049}, house) == {}
    assert trades(book, {"AAA": 0.1051}, house) == {"AAA": 5.0}


def test_the_cash_buffer_stays_and_all_targets_give_way_alike() -> None:
    house = settings(orders=WHOLE, limits=LOOSE)
    assert invested_part({"AAA": 0.5, "BBB": 0.5}, 0.01) == pytest.approx(0.99)
    assert invested_part({"AAA": 0.5, "BBB": 0.4}, 0.01) == 1.0
    bought = trades(account(100_000), {"AAA": 0.5, "BBB": 0.5}, house)
    assert bought["AAA"] == pytest.approx(495, abs=1.0)
    assert bought["BBB"] == pytest.approx(1237, abs=1.0)


def test_turnover_beyond_its_limit_scales_all_trades_by_the_same_factor() -> None:
    house = settings(orders=WHOLE, limits=Limits(symbol=1.0, turnover=0.5, asset_class=OPEN, order_equity=2.0))
    book = account(40_000, AAA=600)
    assert trades(book, {"AAA": 0.0, "BBB": 0.4}, house) == {"AAA": -300.0, "BBB": 500.0}


def test_buys_are_scaled_to_the_cash_that_is_there_after_the_sells() -> None:
    house = settings(orders=WHOLE, limits=LOOSE)
    without_a_bar = {symbol: bar for symbol, bar in BARS.items() if symbol != "CCC"}
    book = account(1_000, AAA=500, CCC=5_000)
    found = trades(book, {"AAA": 0.2, "BBB": 0.4, "DDD": 0.4}, house, without_a_bar)
    assert found["AAA"] == -300.0  # 20 % of 101,000 less 1 %, and CCC cannot be sold today
    bought = found["BBB"] * 40 + found["DDD"] * 25
    budget = 1_000 + 30_000 - 0.01 * 101_000
    assert budget - 65 <= bought <= budget
    assert found["BBB"] * 40 == pytest.approx(found["DDD"] * 25, abs=65)


def test_where_there_is_no_buffer_the_dearest_prices_count() -> None:
    house = settings(orders=Orders(minimum_trade=0.0, cash_buffer=0.0, minimum_share=0.0, band=0.0), limits=LOOSE)
    cost = worst_cost(house.costs, house.simulated_broker)
    found = trades(account(100_000), {"AAA": 1.0}, house)
    assert found["AAA"] == int(100_000 / (1 + cost) / 100)


def test_a_long_position_is_closed_before_a_short_one_is_opened_and_the_other_way_round() -> None:
    """In two sessions: what is beyond nothing is planned when the first order has been filled, and says so."""
    house = settings(orders=WHOLE, limits=BOTH_WAYS)
    for held, wish, then in ((500.0, -0.2, -200.0), (-500.0, 0.2, 200.0)):
        book = account(100_000 - held * 100, AAA=held)
        assert trades(book, {"AAA": wish}, house) == {"AAA": -held}
        [ticket], _ = plan_session("PAPER", DAY, book, SessionTargets({"AAA": wish}), BARS, house)
        assert ticket.reason.endswith("; closed first, the other side follows at the next close")
        assert trades(account(100_000), {"AAA": wish}, house) == {"AAA": then}


def test_a_small_holding_does_not_keep_the_other_side_from_being_opened() -> None:
    """It is within the band of its target, and below what is worth a trade; it is closed all the same."""
    house = settings(orders=Orders(), limits=LOOSE)
    assert trades(account(99_900, AAA=1.0), {"AAA": -0.001}, house) == {"AAA": -1.0}


@pytest.mark.parametrize(("held", "shares"), [(0.0, 100.0), (37.0, 100.0)])
def test_whole_shares_are_traded_in_lots_and_what_is_closed_goes_to_the_last_share(held: float, shares: float) -> None:
    house = settings(orders=Orders(lot=50, minimum_share=0.0, band=0.0), limits=LOOSE)
    assert trades(account(100_000 - 100 * held, AAA=held), {"AAA": 0.149}, house) == {"AAA": shares}
    assert trades(account(100_000, AAA=held), {"AAA": 0.0}, house) == ({"AAA": -held} if held else {})


def told(*assets: Asset) -> SessionBars:
    bars = SessionBars(BARS)
    bars.assets = {one.symbol: one for one in assets}
    return bars


def test_fractions_are_traded_where_the_broker_has_them_and_whole_shares_elsewhere() -> None:
    house = settings(orders=Orders(fractional=True, minimum_share=0.0, band=0.0), limits=LOOSE)
    bars = told(Asset("AAA", fractionable=False), Asset("BBB"))
    found = trades(account(100_000), {"AAA": 0.12345, "BBB": 0.12345}, house, bars)
    assert found == {"AAA": 123.0, "BBB": 308.625}


def test_nobody_lends_fractions() -> None:
    house = settings(orders=Orders(fractional=True, minimum_share=0.0, band=0.0), limits=BOTH_WAYS)
    assert trades(account(100_000), {"AAA": -0.12345}, house) == {"AAA": -123.0}


def test_what_the_broker_does_not_trade_or_lend_is_left_alone_and_said() -> None:
    house = settings(orders=WHOLE, limits=BOTH_WAYS)
    bars = told(Asset("AAA", tradable=False), Asset("BBB", shortable=False))
    book = account(50_000, AAA=100.0, BBB=500.0)
    targets = SessionTargets({"AAA": 0.0, "BBB": -0.2, "CCC": 0.1})
    tickets, cuts = plan_session("PAPER", DAY, book, targets, bars, house)
    assert {one.symbol: to_shares(one.quantity) for one in tickets} == {"BBB": -500.0, "CCC": 800.0}
    assert [(one.subject, one.rule, one.severity) for one in cuts] == [
        ("AAA", "tradable", "cut"), ("BBB", "shortable", "cut")
    ]  # fmt: skip
    assert [(one.found, one.limit, str(one), one.action) for one in cuts] == [
        (None, None, "NOT_TRADABLE: symbol=AAA, the broker takes no order for it", "left alone"),
        (None, None, "NOT_SHORTABLE: symbol=BBB, the broker does not lend it", "not sold short"),
    ]
    assert plan_session("PAPER", DAY, account(100_000), SessionTargets({"AAA": 0.0}), bars, house) == ([], ())
    for weights in ({"BBB": 0.1}, {"CCC": -0.1}):
        [ticket], nothing = plan_session("PAPER", DAY, account(100_000), SessionTargets(weights), bars, house)
        assert (ticket.symbol, nothing) == (next(iter(weights)), ())
    assert trades(account(100_000), {"BBB": -0.2}, house, bars) == {}
    planned = plan("PAPER", [DAY], book, {DAY: targets}, {DAY: bars}, house)
    assert {one.verdict for one in planned.tickets} == {"accepted"}
    gate = judge_submission("PAPER", [DAY], planned.tickets, book, {DAY: targets}, {DAY: bars}, house)
    assert gate.sendable == planned.tickets


def test_a_symbol_without_a_bar_is_left_alone() -> None:
    house = settings(orders=WHOLE, limits=LOOSE)
    without = {symbol: bar for symbol, bar in BARS.items() if symbol != "AAA"}
    assert trades(account(50_000, AAA=500), {"BBB": 0.1}, house, without) == {"BBB": 250.0}


def test_what_cannot_be_sold_today_leaves_less_room_for_its_successor() -> None:
    limits = Limits(symbol=1.0, turnover=4.0, asset_class=OPEN | {"equity": 0.6}, order_equity=2.0)
    house = settings(orders=WHOLE, limits=limits)
    without = {symbol: bar for symbol, bar in BARS.items() if symbol != "AAA"}
    book = account(60_000, AAA=400)
    tickets, cuts = plan_session(
        "SIMULATED", DAY, book, SessionTargets({"AAA": 0.0, "BBB": 0.5, "CCC": 0.09}, {}), without, house
    )
    found = {t.symbol: to_shares(t.quantity) for t in tickets}
    assert found == {"BBB": pytest.approx(500.0, abs=1.0), "CCC": 900.0}
    [cut] = cuts
    assert (cut.subject, cut.rule, cut.severity) == ("equity", "asset_class", "cut")
    assert cut.found == pytest.approx(0.9)
    assert cut.limit == 0.6
    days = tuple(first_sessions(1))
    planned = plan(
        "SIMULATED", days, book, {days[0]: SessionTargets({"AAA": 0.0, "BBB": 0.5}, {})}, {days[0]: without}, house
    )
    assert {ticket.verdict for ticket in planned.tickets} == {"accepted"}


def test_sells_come_before_buys_and_say_who_wants_what() -> None:
    house = settings(orders=WHOLE, limits=LOOSE)
    targets = SessionTargets(
        {"AAA": 0.2, "BBB": 0.0},
        {"AAA": 0.3},
        {"AAA": "symbol limit 0.2"},
        {"core": {"AAA": 0.05}, "trend": {"AAA": 0.2}, "dip": {"AAA": -0.01}, "swing": {"AAA": 0.06}},
    )
    (sell, buy), _ = plan_session("SIMULATED", DAY, account(50_000, BBB=1_250), targets, BARS, house)
    assert (sell.symbol, sell.reason) == ("BBB", "want 0.00%, hold 50.00%: no strategy wants it")
    assert buy.reason == (
        "want 20.00%, hold 0.00%: trend +20.00%, swing +6.00%, core +5.00%, 1 more (cut: symbol limit 0.2)"
    )


def test_the_identifier_is_a_function_of_the_intent_and_fits_every_broker() -> None:
    first = client_order_id("SIMULATED", DAY, "AAA", 5 * SHARE)
    assert first == client_order_id("SIMULATED", DAY, "AAA", 5 * SHARE)
    assert first.startswith("SIMULATED-account-20200203-AAA-buy-1-")
    others = {
        client_order_id("PAPER", DAY, "AAA", 5 * SHARE),
        client_order_id("SIMULATED", date(2020, 2, 4), "AAA", 5 * SHARE),
        client_order_id("SIMULATED", DAY, "AAB", 5 * SHARE),
        client_order_id("SIMULATED", DAY, "AAA", 5 * SHARE + 1),
        client_order_id("SIMULATED", DAY, "AAA", -5 * SHARE),
        client_order_id("SIMULATED", DAY, "AAA", 5 * SHARE, 99.0),
        client_order_id("SIMULATED", DAY, "AAA", 5 * SHARE, None, TimeInForce.OPENING),
        client_order_id("SIMULATED", DAY, "AAA", 5 * SHARE, None, TimeInForce.CLOSING),
    }
    assert len(others | {first}) == 9
    assert len(client_order_id("SIMULATED", DAY, "ABCDEFGHIJ", -(10**15), 1e9)) <= 128


def test_targets_beyond_the_limits_refuse_all_tickets_of_the_session_and_only_these() -> None:
    days = tuple(first_sessions(3))
    house = settings(orders=WHOLE, limits=Limits(symbol=0.4, turnover=3.0, asset_class=OPEN, order_equity=2.0))
    targets = {
        days[0]: SessionTargets({"AAA": 0.3}, {}),
        days[1]: SessionTargets({"AAA": 0.3, "BBB": 0.5}, {}),
        days[2]: SessionTargets({"AAA": 0.2, "BBB": 0.2}, {}),
    }
    book = account(100_000)
    planned = plan("SIMULATED", days, book, targets, dict.fromkeys(days, BARS), house)
    verdicts = {(ticket.session, ticket.symbol): ticket.verdict for ticket in planned.tickets}
    assert verdicts == {
        (days[0], "AAA"): "accepted",
        (days[1], "BBB"): "refused",
        (days[2], "AAA"): "accepted",
        (days[2], "BBB"): "accepted",
    }
    assert {f.rule for f in planned.findings[days[1]] if f.severity == "block"} == {"targets_symbol"}
    assert book.quantity("BBB") == 0


def test_a_session_without_targets_is_refused_rather_than_sold_out() -> None:
    with pytest.raises(SessionError, match=f"TARGETS_MISSING: session={DAY}"):
        plan("SIMULATED", [DAY], account(0, AAA=100), {}, {DAY: BARS}, settings())


def _inputs(
    seed: int, house: Settings, count: int, *, short: bool = False
) -> tuple[tuple[date, ...], dict[date, SessionTargets], dict[date, SessionBars]]:
    sessions = first_sessions(count)
    arrow = {
        name: pa.Table.from_pandas(rows, preserve_index=False)
        for name, rows in wanted(seed, sessions, house, short=short).items()
    }
    targets = session_targets(arrow["aggregated_targets"], arrow["strategy_targets"], arrow["strategy_weights"])
    bars = bars_by_session(pa.Table.from_pandas(market(seed, sessions), preserve_index=False))
    return tuple(sessions), targets, bars


def _houses() -> st.SearchStrategy[Settings]:
    def build(kind: Any, fractional: bool, short: bool, turnover: float, cash: float) -> Settings:
        limits = Limits(
            symbol=0.6,
            turnover=turnover,
            net_minimum=-1.0 if short else 0.0,
            asset_class=ROOMY,
            short=1.0 if short else 0.0,
        )
        orders = Orders(type=kind, fractional=fractional, minimum_trade=200.0)
        return settings(orders=orders, limits=limits, initial_cash=cash)

    kinds, cash = st.sampled_from(["market", "limit", "opening", "closing"]), st.sampled_from([2e4, 1e6, 1e8])
    return st.builds(build, kinds, st.booleans(), st.booleans(), st.sampled_from([0.3, 1.0]), cash)


@examples(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), house=_houses())
def test_a_range_is_planned_as_its_sessions_one_by_one_would_be(seed: int, house: Settings) -> None:
    """The second way knows only what a broker reports at each close, in floats, and plays the sessions itself."""
    days, targets, bars = _inputs(seed, house, 25, short=(NET_MINIMUM.cap(house.limits) or 0) < 0)
    cash = house.simulated_broker.initial_cash
    at_once = plan("SIMULATED", days, Book(to_cents(cash)), targets, bars, house)
    book = Book(to_cents(cash))
    tickets: list[Ticket] = []
    standing: list[Ticket] = []
    for day in days:
        if day != days[0]:
            orders = [ticket.order for ticket in standing]
            play_session(book, orders, bars[day], house.costs, house.simulated_broker)
        daily = plan("SIMULATED", [day], Book.of(book.snapshot(day)), targets, bars, house)
        assert daily.findings.get(day) == at_once.findings.get(day)
        standing = [ticket for ticket in daily.tickets if ticket.verdict == "accepted"]
        tickets += daily.tickets
    assert tuple(tickets) == at_once.tickets


@examples(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), house=_houses())
def test_the_gate_lets_through_all_that_was_rightly_planned_and_nothing_else(seed: int, house: Settings) -> None:
    """Through splits, gaps, a late listing and a delisting, sealed: no doubt of the gate stops an honest plan."""
    days, targets, bars = _inputs(seed, house, 25, short=(NET_MINIMUM.cap(house.limits) or 0) < 0)
    cash, sealer = to_cents(house.simulated_broker.initial_cash), Sealer(b"a secret", house)
    planned = plan("SIMULATED", days, Book(cash), targets, bars, house, sealer)
    sealed = Sealed(sealer, {seal.client_order_id: seal for seal in planned.seals})
    gate = judge_submission("SIMULATED", days, planned.tickets, Book(cash), targets, bars, house, sealed=sealed)
    assert gate.sendable == tuple(ticket for ticket in planned.tickets if ticket.verdict == "accepted")
    assert gate.stopped_at is None
    assert gate.refused == ()


@examples(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), house=_houses())
def test_every_plan_holds_the_limits_by_an_independent_account(seed: int, house: Settings) -> None:
    """Weights after the trades worked out with pandas from the tickets; cash stays unless prices gap."""
    days, targets, bars = _inputs(seed, house, 15, short=(NET_MINIMUM.cap(house.limits) or 0) < 0)
    book = Book(to_cents(house.simulated_broker.initial_cash))
    orders: list[Order] = []
    for day in days:
        play_session(book, orders, bars[day], house.costs, house.simulated_broker)
        if not any(p.quantity < 0 for p in book.positions.values()):
            assert book.cash >= 0
        planned, _ = plan_session("SIMULATED", day, book, targets[day], bars[day], house)
        rows = ticket_rows(planned)
        rows["signed"] = np.where(rows["side"] == "buy", 1, -1) * rows["quantity"].astype(float)
        held = pd.Series({s: p.quantity * p.price / SHARE for s, p in book.positions.items()}, dtype=float)
        equity = book.cash / 100 + held.sum()
        traded = (rows["signed"] * rows["reference_price"]).abs().sum()
        assert traded <= (TURNOVER.cap(house.limits) or 0) * equity + 0.01 * len(rows)
        change = (rows["signed"] * rows["reference_price"]).groupby(rows["symbol"]).sum()
        after = held.add(change, fill_value=0.0) / equity
        tolerated = check_limits(
            after.to_dict(), house.asset_classes, house.limits, previous=(held / equity).to_dict(), tolerance=0.01
        )
        assert [breach for breach in tolerated if breach.severity == "block"] == []
        if not house.orders.fractional:
            there = rows["symbol"].map({s: p.quantity / SHARE for s, p in book.positions.items()}).fillna(0.0)
            closing = (rows["target_weight"] == 0) | (there + rows["signed"] == 0)
            whole = rows.loc[~closing, "quantity"].astype(float)
            assert (whole == whole.round()).all()
        cash_after = book.cash / 100 - (rows["signed"] * rows["reference_price"]).sum()
        bought = rows.loc[rows["side"] == "buy", "quantity"].sum()
        assert not bought or cash_after >= house.orders.cash_buffer * equity - 0.05 * len(rows)
        orders = [ticket.order for ticket in planned]
    assert set(book.positions) <= set(SYMBOLS)
