"""What may be asked of a back-test: values as typed, near matches, dates that are no sessions, ranges not stored."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import pytest

from portfolio_pipeline.core.backtest.request import (
    BacktestRequest,
    assignments,
    named_card,
    outside_card,
    parameters_of,
    range_of,
)
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace, Range, choices, flag
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

STORED = SessionRange(date(2024, 1, 2), date(2024, 12, 31))


class Everything(Parameters):
    """One parameter of each kind."""

    constraints = ("short < long",)

    short: Annotated[int, Range(1, 50, 1)] = 10
    long: Annotated[int, Range(20, 200, 10)] = 100
    share: Annotated[float, Range(0.0, 1.0, 0.25)] = 0.5
    by: Annotated[Literal["rank", "size"], choices("rank", "size")] = "rank"
    hedged: Annotated[bool, flag()] = False


SPACE = ParameterSpace.of(Everything, {"long": [80, 100]}, ("long >= 4 * short",))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"short": "7"}, {"short": 7}),
        ({"share": "0.3", "by": "size"}, {"share": 0.3, "by": "size"}),
        ({"hedged": "yes"}, {"hedged": True}),
        ({"hedged": "off"}, {"hedged": False}),
        ({"hedged": True, "long": 90}, {"hedged": True, "long": 90}),
        ({}, {}),
    ],
)
def test_what_is_given_replaces_the_default(given: dict[str, object], expected: dict[str, object]) -> None:
    assert parameters_of(SPACE, given).model_dump() == SPACE.default.model_dump() | expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shrt": "7"}, "PARAMETER_UNKNOWN: found=shrt, expected=short, long, share, by, hedged. Did you mean short?"),
        ({"zzz": "7"}, "expected=short, long, share, by, hedged. Choose one of these."),
        ({"short": "7.5"}, "PARAMETER_WRONG: found=short=7.5, expected=1 to 50"),
        ({"short": "99"}, "found=short=99, expected=1 to 50 in steps of 1. The card's default is 10."),
        ({"share": "much"}, "found=share=much, expected=0 to 1"),
        ({"share": "nan"}, "found=share=nan"),
        ({"by": "luck"}, "found=by=luck, expected=one of rank, size"),
        ({"hedged": "maybe"}, "found=hedged=maybe, expected=one of False, True"),
        ({"short": "30", "long": "30"}, "PARAMETERS_FORBIDDEN: found=short=30, long=30, why=short < long does not"),
        ({"short": "30"}, "why=long >= 4 * short does not hold (long 100, short 30). What is not given is at the card"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(given: dict[str, object], message: str) -> None:
    with pytest.raises(PortfolioError) as refusal:
        parameters_of(SPACE, given)
    assert message in str(refusal.value)


def test_values_the_search_would_not_choose_are_named() -> None:
    assert outside_card(SPACE, parameters_of(SPACE, {"long": "90", "share": "0.25"})) == ["long=90"]
    assert outside_card(SPACE, parameters_of(SPACE, {"long": "80"})) == []


def test_assignments_may_stand_together_or_apart() -> None:
    assert assignments(["short=1, long=20", "by=size"]) == {"short": "1", "long": "20", "by": "size"}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["short"], "ASSIGNMENT_WRONG: found=short, expected=name=value"),
        (["short="], "ASSIGNMENT_WRONG: found=short=,"),
        (["=3"], "ASSIGNMENT_WRONG: found==3"),
        ([""], "ASSIGNMENT_WRONG: found=nothing"),
        (["short=1,short=2"], "PARAMETER_TWICE: found=short"),
    ],
)
def test_what_is_no_assignment_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(PortfolioError) as refusal:
        assignments(texts)
    assert message in str(refusal.value)


def test_a_strategy_is_found_by_name_or_refused_with_the_nearest() -> None:
    cards = [
        StrategyCard.model_validate(
            {"name": name, "type": next(iter(STRATEGY_TYPES)), "description": "-", "symbols": {"only": ["SPY"]}}
        )
        for name in ("momentum_equities", "trend_bonds")
    ]
    assert named_card(cards, "trend_bonds") is cards[1]
    with pytest.raises(PortfolioError, match=r"expected=momentum_equities, trend_bonds\. Did you mean trend_bonds\?"):
        named_card(cards, "trendbonds")


@pytest.mark.parametrize(
    ("first", "last", "suggested", "expected"),
    [
        (None, None, None, STORED),
        (None, None, date(2024, 7, 1), SessionRange(date(2024, 7, 1), STORED.last)),
        (date(2024, 3, 1), None, date(2024, 7, 1), SessionRange(date(2024, 3, 1), STORED.last)),
        # The fourth of July, and a Sunday: the sessions inside.
        (date(2024, 7, 4), date(2024, 7, 14), None, SessionRange(date(2024, 7, 5), date(2024, 7, 12))),
        (date(2024, 1, 1), date(2024, 1, 2), None, SessionRange(date(2024, 1, 2), date(2024, 1, 2))),
    ],
)
def test_a_range_is_the_stored_sessions_between_two_days(
    first: date | None, last: date | None, suggested: date | None, expected: SessionRange
) -> None:
    assert range_of(BacktestRequest(first, last), STORED, suggested) == expected


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (date(2023, 12, 29), None, "PRICES_MISSING: found=2024-01-02 to 2024-12-31, expected=2023-12-29 to 2024-12-31"),
        (None, date(2025, 1, 3), "load more: portfolio up, portfolio backfill"),
        (date(2024, 7, 6), date(2024, 7, 7), "NO_SESSION: first=2024-07-06, last=2024-07-07. The exchange was closed"),
        (date(2024, 7, 8), date(2024, 7, 5), "EMPTY_SESSION_RANGE"),
    ],
)
def test_a_range_that_cannot_be_played_is_refused(first: date | None, last: date | None, message: str) -> None:
    with pytest.raises(PortfolioError) as refusal:
        range_of(BacktestRequest(first, last), STORED)
    assert message in str(refusal.value)


def test_an_end_before_the_suggested_first_session_begins_with_what_is_stored() -> None:
    early = BacktestRequest(last=date(2024, 3, 1))
    assert range_of(early, STORED, date(2024, 7, 1)) == SessionRange(STORED.first, date(2024, 3, 1))


def test_without_stored_prices_there_is_nothing_to_play() -> None:
    with pytest.raises(PortfolioError, match=r"PRICES_MISSING: found=none\. Load some first: portfolio up"):
        range_of(BacktestRequest(), None)
