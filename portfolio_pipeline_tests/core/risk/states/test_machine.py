"""States from session to session: every way through them, and what holds on any way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.calendar.sessions import sessions_between
from portfolio_pipeline.core.risk.states.machine import Rule, next_standing
from portfolio_pipeline.core.risk.states.overrides import NONE_TAKEN, Override, Overrides
from portfolio_pipeline.core.risk.states.settings import Responses
from portfolio_pipeline.core.risk.states.standing import WITHOUT_RISK, Standing

DAYS = sessions_between(date(2020, 1, 2), date(2023, 12, 29))
WAY = Responses(recovery=0.05, cool_down=3, steps=4, step_sessions=2)
LIQUIDATE = Rule("drawdown", 0.15, "liquidate", WAY)


def walk(
    returns: Sequence[float],
    rule: Rule = LIQUIDATE,
    overrides: Overrides = NONE_TAKEN,
    before: Standing | None = None,
    first: int = 0,
) -> list[Standing]:
    standing, path = before or Standing(), []
    for place, earned in enumerate(returns):
        equity = standing.equity * (1.0 + earned)
        standing = next_standing(standing, DAYS[first + place], rule, equity, scope="portfolio", overrides=overrides)
        path.append(standing)
    return path


def test_a_crash_walks_through_liquidation_cooling_and_steps_back_to_full_risk() -> None:
    path = walk([0.0, -0.20, 0.05, 0.15, *[0.0] * 12])
    assert [one.state for one in path] == [
        *("normal", "liquidated", "liquidated", "cooling", "cooling", "cooling"),
        *["re_entering"] * 6,
        *["normal"] * 4,
    ]
    assert [one.factor for one in path[6:13]] == [0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0]
    assert path[1].since == DAYS[1]
    assert path[1].found == pytest.approx(0.20)
    assert path[1].limit == 0.15
    assert path[2].since == DAYS[1]
    assert path[2].sessions == 2


def test_at_the_limit_itself_nothing_happens_and_a_hair_beyond_it_does() -> None:
    assert walk([-0.15])[-1].state == "normal"
    assert walk([-0.150001])[-1].state == "liquidated"


def test_the_cool_down_has_to_be_in_a_row() -> None:
    path = walk([-0.20, 0.19, 0.0, -0.02, 0.02, 0.0, 0.0, 0.0])
    assert [one.state for one in path] == [
        *("liquidated", "cooling", "cooling", "liquidated", "cooling", "cooling", "cooling", "re_entering")
    ]


def test_a_new_breach_breaks_the_re_entry_off() -> None:
    path = walk([-0.20, 0.20, 0.0, 0.0, 0.0, 0.0, 0.0, -0.13])
    assert [one.state for one in path[-2:]] == ["re_entering", "liquidated"]
    assert path[-2].factor == 0.5
    assert path[-1].factor == 0.0
    assert path[-1].since == DAYS[7]


def test_after_the_re_entry_a_breach_is_measured_from_the_peak_that_was_nearly_won_back() -> None:
    back = walk([-0.20, 0.20, *[0.0] * 9])
    assert back[-1].state == "normal"
    assert back[-1].drawdown == pytest.approx(0.04)
    assert walk([-0.11], before=back[-1], first=20)[-1].state == "normal"
    assert walk([-0.12], before=back[-1], first=20)[-1].state == "liquidated"


def test_a_paused_strategy_says_paused_and_a_scaled_one_keeps_its_part_until_it_recovers() -> None:
    paused = Rule("strategy_drawdown", 0.10, "pause", WAY)
    assert walk([-0.12], paused)[-1].state == "paused"
    scaled = walk([-0.12, 0.02, 0.08], Rule("strategy_drawdown", 0.10, "scale", WAY))
    assert [(one.state, one.factor) for one in scaled] == [("reduced", 0.5), ("reduced", 0.5), ("normal", 1.0)]


def test_no_new_capital_lets_nothing_grow_and_alert_only_changes_nothing() -> None:
    held = walk([-0.2], Rule("drawdown", 0.15, "no_new_capital", WAY))[-1]
    assert (held.state, held.factor, held.adds) == ("reduced", 1.0, False)
    assert held.restricts
    told = walk([-0.2], Rule("drawdown", 0.15, "alert_only", WAY))[-1]
    assert told.state == "normal"
    assert not told.restricts


def test_without_a_limit_nothing_ever_happens() -> None:
    assert walk([-0.5, -0.5], Rule("drawdown", None, "liquidate", WAY))[-1].state == "normal"


def test_the_last_step_waits_for_a_review_where_one_is_asked_for() -> None:
    asked = Rule("drawdown", 0.15, "liquidate", WAY.model_copy(update={"review": True}))
    returns = [-0.20, 0.20, *[0.0] * 18]
    waiting = walk(returns, asked)
    assert {one.factor for one in waiting[-8:]} == {0.75}
    assert "review" in waiting[-1].release
    reviewed = Overrides((Override("review", "portfolio", DAYS[15], "looked at it"),))
    path = walk(returns, asked, reviewed)
    assert path[14].factor == 0.75
    assert path[15].state == "normal"
    too_early = Overrides((Override("review", "portfolio", DAYS[0], "before anything broke"),))
    assert walk(returns, asked, too_early)[-1].factor == 0.75


def test_a_release_by_hand_begins_the_re_entry_from_a_new_peak() -> None:
    released = Overrides((Override("release", "portfolio", DAYS[2], "the strategies were replaced"),))
    path = walk([-0.30, 0.0, 0.0, -0.05, *[0.0] * 8], overrides=released)
    assert path[2].state == "re_entering"
    assert path[2].factor == 0.25
    assert path[2].drawdown == 0.0
    assert path[2].reason == "the strategies were replaced"
    assert path[-1].state == "normal"


def test_an_override_is_in_force_from_its_session_until_it_expires_and_for_its_scope_alone() -> None:
    half = Overrides((Override("override", "portfolio", DAYS[1], "half for a week", 0.5, DAYS[2]),))
    path = walk([0.0] * 4, overrides=half)
    assert [one.factor for one in path] == [1.0, 0.5, 0.5, 1.0]
    assert [one.state for one in path] == ["normal"] * 4
    other = Overrides((Override("override", "strategy:a", DAYS[1], "half", 0.5, None),))
    assert {one.factor for one in walk([0.0] * 4, overrides=other)} == {1.0}


def test_a_release_takes_an_older_override_back() -> None:
    both = Overrides(
        (
            Override("override", "portfolio", DAYS[0], "out", 0.0, None),
            Override("release", "portfolio", DAYS[2], "in again"),
        )
    )
    assert [one.factor for one in walk([0.0] * 4, overrides=both)] == [0.0, 0.0, 1.0, 1.0]


def test_an_equity_that_cannot_recover_by_itself_follows_another_and_begins_a_new_peak_with_the_re_entry() -> None:
    standing, states = Standing(), []
    for place, (earned, other) in enumerate(
        [(-0.16, 0.12), (0.0, 0.06), (0.0, 0.04), (0.0, 0.04), (0.0, 0.03), (0.0, 0.03), (-0.01, 0.04)]
    ):
        equity = standing.equity * (1.0 + earned)
        standing = next_standing(standing, DAYS[place], LIQUIDATE, equity, scope="account", recovering=other)
        states.append(standing.state)
    assert states == ["liquidated", "liquidated", "cooling", "cooling", "cooling", "re_entering", "re_entering"]
    assert standing.drawdown == pytest.approx(0.01)


walks = st.lists(st.floats(-0.25, 0.25), min_size=1, max_size=120)


@given(
    walks,
    st.sampled_from(["liquidate", "pause", "scale", "no_new_capital", "alert_only"]),
    st.integers(0, 5),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 119),
)
@settings(max_examples=150, deadline=None)
def test_on_any_way_the_state_says_what_is_allowed_and_may_be_gone_on_from_anywhere(
    returns: list[float], response: str, cool_down: int, steps: int, apart: int, cut: int
) -> None:
    way = Responses(cool_down=cool_down, steps=steps, step_sessions=apart)
    rule = Rule("drawdown", 0.15, response, way)  # type: ignore[arg-type]
    path = walk(returns, rule)
    last_breach = -1
    for place, one in enumerate(path):
        assert 0.0 <= one.factor <= 1.0
        assert one.peak >= one.equity > 0
        assert (one.factor == 0.0) == (one.state in WITHOUT_RISK)
        if one.drawdown > 0.1501:
            last_breach = place
            assert one.factor == 0.0 or response in ("scale", "no_new_capital", "alert_only")
        if one.state == "re_entering":
            # Everything before it was waited for: recovered for the whole cool-down.
            since = place - one.sessions
            assert all(was.drawdown <= 0.0501 for was in path[max(since - cool_down + 1, 0) : since + 1])
            assert since - cool_down >= last_breach - 1 or cool_down == 0
    half = min(cut, len(path) - 1)
    assert walk(returns[half:], rule, before=path[half - 1] if half else None, first=half) == path[half:]
