"""What every section of settings and every card is made of: frozen, strict about its keys, checked when it is read.

A section stands beside what it steers, in its room; `core.settings` puts them together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Strict
from pydantic_core import PydanticCustomError


@dataclass(frozen=True)
class Bounds:
    """From where to where a number goes. `above`: the lower end itself is outside.

    `fraction`: whoever writes 20 is asked whether 0.20 was meant.
    """

    low: float
    high: float
    above: bool = False
    fraction: bool = False

    def __call__(self, found: float) -> float:
        if self.low < found <= self.high or (found == self.low and not self.above):
            return found
        raise ValueError(self._told(found))

    def _told(self, found: float) -> str:
        bounds = f"{self.low:g} to {self.high:g}"
        if found == self.low:
            return f"{bounds} ({self.low:g} itself is outside)"
        part = found / 100
        if not self.fraction or not self.low < part <= self.high:
            return bounds
        return f"{bounds} (a fraction: did you mean {max(f'{part:.2f}', f'{part:g}', key=len)}?)"


@dataclass(frozen=True)
class Form:
    """How a name is written, as a pattern and in words."""

    pattern: str
    words: str

    def __call__(self, found: str) -> str:
        if re.fullmatch(self.pattern, found):
            return found
        raise ValueError(self.words)


def impossible(why: str, *at: str | int) -> PydanticCustomError:
    """To be raised by whoever looks at a whole section: why it cannot be, and which of its entries says so.

    Whoever looks at one value raises a ValueError with what was expected in its place.
    """
    return PydanticCustomError("why", "{why}", {"why": why, "at": at})


# Numbers of settings and cards are strict: a boolean or a text is none, and every one has bounds.
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Fraction = Annotated[Number, AfterValidator(Bounds(0, 1, fraction=True))]
SomeFraction = Annotated[Number, AfterValidator(Bounds(0, 1, above=True, fraction=True))]
Multiple = Annotated[Number, AfterValidator(Bounds(0, 4, fraction=True))]
"""Of something that may be taken more than once, as a gross exposure of the equity."""
Size = Annotated[Number, AfterValidator(Bounds(0, 2, above=True, fraction=True))]
"""A fraction that may pass 1, as a volatility or a move of a price."""
BasisPoints = Annotated[Number, AfterValidator(Bounds(0, 1_000))]
Currency = Annotated[Number, AfterValidator(Bounds(0, 1e12))]
SomeCurrency = Annotated[Number, AfterValidator(Bounds(0, 1e12, above=True))]
MOST_SESSIONS = 10_000
"""More than the calendar has."""
AssetClass = Literal["equity", "bond", "commodity", "real_estate"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
