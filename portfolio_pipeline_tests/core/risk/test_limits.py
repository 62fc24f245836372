"""The limits: what breaks them, what only warns, and that no figure slips through."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.exposures import exposures, only_shrinks, turnover
from portfolio_pipeline.core.risk.limits.check import check_limits, is_near
from portfolio_pipeline.core.risk.settings import Limits

CLASSES = {"SPY": "equity", "QQQ": "equity", "IEF": "bond", "GLD": "commodity"}
CAPS = {"equity": 0.6, "bond": 0.7, "commodity": 2.0}
LIMITS = Limits(gross=1.0, net=0.9, net_minimum=-0.1, short=0.45, symbol=0.4, asset_class=CAPS, turnover=0.5)
WEIGHTS = st.dictionaries(st.sampled_from(sorted(CLASSES)), st.floats(-1, 1), max_size=4)


def rules(breaches: tuple[Breach, ...]) -> list[tuple[str, str]]:
    return [(breach.subject, breach.rule) for breach in breaches]


def test_weights_within_every_limit_break_none() -> None:
    assert check_limits({"SPY": 0.3, "QQQ": 0.2, "IEF": 0.3}, CLASSES, LIMITS) == ()


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"SPY": 0.41}, [("SPY", "symbol")]),
        ({"SPY": -0.41, "IEF": 0.4}, [("SPY", "symbol")]),
        ({"SPY": 0.35, "QQQ": 0.3}, [("equity", "asset_class")]),
        ({"SPY": 0.35, "QQQ": -0.3}, [("equity", "asset_class")]),
        ({"SPY": 0.3, "QQQ": 0.2, "IEF": 0.3, "GLD": -0.25}, [("portfolio", "gross")]),
        ({"SPY": 0.3, "QQQ": 0.2, "IEF": 0.3, "GLD": 0.15}, [("portfolio", "net")]),
        ({"SPY": -0.2}, [("portfolio", "net_minimum")]),
        ({"SPY": -0.3, "GLD": -0.2, "IEF": 0.4}, [("portfolio", "short")]),
        ({"TSLA": 0.1}, [("TSLA", "universe")]),
        ({"TSLA": 0.5}, [("TSLA", "universe"), ("TSLA", "symbol")]),
        ({"SPY": math.nan, "QQQ": 0.9}, [("SPY", "finite")]),
        ({"SPY": math.inf}, [("SPY", "finite")]),
    ],
)
def test_each_limit_is_found_by_name(weights: dict[str, float], expected: list[tuple[str, str]]) -> None:
    breaches = check_limits(weights, CLASSES, LIMITS)
    assert rules(breaches) == expected
    assert {breach.severity for breach in breaches} == {"block"}


def test_a_class_that_no_limit_names_may_not_be_held_at_all() -> None:
    (breach,) = check_limits({"GLD": 0.01}, CLASSES, Limits(asset_class={"equity": 0.6, "bond": 0.7}))
    assert (breach.severity, str(breach)) == ("block", "ASSET_CLASS_LIMIT: subject=commodity, found=0.01, limit=0")


def test_a_book_is_long_only_unless_the_settings_say_otherwise() -> None:
    (breach,) = check_limits({"SPY": 0.2, "IEF": -0.001}, CLASSES, Limits(), tolerance=0.01)
    assert str(breach) == "SHORT_LIMIT: subject=portfolio, found=0.001, limit=0"
    assert check_limits({"SPY": 0.2, "IEF": -0.001}, CLASSES, Limits(short=0.1)) == ()


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"SPY": 0.31, "IEF": 0.2}, []),
        ({"SPY": 0.33, "IEF": 0.2}, [("SPY", "symbol", 0.33, 0.4)]),
        ({"SPY": 0.4}, [("SPY", "symbol", 0.4, 0.4)]),
        ({"SPY": 0.3, "QQQ": 0.19}, [("equity", "asset_class", 0.49, 0.6)]),
        ({"SPY": -0.085}, [("portfolio", "net_minimum", -0.085, -0.1)]),
        ({"SPY": 0.25, "IEF": 0.25, "GLD": 0.25}, [("portfolio", "net", 0.75, 0.9)]),
    ],
)
def test_what_holds_its_limit_and_is_near_it_warns_with_the_figures_when_asked(
    weights: dict[str, float], expected: list[tuple[str, str, float, float]]
) -> None:
    assert check_limits(weights, CLASSES, LIMITS) == ()
    found = check_limits(weights, CLASSES, LIMITS, near=0.8)
    assert [(b.subject, b.rule, round(b.found or 0.0, 9), b.limit) for b in found] == expected
    assert all(is_near(breach) and breach.severity == "warning" for breach in found)


@given(WEIGHTS, WEIGHTS, st.sampled_from([None, 0.02]))
def test_asking_what_is_near_changes_nothing_of_what_is_broken(
    weights: dict[str, float], before: dict[str, float], tolerance: float | None
) -> None:
    broken = check_limits(weights, CLASSES, LIMITS, previous=before, tolerance=tolerance)
    found = check_limits(weights, CLASSES, LIMITS, previous=before, tolerance=tolerance, near=0.8)
    assert found[: len(broken)] == broken
    assert all(is_near(breach) for breach in found[len(broken) :])
    assert not set(rules(broken)) & set(rules(found[len(broken) :]))


def test_a_breach_reads_with_its_figures() -> None:
    (breach,) = check_limits({"SPY": 0.45}, CLASSES, LIMITS)
    assert str(breach) == "SYMBOL_LIMIT: subject=SPY, found=0.45, limit=0.4"


def test_turnover_counts_bought_plus_sold_and_symbols_that_are_left() -> None:
    assert turnover({"SPY": 0.3}, {"IEF": 0.2, "SPY": 0.1}) == pytest.approx(0.4)
    (breach,) = check_limits({"SPY": 0.3}, CLASSES, LIMITS, previous={"IEF": 0.3})
    assert (breach.severity, str(breach)) == ("block", "TURNOVER_LIMIT: subject=portfolio, found=0.6, limit=0.5")
    assert check_limits({"SPY": 0.25}, CLASSES, LIMITS, previous={"IEF": 0.25}) == ()


@pytest.mark.parametrize("tolerance", [None, 0.01])
@pytest.mark.parametrize("weights", [{"SPY": 0.3}, {"SPY": 0.0}, {"IEF": 0.0}, {}])
def test_a_turnover_that_is_no_number_is_a_breach_and_never_counts_as_shrinking(
    weights: dict[str, float], tolerance: float | None
) -> None:
    """Yesterday's weights are not looked at by the limits of today's: only the way from them tells."""
    found = check_limits(weights, CLASSES, LIMITS, previous={"IEF": math.nan}, tolerance=tolerance)
    assert [(breach.rule, breach.severity) for breach in found] == [("turnover", "block")]


def test_turnover_that_only_shrinks_positions_is_a_warning() -> None:
    (breach,) = check_limits({"SPY": 0.05}, CLASSES, LIMITS, previous={"SPY": 0.4, "IEF": 0.3})
    assert (breach.rule, breach.severity) == ("turnover", "warning")


def test_selling_through_zero_does_not_count_as_shrinking() -> None:
    assert not only_shrinks({"SPY": -0.1}, {"SPY": 0.4})
    assert only_shrinks({"SPY": 0.0, "QQQ": -0.1}, {"SPY": 0.4, "QQQ": -0.1})


def test_prices_may_carry_a_book_past_a_limit_by_the_tolerance_and_no_further() -> None:
    assert check_limits({"SPY": 0.409}, CLASSES, LIMITS, tolerance=0.01) == ()
    assert rules(check_limits({"SPY": 0.411}, CLASSES, LIMITS, tolerance=0.01)) == [("SPY", "symbol")]


def test_no_tolerance_lets_a_symbol_outside_the_universe_in() -> None:
    (breach,) = check_limits({"TSLA": 0.005}, CLASSES, LIMITS, previous={}, tolerance=0.01)
    assert (breach.rule, breach.severity) == ("universe", "block")


@pytest.mark.parametrize(
    ("before", "after", "severity"), [(0.5, 0.45, "warning"), (0.45, 0.45, "warning"), (0.44, 0.45, "block")]
)
def test_a_breach_of_a_book_blocks_only_when_the_trades_make_it_worse(
    before: float, after: float, severity: str
) -> None:
    (breach,) = check_limits({"SPY": after}, CLASSES, LIMITS, previous={"SPY": before}, tolerance=0.01)
    assert (breach.rule, breach.severity) == ("symbol", severity)


def test_targets_are_strict_even_when_a_breach_gets_smaller() -> None:
    (breach,) = check_limits({"SPY": 0.45}, CLASSES, LIMITS, previous={"SPY": 0.5})
    assert breach.severity == "block"


@given(before=WEIGHTS, part=st.floats(0, 1))
def test_a_book_that_is_only_scaled_down_is_never_blocked(before: dict[str, float], part: float) -> None:
    after = {symbol: weight * part for symbol, weight in before.items()}
    # The net minimum is about the sum: scaled towards zero it gets nearer to it, or holds already.
    breaches = check_limits(after, CLASSES, LIMITS, previous=before, tolerance=0.01)
    assert [breach for breach in breaches if breach.severity == "block"] == []


@given(weights=WEIGHTS, previous=WEIGHTS)
@settings(max_examples=200)
def test_nothing_is_found_exactly_when_a_plain_reading_of_the_limits_finds_nothing(
    weights: dict[str, float], previous: dict[str, float]
) -> None:
    def size(name: str) -> float:
        return sum(abs(weight) for symbol, weight in weights.items() if CLASSES[symbol] == name)

    traded = sum(abs(weights.get(symbol, 0) - previous.get(symbol, 0)) for symbol in CLASSES)
    margins = [
        *(0.4 - abs(weight) for weight in weights.values()),
        0.6 - size("equity"),
        0.7 - size("bond"),
        1.0 - sum(map(abs, weights.values())),
        0.9 - sum(weights.values()),
        sum(weights.values()) + 0.1,
        0.45 + sum(weight for weight in weights.values() if weight < 0),
        0.5 - traded,
    ]
    if min(map(abs, margins)) < 1e-6:
        return  # at a limit, rounding decides
    assert (check_limits(weights, CLASSES, LIMITS, previous=previous) == ()) == (min(margins) > 0)


@given(weights=WEIGHTS)
def test_exposures_do_not_depend_on_order_or_on_symbols_without_weight(weights: dict[str, float]) -> None:
    turned = dict(reversed(weights.items())) | {symbol: 0.0 for symbol in CLASSES if symbol not in weights}
    one, other = exposures(weights, CLASSES), exposures(turned, CLASSES)
    assert (one.gross, one.net) == (other.gross, other.net)
    assert all(other.by_class[name] == value for name, value in one.by_class.items())


def test_exposures_are_of_the_signs_and_classes_that_are_there() -> None:
    found = exposures({"SPY": 0.3, "QQQ": -0.1, "GLD": -0.2, "OLD": 0.5}, CLASSES)
    assert found.gross == pytest.approx(1.1)
    assert found.net == pytest.approx(0.5)
    assert found.by_class == {"equity": pytest.approx(0.4), "commodity": 0.2}


@pytest.mark.parametrize(
    ("now", "before", "shrinks"),
    [
        ({"SPY": 0.2}, {"SPY": 0.2}, True),
        ({"SPY": 0.2 + 1e-10}, {"SPY": 0.2}, True),
        ({"SPY": 0.2 + 1e-8}, {"SPY": 0.2}, False),
        ({"SPY": -0.2 - 1e-8}, {"SPY": -0.2}, False),
        ({"SPY": -0.1}, {"SPY": -0.2}, True),
        ({"SPY": 1e-8}, {"SPY": -0.2}, False),
        ({"SPY": 0.1}, {}, False),
        ({}, {"SPY": 0.1}, True),
        ({"SPY": 0.1, "QQQ": 0.3}, {"SPY": 0.2, "QQQ": 0.2}, False),
    ],
)
def test_shrinking_is_for_every_position_to_get_no_larger_and_to_stay_on_its_side(
    now: dict[str, float], before: dict[str, float], shrinks: bool
) -> None:
    assert only_shrinks(now, before) == shrinks


def test_breaches_are_told_from_the_symbols_up_to_the_portfolio_and_by_name() -> None:
    found = check_limits({"TSLA": 0.5, "SPY": 0.5, "QQQ": 0.5, "IEF": 0.8}, CLASSES, LIMITS)
    assert rules(found) == [
        *(("IEF", "symbol"), ("QQQ", "symbol"), ("SPY", "symbol"), ("TSLA", "universe"), ("TSLA", "symbol")),
        *(("bond", "asset_class"), ("equity", "asset_class"), ("portfolio", "gross"), ("portfolio", "net")),
    ]


def test_what_is_no_number_is_never_forgiven_and_hides_every_other_limit() -> None:
    weights = {"SPY": math.nan, "QQQ": -math.inf, "IEF": 0.9}
    found = check_limits(weights, CLASSES, LIMITS, previous=weights, tolerance=0.1)
    assert [(breach.subject, breach.rule, breach.severity) for breach in found] == [
        ("QQQ", "finite", "block"),
        ("SPY", "finite", "block"),
    ]


def test_a_breach_of_targets_is_not_forgiven_for_having_been_there_before() -> None:
    before = {"SPY": 0.5, "IEF": 0.3}
    found = check_limits(before, CLASSES, LIMITS, previous=before)
    assert [(breach.rule, breach.severity) for breach in found] == [("symbol", "block")]


@pytest.mark.parametrize(("now", "severity"), [(-0.2, "warning"), (-0.25, "block")])
def test_a_net_below_its_minimum_is_forgiven_a_book_only_where_the_trades_do_not_lower_it(
    now: float, severity: str
) -> None:
    found = check_limits({"SPY": now}, CLASSES, LIMITS, previous={"SPY": -0.22}, tolerance=0.01)
    assert [(breach.rule, breach.severity) for breach in found] == [("net_minimum", severity)]
