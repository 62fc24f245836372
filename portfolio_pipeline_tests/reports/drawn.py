"""What stands on a picture, read back from its SVG: points in pixels, words, boxes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np

_SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Word:
    x: float
    y: float
    text: str
    anchor: str


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    fill: str


@dataclass(frozen=True)
class Line:
    points: np.ndarray  # [point, x and y], NaN where the pen is lifted
    colour: str
    width: float
    filled: bool


@dataclass(frozen=True)
class Drawing:
    width: float
    height: float
    words: tuple[Word, ...]
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]

    @property
    def texts(self) -> list[str]:
        return [word.text for word in self.words]

    def word(self, text: str) -> Word:
        return next(word for word in self.words if word.text == text)

    def curves(self, colour: str) -> list[np.ndarray]:
        """The lines of a colour that are no rules of an axis."""
        return [line.points for line in self.lines if line.colour == colour and line.width > 1.0]

    def shapes(self) -> np.ndarray:
        """Every point of everything that is no word."""
        corners = [np.array([[box.x, box.y], [box.x + box.width, box.y + box.height]]) for box in self.boxes]
        found = np.concatenate([np.zeros((1, 2)), *corners, *(line.points for line in self.lines)])
        points: np.ndarray = found[~np.isnan(found[:, 0])]
        return points


def svg_of(picture: str) -> str:
    found = re.fullmatch(r"!\[([^\[\]\n]*)\]\(data:image/svg\+xml,([A-Za-z0-9%=:/,;'._~-]+)\)", picture)
    assert found, picture[:200]
    return unquote(found[2])


def drawing_of(picture: str) -> Drawing:
    root = ElementTree.fromstring(svg_of(picture))
    assert root.tag == f"{_SVG}svg"
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert (width, height) == (10 * float(root.attrib["width"]), 10 * float(root.attrib["height"]))
    words, boxes, lines = [], [], []
    for element in root.iter():
        at = {name: float(value) / 10 for name, value in element.items() if re.fullmatch(r"-?\d+", value)}
        if element.tag == f"{_SVG}text":
            words.append(Word(at["x"], at["y"], element.text or "", element.get("text-anchor", "start")))
        elif element.tag == f"{_SVG}rect":
            boxes.append(Box(at.get("x", 0.0), at.get("y", 0.0), at["width"], at["height"], element.attrib["fill"]))
    for path in root.findall(f"{_SVG}path"):
        stroke, fill = path.get("stroke", ""), path.attrib["fill"]
        points = points_of(path.attrib["d"]) / 10
        lines.append(Line(points, stroke or fill, float(path.get("stroke-width", 0)) / 10, fill != "none"))
    for group in root.findall(f"{_SVG}g"):
        matrix = re.fullmatch(r"matrix\(([^,]+),0,0,([^,]+),([^,]+),([^,]+)\)", group.attrib["transform"])
        assert matrix
        wide, high, left, bottom = (float(number) for number in matrix.groups())
        for path in group:
            points = points_of(path.attrib["d"]) * (wide, high) + (left, bottom)
            lines.append(Line(points / 10, path.attrib["stroke"], -high / 10, False))
    return Drawing(width / 10, height / 10, tuple(words), tuple(boxes), tuple(lines))


def points_of(path: str) -> np.ndarray:
    """Where the pen goes along a path of SVG."""
    x = y = 0.0
    points: list[tuple[float, float]] = []
    for command, arguments in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = [float(number) for number in re.findall(r"-?\d+", arguments)]
        pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
        if command in "Mm":
            points += [(np.nan, np.nan)] if points else []
        if command in "ML":
            (x, y) = pairs[-1]
            points += pairs
        elif command in "ml":
            for right, down in pairs:
                x, y = x + right, y + down
                points.append((x, y))
        elif command in "HhVv":
            x = numbers[0] + (x if command == "h" else 0.0) if command in "Hh" else x
            y = numbers[0] + (y if command == "v" else 0.0) if command in "Vv" else y
            points.append((x, y))
        else:
            assert command == "z", command
    return np.array(points)


def number_in(words: str) -> float:
    """A number as a picture writes it."""
    found = re.fullmatch(r"(−?[\d.,]+(?:e[+−]?\d+)?)(%|k|m|bn|tn|)", words)
    assert found, words
    scale = {"%": 0.01, "": 1.0, "k": 1e3, "m": 1e6, "bn": 1e9, "tn": 1e12}[found[2]]
    return float(found[1].replace("−", "-").replace(",", "")) * scale
