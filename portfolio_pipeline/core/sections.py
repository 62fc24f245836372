"""What every section of settings and every card is made of: frozen, strict about its keys, checked when it is read.

A section stands beside what it steers, in its room; `core.settings` puts them together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
AssetClass = Literal["equity", "bond", "commodity", "real_estate"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def parse_yaml(text: str) -> tuple[Any, yaml.Node | None]:
    """What a YAML text says, and the nodes that know the lines it says it on; by libyaml where it is there."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
        return (None if root is None else loader.construct_document(root)), root
    finally:
        loader.dispose()
