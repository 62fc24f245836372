"""Netting and cutting: whatever is asked for, every limit holds at the end, and every cut says why."""

from __future__ import annotations

from time import process_time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.portfolio.netting import net, target_rows
from portfolio_pipeline.core.risk.cutting import limit_path, limit_session
from portfolio_pipeline.core.risk.exposures import only_shrinks, turnover
from portfolio_pipeline.core.risk.limits.check import check_limits
from portfolio_pipeline.core.risk.limits.of_turnover import ONLY_SHRINKS, TURNOVER
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.standing import Standing

SYMBOLS = ("SPY", "QQQ", "IEF", "TLT", "GLD")
CLASSES = {"SPY": "equity", "QQQ": "equity", "IEF": "bond", "TLT": "bond", "GLD": "commodity"}
WEIGHTS = st.lists(st.floats(-2, 2), min_size=5, max_size=5)
DAYS = np.arange(np.datetime64("2024-01-02"), np.datetime64("2024-01-05"))


def by_symbol(weights: list[float]) -> dict[str, float]:
    return dict(zip(SYMBOLS, weights, strict=True))


@st.composite
def some_limits(draw: st.DrawFn) -> Limits:
    return Limits(
        gross=draw(st.floats(0.2, 3)),
        net=draw(st.floats(0.1, 2)),
        net_minimum=draw(st.floats(-1, 0)),
        symbol=draw(st.floats(0.05, 1)),
        short=draw(st.sampled_from([0.0, 0.3, 2.0])),
        asset_class={"equity": draw(st.floats(0.1, 1)), "bond": draw(st.floats(0.1, 1)), "commodity": 2.0},
        turnover=draw(st.floats(0.05, 2)),
    )


@given(asked=WEIGHTS, before=WEIGHTS, limits=some_limits(), earlier=some_limits())
@settings(max_examples=300, deadline=None)
def test_every_limit_holds_whatever_is_asked_for_and_whatever_was_held(
    asked: list[float], before: list[float], limits: Limits, earlier: Limits
) -> None:
    # Yesterday's targets held yesterday's limits, which need not be today's.
    previous = limit_session(by_symbol(before), CLASSES, earlier, by_symbol([0.0] * 5)).weights
    found = limit_session(by_symbol(asked), CLASSES, limits, previous)
    breaches = check_limits(found.weights, CLASSES, limits, previous=previous)
    assert [breach for breach in breaches if breach.severity == "block"] == []
    if breaches:  # turnover alone may be left above its limit, and only to come back into the others
        assert found.cuts[-1].action == ONLY_SHRINKS or turnover(found.weights, previous) > (TURNOVER.cap(limits) or 0)
        assert only_shrinks(found.weights, previous)
        assert check_limits(previous, CLASSES, limits) != ()


@given(asked=WEIGHTS, limits=some_limits())
@settings(max_examples=150, deadline=None)
def test_without_a_turnover_limit_cutting_only_shrinks_and_never_turns_a_position(
    asked: list[float], limits: Limits
) -> None:
    limits = limits.model_copy(update={"turnover": 100.0})
    wanted = by_symbol(asked)
    found = limit_session(wanted, CLASSES, limits, {})
    assert only_shrinks(found.weights, wanted)


@given(asked=WEIGHTS, before=WEIGHTS, limits=some_limits())
@settings(max_examples=150, deadline=None)
def test_a_symbol_has_a_reason_exactly_when_its_weight_was_cut(
    asked: list[float], before: list[float], limits: Limits
) -> None:
    previous = limit_session(by_symbol(before), CLASSES, limits, {}).weights
    found = limit_session(by_symbol(asked), CLASSES, limits, previous)
    for symbol, wanted in by_symbol(asked).items():
        if abs(found.weights[symbol] - wanted) > 1e-9:
            assert found.reasons[symbol]
        elif not found.cuts:
            assert symbol not in found.reasons
    assert bool(found.reasons) <= bool(found.cuts)


@given(asked=WEIGHTS, limits=some_limits())
@settings(max_examples=80, deadline=None)
def test_asking_for_the_same_again_and_again_arrives_and_stays(asked: list[float], limits: Limits) -> None:
    arrived = limit_session(by_symbol(asked), CLASSES, limits.model_copy(update={"turnover": 100.0}), {}).weights
    weights: dict[str, float] = {}
    for _ in range(100):
        weights = limit_session(by_symbol(asked), CLASSES, limits, weights).weights
    assert weights == pytest.approx(arrived, abs=1e-9)


def test_cuts_are_explained_symbol_by_symbol() -> None:
    limits = Limits(symbol=0.4, asset_class={"equity": 0.6, "bond": 2.0}, turnover=2.0)
    found = limit_session({"SPY": 0.5, "QQQ": 0.4, "IEF": 0.1}, CLASSES, limits, {})
    assert found.weights == pytest.approx({"SPY": 0.3, "QQQ": 0.3, "IEF": 0.1})
    assert found.reasons == {"SPY": "symbol limit 0.4; equity limit 0.6", "QQQ": "equity limit 0.6"}
    clipped, scaled = found.cuts
    assert (clipped.subject, clipped.rule, clipped.found, clipped.limit) == ("SPY", "symbol", 0.5, 0.4)
    assert (scaled.subject, scaled.rule, scaled.found, scaled.limit) == ("equity", "asset_class", 0.8, 0.6)


WIDE = {"symbol": 1.0, "gross": 4.0, "margin": 2.0, "net": 4.0, "net_minimum": -4.0, "short": 4.0, "turnover": 4.0}
CUTS: list[
    tuple[dict[str, float], dict[str, float], dict[str, float], tuple[str, str, float, float, str], dict[str, str]]
] = [
    (
        {"symbol": 0.4},
        {"SPY": -0.5, "IEF": 0.4},
        {"SPY": -0.4, "IEF": 0.4},
        ("SPY", "symbol", 0.5, 0.4, "clipped to -0.4000"),
        {"SPY": "symbol limit 0.4"},
    ),
    (
        {},
        {"OLD": -0.1, "IEF": 0.4},
        {"OLD": 0.0, "IEF": 0.4},
        ("OLD", "universe", 0.1, 0.0, "clipped to 0.0000"),
        {"OLD": "outside the universe"},
    ),
    (
        {"gross": 0.5},
        {"SPY": 0.6, "IEF": -0.2, "TLT": 0.2, "GLD": 0.0},
        {"SPY": 0.3, "IEF": -0.1, "TLT": 0.1, "GLD": 0.0},
        ("portfolio", "gross", 1.0, 0.5, "scaled by 0.5000"),
        dict.fromkeys(("SPY", "IEF", "TLT"), "gross limit 0.5"),
    ),
    (
        {"margin": 0.15},
        {"SPY": 0.6, "IEF": -0.2, "TLT": 0.2},
        {"SPY": 0.3, "IEF": -0.1, "TLT": 0.1},
        ("portfolio", "margin", 0.3, 0.15, "scaled by 0.5000"),
        dict.fromkeys(("SPY", "IEF", "TLT"), "margin limit 0.15"),
    ),
    (
        {"short": 0.1},
        {"SPY": 0.6, "IEF": -0.2, "TLT": -0.2},
        {"SPY": 0.6, "IEF": -0.05, "TLT": -0.05},
        ("portfolio", "short", 0.4, 0.1, "scaled by 0.2500"),
        dict.fromkeys(("IEF", "TLT"), "short limit 0.1"),
    ),
    (
        {"net": 0.2},
        {"SPY": 0.4, "QQQ": 0.2, "TLT": -0.2},
        {"SPY": 0.8 / 3, "QQQ": 0.4 / 3, "TLT": -0.2},
        ("portfolio", "net", 0.4, 0.2, "scaled by 0.6667"),
        dict.fromkeys(("SPY", "QQQ"), "net limit 0.2"),
    ),
    (
        {"net_minimum": -0.1},
        {"SPY": 0.1, "IEF": -0.3, "TLT": -0.1},
        {"SPY": 0.1, "IEF": -0.15, "TLT": -0.05},
        ("portfolio", "net_minimum", -0.3, -0.1, "scaled by 0.5000"),
        dict.fromkeys(("IEF", "TLT"), "net minimum -0.1"),
    ),
    (
        {"turnover": 0.2},
        {"SPY": 0.3, "TLT": 0.1, "GLD": 0.1},
        {"SPY": 0.15, "TLT": 0.05, "GLD": 0.1},
        ("portfolio", "turnover", 0.4, 0.2, "trades scaled by 0.5000"),
        dict.fromkeys(("SPY", "TLT"), "turnover limit 0.2"),
    ),
]


@pytest.mark.parametrize(("limits", "asked", "left", "cut", "reasons"), CUTS)
def test_each_limit_cuts_just_what_is_past_it_and_says_so(
    limits: dict[str, float],
    asked: dict[str, float],
    left: dict[str, float],
    cut: tuple[str, str, float, float, str],
    reasons: dict[str, str],
) -> None:
    wide = Limits(**WIDE | limits, asset_class=dict.fromkeys(set(CLASSES.values()), 2.0))
    before = {"GLD": 0.1} if "turnover" in limits else {}
    found = limit_session(asked, CLASSES, wide, before)
    assert found.weights == pytest.approx(left, abs=1e-12)
    assert found.reasons == reasons
    [told] = found.cuts
    assert told.found == pytest.approx(cut[2])
    assert (told.subject, told.rule, told.limit, told.action) == (*cut[:2], *cut[3:])
    assert told.severity == "cut"


# What is outside the universe, the case without limits, cannot be let pass.
@pytest.mark.parametrize(("limits", "asked", "cut"), [(case[0], case[1], case[3]) for case in CUTS if case[0]])
def test_what_the_settings_only_report_is_told_and_left_as_it_is(
    limits: dict[str, float], asked: dict[str, float], cut: tuple[str, str, float, float, str]
) -> None:
    subject, rule, found, cap, _ = cut
    wide = Limits(**WIDE | limits, asset_class=dict.fromkeys(set(CLASSES.values()), 2.0), alert_only=(rule,))  # type: ignore[arg-type]
    before = {"GLD": 0.1} if "turnover" in limits else {}
    kept = limit_session(asked, CLASSES, wide, before)
    assert (kept.weights, kept.reasons) == ({**dict.fromkeys(before, 0.0), **asked}, {})
    [told] = kept.cuts
    assert (told.subject, told.rule, told.severity, told.limit) == (subject, rule, "warning", cap)
    assert told.found == pytest.approx(found)
    assert told.action == "reported: the settings ask for no more"
    checked = check_limits(asked, CLASSES, wide, previous=before)
    assert checked == kept.cuts


@pytest.mark.parametrize("name", ["simbol", "finite", "order_notional", "drawdown"])
def test_only_limits_of_targets_can_be_reported_alone(name: str) -> None:
    with pytest.raises(ValidationError, match="symbol"):
        Limits(alert_only=(name,))  # type: ignore[arg-type]


def test_what_is_just_at_its_limit_is_left_alone() -> None:
    tight = Limits(
        symbol=0.3,
        gross=0.8,
        net=0.4,
        net_minimum=-0.4,
        short=0.2,
        turnover=0.8,
        asset_class=dict.fromkeys(set(CLASSES.values()), 0.5),
    )
    asked = {"SPY": 0.3, "IEF": 0.3, "TLT": -0.2}
    found = limit_session(asked, CLASSES, tight, {})
    assert (found.weights, found.cuts, found.reasons) == (asked, (), {})


def test_a_class_is_cut_to_its_own_limit_and_the_others_are_left_alone() -> None:
    limits = Limits(**WIDE | {"asset_class": {"equity": 0.3, "bond": 0.4}})
    found = limit_session({"SPY": 0.4, "QQQ": -0.2, "IEF": 0.4, "GLD": 0.1}, CLASSES, limits, {})
    assert found.weights == pytest.approx({"SPY": 0.2, "QQQ": -0.1, "IEF": 0.4, "GLD": 0.0})
    assert [(cut.subject, cut.found, cut.limit, cut.action) for cut in found.cuts] == [
        ("commodity", 0.1, 0.0, "scaled by 0.0000"),
        ("equity", pytest.approx(0.6), 0.3, "scaled by 0.5000"),
    ]
    assert found.reasons == {"SPY": "equity limit 0.3", "QQQ": "equity limit 0.3", "GLD": "commodity limit 0"}


def test_turnover_that_only_brings_yesterday_into_the_limits_is_left_above_its_own_and_told() -> None:
    limits = Limits(**WIDE | {"turnover": 0.1, "symbol": 0.2}, asset_class=dict.fromkeys(set(CLASSES.values()), 2.0))
    found = limit_session({"SPY": 0.2, "IEF": 0.0}, CLASSES, limits, {"SPY": 0.5})
    assert found.weights == {"SPY": 0.2, "IEF": 0.0}
    (left,) = found.cuts
    assert (left.severity, left.limit, left.action) == ("warning", 0.1, ONLY_SHRINKS)
    assert left.found == pytest.approx(0.3)
    more = limit_session({"SPY": 0.2, "IEF": 0.2}, CLASSES, limits, {"SPY": 0.5})
    assert more.weights == {"SPY": 0.2, "IEF": 0.0}
    assert (more.cuts[-1].action, more.cuts[-1].severity) == ("trades scaled by 0.0000", "warning")


NARROW = Limits(**WIDE | {"turnover": 0.2}, asset_class=dict.fromkeys(set(CLASSES.values()), 2.0))


def test_where_a_breach_is_answered_what_gets_smaller_passes_the_turnover_limit_on_that_session_alone() -> None:
    held, wanted = {"SPY": 0.8, "IEF": -0.4}, np.array([[0.1, -0.1], [0.1, -0.1]])
    first, second = limit_path(wanted, symbols=("SPY", "IEF"), asset_classes=CLASSES, caps=NARROW, previous=held)
    assert first.weights == pytest.approx({"SPY": 0.66, "IEF": -0.34})
    assert second.weights == pytest.approx({"SPY": 0.52, "IEF": -0.28})
    for eased in ([True, False], [False, True]):
        path = limit_path(
            wanted, symbols=("SPY", "IEF"), asset_classes=CLASSES, caps=NARROW, previous=held, eased=eased
        )
        assert [one.weights == {"SPY": 0.1, "IEF": -0.1} for one in path] == [eased[0], True]


@pytest.mark.parametrize(
    ("factor", "adds", "left"),
    [
        (1.0, True, {"SPY": 0.5, "IEF": -0.4, "GLD": 0.1, "TLT": 0.2}),
        (0.5, True, {"SPY": 0.25, "IEF": -0.2, "GLD": 0.05, "TLT": 0.1}),
        (1.0, False, {"SPY": 0.3, "IEF": -0.1, "GLD": 0.0, "TLT": 0.0}),  # as much as there was, and on its side
        (0.5, False, {"SPY": 0.25, "IEF": -0.1, "GLD": 0.0, "TLT": 0.0}),
        (0.0, False, {"SPY": 0.0, "IEF": 0.0, "GLD": 0.0, "TLT": 0.0}),
    ],
)
def test_a_state_leaves_its_part_of_what_is_asked_for_and_no_more_than_there_was_where_nothing_may_grow(
    factor: float, adds: bool, left: dict[str, float]
) -> None:
    wide = Limits(**WIDE, asset_class=dict.fromkeys(set(CLASSES.values()), 2.0))
    symbols, wanted = ("SPY", "IEF", "GLD", "TLT"), np.array([[0.5, -0.4, 0.1, 0.2]])
    standing = Standing(state="reduced", factor=factor, adds=adds, rule="drawdown")
    held = {"SPY": 0.3, "IEF": -0.1, "GLD": -0.2}
    [found] = limit_path(wanted, symbols=symbols, asset_classes=CLASSES, caps=wide, previous=held, standings=[standing])
    assert found.weights == pytest.approx(left)
    cut = {symbol for symbol, weight in zip(symbols, wanted[0], strict=True) if left[symbol] != weight}
    assert set(found.reasons) == cut


def test_the_first_session_starts_from_cash_and_moves_by_the_turnover_limit() -> None:
    found = limit_session({"SPY": 0.4, "IEF": 0.4}, CLASSES, Limits(symbol=0.5, turnover=0.5), {})
    assert found.weights == pytest.approx({"SPY": 0.25, "IEF": 0.25})
    assert found.reasons == {"SPY": "turnover limit 0.5", "IEF": "turnover limit 0.5"}


def test_net_above_its_limit_cuts_the_longs_and_below_its_minimum_the_shorts() -> None:
    limits = Limits(net=0.3, symbol=1, asset_class={"equity": 2, "bond": 2}, short=1, turnover=4)
    long_heavy = limit_session({"SPY": 0.8, "TLT": -0.2}, CLASSES, limits, {})
    assert long_heavy.weights == pytest.approx({"SPY": 0.5, "TLT": -0.2})
    short_heavy = limit_session({"SPY": 0.1, "TLT": -0.4}, CLASSES, limits, {})
    assert short_heavy.weights == pytest.approx({"SPY": 0.1, "TLT": -0.1})


def test_shorts_are_cut_to_what_is_allowed_and_none_is_left_where_the_settings_say_nothing() -> None:
    wanted = {"SPY": 0.2, "IEF": -0.1, "TLT": -0.1}
    assert limit_session(wanted, CLASSES, Limits(), {}).weights == {"SPY": 0.2, "IEF": 0.0, "TLT": 0.0}
    found = limit_session(wanted, CLASSES, Limits(short=0.1), {})
    assert found.weights == pytest.approx({"SPY": 0.2, "IEF": -0.05, "TLT": -0.05})
    assert found.reasons == {"IEF": "short limit 0.1", "TLT": "short limit 0.1"}


def test_a_symbol_that_left_the_universe_is_sold_even_above_the_turnover_limit() -> None:
    found = limit_session({"SPY": 0.2}, CLASSES, Limits(turnover=0.1), {"OLD": 0.3})
    assert found.weights == {"SPY": 0.0, "OLD": 0.0}
    assert found.cuts[-1].rule == "turnover"
    (warning,) = check_limits(found.weights, CLASSES, Limits(turnover=0.1), previous={"OLD": 0.3})
    assert warning.severity == "warning"


def test_a_target_that_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match=r"TARGET_NOT_FINITE: found=nan, symbol=QQQ"):
        limit_path(np.array([[0.1, np.nan]]), ("SPY", "QQQ"), CLASSES, Limits(), {})


def test_netting_is_the_sum_over_strategies_of_share_times_weight() -> None:
    generator = np.random.default_rng(3)
    shares, weights = generator.random((40, 4)), generator.normal(size=(4, 40, 7))
    np.testing.assert_allclose(net(shares, weights), np.einsum("ts,stn->tn", shares, weights), rtol=1e-12)


def test_a_range_gives_the_bits_of_its_sessions_one_by_one_also_with_symbols_that_come_and_go() -> None:
    generator = np.random.default_rng(5)
    shares, weights = generator.random((60, 3)) / 3, generator.normal(0.3, 0.6, (3, 60, 6))
    weights[:, :20, 5] = 0.0
    symbols, limits = (*SYMBOLS, "ZZZ"), Limits(turnover=0.3, net_minimum=-0.2)
    at_once = limit_path(net(shares, weights), symbols, CLASSES, limits, {})
    previous: dict[str, float] = {}
    for row in range(60):
        width = 5 if row < 20 else 6  # one session alone does not know of a symbol that comes later
        alone = net(shares[row : row + 1], np.ascontiguousarray(weights[:, row : row + 1, :width]))
        (found,) = limit_path(alone, symbols[:width], CLASSES, limits, previous)
        assert found.cuts == at_once[row].cuts
        assert found.reasons == at_once[row].reasons
        for symbol in symbols[:width]:
            assert found.weights[symbol].hex() == at_once[row].weights[symbol].hex()
        previous = found.weights


def test_rows_hold_the_universe_always_and_other_symbols_from_the_first_session_that_asks_for_them() -> None:
    requested = np.array([[0.1, 0.0], [0.1, 0.2], [0.1, 0.0]])
    path = limit_path(requested, ("SPY", "OLD"), CLASSES, Limits(), {})
    rows = target_rows(
        DAYS,
        ("SPY", "OLD"),
        requested,
        path,
        always=("SPY",),
        scale=np.array([1.0, 1.5, 0.5]),
        aim=np.ones(3),
        sleeve=requested * 0.0,
    )
    assert rows["symbol"].tolist() == ["SPY", "SPY", "OLD", "SPY", "OLD"]
    assert rows.loc[rows["symbol"] == "OLD", "weight"].tolist() == [0.0, 0.0]
    assert rows.loc[rows["symbol"] == "OLD", "reason"].tolist() == ["outside the universe", ""]
    assert rows.loc[rows["symbol"] == "OLD", "requested_weight"].tolist() == [0.2, 0.0]
    unasked = target_rows(
        DAYS,
        ("SPY",),
        np.zeros((3, 1)),
        limit_path(np.zeros((3, 1)), ("SPY",), CLASSES, Limits(), {}),
        ("SPY",),
        scale=np.ones(3),
        aim=np.ones(3),
        sleeve=np.zeros((3, 1)),
    )
    assert rows["scale"].tolist() == [1.0, 1.5, 1.5, 0.5, 0.5]
    assert unasked[["requested_weight", "weight", "reason"]].values.tolist() == [[0.0, 0.0, ""]] * 3
    assert pd.api.types.is_datetime64_dtype(rows["session"])


def test_what_had_a_target_before_keeps_a_row_of_nothing_session_by_session_and_in_a_range() -> None:
    """It may still be held: the turnover limit lets go of it by and by, and on days without a bar not at all."""
    requested = np.array([[0.1, 0.0], [0.1, 0.0], [0.1, 0.0]])
    path = limit_path(requested, ("SPY", "OLD"), CLASSES, Limits(), {"SPY": 0.1, "OLD": 0.2})
    scale, symbols = np.ones(3), ("SPY", "OLD")
    at_once = target_rows(
        DAYS, symbols, requested, path, always=("SPY",), before=symbols, scale=scale, aim=scale, sleeve=requested * 0.0
    )
    assert at_once.loc[at_once["symbol"] == "OLD", "weight"].tolist() == [0.0, 0.0, 0.0]
    before: tuple[str, ...] = ("SPY", "OLD")
    for row, day in enumerate(DAYS):
        single = slice(row, row + 1)
        mine = requested[single], path[single]
        alone = target_rows(
            DAYS[single], symbols, *mine, ("SPY",), before, scale=scale[single], aim=np.ones(1), sleeve=mine[0] * 0.0
        )
        expected = at_once[at_once["session"] == day].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, expected, check_exact=True)
        before = tuple(alone["symbol"])


def test_ten_years_of_five_strategies_and_31_symbols_take_less_than_a_second() -> None:
    generator = np.random.default_rng(8)
    symbols = tuple(f"S{place}" for place in range(31))
    classes = dict(zip(symbols, ("equity", "bond", "commodity", "real_estate") * 8, strict=False))
    shares, weights = np.full((2_520, 5), 0.2), np.cumsum(generator.normal(0.001, 0.01, (5, 2_520, 31)), axis=1)
    started = process_time()
    path = limit_path(net(shares, weights), symbols, classes, Limits(), {})
    assert process_time() - started < 2.5  # more than twice the promise, for slower machines
    assert len(path) == 2_520
