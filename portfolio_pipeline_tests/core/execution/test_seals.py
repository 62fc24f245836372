"""Seals: whatever is changed of what a session was planned on, or of its tickets, is found and named."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, Position
from portfolio_pipeline.core.execution.seals import (
    Seal,
    Sealed,
    Sealer,
    moved_accounts,
    only_the_account_moved,
    seal_rows,
    seals_of,
)
from portfolio_pipeline.core.execution.settings import Costs, Orders, SimulatedBroker
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import ORDER_SEALS
from portfolio_pipeline.core.tables.rows import checked
from portfolio_pipeline_tests.trading import ROOMY, settings

DAY, NEXT = date(2024, 3, 1), date(2024, 3, 4)
KEY = b"a secret of the home"


@dataclass
class Session:
    """What is sealed, and then looked at again."""

    house: Settings = field(default_factory=settings)
    key: bytes = KEY
    day: date = DAY
    book: Book = field(default_factory=lambda: Book(1_000_000, {"CCC": Position(5 * SHARE, 8.0, 9.0)}))
    targets: SessionTargets = field(
        default_factory=lambda: SessionTargets({"AAA": 0.1, "BBB": 0.2}, {"AAA": 0.1, "BBB": 0.3})
    )
    bars: dict[str, Bar] = field(
        default_factory=lambda: {s: Bar(10.0, 11.0, 9.0, 10.5, 1e6) for s in ("AAA", "BBB", "CCC", "DDD")}
    )
    tickets: list[Ticket] = field(
        default_factory=lambda: [
            Ticket(DAY, "a", "AAA", 5 * SHARE, 10.5, 0.1, "because"),
            Ticket(DAY, "b", "BBB", -7 * SHARE, 10.5, 0.2, "why not", limit_price=10.0),
            Ticket(DAY, "c", "CCC", -SHARE, 10.5, 0.0, "enough"),
        ]
    )

    def sealer(self) -> Sealer:
        return Sealer(self.key, self.house)

    def seals(self) -> tuple[Seal, ...]:
        return self.sealer().seals(self.day, self.tickets, self.book, self.targets, self.bars)

    def judged(self, stored: dict[str, Seal]) -> dict[str, str]:
        found = Sealed(self.sealer(), stored).judge(self.day, self.tickets, self.book, self.targets, self.bars)
        assert {(breach.subject, breach.severity, breach.found, breach.limit) for breach in found} <= {
            ("portfolio", "block", None, None)
        }
        return {breach.rule: breach.message for breach in found}


def put(of: Session, number: int, **changes: object) -> None:
    of.tickets[number] = replace(of.tickets[number], **changes)  # type: ignore[arg-type]


def swap(session: Session) -> None:
    put(session, 1, symbol="CCC")
    put(session, 2, symbol="BBB")


def hold(session: Session, **changes: object) -> None:
    session.book.positions["CCC"] = replace(session.book.positions["CCC"], **changes)  # type: ignore[arg-type]


def rules(session: Session, **sections: object) -> None:
    session.house = session.house.model_copy(update=sections)


def say(session: Session, **by_hand: object) -> None:
    session.targets = replace(session.targets, **by_hand)  # type: ignore[arg-type]


def bar(session: Session, symbol: str, **changes: float) -> None:
    session.bars[symbol] = session.bars[symbol]._replace(**changes)


CHANGES: list[tuple[str, Callable[[Session], None]]] = [
    ("sealed_targets", lambda s: s.targets.weights.update(AAA=0.11)),
    ("sealed_targets", lambda s: s.targets.weights.update(EEE=0.0)),
    ("sealed_targets", lambda s: s.targets.requested.update(BBB=0.31)),
    ("sealed_targets", lambda s: say(s, pinned={"alpha": {"AAA": SHARE}})),
    ("sealed_targets", lambda s: say(s, ordered={"alpha": {"AAA": SHARE}})),
    ("sealed_targets", lambda s: say(s, limit_prices={"AAA": 10.0})),
    ("sealed_targets", lambda s: say(s, by_hand={"AAA": "me, so"})),
    ("sealed_account", lambda s: setattr(s.book, "cash", s.book.cash + 1)),
    ("sealed_account", lambda s: hold(s, quantity=5 * SHARE + 1)),
    ("sealed_account", lambda s: hold(s, price=9.01)),
    ("sealed_account", lambda s: hold(s, sessions_without_bar=1)),
    ("sealed_prices", lambda s: bar(s, "AAA", close=10.6)),
    ("sealed_prices", lambda s: bar(s, "BBB", volume=2e6)),
    ("sealed_prices", lambda s: bar(s, "CCC", split_ratio=2.0)),
    ("sealed_prices", lambda s: s.bars.__delitem__("CCC")),
    ("sealed_settings", lambda s: rules(s, limits=Limits(symbol=0.61, turnover=1.0, asset_class=ROOMY))),
    ("sealed_settings", lambda s: rules(s, orders=Orders(cash_buffer=0.02))),
    ("sealed_settings", lambda s: rules(s, costs=Costs(commission_bps=0.6))),
    ("sealed_settings", lambda s: rules(s, simulated_broker=SimulatedBroker(impact_bps=51.0))),
    (
        "sealed_settings",
        lambda s: rules(
            s, universe=(*s.house.universe, Instrument(symbol="Z", asset_class="bond", group="g", name="Z"))
        ),
    ),
    ("sealed_seal", lambda s: put(s, 0, quantity=6 * SHARE)),
    ("sealed_seal", lambda s: put(s, 0, reference_price=10.6)),
    ("sealed_seal", lambda s: put(s, 0, target_weight=0.11)),
    ("sealed_seal", lambda s: put(s, 0, reason="because of that")),
    ("sealed_seal", lambda s: put(s, 0, verdict="refused")),
    ("sealed_seal", lambda s: put(s, 0, limit_price=10.5)),
    ("sealed_seal", lambda s: put(s, 1, limit_price=None)),
    ("sealed_seal", lambda s: put(s, 1, session=NEXT)),
    ("sealed_seal", swap),
    ("sealed_seal", lambda s: s.tickets.__delitem__(2)),
]
QUIET: list[Callable[[Session], None]] = [
    lambda s: s.tickets.reverse(),
    lambda s: s.targets.weights.update(AAA=s.targets.weights.pop("AAA")),
    lambda s: hold(s, average_cost=1.0),
    lambda s: bar(s, "DDD", close=1.0),
    lambda s: bar(s, "AAA", open=10.1, high=12.0),
    lambda s: s.targets.reasons.update(AAA="said otherwise"),
]


def stored(session: Session) -> dict[str, Seal]:
    return seals_of(checked(ORDER_SEALS, seal_rows(session.seals())))


def test_what_was_sealed_and_stored_is_found_as_it_was() -> None:
    session = Session()
    assert tuple(stored(session).values()) == session.seals()
    assert session.judged(stored(session)) == {}
    assert [seal.client_order_id for seal in session.seals()] == ["a", "b", "c"]


@pytest.mark.parametrize(("rule", "change"), CHANGES)
def test_whatever_is_changed_is_found_and_named(rule: str, change: Callable[[Session], None]) -> None:
    session = Session()
    seals = stored(session)
    change(session)
    assert list(session.judged(seals)) == [rule]


@pytest.mark.parametrize("change", QUIET)
def test_what_no_order_was_planned_on_may_change(change: Callable[[Session], None]) -> None:
    session = Session()
    seals = stored(session)
    change(session)
    assert session.judged(seals) == {}


def test_a_seal_is_a_keyed_digest_that_anybody_with_the_secret_can_work_out() -> None:
    """And it stays the same one: what was sealed by an earlier version can still be sent."""
    told = b'["targets",["2024-03-01",{"AAA":0.1,"BBB":0.2},{"AAA":0.1,"BBB":0.3}]]'
    assert {seal.targets for seal in Session().seals()} == {hmac.new(KEY, told, hashlib.sha256).hexdigest()[:32]}


def test_another_secret_or_another_session_makes_other_seals_of_everything() -> None:
    session = Session()
    seals = stored(session)
    everything = {"sealed_targets", "sealed_settings", "sealed_account", "sealed_prices"}
    assert set(replace(session, key=b"guessed").judged(seals)) == everything
    assert set(replace(session, day=NEXT).judged(seals)) == everything - {"sealed_settings"}


def test_a_ticket_that_nobody_sealed_is_named_and_so_is_what_else_is_wrong() -> None:
    session = Session()
    seals = stored(session)
    del seals["a"]
    session.book.cash += 1
    assert session.judged(seals) == {
        "sealed_seal": "NOT_SEALED: client_order_id=a, nobody planned it here",
        "sealed_account": "OTHER_ACCOUNT: they are not those that the orders were planned on",
    }


def test_an_edited_row_is_named_by_its_order() -> None:
    session = Session()
    seals = stored(session)
    put(session, 1, reason="edited")
    assert session.judged(seals) == {"sealed_seal": "SEAL_BROKEN: client_order_id=b, its row was edited"}


def test_a_session_without_tickets_has_nothing_to_seal() -> None:
    assert replace(Session(), tickets=[]).seals() == ()


def seal(session: date = DAY, **digests: str) -> Seal:
    same = {"targets": "t", "settings": "s", "account": "a", "prices": "p", "ticket": "x"}
    return Seal(session, "name", **same | digests)


@pytest.mark.parametrize(
    ("then", "now", "moved"),
    [
        (seal(), seal(account="b"), {DAY}),
        (seal(), seal(account="b", prices="q", ticket="y"), {DAY}),
        (seal(), seal(), set()),
        (seal(), seal(prices="q"), set()),
        (seal(), seal(account="b", targets="u"), set()),
        (seal(), seal(account="b", settings="u"), set()),
        (seal(), seal(NEXT, account="b"), set()),
    ],
)
def test_an_account_has_moved_where_targets_and_settings_are_what_they_were(
    then: Seal, now: Seal, moved: set[date]
) -> None:
    assert moved_accounts([then], [now]) == moved
    assert moved_accounts([], [now]) == moved_accounts([then], []) == set()


@pytest.mark.parametrize(
    ("rules", "alone"),
    [
        (["sealed_account"], True),
        (["sealed_account", "sealed_prices", "plan", "gross"], True),
        (["sealed_prices"], False),
        (["plan"], False),
        ([], False),
        *((["sealed_account", f"sealed_{other}"], False) for other in ("targets", "settings", "seal")),
    ],
)
def test_what_seals_tell_of_the_account_alone(rules: list[str], alone: bool) -> None:
    told = [Breach("portfolio", rule, "block", None, None, "because") for rule in rules]
    assert only_the_account_moved(told) is alone
