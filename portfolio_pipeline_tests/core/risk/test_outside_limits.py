"""A limit and a measure from outside: registered, and then set, measured, cut, checked and refused like any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from portfolio_pipeline.core.books.book import Book, to_cents
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.execution.gate import judge_submission
from portfolio_pipeline.core.execution.orders import plan
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.cutting import limit_session
from portfolio_pipeline.core.risk.exposures import Portfolio
from portfolio_pipeline.core.risk.limits import registry as limits
from portfolio_pipeline.core.risk.limits.check import check_limits
from portfolio_pipeline.core.risk.limits.cutting_room import CuttingRoom
from portfolio_pipeline.core.risk.limits.limit import Caps, PortfolioLimit
from portfolio_pipeline.core.risk.limits.setting import Setting
from portfolio_pipeline.core.risk.measures import registry as measures
from portfolio_pipeline.core.risk.measures.measure import Measure
from portfolio_pipeline.core.risk.measures.rows import risk_metrics
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline_tests.core.risk.test_measures import CLASSES, SYMBOLS, history
from portfolio_pipeline_tests.trading import OPEN, first_sessions, settings
from portfolio_pipeline_tests.trading import SYMBOLS as TRADED

WEIGHTS = st.lists(st.floats(-1, 1), min_size=4, max_size=4)


class TopTwo(PortfolioLimit):
    """The two largest weights together."""

    name = "top_two"
    setting = Setting(default=None, low=0, high=2)
    metric = "top_two_weight"

    def of_whole(self, portfolio: Portfolio) -> float:
        return sum(sorted(map(abs, portfolio.weights.values()), reverse=True)[:2])

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        self.scale_all(room, caps)


class Positions(PortfolioLimit):
    """How many symbols are held. Not convex, so it is only verified."""

    name = "positions"
    setting = Setting(default=None, low=0, high=500, unit="count")
    tolerated = False

    def of_whole(self, portfolio: Portfolio) -> float:
        return float(sum(weight != 0 for weight in portfolio.weights.values()))


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    limits.register(TopTwo())
    limits.register(Positions())
    yield
    del limits.LIMITS["top_two"], limits.LIMITS["positions"]


def test_it_is_set_in_the_settings_within_its_bounds_and_off_without() -> None:
    assert Limits(top_two=0.3).model_dump()["top_two"] == 0.3
    assert check_limits(dict.fromkeys(SYMBOLS, 0.2), CLASSES, Limits()) == ()
    with pytest.raises(ValidationError, match=r"0 to 2 \(a fraction: did you mean 0\.30\?\)"):
        Limits(top_two=30)
    with pytest.raises(ValidationError, match=r"0 to 500$|0 to 500 \["):
        Limits(positions=501)


@given(asked=WEIGHTS, before=WEIGHTS, cap=st.floats(0.05, 1))
def test_weights_are_cut_until_it_and_every_other_limit_holds(
    asked: list[float], before: list[float], cap: float
) -> None:
    house = Limits(top_two=cap, symbol=0.6, gross=1.2, net_minimum=-0.2)
    previous = limit_session(dict(zip(SYMBOLS, before, strict=True)), CLASSES, house, {}).weights
    found = limit_session(dict(zip(SYMBOLS, asked, strict=True)), CLASSES, house, previous)
    assert sum(np.sort(np.abs(list(found.weights.values())))[-2:]) <= cap + 1e-9
    assert check_limits(found.weights, CLASSES, house, previous=previous) == ()


def test_its_cut_is_told_like_any_other() -> None:
    found = limit_session({"SPY": 0.2, "QQQ": 0.2}, CLASSES, Limits(top_two=0.3), {})
    assert found.reasons["SPY"] == "top_two limit 0.3"
    (cut,) = found.cuts
    assert (cut.rule, cut.severity, cut.action) == ("top_two", "cut", "scaled by 0.7500")
    assert str(cut) == "TOP_TWO_LIMIT: subject=portfolio, found=0.4, limit=0.3"


def test_it_is_measured_beside_its_limit() -> None:
    rows = risk_metrics(history(40), 1, CLASSES, Limits(top_two=0.3)).set_index("metric")
    expected = np.sort(history(40).weights[-1])[-2:].sum()
    assert rows.loc["top_two_weight", "value"] == pytest.approx(expected)
    assert rows.loc["top_two_weight", "limit_value"] == 0.3


@pytest.mark.parametrize(("limit", "rule"), [({"top_two": 0.3}, "top_two"), ({"positions": 1}, "positions")])
def test_the_planner_and_the_gate_refuse_what_breaks_it(limit: Mapping[str, float], rule: str) -> None:
    loose = settings(limits=Limits(symbol=1.0, turnover=2.0, asset_class=OPEN))
    tight = settings(limits=Limits(symbol=1.0, turnover=2.0, asset_class=OPEN, **limit))
    (day,) = first_sessions(1)
    targets = {day: SessionTargets(dict.fromkeys(TRADED[:2], 0.3))}
    bars = {day: {symbol: Bar(10.0, 10.0, 10.0, 10.0, 1e6) for symbol in TRADED}}
    book = Book(to_cents(1e6))
    planned = plan("SIMULATED", [day], Book(to_cents(1e6)), targets, bars, loose)
    assert [ticket.verdict for ticket in planned.tickets] == ["accepted", "accepted"]
    gate = judge_submission("SIMULATED", [day], planned.tickets, book, targets, bars, tight)
    assert gate.sendable == ()
    assert f"{rule.upper()}_LIMIT: subject=portfolio" in gate.why(day)
    assert f"targets_{rule}" in {breach.rule for breach in gate.findings[day]}
    refused = plan("SIMULATED", [day], Book(to_cents(1e6)), targets, bars, tight)
    assert {ticket.verdict for ticket in refused.tickets} <= {"refused"}
    assert f"targets_{rule}" in {breach.rule for breach in refused.findings[day]}


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ConfigurationError, match="LIMIT_NAME_TAKEN: found=top_two"):
        limits.register(TopTwo())
    with pytest.raises(ConfigurationError, match="MEASURE_NAME_TAKEN: found=top_weight"):
        measures.register(measures.MEASURES["top_weight"])


def test_a_measure_from_outside_has_its_row_and_sees_its_window_only() -> None:
    def span(past: np.ndarray, portfolio: Portfolio) -> float:
        assert len(past) == 10
        assert set(portfolio.weights) <= set(SYMBOLS)
        return float(past.max() - past.min())

    measure = Measure("span_10d", "span_10d", ("past", "portfolio"), span, window=10, fewest=10)
    measures.register(measure)
    try:
        rows = risk_metrics(history(12), 12, CLASSES, Limits())
        with pytest.raises(ConfigurationError):
            measures.register(replace(measure, metric="other"))
    finally:
        del measures.MEASURES["span_10d"]
    values = rows.loc[rows["metric"] == "span_10d", "value"]
    # The first session has no return, and nine more are too few.
    assert np.isnan(values.to_numpy()).tolist() == [True] * 10 + [False] * 2
