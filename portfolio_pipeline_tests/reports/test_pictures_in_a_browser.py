"""A real browser draws every kind of picture: inside the card, nothing over the names, as the `<img>` of a page."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from portfolio_pipeline.reports.pictures import (
    bar_picture,
    equity_picture,
    evolution_picture,
    line_picture,
    stacked_picture,
    surface_picture,
)
from portfolio_pipeline_tests.reports.drawn import svg_of

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

GENERATOR = np.random.default_rng(0)
DAYS = np.arange(np.datetime64("2015-01-01"), np.datetime64("2015-01-01") + 2_520)
LINES = {f"momentum_equities {n}": np.cumprod(1 + GENERATOR.normal(0.0004, 0.01, 2_520)) for n in range(5)}
SHARES = {name: values / sum(LINES.values()) for name, values in LINES.items()}
TITLE = "SIMULATED · A TITLE THAT IS FAR TOO LONG FOR ITS CARD " + "and goes on " * 20
PICTURES = {
    "line": line_picture(TITLE, DAYS, LINES),
    "percent": line_picture("A short span", DAYS[:9], {"WWWWWWWW" * 9: LINES["momentum_equities 1"][:9]}, percent=True),
    "equity": equity_picture("What 1 became", DAYS, LINES),
    "stacked": stacked_picture("Shares of capital", DAYS, SHARES),
    "bars": bar_picture("Limits", {"GROSS EXPOSURE": 1.2, "a name " * 20: -0.93}, limits={"GROSS EXPOSURE": 1.0}),
    "surface": surface_picture(
        "A search", "slow", [80, 120, 160], "rebalance", ["week", "month"], np.arange(6.0).reshape(2, 3), (80, "month")
    ),
    "evolution": evolution_picture(
        "Parameters in use",
        DAYS,
        {
            "volatility_window": GENERATOR.choice([20, 60, 120], 2_520),
            "rebalance": np.repeat(["week", "month"], 1_260).astype(object),
        },
    ),
}
_ASK = """
async function look(image) {
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    const svg = document.getElementById("svg " + image.id).firstElementChild;
    const boxes = [...svg.querySelectorAll("text")].map(text => {
        const box = text.getBBox();
        return [text.textContent, box.x, box.y, box.x + box.width, box.y + box.height];
    });
    const view = svg.viewBox.baseVal;
    const white = pixels.filter(pixel => pixel === 0xffffffff).length / pixels.length;
    return {kind: image.id, colours: new Set(pixels).size, white, width: view.width, height: view.height, boxes};
}
Promise.all([...document.images].map(look)).then(
    seen => { document.getElementById("seen").textContent = JSON.stringify(seen); });
"""


@dataclass(frozen=True)
class Seen:
    """What the browser made of a picture; lengths in tenths of a pixel."""

    kind: str
    colours: int
    white: float
    width: float
    height: float
    boxes: list[tuple[str, float, float, float, float]]  # words; left, top, right, bottom


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    folder = tmp_path_factory.mktemp("browser")
    images = "".join(f'<img id="{kind}" src="{_source(picture)}">' for kind, picture in PICTURES.items())
    inline = "".join(f'<div id="svg {kind}">{svg_of(picture)}</div>' for kind, picture in PICTURES.items())
    page = folder / "page.html"
    page.write_text(f'<meta charset="utf-8">{images}{inline}<p id="seen"></p><script>{_ASK}</script>', encoding="utf-8")
    told = _run("--dump-dom", "--virtual-time-budget=20000", page.as_uri(), folder=folder)
    found = re.search(r'<p id="seen">(.+?)</p>', told, re.DOTALL)
    assert found, told[-500:]
    return {one["kind"]: Seen(**one) for one in json.loads(html.unescape(found[1]))}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_is_drawn_in_colours_on_a_light_ground(kind: str, seen: dict[str, Seen]) -> None:
    assert seen[kind].colours > 20
    assert seen[kind].white > 0.15


@pytest.mark.parametrize("kind", PICTURES)
def test_all_words_fit_on_the_card_and_none_covers_another(kind: str, seen: dict[str, Seen]) -> None:
    view = seen[kind]
    for words, left, top, right, bottom in view.boxes:
        assert left >= 0, words
        assert top >= 0, words
        assert right <= view.width, words
        assert bottom <= view.height, words
    for place, (words, left, top, right, bottom) in enumerate(view.boxes):
        for others, *other in view.boxes[:place]:
            # Letters do not fill the height of their boxes.
            apart = left >= other[2] or right <= other[0] or top + 25 >= other[3] or bottom - 25 <= other[1]
            assert apart, (words, others)


def test_a_screenshot_of_a_page_with_pictures_is_a_png(tmp_path: Path) -> None:
    page, shot = tmp_path / "page.html", tmp_path / "shot.png"
    page.write_text("".join(f'<img src="{_source(picture)}">' for picture in PICTURES.values()), encoding="utf-8")
    _run(f"--screenshot={shot}", "--window-size=1640,1400", page.as_uri(), folder=tmp_path)
    assert shot.read_bytes().startswith(b"\x89PNG")
    assert shot.stat().st_size > 50_000


def _source(picture: str) -> str:
    return picture.split("](")[1][:-1]


def _run(*arguments: str, folder: Path) -> str:
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    command = [str(CHROMIUM), *quiet, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
