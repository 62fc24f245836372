"""Pictures are small, are pictures, and say when their data is made up."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from portfolio_pipeline.reports.pictures import (
    LARGEST_PNG,
    bar_picture,
    equity_picture,
    evolution_picture,
    line_picture,
    simulated,
    stacked_picture,
    surface_picture,
)

DAYS = np.arange(np.datetime64("2015-01-01"), np.datetime64("2015-01-01") + 2_520)


def noise(count: int, lines: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {f"line {n}": np.cumprod(1 + generator.normal(0.0004, 0.01, count)) for n in range(lines)}


def png_of(picture: str) -> bytes:
    assert picture.startswith("![A title](data:image/png;base64,")
    assert picture.endswith(")")
    png = base64.b64decode(picture.split("base64,")[1][:-1])
    assert png.startswith(b"\x89PNG")
    return png


def size_of(picture: str) -> int:
    return len(png_of(picture))


def colours_of(picture: str) -> np.ndarray:
    """Red, green and blue of each pixel, as numbers that may be subtracted."""
    return np.asarray(Image.open(io.BytesIO(png_of(picture))).convert("RGB"), dtype=np.int64)


def marked(colours: np.ndarray) -> np.ndarray:
    """Where the columns of the picture hold the red that frames the chosen set."""
    red, green, blue = np.moveaxis(colours, 2, 0)
    return np.flatnonzero(((red > 150) & (green < 100) & (blue < 100)).any(axis=0))


@pytest.mark.parametrize("count", [1, 2, 60, 2_520])
@pytest.mark.parametrize("draw", [line_picture, equity_picture, stacked_picture])
def test_a_picture_of_any_length_is_a_small_png(count: int, draw: Callable[..., str]) -> None:
    assert 1_500 < size_of(draw("A title", DAYS[:count], noise(count, 8))) <= LARGEST_PNG


def test_series_that_are_missing_in_part_are_drawn() -> None:
    lines = noise(100, 2)
    lines["line 0"][:40] = np.nan
    assert size_of(equity_picture("A title", DAYS[:100], lines)) > 2_000


def test_bars_may_have_limits_for_some_names_only() -> None:
    values = {"gross": 0.9, "net": -0.2, "bond": 0.4}
    assert size_of(bar_picture("A title", values, limits={"gross": 1.0, "bond": float("nan")})) <= LARGEST_PNG


def test_a_surface_is_darker_where_scores_are_higher_and_blank_where_there_are_none() -> None:
    scores = np.array([[np.nan, 0.0, 1.0, 2.0]] * 2)
    colours = colours_of(surface_picture("A title", "fast", [1, 2, 3, 4], "slow", [True, False], scores))
    height, width, _ = colours.shape
    brightness = colours[int(height * 0.3), :, :].sum(axis=1)  # above the values in the upper cells
    cells = np.split(brightness[int(width * 0.12) : int(width * 0.89)], [int(width * 0.77 * k / 4) for k in (1, 2, 3)])
    middles = [float(np.median(cell)) for cell in cells]
    assert middles == sorted(middles, reverse=True)
    assert len(set(middles)) == 4
    assert middles[0] > 3 * 250


def test_the_chosen_set_is_framed_where_it_stands() -> None:
    scores = np.arange(12.0).reshape(3, 4)

    def columns(chosen: tuple[int, str] | None) -> np.ndarray:
        x, y = [10, 20, 30, 40], ["a", "b", "c"]
        return marked(colours_of(surface_picture("A title", "fast", x, "kind", y, scores, chosen)))

    first, last = columns((10, "b")), columns((40, "a"))
    assert first.max() < last.min()
    assert len(columns(None)) == len(columns((99, "a"))) == 0


@pytest.mark.parametrize("shape", [(1, 1), (2, 4), (30, 40), (90, 90)])
def test_a_surface_of_any_size_is_a_small_png(shape: tuple[int, int]) -> None:
    rows, columns = shape
    scores = np.random.default_rng(0).normal(size=shape)
    assert size_of(surface_picture("A title", "x", range(columns), "y", range(rows), scores)) <= LARGEST_PNG
    assert size_of(surface_picture("A title", "x", range(columns), "", [""] * rows, scores * np.nan)) <= LARGEST_PNG


def test_parameters_of_every_kind_are_drawn_over_time() -> None:
    generator = np.random.default_rng(0)
    parameters = {
        "fast": generator.choice([20, 40, 60], 500),
        "share": np.append(np.full(100, np.nan), generator.choice([0.25, 0.5], 400)),
        "kind": generator.choice(np.array(["up", "down", None], dtype=object), 500),
        "stops": generator.random(500) > 0.5,
        "constant": np.full(500, 7),
    }
    assert size_of(evolution_picture("A title", DAYS[:500], parameters)) <= LARGEST_PNG
    first = {name: values[:1] for name, values in parameters.items()}
    assert size_of(evolution_picture("A title", DAYS[:1], first)) <= LARGEST_PNG


@pytest.mark.parametrize("values", [[20, 20, 20, 60, 60, 20, 20], ["a", "a", "a", "b", "b", "a", "a"]])
def test_sessions_without_a_change_add_nothing_to_the_picture_of_parameters(values: list[object]) -> None:
    told = np.array(values, dtype=object)
    turning = np.array([0, 3, 5, 6])
    whole = evolution_picture("A title", DAYS[:7], {"fast": told})
    assert whole == evolution_picture("A title", DAYS[turning], {"fast": told[turning]})
    assert whole != evolution_picture("A title", DAYS[:7], {"fast": told[::-1]})


def test_the_same_data_gives_the_same_picture() -> None:
    assert line_picture("A title", DAYS, noise(2_520, 2)) == line_picture("A title", DAYS, noise(2_520, 2))


def test_made_up_data_says_so_in_the_title() -> None:
    assert simulated("Equity", ["SIMULATED"]) == "SIMULATED · Equity"
    assert simulated("Equity", ["files"]) == "Equity"


def test_importing_the_module_does_not_import_matplotlib() -> None:
    code = "import sys, portfolio_pipeline.reports.pictures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
