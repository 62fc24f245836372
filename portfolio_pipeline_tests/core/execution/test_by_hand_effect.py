"""What instructions do to a session's targets, figure by figure, and which of them are in force when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents
from portfolio_pipeline.core.books.strategy_books import Ledger
from portfolio_pipeline.core.execution.by_hand.approvals import Approvals, Decision, decision_rows
from portfolio_pipeline.core.execution.by_hand.effect import instructed
from portfolio_pipeline.core.execution.by_hand.hands import Hands
from portfolio_pipeline.core.execution.by_hand.instructions import NOTHING_SAID, Instruction, Instructions, plan_rows
from portfolio_pipeline.core.execution.settings import Approval
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import Bar, SessionBars
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.tables import ORDER_PLANS

BEFORE, DAY, NEXT = date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6)
AT = datetime.fromisoformat("2026-03-05T22:00:00")
BARS = SessionBars({s: Bar(p, p, p, p, 1e7) for s, p in {"AAA": 100.0, "BBB": 50.0, "CCC": 10.0}.items()})
SHARES = {"alpha": 0.5, "beta": 0.3}


def said(number: int, kind: str, strategy: str = "", symbol: str = "", day: date = DAY, **more: Any) -> Instruction:
    return Instruction(number, kind, day, "me", "so", AT, strategy, symbol, **more)  # type: ignore[arg-type]


def ledger() -> Ledger:
    """100,000 in all: alpha has 100 AAA and 40 BBB, beta 50 AAA and 100 of OLD, which no longer trades."""
    alpha = {"AAA": Position(100 * SHARE, 90.0, 100.0), "BBB": Position(40 * SHARE, 50.0, 50.0)}
    beta = {"AAA": Position(50 * SHARE, 90.0, 100.0), "OLD": Position(100 * SHARE, 30.0, 20.0)}
    account = {**alpha, **beta, "AAA": Position(150 * SHARE, 90.0, 100.0)}
    books = {
        "alpha": Book(to_cents(8_000), alpha),
        "beta": Book(to_cents(3_000), beta),
        "reserve": Book(to_cents(70_000)),
    }
    return Ledger(Book(to_cents(81_000), account), books)


def targets(**more: Any) -> SessionTargets:
    """Of AAA the limits have left half of what was asked for."""
    return SessionTargets(
        weights={"AAA": 0.15, "BBB": 0.1, "CCC": 0.05, "OLD": 0.0},
        requested={"AAA": 0.3, "BBB": 0.1, "CCC": 0.05, "OLD": 0.0},
        reasons={"AAA": "cut by symbol"},
        contributions={"alpha": {"AAA": 0.2, "BBB": 0.1}, "beta": {"AAA": 0.1, "CCC": 0.05}},
        **more,
    )


def asked(*words: Instruction, of: SessionTargets | None = None, day: date = DAY) -> SessionTargets:
    return instructed(day, of or targets(), Instructions(words), ledger(), SHARES, BARS)


def test_where_nothing_is_in_force_the_targets_are_those_they_were() -> None:
    given = targets()
    later = said(1, "flatten", day=NEXT)
    over = (said(1, "flatten"), said(2, "withdraw", withdraws=1))
    orders = said(1, "cancel", order="x")
    for words in ((), (later,), over, (orders,)):
        assert asked(*words, of=given) is given


def test_flat_wants_nothing_of_anything_and_says_who_said_so_beside_what_the_limits_said() -> None:
    found = asked(said(1, "flatten"))
    nothing = dict.fromkeys(("AAA", "BBB", "CCC", "OLD"), 0.0)
    assert (found.weights, found.requested, found.contributions, found.eased) == (nothing, nothing, {}, True)
    told = "by hand: me, so"
    assert found.reasons == {"AAA": f"cut by symbol; {told}", "BBB": told, "CCC": told}
    assert not found.pinned


def test_what_is_ordered_is_pinned_beside_what_the_book_has_and_its_own_wish_is_left_out() -> None:
    found = asked(said(1, "order", "alpha", "AAA", quantity=-30 * SHARE, limit_price=99.0))
    assert found.pinned == {"alpha": {"AAA": 70 * SHARE}}
    assert found.ordered == {"alpha": {"AAA": -30 * SHARE}}
    assert (found.by_hand, found.limit_prices) == ({"AAA": "alpha by hand: me, so"}, {"AAA": 99.0})
    assert found.contributions["beta"] == targets().contributions["beta"]
    # 7,000 of 100,000 are pinned, of half of the capital: BBB fits beside it as it is.
    assert found.contributions["alpha"] == {"BBB": 0.1}
    assert found.requested == pytest.approx({"AAA": 0.1, "BBB": 0.1, "CCC": 0.05, "OLD": 0.0})
    assert found.weights == pytest.approx({"AAA": 0.05, "BBB": 0.1, "CCC": 0.05, "OLD": 0.0})
    assert not found.eased
    assert asked(said(1, "order", "alpha", "AAA", quantity=SHARE), of=targets(eased=True)).eased


def test_other_wishes_are_made_smaller_where_they_do_not_fit_beside_it() -> None:
    """AAA stays for 46,000 of the 50,000 that alpha may have: BBB gets 4,000 instead of 10,000."""
    found = asked(said(1, "order", "alpha", "AAA", quantity=360 * SHARE))
    assert found.pinned["alpha"]["AAA"] == 460 * SHARE
    assert found.contributions["alpha"]["BBB"] == pytest.approx(0.04)
    assert found.weights == pytest.approx({"AAA": 0.05, "BBB": 0.04, "CCC": 0.05, "OLD": 0.0})
    full = asked(said(1, "order", "alpha", "AAA", quantity=900 * SHARE))
    assert full.contributions["alpha"]["BBB"] == 0.0
    assert full.weights["BBB"] == full.requested["BBB"] == 0.0


@pytest.mark.parametrize("shares", [{"alpha": 0.2}, {}])
def test_who_wishes_for_more_than_its_share_keeps_what_it_wishes_for(shares: dict[str, float]) -> None:
    word = said(1, "order", "alpha", "CCC", quantity=10 * SHARE)
    poor = instructed(DAY, targets(), Instructions((word,)), ledger(), shares, BARS)
    # 0.3 wished for, of which 100 of 100,000 are pinned.
    assert sum(poor.contributions["alpha"].values()) == pytest.approx(0.3 - 0.001)


def test_of_a_wish_that_is_gone_no_rounding_is_left() -> None:
    given = replace(
        targets(),
        weights={"CCC": 0.3},
        requested={"CCC": 0.3},
        contributions={"alpha": {"CCC": 0.1}, "beta": {"CCC": 0.2}},
    )
    found = asked(said(1, "close", "beta"), said(2, "close", "alpha"), of=given)
    assert (found.weights["CCC"], found.requested["CCC"]) == (0.0, 0.0)


def test_a_short_order_takes_room_as_a_long_one_does() -> None:
    found = asked(said(1, "order", "alpha", "CCC", quantity=-4_600 * SHARE))
    assert found.pinned["alpha"] == {"CCC": -4_600 * SHARE}
    assert sum(found.contributions["alpha"].values()) == pytest.approx(0.04)


def test_what_has_no_bar_takes_room_at_its_last_price() -> None:
    found = asked(said(1, "order", "beta", "OLD", quantity=1_150 * SHARE))
    # 1,250 of OLD at 20 are 25,000 of the 30,000 that beta may have.
    assert sum(found.contributions["beta"].values()) == pytest.approx(0.05)
    stranger = asked(said(1, "order", "alpha", "NEW", quantity=10**6 * SHARE))
    assert stranger.contributions["alpha"] == {"AAA": 0.2, "BBB": 0.1}


def test_what_was_ordered_stays_in_the_sessions_after_with_no_order_nor_word_of_its_own() -> None:
    word = said(1, "order", "alpha", "AAA", day=BEFORE, quantity=-30 * SHARE, limit_price=99.0)
    found = asked(word)
    assert found.pinned == {"alpha": {"AAA": 100 * SHARE}}
    assert found.ordered == {"alpha": {"AAA": 0}}
    assert (found.by_hand, found.limit_prices) == ({}, {})


def test_two_orders_of_one_symbol_add_up_and_both_are_named() -> None:
    words = [said(n, "order", "alpha", "AAA", quantity=n * SHARE) for n in (1, 2)]
    found = asked(*words)
    assert found.pinned["alpha"]["AAA"] == 103 * SHARE
    assert found.ordered["alpha"]["AAA"] == 3 * SHARE
    assert found.by_hand["AAA"] == "alpha by hand: me, so; alpha by hand: me, so"


def test_an_order_of_nothing_is_no_word_about_the_symbol() -> None:
    assert asked(said(1, "order", "alpha", "AAA", quantity=None)).by_hand == {}


def test_sell_all_pins_nothing_and_orders_the_whole_holding() -> None:
    found = asked(said(1, "sell_all", "alpha", "AAA"))
    assert (found.pinned, found.ordered) == ({"alpha": {"AAA": 0}}, {"alpha": {"AAA": -100 * SHARE}})
    bought_before = said(1, "order", "alpha", "AAA", quantity=5 * SHARE)
    both = asked(bought_before, said(2, "sell_all", "alpha", "AAA"))
    assert (both.pinned["alpha"]["AAA"], both.ordered["alpha"]["AAA"]) == (0, -100 * SHARE)


def test_a_strategy_that_is_not_there_begins_with_nothing() -> None:
    found = asked(said(1, "order", "gamma", "CCC", quantity=5 * SHARE))
    assert (found.pinned, found.ordered) == ({"gamma": {"CCC": 5 * SHARE}}, {"gamma": {"CCC": 5 * SHARE}})
    assert "gamma" not in found.contributions
    closed = asked(said(1, "close", "gamma"))
    assert closed.pinned == {"gamma": {}}
    assert closed.weights == targets().weights


def test_a_closed_strategy_sells_what_it_has_and_wishes_for_nothing_whatever_else_was_ordered_for_it() -> None:
    words = (
        said(1, "order", "beta", "CCC", quantity=5 * SHARE, limit_price=9.0),
        said(2, "close", "beta"),
        said(3, "order", "alpha", "CCC", quantity=7 * SHARE),
    )
    found = asked(*words)
    assert found.pinned == {"alpha": {"CCC": 7 * SHARE}, "beta": {"AAA": 0, "OLD": 0}}
    assert found.ordered == {"alpha": {"CCC": 7 * SHARE}, "beta": {"AAA": -50 * SHARE, "OLD": -100 * SHARE}}
    assert found.by_hand == dict.fromkeys(("AAA", "OLD"), "beta by hand: me, so") | {"CCC": "alpha by hand: me, so"}
    assert found.limit_prices == {}
    assert found.contributions == {"alpha": {"AAA": 0.2, "BBB": 0.1}}
    assert found.eased
    # Nobody wishes for CCC any more, and no rounding of it is left.
    assert found.weights == pytest.approx({"AAA": 0.1, "BBB": 0.1, "CCC": 0.0, "OLD": 0.0})
    assert found.weights["CCC"] == found.requested["CCC"] == 0.0


def test_who_is_closed_beside_another_has_nothing_either() -> None:
    found = asked(said(1, "close", "beta"), said(2, "close", "alpha"))
    assert (found.contributions, set(found.pinned)) == ({}, {"alpha", "beta"})
    assert found.weights == pytest.approx(dict.fromkeys(("AAA", "BBB", "CCC", "OLD"), 0.0))


def test_what_limits_left_of_a_wish_that_nobody_has_any_more_is_not_forgotten() -> None:
    """Somebody beside the strategies, as the reserve, wants CCC too: that part stays."""
    given = replace(
        targets(), weights={**targets().weights, "CCC": 0.08}, requested={**targets().requested, "CCC": 0.08}
    )
    assert asked(said(1, "close", "beta"), of=given).weights["CCC"] == pytest.approx(0.03)


def test_instructions_are_in_force_from_their_session_until_they_are_withdrawn() -> None:
    words = Instructions((said(1, "flatten"), said(2, "close", "beta", day=NEXT), said(3, "cancel", order="x")))
    assert [one.number for one in words.in_force(BEFORE)] == []
    assert [one.number for one in words.in_force(DAY)] == [1]
    assert [one.number for one in words.in_force(NEXT)] == [1, 2]
    later = Instructions((*words.said, said(4, "withdraw", day=NEXT, withdraws=1)))
    assert [one.number for one in later.in_force(DAY)] == [1]
    assert [one.number for one in later.in_force(NEXT)] == [2]
    canceled = Instructions((said(1, "flatten"), said(2, "cancel", order="x", withdraws=1)))
    assert canceled.flattened(DAY) is not None  # only a withdrawal ends something


@pytest.mark.parametrize(
    ("kind", "day", "begun"),
    [
        *(("order", DAY, True), ("flatten", BEFORE, True), ("close", NEXT, False)),
        *(("cancel", DAY, False), ("modify", DAY, False), ("withdraw", DAY, False)),
    ],
)
def test_books_are_carried_on_from_where_something_was_said_about_them(kind: str, day: date, begun: bool) -> None:
    assert Instructions((said(1, "cancel", day=BEFORE), said(2, kind, day=day))).begun(DAY) is begun
    assert NOTHING_SAID.begun(DAY) is False


def test_orders_and_sales_are_given_at_their_own_session_alone() -> None:
    words = Instructions(
        (
            said(1, "order", "alpha", "AAA", day=BEFORE),
            said(2, "sell_all", "alpha", "AAA"),
            said(3, "close", "beta"),
            said(4, "order", "beta", "BBB"),
            said(5, "withdraw", withdraws=4),
        )
    )
    assert [one.number for one in words.given_at(DAY)] == [2]
    assert [one.number for one in words.given_at(BEFORE)] == [1]


def test_what_is_canceled_or_changed_is_so_in_its_own_session() -> None:
    words = Instructions(
        (
            said(1, "cancel", order="a"),
            said(2, "modify", order="b"),
            said(3, "cancel", day=BEFORE, order="c"),
            said(4, "modify", day=BEFORE, order="d"),
            said(5, "flatten"),
        )
    )
    assert {name: one.number for name, one in words.canceled(DAY).items()} == {"a": 1, "b": 2}
    assert [one.number for one in words.modified(DAY)] == [2]
    assert [one.number for one in words.modified(NEXT)] == []


def test_a_plan_notes_the_newest_word_that_was_for_its_session() -> None:
    words = Instructions(
        (
            said(1, "flatten"),
            said(2, "withdraw", withdraws=1),
            said(3, "cancel", order="x"),
            said(4, "close", "b", day=NEXT),
        )
    )
    newest = words.newest_for(DAY)
    assert newest is not None
    assert newest.number == 2
    assert words.newest_for(BEFORE) is None
    rows = plan_rows(words, [BEFORE, DAY, NEXT])
    assert list(rows.columns) == list(ORDER_PLANS.column_names)
    assert rows.to_dict("list") == {"session": [DAY, NEXT], "newest_instruction": [2, 4]}
    assert list(plan_rows(NOTHING_SAID, [DAY]).columns) == list(ORDER_PLANS.column_names)
    assert plan_rows(NOTHING_SAID, [DAY]).empty


def ticket(name: str, shares: int) -> Ticket:
    return Ticket(DAY, name, "AAA", shares * SHARE, 100.0, 0.1, "why")


def test_approval_is_needed_of_all_of_none_or_of_what_is_above_a_part_of_equity() -> None:
    equity = to_cents(10_000)
    for mode, needed in (("auto", [False] * 3), ("above", [False, False, True]), ("all", [True] * 3)):
        approvals = Approvals(Approval(mode=mode, above=0.05))  # type: ignore[arg-type]
        assert [approvals.needed(ticket("x", shares), equity) for shares in (4, 5, 6)] == needed
    above = Approvals(Approval(mode="above", above=0.05))
    assert above.needed(ticket("x", 1), 0)
    assert above.needed(ticket("x", 1), -(10**9))
    assert Approvals().needed(ticket("x", 10**6), 1) is False


KEY = b"a secret"


def test_decisions_are_read_in_their_order_and_the_last_one_counts() -> None:
    decided = [
        Decision(2, DAY, "x", "approved", "", "fine", "me", AT).sealed(KEY),
        Decision(1, DAY, "x", "rejected", "", "no", "you", AT).sealed(KEY),
    ]
    approvals = Approvals.of_rows(Approval(mode="all"), decision_rows(decided).to_dict("records"), KEY)
    assert [one.number for one in approvals.decided] == [1, 2]
    assert approvals.decided[0] == decided[1]
    assert approvals.waiting([ticket("x", 1), ticket("y", 1)], 1) == {
        "y": "WAITS_FOR_APPROVAL: until=2026-03-06 14:25 UTC. portfolio approve."
    }
    rejected = Approvals.of_rows(Approval(mode="all"), decision_rows(decided[1:]).to_dict("records"), KEY)
    assert rejected.waiting([ticket("x", 1)], 1) == {"x": "REJECTED_BY_HAND: who=you, why=no"}


def test_only_what_is_among_the_tickets_is_held_back_and_buys_wait_where_the_money_is_missing() -> None:
    tickets = [ticket("sale", -5), ticket("buy", 5), ticket("other", -1)]
    book = Book(to_cents(1))
    words = Instructions((said(1, "cancel", order="sale"), said(2, "cancel", order="not there")))

    def held(people: Hands, *, paid: bool) -> dict[str, str]:
        return people.held_back(DAY, tickets, book, lambda left: not paid)

    assert held(Hands(words), paid=True) == {"sale": "CANCELED: by hand: me, so"}
    assert set(held(Hands(words), paid=False)) == {"sale", "buy"}
    assert held(Hands(), paid=False) == {}  # nothing is held back, so nothing waits for it
    everything = Hands(approvals=Approvals(Approval(mode="all")))
    assert set(held(everything, paid=True)) == {"sale", "buy", "other"}
    asked_about: list[list[str]] = []

    def unpaid(left: Sequence[Ticket]) -> bool:
        asked_about.append([one.client_order_id for one in left])
        return False

    Hands(words).held_back(DAY, tickets, book, unpaid)
    assert asked_about == [["buy", "other"]]
