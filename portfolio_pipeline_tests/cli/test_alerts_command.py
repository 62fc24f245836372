"""`portfolio alerts`, as it is typed: every recipient is tried, and nobody learns a secret from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from portfolio_pipeline_tests.cli.house import House
from portfolio_pipeline_tests.fakes.web_hook import web_hook

SECRET = "token-0123456789"


@pytest.mark.timeout(120)
def test_a_trial_reaches_whoever_is_named_and_says_who_could_not_be_reached(tmp_path: Path) -> None:
    with web_hook() as hook:
        reached = f"{hook.url}/{SECRET}"
        code, said = House(tmp_path, ALERT_URL_ME=reached).does("alerts", "test")
        assert (code, [taken["title"] for taken in hook.taken]) == (0, ["[low] A trial"]), said
        assert "me: taken" in said
        gone = f"json://127.0.0.1:9/{SECRET}?cto=0.5&rto=1"
        code, said = House(tmp_path, ALERT_URL_ME=reached, ALERT_URL_PHONE=gone).does("alerts", "test")
    assert (code, len(hook.taken)) == (1, 2), said
    assert "ALERT_NOT_TAKEN: recipient=phone" in said
    assert SECRET not in said
    assert "Traceback" not in said


@pytest.mark.timeout(120)
def test_a_home_without_alerts_says_who_would_be_told(tmp_path: Path) -> None:
    house = House(tmp_path / "home", ALERT_URL_ME=f"json://127.0.0.1:9/{SECRET}")
    assert house.does("doctor")[0] == 1  # nothing was computed, but the home is prepared
    code, said = house.does("alerts", "list")
    assert code == 0, said
    assert "log from low on, me from high on" in said
    assert SECRET not in said
