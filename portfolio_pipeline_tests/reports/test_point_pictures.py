"""Pictures of single points: each stands where its figures say, and all stay on their card."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.reports.pictures import LARGEST, Panel, panels_picture, scatter_picture
from portfolio_pipeline.reports.pictures.canvas import COLOURS, LOSS
from portfolio_pipeline.reports.pictures.points import _PALE
from portfolio_pipeline_tests.reports.drawn import Drawing, drawing_of, number_in, svg_of
from portfolio_pipeline_tests.reports.test_pictures import NAMES, NUMBERS, PARAMETERS, stays_on_its_card, values_at


def along(drawing: Drawing, x: np.ndarray) -> np.ndarray:
    """What places along the card mean, as told by the numbers at its bottom."""
    marks = [word for word in drawing.words if word.anchor == "middle" and word.text[-1].isdigit()]
    slope, start = np.polyfit([word.x for word in marks], [number_in(word.text) for word in marks], 1)
    found: np.ndarray = slope * x + start
    return found


def panel(name: str, figures: list[float], base: int = 0, errors: list[float] | None = None) -> Panel:
    known = np.array(figures)
    return Panel(name, "abcdef"[: len(figures)], known, np.array(errors) if errors else np.zeros(len(known)), base)


def test_every_point_stands_at_its_two_figures_and_the_marked_ones_are_named() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(1, 1, 40), rng.normal(0, 2, 40)
    drawing = drawing_of(scatter_picture("A title", "across", x, "up", y, {"best": 7, "default": 11}))
    spots = np.concatenate([line.points for line in drawing.lines if line.colour == _PALE])
    spots = spots[~np.isnan(spots[:, 0])][::2]
    assert along(drawing, spots[:, 0]) == pytest.approx(x, abs=0.02)
    assert values_at(drawing, spots) == pytest.approx(y, abs=0.05)
    for place, colour in ((7, COLOURS[0]), (11, COLOURS[1])):
        box = next(box for box in drawing.boxes if box.fill == colour)
        middle = np.array([[box.x + box.width / 2, box.y + box.height / 2]])
        assert along(drawing, middle[:, 0]) == pytest.approx(x[place], abs=0.02)
        assert values_at(drawing, middle) == pytest.approx(y[place], abs=0.05)
    assert {"best", "default", "across", "up"} <= set(drawing.texts)


def test_of_many_points_the_picture_stays_small() -> None:
    x = np.random.default_rng(0).normal(size=20_000)
    picture = scatter_picture("A title", "x", x, "y", x, {"best": 19_999})
    assert len(svg_of(picture)) < LARGEST
    assert any(box.fill == COLOURS[0] and box.width == 10 for box in drawing_of(picture).boxes)


def test_a_panel_has_a_line_through_its_figures_its_base_in_a_frame_and_errors_to_both_sides() -> None:
    drawing = drawing_of(panels_picture("A title", "figure", [panel("fast", [1.0, np.nan, 3.0], 2, [0.5, 0.1, 0.0])]))
    line = next(line for line in drawing.lines if line.width == 1.6)
    assert values_at(drawing, line.points) == pytest.approx([1.0, 3.0], abs=0.05)
    whisker = next(one for one in drawing.lines if one.colour == COLOURS[0] and one.width == 1.0)
    assert values_at(drawing, whisker.points) == pytest.approx([0.5, 1.5], abs=0.05)
    frame = next(box for box in drawing.boxes if box.fill == "none")
    assert frame.x + frame.width / 2 == pytest.approx(drawing.word("c").x, abs=0.1)
    assert f'stroke="{LOSS}"'.replace('"', "'") in svg_of(panels_picture("A", "f", [panel("fast", [1.0, 2.0])]))


def test_panels_share_their_numbers_and_stand_beside_and_below_each_other() -> None:
    picture = panels_picture("A title", "figure", [panel(f"p{n}", [float(n), n + 1.0]) for n in range(5)])
    drawing = drawing_of(picture)
    names = [drawing.word(f"p{n}") for n in range(5)]
    assert names[0].y == names[1].y == names[2].y < names[3].y == names[4].y
    assert names[0].x == names[3].x < names[1].x == names[4].x < names[2].x
    told = [number_in(word.text) for word in drawing.words if word.anchor == "end" and word.text]
    assert min(told) <= 0.0
    assert max(told) >= 5.0


@settings(max_examples=100, deadline=None)
@given(title=NAMES, points=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30), name=NAMES)
def test_any_points_stay_on_their_card(title: str, points: list[tuple[float, float]], name: str) -> None:
    x, y = np.array(points, dtype=np.float64).T
    stays_on_its_card(scatter_picture(title, name, x, name, y, {name: len(points) - 1}))


@settings(max_examples=100, deadline=None)
@given(title=NAMES, data=st.data())
def test_any_panels_stay_on_their_card(title: str, data: st.DataObject) -> None:
    panels = []
    for name in data.draw(st.lists(NAMES, min_size=1, max_size=7)):
        count = data.draw(st.integers(1, 90))
        values = data.draw(st.lists(PARAMETERS, min_size=1, max_size=3)) * count
        figures = np.array(data.draw(st.lists(NUMBERS, min_size=1, max_size=3)) * count, dtype=np.float64)[:count]
        panels.append(Panel(name, values[:count], figures, np.abs(figures), data.draw(st.integers(0, count - 1))))
    stays_on_its_card(panels_picture(title, title, panels))
