"""Sharing out what the account traded: exact for any wishes, fair to those who wished, and nobody trades against a
wish.
"""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, Position, equities, value
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.strategy_books import Ledger, advance, wishes
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.tables.declare import RESERVE

FLAT = {"AAA": Bar(50.0, 50.0, 50.0, 50.0)}
DELIST_AFTER = 3


def ledger(cash: dict[str, int], **shares: int) -> Ledger:
    """A ledger whose books hold these amounts of cents and whole shares of AAA."""
    books = {
        name: Book(cents, {"AAA": Position(shares[name] * SHARE, 50.0, 50.0)} if shares.get(name) else {})
        for name, cents in cash.items()
    }
    total = sum(shares.values())
    account = Book(sum(cash.values()), {"AAA": Position(total * SHARE, 50.0, 50.0)} if total else {})
    return Ledger(account, books)


def fill(quantity: int, price: float, commission: int) -> Fill:
    return Fill(date(2024, 1, 2), "f/1", "f", "AAA", quantity, price, commission, datetime(2024, 1, 2, 14, 30))  # noqa: DTZ001


def units(found: Ledger) -> dict[str, float]:
    return {name: book.quantity("AAA") / SHARE for name, book in found.books.items()}


def test_a_buy_is_shared_in_proportion_to_the_wishes() -> None:
    shared = ledger({"a": 10**6, "b": 10**6, RESERVE: 10**6})
    advance(shared, FLAT, [fill(8 * SHARE, 50.0, 30)], {"AAA": {"a": 9 * SHARE, "b": 3 * SHARE}}, None, 3)
    assert units(shared) == {"a": 6.0, "b": 2.0, RESERVE: 0.0}
    assert [10**6 - shared.books[name].cash for name in "ab"] == [30_000 + 22, 10_000 + 8]


def test_opposite_wishes_cross_inside_at_the_price_of_the_outside_trade() -> None:
    shared = ledger({"a": 10**6, "b": 10**6, RESERVE: 0}, b=10)
    advance(shared, FLAT, [fill(4 * SHARE, 51.0, 10)], {"AAA": {"a": 10 * SHARE, "b": -6 * SHARE}}, None, 3)
    assert units(shared) == {"a": 10.0, "b": 4.0, RESERVE: 0.0}
    assert shared.books["a"].cash == 10**6 - 51_000 - 10
    assert shared.books["b"].cash == 10**6 + 30_600


def test_opposite_wishes_cross_at_the_open_when_the_account_does_not_trade() -> None:
    shared = ledger({"a": 10**6, "b": 0, RESERVE: 0}, b=10)
    opening = {"AAA": Bar(49.0, 52.0, 48.0, 51.0)}
    advance(shared, opening, [], {"AAA": {"a": 3 * SHARE, "b": -10 * SHARE}}, None, DELIST_AFTER)
    assert units(shared) == {"a": 3.0, "b": 7.0, RESERVE: 0.0}
    assert shared.books["b"].cash == 3 * 4_900
    assert shared.account.cash == 10**6


def test_what_nobody_wished_for_goes_to_the_reserve_and_leaves_it_as_soon_as_it_can() -> None:
    shared = ledger({"a": 10**6, RESERVE: 10**6})
    advance(shared, FLAT, [fill(5 * SHARE, 50.0, 0)], {"AAA": {"a": 2 * SHARE}}, None, DELIST_AFTER)
    assert units(shared) == {"a": 2.0, RESERVE: 3.0}
    targets = SessionTargets({"AAA": 0.05}, {"AAA": 0.05}, {}, {"a": {"AAA": 0.05}})
    wished = wishes(shared, targets, FLAT, 0.0)
    assert wished["AAA"][RESERVE] == -3 * SHARE
    assert wished["AAA"]["a"] == round(0.05 * shared.account.equity / 5_000 * SHARE) - 2 * SHARE
    advance(shared, FLAT, [], wished, None, DELIST_AFTER)
    assert units(shared) == {"a": 5.0, RESERVE: 0.0}


def test_what_a_person_pins_in_a_book_is_wished_for_beside_its_weights() -> None:
    """Weights share what neither the buffer nor what is pinned takes."""
    shared = ledger({"a": 10**6, "b": 10**6, RESERVE: 0}, b=10)
    pinned = {"a": {"AAA": 40 * SHARE}, "b": {"AAA": -15 * SHARE}}
    for weight, expected in ((0.2, 0.2), (1.0, 1.0 - 25 * 50 / 20_500)):
        targets = SessionTargets({"AAA": weight}, {"AAA": weight}, {}, {"a": {"AAA": weight}}, pinned=pinned)
        own = round(expected * shared.account.equity / 5_000 * SHARE)
        assert wishes(shared, targets, FLAT, 0.0)["AAA"] == pytest.approx(
            {"a": own + 40 * SHARE, "b": -25 * SHARE, RESERVE: 0}, abs=1
        )


def test_nothing_crosses_without_a_bar() -> None:
    shared = ledger({"a": 10**6, "b": 0, RESERVE: 0}, b=10)
    advance(shared, {}, [], {"AAA": {"a": 3 * SHARE, "b": -3 * SHARE}}, None, DELIST_AFTER)
    assert units(shared) == {"a": 0.0, "b": 10.0, RESERVE: 0.0}


def test_wishes_of_before_a_split_are_carried_over_it() -> None:
    shared = ledger({"a": 10**6, "b": 0, RESERVE: 0}, b=10)
    split = {"AAA": Bar(25.0, 25.0, 25.0, 25.0, 0.0, 0.0, 2.0)}
    advance(shared, split, [], {"AAA": {"a": 3 * SHARE, "b": -3 * SHARE}}, None, DELIST_AFTER)
    assert units(shared) == {"a": 6.0, "b": 14.0, RESERVE: 0.0}


def test_capital_moves_until_every_book_has_its_share_and_is_no_profit() -> None:
    shared = ledger({"a": 600_000, "b": 400_000, RESERVE: 0}, a=100)
    risen = {"AAA": Bar(50.0, 60.0, 50.0, 60.0)}
    results = advance(shared, risen, [], {}, {"b": 0.5, "c": 0.25}, DELIST_AFTER)
    assert results["a"].profit_and_loss == 100_000
    assert results["b"].profit_and_loss == results["c"].profit_and_loss == 0
    assert sum(results[name].transfer for name in "abc") + results[RESERVE].transfer == 0
    whole = shared.account.equity
    assert dict(zip(shared.books, equities(list(shared.books.values())), strict=True)) == {
        "a": 0,
        "b": whole // 2,
        "c": whole // 4,
        RESERVE: whole - whole // 2 - whole // 4,
    }


def test_a_strategy_that_has_nothing_left_is_forgotten() -> None:
    shared = ledger({"a": 1_000, RESERVE: 0})
    advance(shared, FLAT, [], {}, {}, DELIST_AFTER)
    assert shared.books["a"].cash == 0
    advance(shared, FLAT, [], {}, {}, DELIST_AFTER)
    assert list(shared.books) == [RESERVE]


def test_wishes_follow_share_weight_and_the_cuts_of_the_limits() -> None:
    shared = ledger({"a": 50_000_00, "b": 50_000_00, RESERVE: 0})
    targets = SessionTargets({"AAA": 0.3}, {"AAA": 0.6}, {}, {"a": {"AAA": 0.4}, "b": {"AAA": 0.2}})
    wished = wishes(shared, targets, FLAT, 0.0)
    assert wished == {"AAA": {"a": 400 * SHARE, "b": 200 * SHARE, RESERVE: 0}}
    assert wishes(shared, targets, {}, 0.0) == {}


@pytest.mark.parametrize(
    ("weight", "requested", "cut"), [(0.2, 0.4, 0.5), (0.4, 0.2, 1.0), (-0.1, 0.2, 1.0), (0.1, 0.0, 1.0)]
)
def test_a_cut_only_ever_makes_smaller(weight: float, requested: float, cut: float) -> None:
    assert SessionTargets({"AAA": weight}, {"AAA": requested}).cut("AAA") == cut


@examples(max_examples=250, deadline=None)
@given(data=st.data())
def test_for_any_wishes_and_fills_the_books_add_up_and_nobody_trades_against_a_wish(data: st.DataObject) -> None:
    names = ["a", "b", "c", RESERVE]
    held = {name: data.draw(st.integers(-500, 500), label=f"held {name}") for name in names}
    shared = ledger({name: data.draw(st.integers(-(10**8), 10**9)) for name in names}, **held)
    wished = {name: data.draw(st.integers(-(10**9), 10**9), label=f"wish {name}") for name in names}
    quantities = data.draw(st.lists(st.integers(-(10**9), 10**9).filter(bool), max_size=3), label="fills")
    fills = [
        fill(q, data.draw(st.floats(0.5, 900).map(lambda p: round(p, 6))), data.draw(st.integers(0, 5_000)))
        for q in quantities
    ]
    split = data.draw(st.sampled_from([1.0, 2.0, 0.1, 1.5]))
    bar = Bar(50.0 / split, 51.0, 49.0, 51.0 / split, 0.0, data.draw(st.sampled_from([0.0, 0.37])), split)
    bars = {"AAA": bar} if data.draw(st.booleans()) or fills else {}
    shares = data.draw(st.one_of(st.none(), st.just({"a": 0.31, "b": 0.4, "d": 0.1})))
    before = {name: round(book.quantity("AAA") * (split if bars else 1.0)) for name, book in shared.books.items()}
    results = advance(shared, bars, fills, {"AAA": wished}, shares, DELIST_AFTER)

    books = list(shared.books.values())
    assert sum(book.cash for book in books) == shared.account.cash
    assert sum(book.quantity("AAA") for book in books) == shared.account.quantity("AAA")
    assert sum(equities(books)) == shared.account.equity
    assert sum(result.transfer for name, result in results.items() if name != "account") == 0
    profits = sum(result.profit_and_loss for name, result in results.items() if name != "account")
    assert profits == results["account"].profit_and_loss
    for name in names[:-1]:
        traded = shared.books[name].quantity("AAA") - before[name] if name in shared.books else -before[name]
        wish = round(wished[name] * (split if bars else 1.0))
        assert traded * wish >= 0 or abs(traded) <= 2
        assert abs(traded) <= abs(wish) + 2


def test_a_fill_costs_the_books_what_it_costs_the_account() -> None:
    shared = ledger({"a": 10**7, "b": 10**7, "c": 10**7, RESERVE: 0})
    third = {"a": SHARE, "b": SHARE, "c": SHARE}
    advance(shared, FLAT, [fill(2 * SHARE, 33.333333, 1)], {"AAA": third}, None, DELIST_AFTER)
    paid = [10**7 - shared.books[name].cash for name in "abc"]
    assert sum(paid) == value(2 * SHARE, 33.333333) + 1
    assert max(paid) - min(paid) <= 2


def test_what_was_traded_without_a_bar_is_shared_out_like_any_other() -> None:
    shared = ledger({"a": 10**6, "b": 10**6, RESERVE: 0})
    advance(shared, {}, [fill(4 * SHARE, 50.0, 0)], {"AAA": {"a": 3 * SHARE, "b": SHARE}}, None, DELIST_AFTER)
    assert units(shared) == {"a": 3.0, "b": 1.0, RESERVE: 0.0}


def test_fills_that_cancel_each_other_leave_their_gain_in_the_reserve() -> None:
    shared = ledger({"a": 10**6, "b": 10**6, RESERVE: 0})
    fills = [fill(5 * SHARE, 50.0, 7), fill(-5 * SHARE, 51.0, 7)]
    for bars in (FLAT, {}):
        before = shared.account.cash
        advance(shared, bars, fills, {}, None, DELIST_AFTER)
        assert shared.account.cash == before + 5_00 - 14
        assert shared.books["a"].cash == shared.books["b"].cash == 10**6
    assert shared.books[RESERVE].cash == 2 * (5_00 - 14)


@pytest.mark.parametrize(("bars", "price"), [(FLAT, 50_00), ({}, 52_00)])
def test_beside_fills_that_cancel_each_other_wishes_cross_at_the_open_or_the_last_price(
    bars: dict[str, Bar], price: int
) -> None:
    """Never for nothing: there is a price wherever something was traded."""
    shared = ledger({"a": 10**6, "b": 0, RESERVE: 0}, b=10)
    fills = [fill(5 * SHARE, 51.0, 0), fill(-5 * SHARE, 52.0, 0)]
    advance(shared, bars, fills, {"AAA": {"a": 2 * SHARE, "b": -2 * SHARE}}, None, DELIST_AFTER)
    assert units(shared) == {"a": 2.0, "b": 8.0, RESERVE: 0.0}
    assert (shared.books["a"].cash, shared.books["b"].cash) == (10**6 - 2 * price, 2 * price)


def test_what_several_fills_cost_is_paid_at_their_mean_and_each_part_is_rounded_on_its_own() -> None:
    shared = ledger({"a": 10**6, "b": 10**6, "c": 10**6, RESERVE: 0})
    fills = [fill(2 * SHARE, 50.0, 0), fill(4 * SHARE, 53.0, 0)]
    thirds = {"AAA": dict.fromkeys("abc", 2 * SHARE)}
    advance(shared, {}, fills, thirds, None, DELIST_AFTER)
    assert [shared.books[name].positions["AAA"].average_cost for name in "abc"] == [52.0] * 3
    odd = ledger({"a": 10**6, "b": 10**6, "c": 10**6, RESERVE: 0})
    advance(odd, FLAT, [fill(3 * SHARE, 1.0 / 3, 0)], {"AAA": dict.fromkeys("abc", SHARE)}, None, DELIST_AFTER)
    assert [10**6 - odd.books[name].cash for name in "abc"] == [33, 34, 33]


@pytest.mark.parametrize("quantity", [1, -1])
def test_the_smallest_trade_there_is_goes_to_whoever_wished_for_its_side(quantity: int) -> None:
    shared = ledger({"a": 10**6, "b": 10**6, RESERVE: 0}, a=1, b=1)
    wished = {"AAA": {"a": quantity, "b": -quantity}}
    advance(shared, {}, [fill(quantity, 50.0, 0)], wished, None, DELIST_AFTER)
    assert shared.books["a"].quantity("AAA") == SHARE + quantity
    assert shared.books["b"].quantity("AAA") == SHARE


def test_nobody_wishes_for_more_than_nothing_in_an_account_that_is_worth_less() -> None:
    shared = ledger({"a": -(10**6), RESERVE: 0}, a=10)
    targets = SessionTargets({"AAA": 0.5}, {"AAA": 0.5}, {}, {"a": {"AAA": 0.5}})
    assert wishes(shared, targets, FLAT, 0.0) == {"AAA": {"a": -10 * SHARE, RESERVE: 0}}


def test_a_symbol_without_a_bar_keeps_nobody_from_wishing_for_others() -> None:
    shared = ledger({"a": 50_000_00, RESERVE: 0})
    targets = SessionTargets({"AAA": 0.1, "BBB": 0.1}, {}, {}, {"a": {"AAA": 0.1, "BBB": 0.1}})
    wished = wishes(shared, targets, {"BBB": Bar(50.0, 50.0, 50.0, 50.0)}, 0.0)
    assert wished == {"BBB": {"a": 100 * SHARE, RESERVE: 0}}
