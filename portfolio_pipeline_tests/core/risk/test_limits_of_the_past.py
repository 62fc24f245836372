"""Top five, sectors, volatility and value at risk: against pandas and numpy, all at once, and half-way."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.calendar.sessions import sessions_between
from portfolio_pipeline.core.market.past import WINDOW, Past, Pasts
from portfolio_pipeline.core.risk.cutting import limit_path, limit_session
from portfolio_pipeline.core.risk.exposures import Portfolio, only_shrinks, turnover
from portfolio_pipeline.core.risk.limits.check import check_limits
from portfolio_pipeline.core.risk.limits.limit import Limit
from portfolio_pipeline.core.risk.limits.of_concentration import TOP_FIVE
from portfolio_pipeline.core.risk.limits.of_returns import FEWEST, VALUE_AT_RISK, VOLATILITY
from portfolio_pipeline.core.risk.settings import Limits

SYMBOLS = tuple("ABCDEFGH")
CLASSES = dict(zip(SYMBOLS, ["equity", "bond"] * 4, strict=True))
SECTORS = dict(zip(SYMBOLS, ["tech", "tech", "tech", "oil", "oil", "gold", "gold", "cash"], strict=True))
WEIGHTS = st.lists(st.floats(-1, 1), min_size=8, max_size=8)
DAYS = tuple(sessions_between(date(2020, 1, 2), date(2021, 12, 31)))
ROOM = {"symbol": 2.0, "gross": 4.0, "margin": 2.0, "net": 4.0, "net_minimum": -4.0, "short": 4.0, "turnover": 4.0}
OPEN = {"asset_class": {"equity": 2.0, "bond": 2.0}}


def some_past(seed: int, sessions: int = WINDOW) -> Past:
    """Returns with common moves and fat tails, hedges among them."""
    random = np.random.default_rng(seed)
    common = random.standard_t(3, (2, sessions)) * 0.008
    loads = random.normal(0.3, 1.0, (len(SYMBOLS), 2))
    returns = loads @ common + random.standard_t(4, (len(SYMBOLS), sessions)) * 0.006
    return Past({symbol: place for place, symbol in enumerate(SYMBOLS)}, returns)


def by_symbol(weights: list[float]) -> dict[str, float]:
    return dict(zip(SYMBOLS, weights, strict=True))


def earned(past: Past, weights: dict[str, float]) -> pd.Series:
    frame = pd.DataFrame(past.returns.T, columns=list(SYMBOLS))
    return frame.mul(pd.Series(weights).reindex(frame.columns).fillna(0.0)).sum(axis=1)


def volatility(series: pd.Series) -> float:
    return float(np.sqrt(series.pow(2).ewm(halflife=63).mean().iloc[-1] * 252))


@given(weights=WEIGHTS, seed=st.integers(0, 9), sessions=st.integers(FEWEST, WINDOW))
@settings(deadline=None)
def test_volatility_and_value_at_risk_are_those_of_pandas_and_numpy(
    weights: list[float], seed: int, sessions: int
) -> None:
    past = some_past(seed, sessions)
    portfolio = Portfolio(by_symbol(weights), CLASSES, past=past)
    series = earned(past, by_symbol(weights))
    assert VOLATILITY.of_whole(portfolio) == pytest.approx(volatility(series), abs=1e-12)
    assert VALUE_AT_RISK.of_whole(portfolio) == pytest.approx(-np.percentile(series, 5), abs=1e-12)


@given(weights=WEIGHTS, cap=st.floats(0.05, 2))
def test_the_largest_five_are_cut_to_one_size_that_is_the_largest_which_holds_the_limit(
    weights: list[float], cap: float
) -> None:
    found = limit_session(by_symbol(weights), CLASSES, Limits(**ROOM | {"top_five": cap}, **OPEN), {}).weights
    sizes, asked = np.abs(list(found.values())), np.abs(weights)
    assert np.sort(sizes)[-5:].sum() <= cap + 1e-9
    if np.sort(asked)[-5:].sum() <= cap:
        assert found == by_symbol(weights)
        return
    assert np.sort(sizes)[-5:].sum() == pytest.approx(cap)
    level = sizes.max()
    np.testing.assert_allclose(sizes, np.minimum(asked, level), atol=1e-12)


def test_a_sector_is_scaled_alone_and_the_reason_names_it() -> None:
    limits = Limits(**ROOM | {"sector": 0.3}, **OPEN)
    wanted = {"A": 0.3, "B": -0.2, "C": 0.1, "D": 0.25, "H": 0.1}
    found = limit_session(wanted, CLASSES, limits, {}, sectors=SECTORS)
    assert found.weights == pytest.approx({"A": 0.15, "B": -0.1, "C": 0.05, "D": 0.25, "H": 0.1})
    assert set(found.reasons.values()) == {"sector tech limit 0.3"}
    (cut,) = found.cuts
    assert str(cut) == "SECTOR_LIMIT: subject=tech, found=0.6, limit=0.3"
    (broken,) = check_limits(wanted, CLASSES, limits, sectors=SECTORS)
    assert (broken.subject, broken.rule, broken.severity) == ("tech", "sector", "block")
    assert check_limits({**wanted, "A": 0.0}, CLASSES, limits, sectors=SECTORS) == ()


@pytest.mark.parametrize(("name", "cap"), [("volatility", 0.05), ("value_at_risk", 0.004)])
def test_all_positions_are_scaled_alike_to_the_limit(name: str, cap: float) -> None:
    past, wanted = some_past(1), by_symbol([0.3, -0.2, 0.4, 0.1, 0.0, 0.2, 0.3, -0.1])
    found = limit_session(wanted, CLASSES, Limits(**ROOM | {name: cap}, **OPEN), {}, past=past)
    factors = {found.weights[symbol] / weight for symbol, weight in wanted.items() if weight}
    assert max(factors) - min(factors) < 1e-12
    figure = {
        "volatility": volatility(earned(past, found.weights)),
        "value_at_risk": -np.percentile(earned(past, found.weights), 5),
    }[name]
    assert figure == pytest.approx(cap)
    assert found.reasons == {symbol: f"{name} limit {cap:g}" for symbol, weight in wanted.items() if weight}


@pytest.mark.parametrize("limit", [VOLATILITY, VALUE_AT_RISK])
def test_what_is_too_much_of_a_book_is_the_part_by_which_all_of_it_has_to_be_smaller(limit: Limit) -> None:
    assert limit.too_much(0.2, 0.15, 1.2) == pytest.approx(0.3)
    assert limit.too_much(0.0, 0.15, 1.2) == 0.0


def test_with_too_short_a_past_limits_of_returns_say_nothing() -> None:
    tight = Limits(**ROOM | {"volatility": 0.001, "value_at_risk": 0.0001}, **OPEN)
    wanted = by_symbol([0.4] * 8)
    for past in (None, some_past(1, FEWEST - 1)):
        assert limit_session(wanted, CLASSES, tight, {}, past=past).weights == wanted
        assert check_limits(wanted, CLASSES, tight, past=past) == ()
    enough = some_past(1, FEWEST)
    assert limit_session(wanted, CLASSES, tight, {}, past=enough).weights != wanted
    assert {breach.rule for breach in check_limits(wanted, CLASSES, tight, past=enough)} == {
        "volatility",
        "value_at_risk",
    }


@st.composite
def some_limits(draw: st.DrawFn) -> Limits:
    maybe = st.one_of
    return Limits(
        gross=draw(st.floats(0.2, 3)),
        net=draw(st.floats(0.1, 2)),
        net_minimum=draw(st.floats(-1, 0)),
        symbol=draw(st.floats(0.05, 1)),
        short=draw(st.sampled_from([0.0, 0.3, 2.0])),
        asset_class={"equity": draw(st.floats(0.1, 1)), "bond": draw(st.floats(0.1, 1))},
        turnover=draw(st.floats(0.05, 2)),
        top_five=draw(maybe(st.none(), st.floats(0.05, 2))),
        sector=draw(maybe(st.none(), st.floats(0.05, 1))),
        volatility=draw(maybe(st.none(), st.floats(0.01, 0.4))),
        value_at_risk=draw(maybe(st.none(), st.floats(0.001, 0.03))),
    )


@given(asked=WEIGHTS, before=WEIGHTS, limits=some_limits(), earlier=some_limits(), seed=st.integers(0, 50))
@settings(max_examples=500, deadline=None)
def test_every_limit_holds_at_once_whatever_is_asked_for_and_whatever_was_held(
    asked: list[float], before: list[float], limits: Limits, earlier: Limits, seed: int
) -> None:
    past = some_past(seed)
    held = limit_session(by_symbol(before), CLASSES, earlier, {}, sectors=SECTORS, past=some_past(seed + 1)).weights
    found = limit_session(by_symbol(asked), CLASSES, limits, held, sectors=SECTORS, past=past)
    breaches = check_limits(found.weights, CLASSES, limits, previous=held, sectors=SECTORS, past=past)
    assert [breach for breach in breaches if breach.severity == "block"] == []
    if breaches:
        assert [breach.rule for breach in breaches] == ["turnover"]
        assert only_shrinks(found.weights, held)
    for symbol, weight in by_symbol(asked).items():
        if abs(found.weights[symbol] - weight) > 1e-9:
            assert found.reasons[symbol]


def test_where_value_at_risk_breaks_half_way_the_way_is_gone_less_far() -> None:
    """Two hedges, each with its own bad days, have the bad days of both half-way."""
    returns = np.zeros((8, WINDOW))
    returns[0, :11], returns[1, 20:31] = -0.10, -0.10  # each within the worst 5 %: no loss at that level
    past = Past({symbol: place for place, symbol in enumerate(SYMBOLS)}, returns)
    limits = Limits(**ROOM | {"value_at_risk": 0.01, "turnover": 1.0}, **OPEN)
    held, asked = {"A": 1.0, "B": 0.0}, {"A": 0.0, "B": 1.0}
    for weights in (held, asked):
        assert limit_session(weights, CLASSES, limits, weights, past=past).weights == weights
    half_way = {"A": 0.5, "B": 0.5}
    assert -np.percentile(earned(past, half_way), 5) > 0.01
    found = limit_session(asked, CLASSES, limits, held, past=past)
    assert check_limits(found.weights, CLASSES, limits, previous=held, past=past) == ()
    assert found.weights["A"] == pytest.approx(0.9, abs=1e-6)
    assert found.weights["B"] == pytest.approx(0.1, abs=1e-6)
    assert turnover(found.weights, held) < 1.0
    assert [cut.rule for cut in found.cuts] == ["turnover", "value_at_risk"]
    assert found.reasons == dict.fromkeys("AB", "turnover limit 1; value_at_risk limit 0.01")
    assert {cut.severity for cut in found.cuts} == {"cut"}
    assert found.cuts[-1].action == "trades scaled by 0.2000"  # of the way that the turnover limit had left
    reported = limits.model_copy(update={"alert_only": ("value_at_risk",)})
    told = limit_session(asked, CLASSES, reported, held, past=past)
    assert told.weights == pytest.approx(half_way)
    assert [(cut.rule, cut.severity) for cut in told.cuts] == [("turnover", "cut"), ("value_at_risk", "warning")]


def test_reductions_pass_although_what_is_left_without_its_hedge_is_riskier() -> None:
    returns = np.random.default_rng(2).normal(0, 0.02, (8, WINDOW))
    returns[1] = returns[0]
    past = Past({symbol: place for place, symbol in enumerate(SYMBOLS)}, returns)
    limits = Limits(**ROOM | {"volatility": 0.10}, **OPEN)
    hedged, unhedged = {"A": 0.5, "B": -0.5}, {"A": 0.5, "B": 0.0}
    assert check_limits(hedged, CLASSES, limits, past=past) == ()
    (told,) = check_limits(unhedged, CLASSES, limits, previous=hedged, tolerance=0.01, past=past)
    assert (told.rule, told.severity) == ("volatility", "warning")
    (refused,) = check_limits({"A": 0.6, "B": 0.0}, CLASSES, limits, previous=hedged, tolerance=0.01, past=past)
    assert refused.severity == "block"
    (target,) = check_limits(unhedged, CLASSES, limits, previous=hedged, past=past)
    assert target.severity == "block"


def test_prices_may_carry_a_book_past_limits_of_returns_by_a_part_of_the_limit_only() -> None:
    past = some_past(4)
    whole = by_symbol([0.1] * 8)
    figure = float(-np.percentile(earned(past, whole), 5))
    for part, told in ((1.005, 0), (1.02, 1)):
        limits = Limits(**ROOM | {"value_at_risk": figure / part}, **OPEN)
        assert len(check_limits(whole, CLASSES, limits, previous={}, tolerance=0.01, past=past)) == told


def made_up_closes(seed: int, sessions: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    closes = 50 * np.exp(np.cumsum(random.normal(0, 0.02, (sessions, 8)), axis=0))
    closes[random.random(closes.shape) < 0.05] = np.nan
    closes[: sessions // 3, 3] = np.nan
    closes[sessions // 2 :, 6] = np.nan
    return closes


def test_a_return_that_is_not_known_is_that_of_the_class_and_the_past_begins_with_the_first_one() -> None:
    closes = made_up_closes(3, 40)
    closes[:5] = np.nan
    past = Pasts.of_closes(closes, DAYS[:40], SYMBOLS, CLASSES).at(DAYS[39])
    change = pd.DataFrame(closes, columns=list(SYMBOLS)).pct_change(fill_method=None)
    expected = pd.DataFrame(
        {s: change[s].fillna(change[[o for o in SYMBOLS if CLASSES[o] == CLASSES[s]]].mean(axis=1)) for s in SYMBOLS}
    ).fillna(0.0)
    assert past.sessions == 34
    np.testing.assert_allclose(past.returns.T, expected.to_numpy()[6:], atol=1e-14)


def test_the_past_has_the_bits_of_a_range_when_it_is_asked_for_one_session_alone() -> None:
    """Read from its own window, and with a symbol that only a range knows of."""
    closes = made_up_closes(5, 400)
    everything = Pasts.of_closes(closes, DAYS[:400], SYMBOLS, CLASSES)
    wider = Pasts.of_closes(np.column_stack([closes, closes[:, 0]]), DAYS[:400], (*SYMBOLS, "OLD"), CLASSES)
    weights = by_symbol([0.2, -0.1, 0.0, 0.3, 0.1, 0.05, 0.2, 0.11])
    for stop in (1, 30, 200, 253, 254, 399):
        first = max(0, stop - WINDOW)
        alone = Pasts.of_closes(closes[first : stop + 1], DAYS[first : stop + 1], SYMBOLS, CLASSES).at(DAYS[stop])
        found = alone.of(weights)
        assert found.tobytes() == everything.at(DAYS[stop]).of(weights).tobytes()
        turned = dict(reversed([*weights.items(), ("OLD", 0.0)]))
        assert found.tobytes() == wider.at(DAYS[stop]).of(turned).tobytes()
        assert alone.sessions == min(stop, WINDOW)


def test_a_range_of_sessions_is_cut_as_its_sessions_one_by_one() -> None:
    random = np.random.default_rng(6)
    closes, asked = made_up_closes(7, 320), random.normal(0.1, 0.3, (60, 8))
    limits = Limits(
        **ROOM | {"volatility": 0.08, "value_at_risk": 0.006, "top_five": 0.9, "sector": 0.5, "turnover": 0.3}, **OPEN
    )
    days = DAYS[260:320]
    pasts = Pasts.of_closes(closes, DAYS[:320], SYMBOLS, CLASSES)
    at_once = limit_path(
        asked, SYMBOLS, CLASSES, limits, {}, sectors=SECTORS, pasts=[pasts.at(session) for session in days]
    )
    previous: dict[str, float] = {}
    for place, stop in enumerate(range(260, 320)):
        window = slice(stop - WINDOW, stop + 1)
        own = Pasts.of_closes(closes[window], DAYS[window], SYMBOLS, CLASSES).at(DAYS[stop])
        (alone,) = limit_path(
            asked[place : place + 1], SYMBOLS, CLASSES, limits, previous, sectors=SECTORS, pasts=[own]
        )
        assert (alone.weights, alone.cuts) == (at_once[place].weights, at_once[place].cuts)
        previous = alone.weights
    assert {cut.rule for one in at_once for cut in one.cuts} >= {"volatility", "top_five", "sector", "turnover"}


def test_fewer_than_five_positions_are_the_top_five_as_well() -> None:
    assert TOP_FIVE.of_whole(Portfolio({"A": 0.3, "B": -0.2}, CLASSES)) == pytest.approx(0.5)
    found = limit_session({"A": 0.3, "B": -0.2}, CLASSES, Limits(**ROOM | {"top_five": 0.3}, **OPEN), {})
    assert found.weights == pytest.approx({"A": 0.15, "B": -0.15})
