"""Pictures are small, are pictures, and say when their data is made up."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from portfolio_pipeline.components.pictures import (
    LARGEST_PNG,
    bar_picture,
    equity_picture,
    line_picture,
    simulated,
    stacked_picture,
)

DAYS = np.arange(np.datetime64("2015-01-01"), np.datetime64("2015-01-01") + 2_520)


def noise(count: int, lines: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {f"line {n}": np.cumprod(1 + generator.normal(0.0004, 0.01, count)) for n in range(lines)}


def size_of(picture: str) -> int:
    assert picture.startswith("![A title](data:image/png;base64,")
    assert picture.endswith(")")
    png = base64.b64decode(picture.split("base64,")[1][:-1])
    assert png.startswith(b"\x89PNG")
    return len(png)


@pytest.mark.parametrize("count", [1, 2, 60, 2_520])
@pytest.mark.parametrize("draw", [line_picture, equity_picture, stacked_picture])
def test_a_picture_of_any_length_is_a_small_png(count: int, draw: Callable[..., str]) -> None:
    assert 2_000 < size_of(draw("A title", DAYS[:count], noise(count, 8))) <= LARGEST_PNG


def test_series_that_are_missing_in_part_are_drawn() -> None:
    lines = noise(100, 2)
    lines["line 0"][:40] = np.nan
    assert size_of(equity_picture("A title", DAYS[:100], lines)) > 2_000


def test_bars_may_have_limits_for_some_names_only() -> None:
    values = {"gross": 0.9, "net": -0.2, "bond": 0.4}
    assert size_of(bar_picture("A title", values, limits={"gross": 1.0, "bond": float("nan")})) <= LARGEST_PNG


def test_the_same_data_gives_the_same_picture() -> None:
    assert line_picture("A title", DAYS, noise(2_520, 2)) == line_picture("A title", DAYS, noise(2_520, 2))


def test_made_up_data_says_so_in_the_title() -> None:
    assert simulated("Equity", ["SIMULATED"]) == "SIMULATED · Equity"
    assert simulated("Equity", ["files"]) == "Equity"


def test_importing_the_module_does_not_import_matplotlib() -> None:
    code = "import sys, portfolio_pipeline.components.pictures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
