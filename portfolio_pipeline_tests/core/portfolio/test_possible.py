"""Settings of the allocation that cannot hold together are refused when they are read, with the figures that clash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import PACKAGE_ROOT, read_environment
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio.allocation.possible import require_possible
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

NAMES = tuple(f"s{k}" for k in range(11))


def refused(count: int, **written: Any) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        require_possible(NAMES, NAMES[:count], Allocation.model_validate(written))
    return str(refusal.value)


@pytest.mark.parametrize(
    ("count", "written", "told"),
    [
        (
            11,
            {"minimum": 0.10},
            "allocation.minimum, found=11 x 0.1 = 1.1 of the active .*expected=at most 1",
        ),
        (3, {"maximum": 0.30, "fully_invested": True}, "allocation.maximum, found=3 x 0.3 = 0.9 of the active"),
        (2, {"minimum": 0.4, "locked": {"s0": 0.7}}, "allocation.minimum, found=0.7 + 0.4 = 1.1"),
        (2, {"bounds": {"s0": {"minimum": 0.4}}, "minimum": 0.61, "maximum": 0.7}, "found=0.4 + 0.61 = 1.01"),
        (
            3,
            {"minimum": 0.2, "groups": {"two": {"strategies": ["s0", "s1"], "maximum": 0.3}}},
            "allocation.groups.two.maximum, found=smallest shares .*2 x 0.2 = 0.4, expected=at most 0.3",
        ),
        (
            3,
            {"maximum": 0.2, "groups": {"two": {"strategies": ["s0", "s1"], "minimum": 0.5}}},
            "allocation.groups.two.minimum, found=largest shares .*2 x 0.2 = 0.4, expected=0.5 or more",
        ),
        (
            4,
            {
                "maximum": 1.0,
                "groups": {
                    "one": {"strategies": ["s0", "s1"], "minimum": 0.6},
                    "two": {"strategies": ["s2", "s3"], "minimum": 0.5},
                },
            },
            "allocation.groups, found=one 0.6 to 1; two 0.5 to 1, smallest shares 4 x 0.05 = 0.2",
        ),
        (
            4,
            {
                "maximum": 1.0,
                "fully_invested": True,
                "groups": {
                    "one": {"strategies": ["s0", "s1"], "maximum": 0.5},
                    "two": {"strategies": ["s2", "s3"], "maximum": 0.4},
                },
            },
            "expected=shares of 1, to be fully_invested",
        ),
        (3, {"locked": {"nobody": 0.1}}, "UNKNOWN_STRATEGY: found=allocation.locked: nobody"),
        (3, {"bounds": {"nobody": {"maximum": 0.1}}}, "found=allocation.bounds: nobody"),
        (3, {"groups": {"g": {"strategies": ["s00"]}}}, r"found=allocation.groups.g: s00"),
        (3, {"risk_budgets": {"bonds": 0.5}}, "found=allocation.risk_budgets: bonds, expected=.*did you mean bond?"),
    ],
)
def test_what_cannot_hold_together_is_told_with_its_figures(count: int, written: dict[str, Any], told: str) -> None:
    found = refused(count, **written)
    for part in told.split(".*"):
        assert part in found


@pytest.mark.parametrize(
    ("count", "written"),
    [
        (10, {"minimum": 0.10}),
        (3, {"maximum": 0.30}),
        (4, {"maximum": 0.25, "fully_invested": True}),
        (11, {"minimum": 0.1, "locked": {"s0": "while_invested"}}),
        (0, {"minimum": 0.4}),
        (2, {"groups": {"absent": {"strategies": ["s9"], "minimum": 0.3}}}),
        (3, {"risk_budgets": {"bond": 0.5, "several": 0.2, "s1": 0.3}}),
    ],
)
def test_what_can_hold_together_is_taken(count: int, written: dict[str, Any]) -> None:
    require_possible(NAMES, NAMES[:count], Allocation.model_validate(written))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"bounds": {"a": {"minimum": 0.5}}}, "minimum 0.5 of a is above its maximum 0.4"),
        ({"groups": {"g": {"strategies": ["a"], "minimum": 0.5, "maximum": 0.4}}}, "minimum 0.5 is above maximum 0.4"),
        ({"members": ["equal", "ensemble"]}, "an ensemble cannot be a member of itself"),
        ({"members": ["equall"]}, "did you mean equal"),
        ({"groups": {"g": {"strategies": []}}}, "at least 1 item"),
    ],
)
def test_settings_that_contradict_themselves_are_refused_without_any_strategy(written: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Allocation.model_validate(written)


def test_the_cards_are_not_loaded_beside_settings_that_they_cannot_have(tmp_path: Path) -> None:
    shipped = (PACKAGE_ROOT / "portfolio.yaml").read_text(encoding="utf-8")
    (tmp_path / "portfolio.yaml").write_text(shipped.replace("minimum: 0.05", "minimum: 0.25"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"ALLOCATION_IMPOSSIBLE: .*5 x 0\.25 = 1\.25 .*at most 1"):
        load_cards(read_environment({"DAGSTER_HOME": str(tmp_path)}))
