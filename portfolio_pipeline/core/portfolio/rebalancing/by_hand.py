"""What people say of shares by hand: from which session on, until when, and what is in force at each session.

Every word is an event that stays (`manual_shares`); of those about one strategy that have begun, the newest is in force
until its last session, and then the method rules again. Shares and pauses are two matters: a strategy may be paused
while a share waits for it. Nothing said by hand is ever in force before the session after it was said.

What cannot be is refused when it is said (`said`); on the day, limits hold all the same: a share is approached by the
daily change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import previous_session
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.registry import near, one_of
from portfolio_pipeline.core.risk.exposures import EPSILON
from portfolio_pipeline.core.words import clean

Action = Literal["set", "lock", "unlock", "pause", "activate", "now"]
ACTIONS: tuple[str, ...] = get_args(Action)
_OF_SHARES, _OF_PAUSES = ("set", "lock", "unlock"), ("pause", "activate")
_ENDS = ("unlock", "activate")


@dataclass(frozen=True)
class Word:
    """What somebody says: `strategy` is empty for `now`, which calls for a decision at one session."""

    action: str
    strategy: str
    reason: str
    who: str
    share: float | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, eq=False)
class ByHand:
    """What is in force, [sessions, strategies]; `who` did something that begins or ends at a session, "" for nobody."""

    share: Array  # NaN where none is set
    kept: Array  # whether it keeps what it has
    paused: Array
    who: tuple[str, ...]


def in_force(events: Sequence[Mapping[str, Any]], sessions: Sequence[date], strategies: Sequence[str]) -> ByHand:
    """The rows of manual_shares at each session. They are few; a session that is asked twice gets the same."""
    size = (len(sessions), len(strategies))
    share, kept, paused = np.full(size, np.nan), np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    who = [""] * len(sessions)
    if not events:
        return ByHand(share, kept, paused, tuple(who))
    before: dict[tuple[str, str], Mapping[str, Any] | None] = {}
    for row, session in enumerate(sessions):
        if row == 0:
            before = _newest_of_all(events, previous_session(session) or session)
        now = _newest_of_all(events, session)
        for matter, event in now.items():
            if _number(event) != _number(before.get(matter)):
                # What has ended by itself is the work of who began it.
                who[row] = who[row] or str((event or before.get(matter) or {})["who"])
        for event in events:
            if event["action"] == "now" and event["effective_from"] == session:
                who[row] = who[row] or str(event["who"])
        for column, name in enumerate(strategies):
            said = now.get((name, "shares"))
            if said is not None and said["action"] == "set":
                share[row, column] = said["share"]
            kept[row, column] = said is not None and said["action"] == "lock"
            stopped = now.get((name, "pauses"))
            paused[row, column] = stopped is not None and stopped["action"] == "pause"
        before = now
    return ByHand(share, kept, paused, tuple(who))


def event_row(
    events: Sequence[Mapping[str, Any]],
    word: Word,
    strategies: Mapping[str, str],
    settings: Allocation,
    *,
    earliest: date,
    now: datetime,
) -> pa.Table:
    """The row of manual_shares for what somebody says, or why it cannot be.

    `strategies` are the stages of all cards; `earliest` is the first session that is open to decisions.
    """
    first = word.first or earliest
    _require_sound(word, strategies, first, earliest)
    if word.action in _ENDS:
        _require_begun(events, word, strategies[word.strategy], first)
    if word.action in ("set", "lock"):
        _require_possible(events, word, settings, first)
    return pa.table(
        {
            "event_id": [max((int(event["event_id"]) for event in events), default=0) + 1],
            "action": [word.action],
            "strategy": [word.strategy],
            "share": pa.array([word.share], pa.float64()),
            "effective_from": [first],
            "expires": pa.array([word.last], pa.date32()),
            "reason": [clean(word.reason)],
            "who": [clean(word.who)],
            "recorded_at": [now],
        }
    )


def _require_sound(word: Word, strategies: Mapping[str, str], first: date, earliest: date) -> None:
    if word.action not in ACTIONS:
        raise ConfigurationError("ACTION_UNKNOWN", found=word.action, expected=one_of(word.action, ACTIONS))
    if not word.reason.strip():
        raise ConfigurationError("REASON_MISSING", expected="why it is done by hand", remedy="Give it with --reason.")
    if word.action != "now" and word.strategy not in strategies:
        raise ConfigurationError(
            "STRATEGY_UNKNOWN",
            found=word.strategy or "nothing",
            expected=", ".join(strategies) + near(word.strategy, strategies),
            remedy="portfolio strategy list names them all.",
        )
    if first < earliest:
        raise ConfigurationError(
            "SESSION_DECIDED",
            found=first,
            expected=f"{earliest} or later",
            remedy="What is decided stays: say it from the next session on.",
        )
    if word.last is not None and word.last < first:
        raise ConfigurationError(
            "EMPTY_SESSION_RANGE", first=first, last=word.last, remedy="It would end before it begins."
        )
    if (word.action == "set") != (word.share is not None):
        raise ConfigurationError(
            "SHARE_MISSING" if word.action == "set" else "SHARE_NOT_ASKED",
            found="nothing" if word.share is None else word.share,
            expected="a fraction, with `set` alone",
            remedy="As in: portfolio allocate set trend_bonds 0.25 --reason …",
        )


def _require_begun(events: Sequence[Mapping[str, Any]], word: Word, stage: str, first: date) -> None:
    matter = "shares" if word.action in _OF_SHARES else "pauses"
    if _newest_of_all(events, first).get((word.strategy, matter)) is None:
        raise ConfigurationError(
            "NOTHING_BY_HAND",
            strategy=word.strategy,
            found=f"no share of it is set or locked by hand at {first}"
            if matter == "shares"
            else f"it is not paused by hand at {first}; its card says stage: {stage}",
            remedy="What settings or a card say is changed there.",
        )


def _require_possible(events: Sequence[Mapping[str, Any]], word: Word, settings: Allocation, first: date) -> None:
    if word.strategy in settings.fixed:
        raise ConfigurationError(
            "LOCKED_BY_SETTINGS",
            strategy=word.strategy,
            found=f"allocation.locked: {settings.fixed[word.strategy]:g}",
            remedy="Take the lock out of portfolio.yaml first.",
        )
    if word.share is None:
        return
    lowest, highest = settings.bounds_of(word.strategy)
    if not math.isfinite(word.share) or not lowest - EPSILON <= word.share <= highest + EPSILON:
        part = word.share / 100.0
        meant = f" (a fraction: did you mean {part:g}?)" if lowest <= part <= highest else ""
        raise ConfigurationError(
            "SHARE_OUT_OF_BOUNDS",
            strategy=word.strategy,
            found=f"{word.share:g}",
            expected=f"{lowest:g} to {highest:g}{meant}",
            remedy="Those are allocation.minimum and maximum, or its own bounds, in portfolio.yaml.",
        )
    others = {name: share for name, share in settings.fixed.items() if name != word.strategy}
    for (name, matter), event in _newest_of_all(events, first).items():
        if event is not None and matter == "shares" and event["action"] == "set" and name != word.strategy:
            others[name] = float(event["share"])
    total = math.fsum((*others.values(), word.share))
    if total > 1.0 + EPSILON:
        told = " + ".join(f"{name} {share:g}" for name, share in {**others, word.strategy: word.share}.items())
        raise ConfigurationError(
            "SHARES_ABOVE_ONE",
            found=f"{told} = {total:g}",
            expected="at most 1 of all shares that are set or locked",
            remedy="Set a smaller one, or unlock another first.",
        )


def _newest_of_all(
    events: Sequence[Mapping[str, Any]], session: date
) -> dict[tuple[str, str], Mapping[str, Any] | None]:
    """By strategy and matter, the newest event that has begun; None where it has ended, or ends what was before."""
    begun: dict[tuple[str, str], Mapping[str, Any]] = {}
    for event in sorted(events, key=lambda one: (one["effective_from"], one["event_id"])):
        matter = "shares" if event["action"] in _OF_SHARES else "pauses" if event["action"] in _OF_PAUSES else ""
        if matter and event["effective_from"] <= session:
            begun[event["strategy"], matter] = event
    return {
        matter: None
        if event["action"] in _ENDS or (event["expires"] is not None and event["expires"] < session)
        else event
        for matter, event in begun.items()
    }


def _number(event: Mapping[str, Any] | None) -> int | None:
    return None if event is None else int(event["event_id"])
