"""The pictures of risk: bands, pairs and limits stand where the numbers say, and everything stays on its card."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.market.made_up import MADE_UP
from portfolio_pipeline.core.risk.futures import risk_futures
from portfolio_pipeline.core.risk.measures.rows import metric_rows
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.reports.pictures import bands_picture, bar_picture, pairs_picture
from portfolio_pipeline.reports.pictures.canvas import GOOD, INK, LARGEST
from portfolio_pipeline.reports.risk import risk_pictures
from portfolio_pipeline_tests.core.risk.books import seen
from portfolio_pipeline_tests.reports.drawn import drawing_of
from portfolio_pipeline_tests.reports.test_pictures import NAMES, NUMBERS, stays_on_its_card

LAST = date(2024, 1, 3)


def test_bands_open_from_nothing_and_end_at_their_figures() -> None:
    bands = {"5 %": np.array([-0.1, -0.2]), "50 %": np.array([0.02, 0.04]), "95 %": np.array([0.1, 0.3])}
    drawing = drawing_of(bands_picture("A title", [21, 42], bands, horizon="sessions ahead"))
    (band,) = [line.points for line in drawing.lines if line.filled]
    (middle,) = drawing.curves(GOOD)
    zero = drawing.word("0%").y
    assert middle[0, 1] == pytest.approx(zero - 0.36 * 11, abs=0.2)
    high, low = band[:, 1].min(), band[:, 1].max()
    assert (middle[-1, 1] - high) / (low - high) == pytest.approx((0.3 - 0.04) / 0.5, abs=0.01)
    assert {"5 %: −20%", "50 %: 4%", "95 %: 30%", "21", "42"} <= set(drawing.texts)


def test_pairs_are_told_once_and_framed_beyond_the_limit() -> None:
    values = np.array([[1, 0.9, np.nan], [0.9, 1, -0.25], [np.nan, -0.25, 1]])
    drawing = drawing_of(pairs_picture("A title", ["one", "two", "three"], values, marked=0.8))
    assert sorted(set(drawing.texts) - {"A title"}) == ["0.90", "one", "three", "two", "−0.25"]
    fills = {box.fill for box in drawing.boxes}
    assert len(fills - {"none", "#ffffff"}) == 2
    assert INK in pairs_picture("A title", ["one", "two"], values[:2, :2], marked=0.8).replace("%23", "#")


def test_words_stand_in_the_place_of_figures() -> None:
    drawing = drawing_of(bar_picture("A title", {"one": 0.5}, limits={"one": 1.0}, words={"one": "5 of 10"}))
    assert "5 of 10" in drawing.texts
    assert "50% of 100%" not in drawing.texts


def test_an_asset_shows_limits_components_futures_and_pairs() -> None:
    one = seen(limits=Limits(correlation=0.1, drawdown=0.2))
    rows = metric_rows(one)
    newest = rows[rows["session"] == rows["session"].max()]
    shown = risk_pictures(newest, risk_futures(one), LAST, (MADE_UP,)).split("\n\n")
    assert len(shown) == 4
    titles = [picture.split("]")[0] for picture in shown]
    assert all(title.startswith("![SIMULATED · ") for title in titles)
    assert all("2024-01-03" in title for title in titles)
    limits, components, _, pairs = map(drawing_of, shown)
    assert {"top weight", "paper drawdown", "highest correlation 63d"} <= set(limits.texts)
    assert {"calm", "short", "wild", "SPY"} <= set(components.texts)
    assert {"calm", "short", "wild"} <= set(pairs.texts)


def test_with_nothing_known_there_is_no_picture() -> None:
    nothing = pd.DataFrame(columns=["session", "scope", "metric", "value", "limit_value"])
    assert not risk_pictures(nothing, pd.DataFrame(), LAST, ())


def test_very_many_strategies_symbols_and_limits_are_small_pictures() -> None:
    names = [f"a_strategy_with_a_name_{place}" for place in range(60)]
    figures = [(f"strategy:{name}", metric, 0.1) for name in names for metric in ("component_risk", "gross_exposure")]
    figures += [(f"pair:{a}|{b}", "correlation_63d", 0.3) for place, a in enumerate(names) for b in names[:place]]
    figures += [(f"symbol:S{place}", "component_risk", 0.01) for place in range(500)]
    rows = pd.DataFrame(figures, columns=["scope", "metric", "value"]).assign(limit_value=1.0)
    for picture in risk_pictures(rows, pd.DataFrame(), LAST, ()).split("\n\n"):
        assert len(picture) < LARGEST
        stays_on_its_card(picture)


@settings(max_examples=60, deadline=None)
@given(title=NAMES, rows=st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=6), data=st.data())
def test_any_bands_stay_on_their_card(title: str, rows: list[list[float]], data: st.DataObject) -> None:
    names = data.draw(st.lists(NAMES, min_size=len(rows), max_size=len(rows), unique=True))
    bands = {name: np.array(row) for name, row in zip(names, rows, strict=True)}
    stays_on_its_card(bands_picture(title, [1, 2, 3], bands, horizon=title))


@settings(max_examples=60, deadline=None)
@given(title=NAMES, names=st.lists(NAMES, max_size=8, unique=True), seed=st.integers(0, 99), marked=st.floats(-1, 1))
def test_any_pairs_stay_on_their_card(title: str, names: list[str], seed: int, marked: float) -> None:
    generator = np.random.default_rng(seed)
    values = generator.uniform(-1, 1, (len(names), len(names)))
    values[generator.random(values.shape) < 0.2] = np.nan
    stays_on_its_card(pairs_picture(title, names, values, marked=marked))
