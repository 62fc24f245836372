"""Shares by hand: what is written, from which session on it is in force, and what is told of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest

from portfolio_pipeline.adapters.acts.shares_by_hand import Said, say_by_hand
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import Word
from portfolio_pipeline.ports import Warehouse

DAY = date(2026, 3, 5)
BEFORE, NEXT = date(2026, 3, 4), date(2026, 3, 6)
STORED = datetime.fromisoformat("2026-03-05T23:30:00")
NOW = STORED.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=9)))
STAGES = {"alpha": "active", "beta": "candidate"}


def weights(session: date, share: float) -> pd.DataFrame:
    row = {
        **{"session": session, "strategy": "alpha", "weight": share, "previous_weight": None, "method": "equal"},
        **{"locked": False, "requested_weight": share, "reason": "", "unresponded_weight": share},
        **dict.fromkeys(("kept_weight", "decided_weight", "drifted_weight")),
    }
    return pd.DataFrame([row])


def says(warehouse: Warehouse, action: str, strategy: str = "alpha", **more: object) -> Said:
    word = Word(action, strategy, "because", "me", **more)  # type: ignore[arg-type]
    return say_by_hand(warehouse, Allocation(), STAGES, word, NOW)


def test_it_is_stored_with_who_why_and_when_and_begins_with_the_session_after_the_last_close(
    duckdb_warehouse: Warehouse,
) -> None:
    said = says(duckdb_warehouse, "set", share=0.25, last=date(2026, 3, 31))
    [row] = duckdb_warehouse.read("manual_shares").to_pylist()
    assert row == {
        **{"event_id": 1, "action": "set", "strategy": "alpha", "share": 0.25, "effective_from": NEXT},
        **{"expires": date(2026, 3, 31), "reason": "because", "who": "me", "recorded_at": STORED},
    }
    assert (said.first, said.held, said.stage) == (NEXT, None, "active")
    assert says(duckdb_warehouse, "unlock").first == NEXT
    assert [row["event_id"] for row in duckdb_warehouse.read("manual_shares").to_pylist()] == [1, 2]


@pytest.mark.parametrize(("decided", "first"), [(BEFORE, NEXT), (DAY, NEXT), (NEXT, next_session(NEXT))])
def test_what_is_decided_stays_and_it_begins_after_the_newest_decision(
    duckdb_warehouse: Warehouse, decided: date, first: date
) -> None:
    duckdb_warehouse.replace("strategy_weights", SessionRange.single(decided), weights(decided, 0.31))
    said = says(duckdb_warehouse, "lock")
    assert (said.first, said.held) == (first, 0.31)
    assert says(duckdb_warehouse, "pause", "beta").held is None


def test_the_share_that_is_told_is_the_newest(duckdb_warehouse: Warehouse) -> None:
    for day, share in ((BEFORE, 0.1), (DAY, 0.2)):
        duckdb_warehouse.replace("strategy_weights", SessionRange.single(day), weights(day, share))
    assert says(duckdb_warehouse, "lock").held == 0.2


def test_what_cannot_be_leaves_no_row(duckdb_warehouse: Warehouse) -> None:
    with pytest.raises(ConfigurationError, match="STRATEGY_UNKNOWN"):
        says(duckdb_warehouse, "lock", "alhpa")
    assert not len(duckdb_warehouse.read("manual_shares"))


def test_any_text_is_text(duckdb_warehouse: Warehouse) -> None:
    say_by_hand(duckdb_warehouse, Allocation(), STAGES, Word("lock", "alpha", " a\0b ", " me\0"), NOW)
    [row] = duckdb_warehouse.read("manual_shares").to_pylist()
    assert (row["reason"], row["who"]) == ("ab", "me")


WORDS = [
    ("set", {"share": 0.25}, "alpha is set to 25.00% from 2026-03-06 on. It has 31.00% now. Shares change by at most"),
    ("set", {"share": 0.0}, "alpha is set to 0.00%"),
    ("set", {"share": 0.25, "last": date(2026, 4, 1)}, "from 2026-03-06 on until 2026-04-01."),
    ("lock", {}, "alpha keeps what it has from 2026-03-06 on. It has 31.00% now."),
    ("pause", {}, "alpha is paused: its share stays in cash from 2026-03-06 on."),
    ("now", {}, "Capital is shared out anew at the close of 2026-03-06. It has 31.00% now. Shares change"),
]


@pytest.mark.parametrize(("action", "more", "told"), WORDS, ids=[told for _, _, told in WORDS])
def test_it_is_told_in_words(action: str, more: dict[str, object], told: str) -> None:
    word = Word(action, "alpha", "because", "me", **more)  # type: ignore[arg-type]
    found = Said(word, NEXT, 0.31, "active").in_words(0.05)
    assert told in found
    assert ("by at most 0.05 a session" in found) == (action != "lock")
    assert "stage" not in found


@pytest.mark.parametrize("action", ["set", "lock", "activate", "unlock", "pause", "now"])
def test_who_has_no_capital_by_its_card_is_told_so_where_it_matters(action: str) -> None:
    found = Said(Word(action, "beta", "because", "me", share=0.2), NEXT, None, "candidate").in_words(0.05)
    assert ("stage: candidate" in found) == (action in ("set", "lock", "activate"))
    assert "It has" not in found
