"""Why an order was not carried out, in the words of brokers, and who is told of it."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.execution.attempts import Attempt
from portfolio_pipeline.core.execution.rejects import Rejects, not_carried_out, reason_of, smaller, still_open
from portfolio_pipeline.core.execution.tickets import Order, OrderState

ORDER = Order(date(2026, 3, 5), "o", "SPY", -10 * SHARE)
NOW = datetime(2026, 3, 6, 15)  # noqa: DTZ001 as the tables hold it: UTC without a zone


def attempt(state: str, error: str | None = None, filled: int = 0) -> Attempt:
    return Attempt(ORDER, 3, OrderState(state), NOW, "b", filled, error)


@pytest.mark.parametrize(
    ("state", "words", "reason"),
    [
        ("refused", "BROKER_REFUSED: insufficient buying power (HTTP 403, code 40310000)", "buying_power"),
        ("refused", "BROKER_REFUSED: insufficient qty available for order (HTTP 403, code 40310000)", "shares"),
        ("refused", "BROKER_REFUSED: asset SPY cannot be sold short (HTTP 422, code 42210000)", "shorting"),
        ("refused", "BROKER_REFUSED: potential wash trade detected. use complex orders (HTTP 403)", "wash_trade"),
        ("refused", "UNKNOWN_SYMBOL: found=SPY. asset not found (HTTP 422)", "not_tradable"),
        ("refused", "BROKER_REFUSED: asset SPY is not tradable (HTTP 422)", "not_tradable"),
        ("refused", "BROKER_REFUSED: sub-penny increment does not fulfill minimum pricing criteria", "price"),
        ("rejected", "REJECTED: filled=0, wanted=10", "other"),
        ("rejected", None, "other"),
        ("refused", "BROKER_REFUSED: a word that nobody has heard before", "other"),
        ("canceled", "CANCELED: filled=4, wanted=10", "canceled"),
        ("replaced", None, "canceled"),
        ("expired", "EXPIRED: filled=4, wanted=10", "leftover"),
    ],
)
def test_a_reason_is_known_by_its_words_or_by_how_the_order_ended(state: str, words: str | None, reason: str) -> None:
    assert reason_of(attempt(state, words)) == reason


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        *(("refused", "high"), ("rejected", "high"), ("canceled", "medium"), ("replaced", "medium")),
        *(("unknown", "critical"), ("submitting", "critical"), ("expired", None)),
        *(("planned", None), ("accepted", None), ("partially_filled", None), ("filled", None)),
    ],
)
def test_how_grave_it_is_follows_from_how_the_order_ended(state: str, severity: str | None) -> None:
    found = not_carried_out([attempt(state)], Rejects())
    assert [alert.severity for alert in found] == ([severity] if severity else [])


def test_what_is_skipped_is_not_told_but_for_an_order_of_which_nobody_knows() -> None:
    silent = Rejects.model_validate({name: "skip" for name in Rejects.model_fields if not name.startswith("shrink")})
    ended = [attempt(str(state)) for state in OrderState]
    assert {alert.title for alert in not_carried_out(ended, silent)} == {
        "Order sell SPY of 2026-03-05 is unknown",
        "Order sell SPY of 2026-03-05 is submitting",
    }
    talkative = Rejects(leftover="alert")
    [alert] = not_carried_out([attempt("expired", filled=4 * SHARE)], talkative)
    assert (alert.severity, alert.about) == ("medium", "order:o")
    assert alert.message.startswith("o: 4 of 10 shares are filled (leftover). Nothing is sent in its place")


def test_who_stands_after_the_session_is_told_with_what_to_do() -> None:
    [alert] = still_open([attempt("accepted")])
    assert (alert.severity, alert.about) == ("high", "order:o")
    assert "cancel it on the broker's page" in alert.message


MONEY = "BROKER_REFUSED: insufficient buying power (HTTP 403, code 40310000)"
SHARES = "BROKER_REFUSED: insufficient qty available for order (requested: 10, available: 7.5) (HTTP 403)"


@pytest.mark.parametrize(
    ("words", "shares", "lot", "left"),
    [
        *((MONEY, 10, 1, 9), (MONEY, -10, 1, 9), (MONEY, 10, 4, 8), (MONEY, 1, 1, 0), (MONEY, 0.5, 1, 0.45)),
        *((SHARES, -10, 1, 7), (SHARES, -9.25, 1, 7.5), (SHARES, -7, 1, 0), (SHARES, -10, 8, 0)),
        ("BROKER_REFUSED: insufficient qty available for order (HTTP 403)", -10, 1, 9),
        ("BROKER_REFUSED: potential wash trade detected", 10, 1, 0),
    ],
)
def test_a_refused_order_is_made_smaller_by_what_is_there_or_by_a_part(
    words: str, shares: float, lot: int, left: float
) -> None:
    report = attempt("refused", words).report
    assert smaller(report, round(shares * SHARE), Rejects(), lot) == round(left * SHARE)


def test_only_what_was_refused_as_a_whole_and_is_to_shrink_is_made_smaller() -> None:
    for state in OrderState:
        expected = 9 * SHARE if state in (OrderState.REFUSED, OrderState.REJECTED) else 0
        assert smaller(attempt(str(state), MONEY).report, 10 * SHARE, Rejects(), 1) == expected, state
    assert not smaller(attempt("rejected", MONEY, filled=1).report, 10 * SHARE, Rejects(), 1)
    assert not smaller(attempt("refused", MONEY).report, 10 * SHARE, Rejects(buying_power="alert"), 1)


def test_what_was_made_smaller_is_not_told() -> None:
    refused = [attempt("refused", MONEY)]
    assert len(not_carried_out(refused, Rejects())) == 1
    assert not not_carried_out(refused, Rejects(), {"o"})
