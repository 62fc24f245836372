"""Breaches as rows: the gravest of its kind stands, says what was done, and when it was mended."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pandas as pd
import pytest

from portfolio_pipeline.core.risk.breaches import Breach, Level, Severity, blocking, breach_rows, gravity_of
from portfolio_pipeline.core.tables import RISK_BREACHES
from portfolio_pipeline.core.tables.rows import checked

DAY, NEXT = date(2024, 3, 1), date(2024, 3, 4)


def breach(severity: Severity, subject: str = "AAA", rule: str = "symbol", action: str = "") -> Breach:
    return Breach(subject, rule, severity, 0.5, 0.4, f"{rule} of {subject}: {severity}", action)


def test_only_what_blocks_stops_a_session() -> None:
    found = [breach("warning"), breach("block"), breach("cut"), breach("block", "BBB")]
    assert blocking(found) == (found[1], found[3])
    assert str(found[0]) == "symbol of AAA: warning"


@pytest.mark.parametrize(
    ("rule", "severity", "found", "limit", "gravity"),
    [
        ("drawdown", "cut", 0.3, 0.2, "critical"),
        ("drawdown", "cut", 0.1, 0.2, "critical"),
        ("drawdown", "block", 0.3, 0.2, "critical"),
        ("drawdown", "warning", 0.19, 0.2, "low"),
        ("drawdown", "warning", 0.2, 0.2, "low"),
        ("drawdown", "warning", 0.21, 0.2, "critical"),
        ("drawdown", "warning", None, 0.2, "critical"),
        ("drawdown", "warning", 0.1, None, "critical"),
        ("symbol", "cut", 0.3, 0.2, "low"),
        ("symbol", "block", 0.3, 0.2, "high"),
        ("targets_symbol", "block", 0.3, 0.2, "high"),
    ],
)
def test_how_grave_a_breach_is_follows_from_its_rule_from_what_it_stops_and_from_being_past_the_limit(
    rule: str, severity: Severity, found: float | None, limit: float | None, gravity: str
) -> None:
    assert gravity_of(Breach("AAA", rule, severity, found, limit, "told")) == gravity


@pytest.mark.parametrize("order", list(permutations(["warning", "cut", "block"])))
def test_of_several_of_one_kind_the_gravest_is_kept_whatever_their_order(order: tuple[Severity, ...]) -> None:
    rows = breach_rows({DAY: [breach(severity) for severity in order]}, "orders")
    assert rows["severity"].tolist() == ["block"]
    lighter = [severity for severity in order if severity != "block"]
    assert breach_rows({DAY: [breach(one) for one in lighter]}, "orders")["severity"].tolist() == ["cut"]


def test_another_session_subject_or_rule_is_a_row_of_its_own() -> None:
    rows = breach_rows(
        {DAY: [breach("cut"), breach("cut", "BBB"), breach("cut", rule="net")], NEXT: [breach("cut")]}, "orders"
    )
    assert len(rows) == 4
    assert rows["session"].tolist() == [pd.Timestamp(DAY)] * 3 + [pd.Timestamp(NEXT)]


@pytest.mark.parametrize(
    ("level", "severity", "resolved"),
    [
        ("targets", "cut", True),
        ("targets", "block", False),
        ("targets", "warning", False),
        ("orders", "cut", False),
        ("submission", "block", False),
    ],
)
def test_only_a_cut_of_targets_is_resolved_in_its_own_session(level: Level, severity: Severity, resolved: bool) -> None:
    [row] = checked(RISK_BREACHES, breach_rows({DAY: [breach(severity)]}, level)).to_pylist()
    assert row["resolved_session"] == (DAY if resolved else None)
    assert (row["session"], row["level"], row["subject"], row["rule"]) == (DAY, level, "AAA", "symbol")
    assert (row["found"], row["limit_value"]) == (0.5, 0.4)


def test_what_was_done_is_said_or_follows_from_the_severity() -> None:
    told = {
        severity: breach_rows({DAY: [breach(severity)]}, "orders")["action"].item()
        for severity in ("block", "cut", "warning")
    }
    assert told == {"block": "the session's orders are refused", "cut": "cut", "warning": "reported"}
    assert breach_rows({DAY: [breach("cut", action="halved")]}, "orders")["action"].item() == "halved"


def test_no_breaches_are_no_rows_of_the_same_columns() -> None:
    rows = breach_rows({DAY: []}, "orders")
    assert list(rows.columns) == list(RISK_BREACHES.column_names)
    assert len(checked(RISK_BREACHES, rows)) == 0
