"""Where a path-dependent table may go on from."""

from __future__ import annotations

from datetime import date

import pytest

from portfolio_pipeline.core.calendar.continuity import previous_state_session, require_joined
from portfolio_pipeline.core.errors import SessionError


def test_an_empty_table_begins_with_nothing() -> None:
    assert previous_state_session(date(2024, 7, 5), None) is None


def test_the_session_before_is_gone_on_from_also_over_a_holiday() -> None:
    assert previous_state_session(date(2024, 7, 5), date(2024, 7, 3)) == date(2024, 7, 3)


def test_a_gap_is_refused_with_the_command_that_closes_it() -> None:
    with pytest.raises(
        SessionError, match="PREVIOUS_SESSION_MISSING: found=2024-06-28, expected=2024-07-03"
    ) as refusal:
        previous_state_session(date(2024, 7, 5), date(2024, 6, 28))
    assert "portfolio backfill --from 2024-07-01 --to 2024-07-05" in str(refusal.value)
    assert "portfolio run --session 2024-07-01 --only fills,positions,metrics" in str(refusal.value)


@pytest.mark.parametrize("last", [date(2024, 7, 3), date(2024, 7, 5), date(2024, 7, 8)])
def test_a_range_that_ends_right_before_the_history_or_in_it_leaves_no_hole(last: date) -> None:
    require_joined(last, date(2024, 7, 5))
    require_joined(last, None)


def test_a_range_that_would_leave_a_hole_before_the_history_is_refused_with_how_to_go_back() -> None:
    with pytest.raises(SessionError, match=r"LATER_SESSIONS_MISSING.*--from 2024-07-02 --to 2024-07-03"):
        require_joined(date(2024, 7, 2), date(2024, 7, 5))
