"""The card that all pictures are drawn on: its title, the words and shapes on it, and the way to markdown.

SVG is written directly. Lengths are pixels, written in tenths, so that every coordinate is a whole number. A card
brings its own light ground, for a picture cannot know the theme of the page around it. No font can be measured here:
the width of words is reckoned from their letters, on the wide side. What a card shows is the business of others.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from portfolio_pipeline.core.market.made_up import any_made_up

LARGEST = 50_000  # bytes of a picture of up to 200 series: an event log keeps them all
WIDTH = 790.0
MARGIN = 12.0
TOP = 40.0  # below the title
LEGEND_LINE, LEGEND_LONGEST = 17.0, 170.0
BOLD = 1.15  # how much wider bold words are
SMALL, LARGE = 11.0, 14.0  # heights of letters
COLOURS = ("#2f6fb3", "#e08e2b", "#3f9b6c", "#b5493f", "#7d5ba6", "#8a7a5c", "#d3779f", "#6b7785", "#3aa6b0")
INK, QUIET, GRID, GROUND = "#33383d", "#6b7785", "#e3e6e9", "#ffffff"
GOOD, NEAR, LOSS = COLOURS[0], COLOURS[1], COLOURS[3]

_FONT = "system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"
_NARROW, _BROAD = frozenset(" !'(),.:;I[]fijlrt|·"), frozenset("%@MWmw…")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML

Anchor = Literal["start", "middle", "end"]


def simulated(title: str, sources: Sequence[str]) -> str:
    """The title, with SIMULATED in front when any of the data is made up."""
    return f"SIMULATED · {title}" if any_made_up(sources) else title


def colour_of(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def width_of(words: Iterable[str], size: float = SMALL) -> float:
    """About how wide the longest of some words is."""
    return max((sum(map(_breadth, word)) for word in words), default=0.0) * size


def cut(words: str, room: float, size: float = SMALL) -> str:
    """The words, or as much of their beginning as has room."""
    words = " ".join(words[: int(room)].split())
    if width_of([words], size) <= room:
        return words
    while words and width_of([words], size) + size > room:
        words = words[:-1]
    return words.rstrip() + "…"


@dataclass(frozen=True)
class Canvas:
    """A card of `WIDTH` and `height`, which grows shape by shape: what comes later lies on top."""

    title: str
    height: float
    shapes: list[str] = field(default_factory=list)

    def words(
        self,
        x: float,
        y: float,
        words: str,
        *,
        anchor: Anchor = "start",
        colour: str = INK,
        bold: bool = False,
        size: float = SMALL,
    ) -> None:
        """Words in the middle of whose letters' height is `y`."""
        looks = "" if anchor == "start" else f' text-anchor="{anchor}"'
        looks += "" if colour == INK else f' fill="{colour}"'
        looks += "" if size == SMALL else f' font-size="{_tenths(size)}"'
        looks += ' font-weight="bold"' if bold else ""
        self.shapes.append(f'<text x="{_tenths(x)}" y="{_tenths(y + 0.36 * size)}"{looks}>{_escaped(words)}</text>')

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: str = "none", edge: str = "", line: float = 0.0
    ) -> None:
        looks = f' stroke="{edge}" stroke-width="{_tenths(line)}"' if edge else ""
        at = f'x="{_tenths(x)}" y="{_tenths(y)}" width="{_tenths(width)}" height="{_tenths(height)}"'
        self.shapes.append(f'<rect {at} fill="{fill}"{looks}/>')

    def line(self, points: str, colour: str, width: float = 1.0) -> None:
        """A line along a path of `curves`."""
        self.shapes.append(f'<path d="{points}" fill="none" stroke="{colour}" stroke-width="{_tenths(width)}"/>')

    def area(self, outline: str, colour: str, opacity: float = 1.0) -> None:
        looks = "" if opacity == 1.0 else f' fill-opacity="{opacity:g}"'
        self.shapes.append(f'<path d="{outline}" fill="{colour}"{looks}/>')

    def rules(
        self, starts: Iterable[tuple[float, float]], *, right: float = 0.0, down: float = 0.0, colour: str = GRID
    ) -> None:
        """Thin straight lines of one colour and length, each along or down from its point."""
        way = f"h{_tenths(right)}" if right else f"v{_tenths(down)}"
        path = "".join(f"M{_tenths(x)},{_tenths(y)}{way}" for x, y in starts)
        if path:
            self.line(path, colour)

    def dot(self, x: float, y: float, colour: str) -> None:
        self.shapes.append(f'<circle cx="{_tenths(x)}" cy="{_tenths(y)}" r="25" fill="{colour}"/>')

    def legend(self, x: float, middle: float, names: Sequence[str], *, upwards: bool = False) -> None:
        """The names of what is drawn, each beside its colour, one below (or above) the other."""
        for place, name in enumerate(names):
            y = middle + LEGEND_LINE * (place - (len(names) - 1) / 2) * (-1 if upwards else 1)
            self.box(x, y - 4, 8, 8, fill=colour_of(place))
            self.words(x + 13, y, cut(name, LEGEND_LONGEST))

    def svg(self) -> str:
        width, height = _tenths(WIDTH), _tenths(self.height)
        title = cut(self.title, (WIDTH - 2 * MARGIN) / BOLD, LARGE)
        head = Canvas("", 0.0)
        head.words(MARGIN, 19, title, bold=True, size=LARGE)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}" height="{self.height:g}"'
            f' viewBox="0 0 {width} {height}" font-family="{_FONT}" font-size="{_tenths(SMALL)}" fill="{INK}"'
            f' stroke-linejoin="round" stroke-linecap="round" role="img"><title>{_escaped(self.title)}</title>'
            f'<rect width="{width}" height="{height}" rx="60" fill="{GROUND}"/>'
            f"{''.join(head.shapes + self.shapes)}</svg>"
        )

    def markdown(self) -> str:
        # Single quotes need no escape, neither here nor in the JSON of an event; base64 would be a quarter longer.
        code = quote(self.svg().replace('"', "'"), safe="=/,;'")
        return f"![{_plain(self.title)}](data:image/svg+xml,{code})"


def legend_width(names: Iterable[str]) -> float:
    return 13 + MARGIN + min(LEGEND_LONGEST, width_of(names))


def _breadth(letter: str) -> float:
    if letter in _NARROW:
        return 0.36
    if letter in _BROAD or unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    return 0.72 if letter.isupper() else 0.62


def _tenths(length: float) -> int:
    return round(10 * length)


def _escaped(words: str) -> str:
    return html.escape(_FORBIDDEN.sub("\ufffd", words))


def _plain(words: str) -> str:
    """Words that mean nothing else in the brackets of markdown."""
    return " ".join(_FORBIDDEN.sub("\ufffd", words).translate(str.maketrans("[]\\", "()/")).split())
