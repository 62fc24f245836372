"""What every section of settings and every card is made of: frozen, strict about its keys, checked when it is read.

A section stands beside what it steers, in its room; `core.settings` puts them together.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
AssetClass = Literal["equity", "bond", "commodity", "real_estate"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
