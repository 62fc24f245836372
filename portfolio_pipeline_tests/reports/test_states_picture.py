"""Strips of states: coloured where and as long as something is not normal."""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.reports.pictures import LARGEST, states_picture
from portfolio_pipeline_tests.reports.drawn import drawing_of

DAYS = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-04-10"))


def test_a_strip_is_coloured_for_as_long_as_its_state_lasted() -> None:
    states = ["normal"] * 40 + ["liquidated"] * 20 + ["cooling"] * 10 + ["normal"] * 30
    drawing = drawing_of(states_picture("States", DAYS, {"portfolio": states, "calm": ["normal"] * 100}))
    strips = [box for box in drawing.boxes if box.height > 10 and box.width < 600]
    whole = next(box for box in drawing.boxes if 10 < box.height < 20 and box.width > 300)
    dark = [box for box in strips if box.fill == "#7d1f17"]
    assert len(dark) == 1
    assert abs(dark[0].width / whole.width - 20 / 99) < 0.02
    assert abs((dark[0].x - whole.x) / whole.width - 40 / 99) < 0.02


def test_states_that_change_every_day_are_a_small_picture() -> None:
    days = np.arange(np.datetime64("2000-01-01"), np.datetime64("2014-01-01"))
    words = ["normal", "paused", "reduced", "cooling", "liquidated"]
    states = {f"strategy {name}": [words[(k + name) % 5] for k in range(len(days))] for name in range(40)}
    assert len(states_picture("States", days, states)) < 2 * LARGEST
