"""What portfolio.yaml may say of a limit: a number within bounds, or one for each asset class.

Strict: a boolean or a text is no number. Which limits can be set is said by the limits themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator

from portfolio_pipeline.core.sections import AssetClass, Bounds, Number

FRACTION = "fraction of equity"
_NOT_FRACTIONS = ("currency", "count", "ratio")
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
        within = Bounds(self.low, self.high, above=not self.low_allowed, fraction=self.unit not in _NOT_FRACTIONS)
        number: Any = Annotated[Number, AfterValidator(within)]
        if self.by_class:
            return dict[AssetClass, number]
        return number | None if self.default is None else number
