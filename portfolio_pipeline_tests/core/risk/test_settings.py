"""What the settings of limits take, and how they say no."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, cast, get_args, get_origin

import pytest
from pydantic import TypeAdapter, ValidationError

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.risk.limits.registry import LIMITS, ORDER_LIMITS
from portfolio_pipeline.core.risk.limits.setting import FRACTION
from portfolio_pipeline.core.risk.presets import TABLE
from portfolio_pipeline.core.risk.settings import Limits, _section, keys
from portfolio_pipeline.core.sections import Section
from portfolio_pipeline.core.settings import Settings, load_settings
from portfolio_pipeline.core.strategies.card import StrategyCard

_WITH_DEFAULT = {"gross", "net", "symbol"}
BY_PRESET_ALONE = {
    name for section, name, *part in (key.split(".") for key in TABLE) if section == "limits" and not part
} - _WITH_DEFAULT
BOOK = "benchmark: AAA\nuniverse:\n  - {symbol: AAA, asset_class: equity, group: g, name: A}\n"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("symbol: 20", r"entry=limits.symbol, found=20, expected=0 to 2 \(a fraction: did you mean 0.20\?\)"),
        ("asset_class: {bond: 70}", r"entry=limits.asset_class.bond, found=70, expected=0 to 2 .*0.70"),
        ("gross: 0", r"entry=limits.gross, found=0, expected=0 to 4 \(0 itself is outside\)"),
        ("net_minimum: 0.1", r"entry=limits.net_minimum, found=0.1, expected=-4 to 0"),
        ("turnover: 5", r"entry=limits.turnover, found=5, expected=0 to 4 .*0.05"),
        ("tolerance: 0.5", r"entry=limits.tolerance, found=0.5, expected=0 to 0.1 .*0.005"),
        ("gross: yes", "entry=limits.gross, found=.*, expected=a number"),
        ("gross: '1'", "entry=limits.gross, found=.*, expected=a number"),
        ("gross: .nan", "entry=limits.gross, found=nan, expected=a number that is finite"),
        ("symbl: 0.2", r"entry=limits.symbl, found=symbl, expected=one of symbol, .*did you mean symbol\?"),
        ("short: 20", r"entry=limits.short, found=20, expected=0 to 4 .*0.20"),
        ("order_equity: 25", r"entry=limits.order_equity, found=25, expected=0 to 2 .*0.25"),
        ("order_volume: 10", r"entry=limits.order_volume, found=10, expected=0 to 1 .*0.10"),
        ("order_notional: -1", r"entry=limits.order_notional, found=-1, expected=0 to 1e\+12"),
        ("price_collar: 35", r"entry=limits.price_collar, found=35, expected=0 to 0.99 .*0.35"),
        ("price_collar: true", "entry=limits.price_collar, found=.*, expected=a number"),
        ("tolerance: 1e9", r"entry=limits.tolerance, found=the text '1e9', expected=a number .write 1000000000."),
        ("asset_class: {bond: 0.7}", "names no limit for equity .of AAA.: what no limit names may not be held"),
        ("universe: 0", "entry=limits.universe, found=universe, expected=one of symbol"),
        ("1: 2", "entry=limits.1, found=1, expected=a text as the name of an entry"),
    ],
)
def test_a_wrong_limit_is_refused_where_it_stands(tmp_path: Path, written: str, told: str) -> None:
    path = tmp_path / "portfolio.yaml"
    path.write_text(f"{BOOK}limits:\n  {written}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        load_settings(path)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "orders: {cash_buffer: 20}",
            r"entry=orders.cash_buffer, found=20, expected=0 to 1 \(a fraction: did you mean 0.20\?\)",
        ),
        ("orders: {cash_buffer: '0.2'}", "entry=orders.cash_buffer, found=.*, expected=a number"),
        ("orders: {fractional: 1}", "entry=orders.fractional, found=.*, expected=true or false"),
        ("orders: {minimum_trade: 1e99}", r"entry=orders.minimum_trade, found=the text '1e99', expected=a number"),
        ("costs: {commission_bps: true}", "entry=costs.commission_bps, found=.*, expected=a number"),
        ("costs: {slippage_bps: 5000}", "entry=costs.slippage_bps, found=5000, expected=0 to 1000"),
        ("simulated_broker: {initial_cash: 0}", "entry=simulated_broker.initial_cash, found=0, expected=0 to"),
        (
            "simulated_broker: {maximum_volume_share: 10}",
            "entry=simulated_broker.maximum_volume_share, found=10, .*0.10",
        ),
        (
            "simulated_broker: {delist_after_sessions: true}",
            "entry=simulated_broker.delist_after_sessions, found=true, expected=a whole",
        ),
        ("allocation: {maximum: 40}", "entry=allocation.maximum, found=40, expected=0 to 1 .*0.40"),
        ("allocation: {daily_change: 2}", "entry=allocation.daily_change, found=2, expected=0 to 1 .*0.02"),
        ("allocation: {static: {mine: 30}}", "entry=allocation.static.mine, found=30, expected=0 to 1 .*0.30"),
        ("allocation: {static: {mine: yes}}", "entry=allocation.static.mine, found=true, expected=a number"),
        ("allocation: {static: {mine: '0.3'}}", "entry=allocation.static.mine, found=the text '0.3', expected=a num"),
        ("allocation: {static: {mine: [0.3]}}", "entry=allocation.static.mine, found="),
        ("allocation: {window_sessions: '63'}", "entry=allocation.window_sessions, found=.*, expected=a whole number"),
        ("quality: {largest_daily_move: 35}", "entry=quality.largest_daily_move, found=35, expected=0 to 2 .*0.35"),
        ("quality: {minimum_coverage: 50}", "entry=quality.minimum_coverage, found=50, expected=0 to 1 .*0.50"),
        ("regimes: {fewest_sessions: true}", "entry=regimes.fewest_sessions, found=.*, expected=a whole number"),
    ],
)
def test_a_percent_or_another_type_is_refused_in_every_section(tmp_path: Path, written: str, told: str) -> None:
    path = tmp_path / "portfolio.yaml"
    path.write_text(f"{BOOK}{written}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        load_settings(path)


def test_every_number_of_settings_and_cards_is_strict_and_has_bounds() -> None:
    """Whoever adds one finds out here: no number without an end, and none that takes a text or a boolean."""
    loose = sorted({*_loose(Settings), *_loose(StrategyCard), *_loose(_section())})
    assert loose == []


def _loose(section: type[Section], at: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        for kind in _parts(field.annotation):
            if isinstance(kind, type) and issubclass(kind, Section) and kind is not Limits:
                yield from _loose(kind, f"{at}{name}.")
        for bad in (True, "1", 10**15, -(10**15)):
            if not _is_number(field.annotation):
                continue
            kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            one: TypeAdapter[object] = TypeAdapter(cast("type", kind))
            try:
                one.validate_python(bad)
            except ValidationError:
                continue
            yield f"{at}{name} takes {bad!r}"


def _is_number(kind: object) -> bool:
    return any(part in (int, float) for part in _parts(kind))


def _parts(kind: object) -> list[object]:
    inside = get_args(kind)
    if get_origin(kind) is Literal:
        return []
    return [part for one in inside for part in _parts(one)] if inside else [kind]


def test_limits_that_are_not_written_have_their_defaults() -> None:
    assert Limits(gross=2).model_dump() == {
        "tolerance": 0.01,
        "alert_only": (),
        "symbol": 0.2,
        "asset_class": {"equity": 0.7, "bond": 0.7, "commodity": 0.35, "real_estate": 0.25},
        "gross": 2.0,
        "margin": 0.8,
        "short": 0.0,
        "net": 1.0,
        "net_minimum": 0.0,
        "turnover": 0.5,
        "order_notional": 1_000_000.0,
        "order_equity": 0.25,
        "order_volume": 0.1,
        "days_to_exit": 5.0,
        "order_count": 200.0,
        "limit_distance": 0.02,
        "price_collar": 0.35,
        **dict.fromkeys(BY_PRESET_ALONE),
    }


@pytest.mark.parametrize(
    ("name", "low", "high", "low_itself"),
    [
        ("symbol", 0, 2, False),
        ("gross", 0, 4, False),
        ("margin", 0, 2, False),
        ("short", 0, 4, True),
        ("net", 0, 4, False),
        ("net_minimum", -4, 0, True),
        ("turnover", 0, 4, False),
        ("tolerance", 0, 0.1, True),
        ("order_notional", 0, 1e12, False),
        ("order_equity", 0, 2, False),
        ("order_volume", 0, 1, False),
        ("price_collar", 0, 0.99, False),
        ("days_to_exit", 0, 1_000, False),
        ("order_count", 0, 100_000, False),
        ("limit_distance", 0, 0.99, False),
        ("asset_class", 0, 2, False),
    ],
)
def test_a_limit_may_be_set_up_to_its_bounds_and_not_past_them(
    name: str, low: float, high: float, low_itself: bool
) -> None:
    def taken(value: float) -> bool:
        try:
            found = Limits.model_validate({name: {"equity": value} if name == "asset_class" else value}).model_dump()[
                name
            ]
        except ValidationError:
            return False
        return bool(found == ({"equity": value} if name == "asset_class" else value))

    step = 1e-6 * max(1.0, abs(high))
    assert taken(high)
    assert not taken(high + step)
    assert taken(low + step)
    assert taken(low) == low_itself
    assert not taken(low - step)


def test_only_fractions_are_asked_whether_a_percentage_was_meant() -> None:
    units = {name: limit.setting.unit for name, limit in LIMITS.items() if limit.setting}
    units |= {name: limit.setting.unit for name, limit in ORDER_LIMITS.items()}
    assert [name for name, unit in units.items() if unit == "currency"] == ["order_notional"]
    with pytest.raises(ValidationError, match="0 to 1e\\+12") as refused:
        Limits(order_notional=2e12)
    assert "did you mean" not in str(refused.value)


def test_what_shows_in_the_risk_metrics_and_what_prices_may_carry_past_it() -> None:
    assert {limit.name: limit.metric for limit in LIMITS.values() if limit.metric} == {
        "asset_class": "gross_exposure",
        "gross": "gross_exposure",
        "margin": "margin_use",
        "net": "net_exposure",
        "turnover": "turnover",
    }
    assert {limit.name for limit in LIMITS.values() if not limit.tolerated} == {"finite", "universe", "short"}
    assert [limit.name for limit in LIMITS.values() if limit.decisive] == ["finite"]
    units = dict.fromkeys(LIMITS, "fraction of equity") | {"volatility": "volatility", "value_at_risk": "return"}
    assert {limit.name: limit.unit for limit in LIMITS.values()} == units


BOUNDS = (
    ("symbol", 0.2, 0, 2, False),
    ("top_five", None, 0, 4, False),
    ("short", 0.0, 0, 4, True),
    ("sector", None, 0, 2, False),
    ("gross", 1.0, 0, 4, False),
    ("margin", 0.8, 0, 2, False),
    ("net", 1.0, 0, 4, False),
    ("net_minimum", 0.0, -4, 0, True),
    ("volatility", None, 0, 2, False),
    ("value_at_risk", None, 0, 1, False),
    ("turnover", 0.5, 0, 4, False),
    ("strategy_symbol", None, 0, 1, False),
    ("strategy_gross", None, 0, 4, False),
    ("strategy_positions", None, 0, 500, False),
    ("drawdown", None, 0, 1, False),
    ("strategy_drawdown", None, 0, 1, False),
    ("position_stop", None, 0, 0.99, False),
    ("correlation_alert", None, 0, 1, False),
    ("correlation", None, 0, 1, False),
    ("diversification", None, 0, 10, False),
    ("order_notional", 1e6, 0, 1e12, False),
    ("order_equity", 0.25, 0, 2, False),
    ("order_volume", 0.1, 0, 1, False),
    ("days_to_exit", 5, 0, 1_000, False),
    ("order_count", 200, 0, 100_000, False),
    ("limit_distance", 0.02, 0, 0.99, False),
    ("price_collar", 0.35, 0, 0.99, False),
    ("tolerance", 0.01, 0, 0.1, True),
)
"""Of every limit with one figure: what it is unless somebody says otherwise, the bounds, and whether it may be the
lower one."""


@pytest.mark.parametrize(("name", "default", "low", "high", "low_allowed"), BOUNDS)
def test_a_limit_takes_what_is_within_its_bounds_and_nothing_else(
    name: str, default: float | None, low: float, high: float, low_allowed: bool
) -> None:
    assert getattr(Limits(), name) == default
    step = 1e-3 * (high - low)
    for taken in (high, low + step, *([low] if low_allowed else [])):
        assert getattr(Limits(**{name: taken}), name) == taken
    for refused in (high + step, low - step, *([] if low_allowed else [low])):
        with pytest.raises(ValidationError):
            Limits(**{name: refused})


def test_no_limit_is_without_bounds_that_are_tested() -> None:
    assert {name for name, *_ in BOUNDS} | {"asset_class"} == set(keys())


def test_what_a_limit_is_counted_in_is_said_where_it_is_no_fraction_of_equity() -> None:
    counts = ("strategy_positions", "days_to_exit", "order_count")
    assert {name: setting.unit for name, setting in keys().items() if setting.unit != FRACTION} == {
        **dict.fromkeys(("strategy_symbol", "strategy_gross"), "fraction of the strategy's capital"),
        **dict.fromkeys(("value_at_risk", "drawdown", "strategy_drawdown", "position_stop"), "return"),
        **dict.fromkeys(("correlation", "correlation_alert"), "correlation"),
        **dict.fromkeys(counts, "count"),
        **{"volatility": "volatility", "diversification": "ratio", "order_notional": "currency"},
    }


@pytest.mark.parametrize("figure", [0.001, 1.0, 2.0])
def test_every_asset_class_has_a_limit_of_its_own_with_the_same_bounds(figure: float) -> None:
    assert Limits().value("asset_class") == {"equity": 0.7, "bond": 0.7, "commodity": 0.35, "real_estate": 0.25}
    assert Limits(asset_class={"bond": figure}).value("asset_class") == {"bond": figure}
    for refused in (-0.01, 0.0, 2.01):
        with pytest.raises(ValidationError):
            Limits(asset_class={"bond": refused})
