"""Pictures are small and valid, stand where the numbers say, stay on their card, and say when data is made up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.reports.pictures import (
    LARGEST,
    bar_picture,
    equity_picture,
    evolution_picture,
    line_picture,
    simulated,
    stacked_picture,
    surface_picture,
)
from portfolio_pipeline.reports.pictures.canvas import COLOURS, GOOD, LOSS, NEAR
from portfolio_pipeline_tests.reports.drawn import Drawing, drawing_of, number_in, svg_of

DAYS = np.arange(np.datetime64("2015-01-01"), np.datetime64("2015-01-01") + 5_000)
ODD = '<b>&"\x00[x](y) | \ud800'

Values = Mapping[str, np.ndarray]


def noise(count: int, lines: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {f"line {n}": np.cumprod(1 + generator.normal(0.0004, 0.01, count)) for n in range(lines)}


def values_at(drawing: Drawing, points: np.ndarray) -> np.ndarray:
    """What heights on the card mean, as told by the numbers at its left side."""
    left = [word for word in drawing.words if word.anchor == "end"]
    told = np.array([(word.y, number_in(word.text)) for word in left])
    slope, at_top = np.polyfit(told[:, 0], told[:, 1], 1)
    values: np.ndarray = slope * (points[:, 1] + 0.36 * 11) + at_top
    return values


def days_at(drawing: Drawing, points: np.ndarray, first: np.datetime64, last: np.datetime64) -> np.ndarray:
    """What places along the card mean: the rules across reach from the first day to the last."""
    rule = next(line.points for line in drawing.lines if line.width == 1.0)
    part = (points[:, 0] - rule[0, 0]) / (rule[1, 0] - rule[0, 0])
    days: np.ndarray = part * (last - first).astype(int)
    return days


def test_a_line_goes_through_its_values_on_their_days() -> None:
    days = DAYS[:60][np.random.default_rng(1).random(60) < 0.7]
    values = np.random.default_rng(2).normal(0, 3, len(days))
    drawing = drawing_of(line_picture("A title", days, {"one": values}))
    (points,) = drawing.curves(COLOURS[0])
    assert values_at(drawing, points) == pytest.approx(values, abs=0.05)
    expected = (days - days[0]).astype(int)
    assert days_at(drawing, points, days[0], days[-1]) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 250.0, 1e5, 1e7, 1e10, 1e13, 1e40])
@pytest.mark.parametrize("offset", [0.0, -10.0, 100.0])
@pytest.mark.parametrize("percent", [True, False])
def test_the_numbers_at_the_side_enclose_all_values(scale: float, offset: float, percent: bool) -> None:
    values = scale * (offset + np.random.default_rng(0).normal(0, 1, 50))
    drawing = drawing_of(line_picture("A title", DAYS[:50], {"one": values}, percent=percent))
    told = sorted(number_in(word.text) for word in drawing.words if word.anchor == "end")
    assert 3 <= len(set(told)) == len(told) <= 8
    assert told[0] <= values.min()
    assert told[-1] >= values.max()
    steps = np.diff(told)
    assert steps == pytest.approx(steps[0], rel=1e-3)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5e7, 1e-12])
def test_a_constant_is_a_level_line_inside_its_numbers(value: float) -> None:
    drawing = drawing_of(line_picture("A title", DAYS[:50], {"one": np.full(50, value)}))
    (points,) = drawing.curves(COLOURS[0])
    assert set(points[:, 1]) == {points[0, 1]}
    assert values_at(drawing, points) == pytest.approx(value, rel=1e-3, abs=1e-3 if value == 0 else 0)


def test_missing_values_leave_gaps() -> None:
    values = np.arange(30.0)
    values[[0, 10, 11, 20, 29]] = np.nan
    drawing = drawing_of(line_picture("A title", DAYS[:30], {"one": values}))
    drawn = [days_at(drawing, points, DAYS[0], DAYS[29]) for points in drawing.curves(COLOURS[0])]
    assert [(float(days[0].round(1)), float(days[-1].round(1))) for days in drawn] == [(1, 9), (12, 19), (21, 28)]


def test_nothing_known_draws_axes_alone() -> None:
    drawing = drawing_of(line_picture("A title", DAYS[:30], {"one": np.full(30, np.nan)}))
    assert drawing.curves(COLOURS[0]) == []
    assert {"0.0", "1.0"} <= set(drawing.texts) or {"0", "1.0"} <= set(drawing.texts)


def test_a_long_line_keeps_its_extremes() -> None:
    values = np.zeros(5_000)
    values[1_234], values[4_001] = 7.0, -3.0
    drawing = drawing_of(line_picture("A title", DAYS, {"one": values}))
    (points,) = drawing.curves(COLOURS[0])
    heights = values_at(drawing, points)
    assert heights.max() == pytest.approx(7.0, abs=0.05)
    assert heights.min() == pytest.approx(-3.0, abs=0.05)
    days = days_at(drawing, points, DAYS[0], DAYS[-1])
    assert days[heights.argmax()] == pytest.approx(1_234, abs=1)
    assert days[heights.argmin()] == pytest.approx(4_001, abs=1)


@pytest.mark.parametrize("draw", [line_picture, equity_picture, stacked_picture])
def test_the_legend_names_every_series_beside_the_values(draw: Callable[..., str]) -> None:
    drawing = drawing_of(draw("A title", DAYS[:100], noise(100, 40)))
    words = [drawing.word(f"line {place}") for place in range(40)]
    curves = np.concatenate([line.points for line in drawing.lines])
    assert min(word.x for word in words) > np.nanmax(curves[:, 0])
    heights = sorted(word.y for word in words)
    assert min(np.diff(heights)) >= 11
    assert 0 < heights[0] < heights[-1] < drawing.height


def test_drawdown_is_how_far_the_first_stands_below_its_highest() -> None:
    drawing = drawing_of(equity_picture("A title", DAYS[:4], {"account": np.array([1.0, 2.0, 1.0, 3.0])}))
    (area,) = [line.points for line in drawing.lines if line.filled]
    top, bottom = area[:, 1].min(), area[:, 1].max()
    numbers = [word for word in drawing.words if word.text.endswith("%")]
    at = {number_in(word.text): word.y - 0.36 * 11 for word in numbers}
    assert at[0.0] == pytest.approx(top, abs=0.1)
    slope = (at[min(at)] - at[0.0]) / min(at)
    assert (bottom - top) / slope == pytest.approx(-0.5, abs=0.01)


def test_shares_are_stacked_to_their_sum_and_those_below_nothing_downwards() -> None:
    parts = {"a": np.array([0.2, 0.2]), "b": np.array([0.3, 0.5]), "short": np.array([-0.25, -0.25])}
    drawing = drawing_of(stacked_picture("A title", DAYS[:2], parts))
    areas = {line.colour: values_at(drawing, line.points) for line in drawing.lines if line.filled}
    assert [areas[COLOURS[0]].max(), areas[COLOURS[1]].max()] == pytest.approx([0.2, 0.7], abs=0.003)
    assert areas[COLOURS[2]].min() == pytest.approx(-0.25, abs=0.003)


def test_bars_are_as_long_as_their_figures_and_redden_beyond_their_limits() -> None:
    values = {"within": 0.5, "near": 0.95, "beyond": -1.5, "free": 0.25, "none": float("nan")}
    limits = {"within": 1.0, "near": 1.0, "beyond": -1.0, "free": float("nan"), "none": 1.0}
    drawing = drawing_of(bar_picture("A title", values, limits=limits))
    bars = [box for box in drawing.boxes if box.fill in (GOOD, NEAR, LOSS)]
    assert [bar.fill for bar in bars] == [GOOD, NEAR, LOSS, GOOD]
    assert [bar.width / bars[0].width for bar in bars] == pytest.approx([1.0, 1.9, 3.0, 0.5], abs=0.01)
    assert {"50% of 100%", "95% of 100%", "−150% of −100%", "25%", "not known", *values} <= set(drawing.texts)


def test_a_surface_is_darker_where_scores_are_higher_and_blank_where_there_are_none() -> None:
    scores = np.array([[np.nan, 0.0, 1.0, 2.0]] * 2)
    drawing = drawing_of(surface_picture("A title", "fast", [1, 2, 3, 4], "slow", [True, False], scores))
    places = {name: drawing.word(name).x for name in ("1", "2", "3", "4")}
    top = min(np.nanmin(line.points[:, 1]) for line in drawing.lines)

    def shade(x: float) -> str | None:
        for line in drawing.lines:
            starts, ends = line.points[:, 0], np.append(line.points[1:, 0], np.nan)
            if ((starts < x) & (x < ends) & (abs(line.points[:, 1] - top) < line.width / 2)).any():
                return line.colour
        return None

    assert shade(places["1"]) is None
    assert [shade(places[name]) for name in ("2", "3", "4")] == ["#f6f1e3", "#6fa3c9", "#16365c"]


def test_the_chosen_set_is_framed_where_it_stands() -> None:
    scores = np.arange(12.0).reshape(3, 4)

    def frame(chosen: tuple[int, str] | None) -> tuple[float, float] | None:
        drawing = drawing_of(surface_picture("A title", "x", [10, 20, 30, 40], "kind", ["a", "b", "c"], scores, chosen))
        found = [box for box in drawing.boxes if box.fill == "none"]
        if not found:
            return None
        column, row = drawing.word(str(chosen[0] if chosen else "")), drawing.word(chosen[1] if chosen else "")
        box = found[-1]
        return box.x + box.width / 2 - column.x, box.y + box.height / 2 - row.y + 0.36 * 11

    assert frame((10, "b")) == pytest.approx((0, 0), abs=0.2)
    assert frame((40, "a")) == pytest.approx((0, 0), abs=0.2)
    assert frame(None) is frame((99, "a")) is None


def test_of_a_surface_too_large_the_chosen_cell_is_among_those_shown() -> None:
    scores = np.zeros((120, 120))
    scores[101, 51] = 1.0
    drawing = drawing_of(surface_picture("A title", "x", range(120), "y", range(120), scores, (51, 101)))
    dark = next(line for line in drawing.lines if line.colour == "#16365c")
    box = [box for box in drawing.boxes if box.fill == "none"][-1]
    assert dark.points[:, 0] == pytest.approx([box.x, box.x + box.width], abs=0.2)
    assert dark.points[:, 1] == pytest.approx(box.y + box.height / 2, abs=0.2)


def test_parameters_are_steps_between_their_lowest_and_highest_and_end_with_the_newest() -> None:
    parameters = {
        "fast": np.array([20, 20, 40, 60], dtype=object),
        "kind": np.array([None, "up", "down", "up"], dtype=object),
    }
    drawing = drawing_of(evolution_picture("A title", DAYS[:4], parameters))
    (fast,), (kind,) = drawing.curves(COLOURS[0]), drawing.curves(COLOURS[1])
    low, high = drawing.word("20").y, drawing.word("60").y
    heights = (low - 0.36 * 11 - fast[:, 1]) / (low - high)
    assert heights == pytest.approx([0.0, 0.0, 0.5, 0.5, 1.0, 1.0], abs=0.01)
    width = (fast[-1, 0] - fast[0, 0]) / 3
    assert (fast[:, 0] - fast[0, 0]) / width == pytest.approx([0, 2, 2, 3, 3, 3], abs=0.01)
    assert kind[0, 0] == pytest.approx(fast[0, 0] + width, abs=0.2)
    assert [word.text for word in drawing.words if word.x > fast[:, 0].max() and word.anchor == "start"] == ["60", "up"]


@pytest.mark.parametrize("values", [[20, 20, 20, 60, 60, 20, 20], ["a", "a", "a", "b", "b", "a", "a"]])
def test_sessions_without_a_change_add_nothing_to_the_picture_of_parameters(values: list[object]) -> None:
    told = np.array(values, dtype=object)
    turning = np.array([0, 3, 5, 6])
    whole = evolution_picture("A title", DAYS[:7], {"fast": told})
    assert whole == evolution_picture("A title", DAYS[turning], {"fast": told[turning]})
    assert whole != evolution_picture("A title", DAYS[:7], {"fast": told[::-1]})


@pytest.mark.parametrize("lines", [1, 6, 12, 30, 200])
@pytest.mark.parametrize("count", [1, 2, 60, 5_000])
@pytest.mark.parametrize("draw", [line_picture, equity_picture, stacked_picture])
def test_series_of_any_length_are_a_small_picture(count: int, lines: int, draw: Callable[..., str]) -> None:
    generator = np.random.default_rng(0)
    assert len(svg_of(draw("A title", DAYS[:count], noise(count, lines)))) <= LARGEST
    wildest = {str(place): generator.random(count) for place in range(lines)}
    assert len(svg_of(draw("A title", DAYS[:count], wildest))) <= LARGEST


@pytest.mark.parametrize("shape", [(1, 1), (2, 4), (30, 40), (90, 90), (300, 40)])
def test_a_surface_of_any_size_is_a_small_picture(shape: tuple[int, int]) -> None:
    rows, columns = shape
    scores = np.random.default_rng(0).normal(size=shape)
    assert len(svg_of(surface_picture("A title", "x", range(columns), "y", range(rows), scores))) <= LARGEST
    assert drawing_of(surface_picture("A title", "x", range(columns), "", [""] * rows, scores * np.nan))


def test_parameters_that_change_every_day_are_a_small_picture() -> None:
    generator = np.random.default_rng(0)
    parameters = {str(place): generator.random(5_000) for place in range(12)}
    assert len(svg_of(evolution_picture("A title", DAYS, parameters))) <= LARGEST


def test_odd_names_are_written_as_they_are_and_cannot_end_the_picture() -> None:
    values = np.arange(5.0)
    for picture in (
        line_picture(ODD, DAYS[:5], {ODD: values, "other": values}),
        bar_picture(ODD, {ODD: 0.5}),
        surface_picture(ODD, ODD, [ODD, "b"], ODD, [ODD], np.ones((1, 2)), (ODD, ODD)),
        evolution_picture(ODD, DAYS[:5], {ODD: np.array([ODD] * 5, dtype=object)}),
    ):
        texts = drawing_of(picture).texts
        assert any(text.startswith('<b>&"') for text in texts)


def test_a_title_too_long_is_cut() -> None:
    drawing = drawing_of(bar_picture("word " * 100, {"a": 1.0}))
    assert drawing.texts[0].endswith("…")
    assert 50 < len(drawing.texts[0]) < 120


def test_the_card_has_a_light_ground_of_its_own() -> None:
    ground = drawing_of(line_picture("A title", DAYS[:5], noise(5, 2))).boxes[0]
    drawing = drawing_of(line_picture("A title", DAYS[:5], noise(5, 2)))
    assert (ground.width, ground.height, ground.fill) == (drawing.width, drawing.height, "#ffffff")


def test_the_same_data_gives_the_same_picture() -> None:
    assert line_picture("A title", DAYS, noise(5_000, 2)) == line_picture("A title", DAYS, noise(5_000, 2))


def test_made_up_data_says_so_in_the_title() -> None:
    for source in ("SIMULATED", SimulatedMarketData(()).source):  # an earlier version wrote the name alone
        assert simulated("Equity", ["FILES", source]) == "SIMULATED · Equity"
    assert simulated("Equity", ["files"]) == "Equity"


def test_drawing_needs_numpy_alone() -> None:
    code = (
        "import sys, portfolio_pipeline.reports.pictures;"
        "sys.exit(bool({'pandas', 'pyarrow', 'matplotlib', 'dagster'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


NUMBERS = st.one_of(st.floats(), st.floats(-10, 10), st.sampled_from([0.0, 1.0, np.nan]))
NAMES = st.text(max_size=60)
SCORES = st.integers(1, 6).flatmap(
    lambda columns: st.lists(st.lists(NUMBERS, min_size=columns, max_size=columns), min_size=1, max_size=6)
)
PARAMETERS = st.one_of(NUMBERS, st.none(), st.booleans(), st.integers(-1000, 1000), NAMES)


@st.composite
def series(draw: st.DrawFn, values: st.SearchStrategy[object], kind: type) -> tuple[np.ndarray, Values]:
    count = draw(st.integers(1, 25))
    steps = draw(st.lists(st.integers(1, 500), min_size=count, max_size=count))
    days = np.datetime64(draw(st.dates()).replace(year=2000)) + np.cumsum(steps)
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    lines = {name: draw(st.lists(values, min_size=count, max_size=count)) for name in names}
    return days, {name: np.array([*line, None], dtype=kind)[:-1] for name, line in lines.items()}


def stays_on_its_card(picture: str) -> None:
    drawing = drawing_of(picture)
    shapes = drawing.shapes()
    assert len(svg_of(picture).encode()) <= LARGEST
    assert shapes.min() >= 0
    assert (shapes <= (drawing.width + 0.1, drawing.height + 0.1)).all()
    for word in drawing.words:
        assert 0 <= word.x <= drawing.width
        assert 0 <= word.y <= drawing.height


@settings(max_examples=150, deadline=None)
@given(title=NAMES, told=series(NUMBERS, float), percent=st.booleans())
def test_any_series_stay_on_their_card(title: str, told: tuple[np.ndarray, Values], percent: bool) -> None:
    stays_on_its_card(line_picture(title, *told, percent=percent))
    stays_on_its_card(equity_picture(title, *told))
    stays_on_its_card(stacked_picture(title, *told))


@settings(max_examples=100, deadline=None)
@given(title=NAMES, values=st.dictionaries(NAMES, NUMBERS, max_size=8), limits=st.dictionaries(NAMES, NUMBERS))
def test_any_bars_stay_on_their_card(title: str, values: dict[str, float], limits: dict[str, float]) -> None:
    either = limits | dict(zip(values, limits.values(), strict=False))
    stays_on_its_card(bar_picture(title, values, limits=either))
    stays_on_its_card(bar_picture(title, values, percent=False))


@settings(max_examples=100, deadline=None)
@given(title=NAMES, told=series(PARAMETERS, object))
def test_any_parameters_stay_on_their_card(title: str, told: tuple[np.ndarray, Values]) -> None:
    stays_on_its_card(evolution_picture(title, *told))


@settings(max_examples=100, deadline=None)
@given(title=NAMES, rows=SCORES, data=st.data())
def test_any_surface_stays_on_its_card(title: str, rows: list[list[float]], data: st.DataObject) -> None:
    scores = np.array(rows)
    ys = data.draw(st.lists(PARAMETERS, min_size=len(scores), max_size=len(scores)))
    xs = data.draw(st.lists(PARAMETERS, min_size=scores.shape[1], max_size=scores.shape[1]))
    stays_on_its_card(surface_picture(title, title, xs, title, ys, scores, (xs[0], ys[-1])))
