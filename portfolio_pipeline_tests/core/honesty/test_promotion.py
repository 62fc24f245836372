"""The rule of promotion: who rises and falls on what, with how much capital; the same in a range and day by day."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.honesty.promotion import (
    FIRST_CAPITAL,
    GROWING,
    PATIENCE,
    Finding,
    Standing,
    next_standing,
    stage_rows,
)
from portfolio_pipeline.core.strategies.card import Honesty, StrategyCard

LIMITS = Honesty()
GOOD, GREAT = Finding("believed", 9.0, 1.0), Finding("believed", 20.0, 1.0)
OPEN, BAD, RUINED = Finding("unproven", 3.0, 1.0), Finding("doubted", 0.5, 11.0), Finding("doubted", 0.1, 20.0)
FINDINGS = st.sampled_from((GOOD, GREAT, OPEN, BAD, RUINED, Finding("unproven", float("nan"), float("nan"))))
NEXT = {
    "candidate": {"active"},
    "active": {"watched"},
    "watched": {"active", "paused"},
    "paused": {"active"},
}


def card(stage: str = "candidate", **honesty: object) -> StrategyCard:
    written = {"name": "tested", "type": "trend", "description": "for tests", "symbols": {"only": ["SPY"]}}
    return StrategyCard.model_validate(written | {"stage": stage, "honesty": honesty})


def judged(findings: list[Finding], first: int = 0) -> pd.DataFrame:
    """Rows of strategy_honesty as far as the rule reads them."""
    rows = pd.DataFrame(findings, columns=["verdict", "evidence", "loss_evidence"])
    days = pd.bdate_range("2020-01-06", periods=first + len(findings))[first:]
    return rows.assign(session=days.astype("datetime64[s]"))


@pytest.mark.parametrize(
    ("before", "found", "after", "why"),
    [
        (Standing("candidate"), GOOD, "candidate", ""),
        (Standing("candidate"), GREAT, "active", "candidate to active: evidence of gain is 20, promoted at 20"),
        (Standing("candidate"), Finding("unproven", 50.0, 1.0), "candidate", ""),
        (Standing("active"), OPEN, "active", ""),
        (Standing("active"), BAD, "watched", "active to watched: doubted, evidence of loss is 11"),
        (Standing("active"), RUINED, "watched", "active to watched: doubted, evidence of loss is 20"),
        (
            Standing("active", "believed"),
            Finding("unproven", 0.9, 1.0),
            "watched",
            "active to watched: no longer believed, evidence of gain is 0.9",
        ),
        (Standing("watched", "unproven"), OPEN, "watched", ""),
        (Standing("watched", "doubted"), GOOD, "active", "watched to active: believed again, evidence of gain is 9"),
        (Standing("watched", "doubted", PATIENCE - 1), BAD, "watched", ""),
        (Standing("watched", "doubted", PATIENCE), Finding("doubted", 0.9, 1.9), "watched", ""),
        (
            Standing("watched", "doubted", PATIENCE),
            BAD,
            "paused",
            f"watched to paused: doubted after {PATIENCE} sessions on watch, evidence of loss is 11",
        ),
        (
            Standing("watched", "doubted", 1),
            RUINED,
            "paused",
            "watched to paused: evidence of loss is 20, paused at 20",
        ),
        (Standing("paused"), GOOD, "paused", ""),
        (Standing("paused"), GREAT, "active", "paused to active: evidence of gain is 20, promoted at 20"),
    ],
)
def test_a_stage_changes_for_a_reason_with_its_figures(before: Standing, found: Finding, after: str, why: str) -> None:
    standing, reason = next_standing(LIMITS, before, found)
    assert (standing.stage, reason) == (after, why)
    assert standing.sessions == (before.sessions + 1 if after == before.stage else 1)
    assert standing.verdict == found.verdict


def test_capital_grows_from_its_first_part_to_all_of_it_while_the_strategy_is_believed() -> None:
    standing, _ = next_standing(LIMITS, Standing.of_card("candidate"), GREAT)
    assert standing.capital == FIRST_CAPITAL
    standing, _ = next_standing(LIMITS, standing, OPEN)  # from believed: to watched, with what it has
    assert (standing.stage, standing.capital) == ("watched", FIRST_CAPITAL)
    grown = []
    for _ in range(GROWING + 2):
        standing, _ = next_standing(LIMITS, standing, GOOD)
        grown.append(standing.capital)
    assert grown[0] == FIRST_CAPITAL
    assert grown[1] == pytest.approx(FIRST_CAPITAL + (1 - FIRST_CAPITAL) / GROWING)
    assert grown[-1] == 1.0


@given(findings=st.lists(FINDINGS, min_size=1, max_size=400), stage=st.sampled_from(("candidate", "active")))
@settings(max_examples=100, deadline=None)
def test_nobody_skips_a_stage_and_capital_belongs_to_the_stage(findings: list[Finding], stage: str) -> None:
    standing = Standing.of_card(stage)  # type: ignore[arg-type]
    for found in findings:
        before, (standing, reason) = standing, next_standing(LIMITS, standing, found)
        assert standing.stage == before.stage or standing.stage in NEXT[before.stage]
        assert (reason != "") == (standing.stage != before.stage)
        assert (standing.capital == 0.0) == (standing.stage in ("candidate", "paused"))
        if standing.stage == "active" != before.stage:
            assert found.verdict == "believed"
        assert not (before.stage in ("candidate", "paused") and found.evidence < LIMITS.promoted_at) or (
            standing.capital == 0.0
        )


@given(findings=st.lists(FINDINGS, min_size=2, max_size=60), cuts=st.sets(st.integers(1, 59)), acts=st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_range_is_its_sessions_one_by_one(findings: list[Finding], cuts: set[int], acts: bool) -> None:
    whole = stage_rows(card(), judged(findings), None, acts=acts)
    edges, before, parts = [0, *sorted(cut for cut in cuts if cut < len(findings)), len(findings)], None, []
    for first, last in pairwise(edges):
        part = stage_rows(card(), judged(findings[first:last], first), before, acts=acts)
        parts.append(part)
        before = part.iloc[-1].to_dict()
    found = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(found, whole, check_exact=True, check_dtype=False)


def test_the_rule_is_told_where_the_settings_suggest_and_in_force_where_they_act() -> None:
    findings = [OPEN, GREAT, GOOD, BAD, RUINED]
    told, acted = (stage_rows(card(), judged(findings), None, acts=acts) for acts in (False, True))
    stages = ["candidate", "active", "active", "watched", "paused"]
    assert told["rule_stage"].tolist() == acted["rule_stage"].tolist() == acted["stage"].tolist() == stages
    assert told["previous_rule_stage"].tolist() == ["candidate", *stages[:-1]]
    assert set(told["stage"]) == {"candidate"}
    assert set(told["capital"]) == {0.0}
    assert not told["takes_new_capital"].any()
    assert acted["takes_new_capital"].tolist() == [False, True, True, False, False]
    np.testing.assert_allclose(acted["capital"], [0, 0.25, 0.25 + 0.75 / 252, 0.25 + 0.75 / 252, 0])
    assert (told["reason"] == acted["reason"]).all()


def test_an_active_card_has_all_of_its_capital_and_doubt_stops_more_where_the_card_says_so() -> None:
    for what, takes in (("report", True), ("no_new_capital", False)):
        rows = stage_rows(card("active", when_doubted=what), judged([OPEN, BAD]), None, acts=False)
        assert rows["takes_new_capital"].tolist() == [True, takes]
        assert rows["capital"].tolist() == [1.0, 1.0]


def test_a_card_changed_by_hand_begins_anew_where_it_was_put() -> None:
    before = stage_rows(card("active"), judged([BAD, RUINED]), None, acts=True).iloc[-1].to_dict()
    assert before["stage"] == "paused"
    as_it_was = stage_rows(card("active"), judged([OPEN], 2), before, acts=True).iloc[0]
    assert (as_it_was["stage"], as_it_was["capital"]) == ("paused", 0.0)
    candidate = stage_rows(card("candidate"), judged([OPEN], 2), before, acts=True).iloc[0].to_dict()
    assert candidate["stage"] == "candidate"
    active = stage_rows(card("active"), judged([OPEN], 3), candidate, acts=True).iloc[0]
    assert (active["stage"], active["capital"]) == ("active", 1.0)
