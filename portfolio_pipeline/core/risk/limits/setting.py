"""What portfolio.yaml may say of a limit: a number within bounds, or one for each asset class.

Strict: a boolean or a text is no number. Which limits can be set is said by the limits themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from portfolio_pipeline.core.sections import AssetClass

FRACTION = "fraction of equity"
Value = float | Mapping[str, float] | None


@dataclass(frozen=True)
class Setting:
    """The default and the bounds of one key. A default of None: not limited unless the key is written.

    `low` itself is allowed only when it is below 0 or `low_allowed`: a book that may hold nothing needs no limits.
    """

    default: Value
    low: float
    high: float
    low_allowed: bool = False
    unit: str = FRACTION
    by_class: bool = False

    @property
    def annotation(self) -> Any:  # a type, made up at run time
        number: Any = Annotated[float, Field(strict=True), AfterValidator(self._within())]
        if self.by_class:
            return dict[AssetClass, number]
        return number | None if self.default is None else number

    def _within(self) -> Callable[[float], float]:
        def check(found: float) -> float:
            if self.low < found <= self.high or (found == self.low and self.low_allowed):
                return found
            raise PydanticCustomError("outside", "{message}", {"message": self._told(found)})

        return check

    def _told(self, found: float) -> str:
        bounds = f"{found:g} is outside {self.low:g} to {self.high:g}"
        if found == self.low:
            return f"{bounds} ({self.low:g} itself is outside)"
        part = found / 100
        if self.unit != FRACTION or not self.low < part <= self.high:
            return bounds
        return f"{bounds} (a fraction: did you mean {max(f'{part:.2f}', f'{part:g}', key=len)}?)"
