"""The portfolio's state along its paper: carried on, compared with what is stored, obeyed by targets, and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from portfolio_pipeline.core.calendar.sessions import sessions_between
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.cutting import LimitedTargets
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.machine import Rule
from portfolio_pipeline.core.risk.states.obeyed import beyond, same_standing
from portfolio_pipeline.core.risk.states.of_portfolio import portfolio_path, portfolio_rule, with_cuts
from portfolio_pipeline.core.risk.states.rows import breaches_of, standing_of, state_rows
from portfolio_pipeline.core.risk.states.settings import Responses
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.tables import RISK_STATES
from portfolio_pipeline.core.tables.rows import checked

DAYS = sessions_between(date(2020, 1, 2), date(2020, 12, 31))
WAY = Responses(recovery=0.05, cool_down=2, steps=2, step_sessions=1)
RULE = Rule("drawdown", 0.15, "liquidate", WAY)
OUT = Standing("liquidated", DAYS[0], 3, 0, 0.0, False, 0.8, 1.0, "drawdown", 0.2, 0.15, release="later")


def test_the_rule_of_the_portfolio_is_its_limit_on_drawdown() -> None:
    rule = portfolio_rule(Limits(drawdown=0.12), WAY)
    assert (rule.name, rule.limit) == ("drawdown", 0.12)
    assert portfolio_rule(Limits(drawdown=None), WAY).limit is None


def test_a_path_compounds_what_paper_earned_and_is_the_same_session_by_session() -> None:
    earned = np.array([0.0, -0.2, 0.1, 0.1, 0.05, 0.0, 0.0, 0.0, 0.0])
    path = portfolio_path(None, DAYS[: len(earned)], earned, RULE)
    assert [one.equity for one in path] == pytest.approx(np.cumprod(1.0 + earned).tolist())
    assert {one.state for one in path} == {"normal", "liquidated", "cooling", "re_entering"}
    before, one_by_one = None, []
    for session, gain in zip(DAYS, earned, strict=False):
        [before] = portfolio_path(before, [session], np.array([gain]), RULE)
        one_by_one.append(before)
    assert one_by_one == path


def test_a_state_of_another_rule_is_gone_on_from_as_if_it_had_been_normal() -> None:
    other = replace(OUT, rule="gross", state="reduced", factor=1.0, adds=True)
    [now] = portfolio_path(other, DAYS[:1], np.array([0.0]), RULE)
    assert now.state == "liquidated"  # for its drawdown is 20 %
    assert (now.sessions, now.since, now.rule) == (1, DAYS[0], "drawdown")
    [calm] = portfolio_path(replace(other, equity=1.0), DAYS[:1], np.array([0.0]), RULE)
    assert (calm.state, calm.rule) == ("normal", "")
    [same] = portfolio_path(OUT, DAYS[1:2], np.array([0.0]), RULE)
    assert (same.state, same.sessions, same.since) == ("liquidated", 4, DAYS[0])


def cut(rule: str, severity: str = "cut", found: float | None = 1.2, limit: float | None = 1.0) -> Breach:
    gravity = "low" if rule == "symbol" else "high"
    return Breach("portfolio", rule, severity, found, limit, "told", gravity=gravity)  # type: ignore[arg-type]


def limited(*cuts: Breach) -> LimitedTargets:
    return LimitedTargets({}, tuple(cuts), {})


def test_a_grave_cut_reduces_a_normal_session_and_no_other() -> None:
    normal, days = Standing(), DAYS[:5]
    targets = [
        limited(cut("symbol")),
        limited(cut("symbol"), cut("gross", found=1.23456, limit=1.0)),
        limited(cut("gross")),
        limited(cut("volatility", found=None, limit=None)),
        limited(cut("gross", "warning")),
    ]
    path = with_cuts(None, days, [normal] * 5, targets)
    assert [one.state for one in path] == ["normal", "reduced", "reduced", "reduced", "normal"]
    assert [(one.rule, one.since, one.sessions) for one in path[1:4]] == [
        ("gross", days[1], 1),
        ("gross", days[1], 2),
        ("volatility", days[3], 1),
    ]
    assert (path[1].found, path[1].limit) == (1.23456, 1.0)
    assert path[1].release == "gross of what is asked for at 1 or less"
    assert (path[3].found, path[3].limit) == (0.0, 0.0)
    # What was before a range counts as what was before within one.
    assert with_cuts(path[1], days[2:], [normal] * 3, targets[2:]) == path[2:]
    assert with_cuts(None, days[:1], [OUT], targets[1:2]) == [OUT]


@pytest.mark.parametrize(
    ("standing", "weight", "most"),
    [
        (Standing(), 9.0, None),
        (Standing(factor=0.5), 0.1, None),
        (Standing(factor=0.5), 0.11, 0.1),
        (Standing(factor=0.5), -0.11, 0.1),
        (Standing(factor=0.0, adds=False), 0.01, 0.0),
        (Standing(adds=False), 0.05, None),
        (Standing(adds=False), -0.05, None),
        (Standing(adds=False), 0.06, 0.05),
        (Standing(factor=0.2, adds=False), 0.05, 0.04),
        (Standing(adds=False), float("nan"), 0.05),
    ],
)
def test_a_weight_is_beyond_a_state_that_leaves_less_of_what_was_asked_for_or_was_there(
    standing: Standing, weight: float, most: float | None
) -> None:
    found = beyond({"BBB": 0.0, "AAA": weight}, {"AAA": -0.2}, {"AAA": -0.05}, standing)
    assert [symbol for symbol, *_ in found] == ([] if most is None else ["AAA"])
    if most is not None:
        assert found[0][2] == pytest.approx(most)
    assert beyond({"NEW": 0.01}, {}, {}, Standing(factor=0.5)) == [("NEW", 0.01, 0.0)]


def test_a_stored_row_is_what_paper_leads_to_or_what_a_limit_of_the_session_has_reduced() -> None:
    normal = Standing(equity=1.1, peak=1.2)
    reduced = normal.held_by("gross", None, DAYS[0], 1.2, 1.0, "later")
    assert same_standing(normal, normal, RULE)
    assert same_standing(reduced, normal, RULE)
    assert not same_standing(replace(reduced, equity=1.0), normal, RULE)
    assert not same_standing(replace(reduced, factor=0.5), normal, RULE)
    assert not same_standing(reduced, OUT, RULE)
    assert not same_standing(normal, OUT, RULE)
    own = replace(reduced, rule="drawdown")
    assert not same_standing(own, normal, RULE)
    assert same_standing(own, own, RULE)


def test_what_is_written_is_what_is_read() -> None:
    standings = [OUT, replace(Standing(), since=DAYS[1], reviewed=True, reason="me"), replace(OUT, step=2, adds=True)]
    rows = state_rows([(day, "portfolio", one) for day, one in zip(DAYS, standings, strict=False)], "portfolio")
    read = checked(RISK_STATES, rows).to_pylist()
    assert [standing_of(row) for row in read] == standings
    assert [(row["session"], row["level"]) for row in read] == [(day, "portfolio") for day in DAYS[:3]]
    assert read[0]["drawdown"] == pytest.approx(0.2)
    [begun] = checked(RISK_STATES, state_rows([(DAYS[2], "x", Standing())], "portfolio")).to_pylist()
    assert begun["since"] == DAYS[2]


def said(before: Standing | None, now: Standing, rule: Rule = RULE) -> list[tuple[str, str, float | None, str]]:
    return [
        (one.rule, one.severity, one.limit, one.action) for one in breaches_of(DAYS[5], "portfolio", rule, before, now)
    ]


def test_what_is_answered_near_or_over_is_told() -> None:
    calm, fallen = Standing(), Standing(equity=0.8)
    assert said(None, OUT) == [("drawdown", "cut", 0.15, OUT.told())]
    reduced = calm.held_by("gross", None, DAYS[0], 1.2, 1.0, "later")
    assert said(None, reduced) == [("gross", "cut", 1.0, reduced.told())]
    [over] = breaches_of(DAYS[5], "portfolio", RULE, OUT, calm)
    assert (over.rule, over.severity, over.action, over.resolved) == (
        *("drawdown", "warning", "over: back to full risk"),
        DAYS[5],
    )
    assert said(calm, calm) == said(None, calm) == []
    reports = replace(RULE, response="alert_only")
    assert said(None, fallen, reports) == [("drawdown", "warning", 0.15, "reported: the settings ask for no more")]
    assert said(None, Standing(equity=0.86)) == [("drawdown", "warning", 0.15, "reported: near the limit")]
    [told] = breaches_of(DAYS[5], "strategy:a", RULE, None, OUT)
    assert (told.subject, told.message, told.lasts, told.resolved) == (
        *("strategy:a", "DRAWDOWN: subject=strategy:a, found=0.2, limit=0.15"),
        *(True, None),
    )


def test_a_reason_of_a_person_is_told_before_figures() -> None:
    assert OUT.told() == f"liquidated since {DAYS[0]}: drawdown 0.2, limit 0.15"
    assert replace(OUT, found=None).told() == f"liquidated since {DAYS[0]}: drawdown"
    assert replace(OUT, reason="enough").told() == "by hand: enough"
