"""Shares by hand: from when to when they hold, whose word is the newest, and what cannot be said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.calendar.sessions import sessions_between
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation, OwnBounds
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import Word, event_row, in_force
from portfolio_pipeline.core.tables import MANUAL_SHARES
from portfolio_pipeline.core.tables.rows import checked

DAYS = sessions_between(date(2024, 1, 2), date(2024, 1, 31))
NAMES = ("a", "b", "c")
STAGES = {"a": "active", "b": "active", "c": "candidate"}
NOW = datetime(2024, 1, 2, 22, tzinfo=UTC).replace(tzinfo=None)
SETTINGS = Allocation(minimum=0.05, maximum=0.4, locked={"c": 0.3}, bounds={"b": OwnBounds(maximum=0.6)})


def said(*words: Word) -> list[dict[str, Any]]:
    """The events that these words leave, one said after the other."""
    events: list[dict[str, Any]] = []
    for word in words:
        row = event_row(events, word, STAGES, Allocation(), earliest=DAYS[0], now=NOW)
        events += checked(MANUAL_SHARES, row).to_pylist()
    return events


def word(action: str, strategy: str = "a", **given: Any) -> Word:
    return Word(action, strategy, "because", "somebody", **given)


def test_a_share_holds_from_its_first_session_through_its_last_and_then_the_method_rules() -> None:
    events = said(word("set", share=0.25, first=DAYS[3], last=DAYS[6]))
    found = in_force(events, DAYS[:10], NAMES)
    assert found.share[:, 0].tolist() == pytest.approx([np.nan] * 3 + [0.25] * 4 + [np.nan] * 3, nan_ok=True)
    assert np.isnan(found.share[:, 1:]).all()
    assert not found.paused.any()
    assert [DAYS[row] for row, who in enumerate(found.who[:10]) if who] == [DAYS[3], DAYS[7]]


def test_the_word_that_began_last_is_in_force_and_what_it_ended_does_not_come_back() -> None:
    events = said(
        word("set", share=0.25, first=DAYS[2]),
        word("lock", first=DAYS[8], last=DAYS[9]),
        word("set", share=0.3, first=DAYS[4], last=DAYS[5]),
        word("pause", first=DAYS[4]),
        word("activate", first=DAYS[11]),
    )
    found = in_force(events, DAYS[:14], NAMES)
    assert np.nan_to_num(found.share[:, 0]).tolist() == [0, 0, 0.25, 0.25, 0.3, 0.3, *[0] * 8]
    assert found.kept[:, 0].tolist() == [row in (8, 9) for row in range(14)]
    assert found.paused[:, 0].tolist() == [4 <= row < 11 for row in range(14)]
    assert [row for row, who in enumerate(found.who) if who] == [2, 4, 6, 8, 10, 11]


def test_a_call_to_share_out_anew_is_of_one_session() -> None:
    found = in_force(said(word("now", "", first=DAYS[5])), DAYS[:10], NAMES)
    assert [row for row, who in enumerate(found.who) if who] == [5]
    assert np.isnan(found.share).all()


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    events = []
    for number in range(draw(st.integers(0, 6))):
        first = draw(st.integers(0, 15))
        until = draw(st.none() | st.integers(first, 15))
        action = draw(st.sampled_from(["set", "lock", "unlock", "pause", "activate", "now"]))
        events.append(
            {
                "event_id": number + 1,
                "action": action,
                "strategy": "" if action == "now" else draw(st.sampled_from(NAMES)),
                "share": 0.2 if action == "set" else None,
                "effective_from": DAYS[first],
                "expires": None if until is None else DAYS[until],
                "who": f"person {number}",
            }
        )
    return events


@given(events=conversations(), cut=st.integers(1, 15))
def test_each_session_alone_says_what_the_range_says_and_words_of_later_change_nothing(
    events: list[dict[str, Any]], cut: int
) -> None:
    whole, days = in_force(events, DAYS[:16], NAMES), DAYS[:16]
    later = [*events, {**word_of(99, DAYS[cut]), "action": "pause"}, {**word_of(100, DAYS[cut]), "action": "set"}]
    with_later = in_force(later, days, NAMES)
    for row, day in enumerate(days):
        alone = in_force(events, (day,), NAMES)
        np.testing.assert_array_equal(alone.share[0], whole.share[row])
        np.testing.assert_array_equal(alone.kept[0], whole.kept[row])
        np.testing.assert_array_equal(alone.paused[0], whole.paused[row])
        assert alone.who[0] == whole.who[row]
        if row < cut:
            np.testing.assert_array_equal(with_later.share[row], whole.share[row])
            np.testing.assert_array_equal(with_later.paused[row], whole.paused[row])
            assert with_later.who[row] == whole.who[row]


def word_of(number: int, first: date) -> dict[str, Any]:
    return {"event_id": number, "strategy": "a", "share": 0.1, "effective_from": first, "expires": None, "who": "late"}


@pytest.mark.parametrize(
    ("mistaken", "message"),
    [
        (word("sell"), "ACTION_UNKNOWN: found=sell"),
        (word("set", "alpha", share=0.2), "STRATEGY_UNKNOWN: found=alpha, expected=a, b, c"),
        (word("set", "", share=0.2), "STRATEGY_UNKNOWN: found=nothing"),
        (word("set"), "SHARE_MISSING: found=nothing"),
        (word("lock", share=0.2), "SHARE_NOT_ASKED: found=0.2"),
        (Word("lock", "a", "  ", "somebody"), "REASON_MISSING"),
        (word("set", share=20.0), r"SHARE_OUT_OF_BOUNDS: strategy=a, found=20, expected=0.05 to 0.4 .*0.2\?"),
        (word("set", share=0.41), "found=0.41, expected=0.05 to 0.4"),
        (word("set", share=0.01), "found=0.01, expected=0.05 to 0.4"),
        (word("set", share=float("nan")), "SHARE_OUT_OF_BOUNDS"),
        (word("set", "c", share=0.2), "LOCKED_BY_SETTINGS: strategy=c, found=allocation.locked: 0.3"),
        (word("set", share=0.2, first=DAYS[0] - timedelta(1)), f"SESSION_DECIDED.*expected={DAYS[0]} or later"),
        (word("lock", first=DAYS[5], last=DAYS[4]), "EMPTY_SESSION_RANGE"),
        (word("unlock"), "NOTHING_BY_HAND: strategy=a, found=no share of it"),
        (word("activate", "c"), "NOTHING_BY_HAND: strategy=c, found=it is not paused by hand.*stage: candidate"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(mistaken: Word, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        event_row([], mistaken, STAGES, SETTINGS, earliest=DAYS[0], now=NOW)


def test_shares_above_one_together_are_refused_with_their_sum() -> None:
    first = event_row([], word("set", share=0.4), STAGES, SETTINGS, earliest=DAYS[0], now=NOW).to_pylist()
    with pytest.raises(ConfigurationError, match=r"SHARES_ABOVE_ONE: found=c 0.3 \+ a 0.4 \+ b 0.5 = 1.2"):
        event_row(first, word("set", "b", share=0.5), STAGES, SETTINGS, earliest=DAYS[0], now=NOW)
    anew = event_row(first, word("set", "a", share=0.1), STAGES, SETTINGS, earliest=DAYS[0], now=NOW)
    assert anew["event_id"].to_pylist() == [2]
