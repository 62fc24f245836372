"""`portfolio risk` from outside, in a home that has traded: what it shows, refuses, and what follows from it."""

from __future__ import annotations

import pytest

from portfolio_pipeline_tests.cli.conftest import LAST
from portfolio_pipeline_tests.cli.house import House

pytestmark = pytest.mark.timeout(300)
NEXT = "2022-08-15"


def test_what_is_decided_by_hand_holds_from_the_next_session_on(lived_copy: House) -> None:
    code, said = lived_copy.does("risk", "show")
    assert code == 0, said
    assert f"States at the close of {LAST}" in said
    assert all(scope in said for scope in ("portfolio", "account", "strategy:trend_bonds"))
    code, said = lived_copy.does("risk", "override", "--factor", "0", "--reason", "an election")
    assert (code, f"Written: override of portfolio, in force from {NEXT} on." in said) == (0, True), said
    code, said = lived_copy.does("run", "--session", NEXT)
    assert code == 0, said
    targets = lived_copy.wired.warehouse.read("aggregated_targets").to_pandas()
    newest = targets[targets["session"].astype(str) == NEXT]
    assert (newest["weight"].abs().sum(), newest["unresponded_weight"].abs().sum() > 0.1) == (0.0, True)
    assert set(newest.loc[newest["unresponded_weight"] != 0.0, "reason"]) == {"by hand: an election"}
    orders = lived_copy.wired.warehouse.read("orders").to_pandas()
    assert set(orders.loc[orders["session"].astype(str) == NEXT, "side"]) == {"sell"}
    code, said = lived_copy.does("status")
    assert "an election" in said


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("override", "--factor", "50", "--reason", "x"), "FACTOR_IMPOSSIBLE: found=50.0, expected=0 to 1"),
        (("override", "--factor", "0.5"), "Missing option '--reason'"),
        (("override", "--factor", "0.5", "--reason", " "), "REASON_MISSING"),
        (("override", "--factor", "0.5", "--reason", "x", "--scope", "strategy:trend_bond"), "did you mean strategy:"),
        (("override", "--factor", "0.5", "--reason", "x", "--until", "2022-08-01"), "EXPIRES_BEFORE_IT_BEGINS"),
        (("release", "--reason", "x"), "NOTHING_TO_RELEASE"),
        (("review", "--reason", "x"), "Missing option '--cause'"),
        (("relase", "--reason", "x"), "(did you mean release?)"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    lived: House, typed: tuple[str, ...], message: str
) -> None:
    code, said = lived.does("risk", *typed)
    assert (code != 0, message in said, "Traceback" in said) == (True, True, False), said
    assert len(lived.wired.warehouse.read("risk_overrides")) == 0
