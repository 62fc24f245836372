"""Settings of the risk limits: one key for each registered limit that can be set, and the tolerance.

What a key may say stands with its limit.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, create_model, model_validator

from portfolio_pipeline.core.risk.limits.registry import LIMITS
from portfolio_pipeline.core.risk.limits.setting import Setting, Value
from portfolio_pipeline.core.sections import Section

_TOLERANCE = Setting(default=0.01, low=0, high=0.10, low_allowed=True)


class Limits(Section):
    """The risk limits, as fractions of equity. `tolerance` is how far prices may carry a book past a limit."""

    # Strict all the same: what is written is read by a section made of the limits that are registered.
    model_config = ConfigDict(extra="allow")

    tolerance: float

    def __init__(self, **written: Value) -> None:
        super().__init__(**_section().model_validate(written).model_dump())

    @model_validator(mode="before")
    @classmethod
    def _keys_are_names(cls, written: object) -> object:
        if isinstance(written, dict):
            for key in written:
                if not isinstance(key, str):
                    raise ValueError(f"{key!r} is no name of a limit")
        return written

    def value(self, name: str) -> Value:
        """What is written of the limit of this name, or its default."""
        return (self.model_extra or {})[name]


def _section() -> type[Section]:
    settings = {name: limit.setting for name, limit in LIMITS.items() if limit.setting} | {"tolerance": _TOLERANCE}
    fields: dict[str, Any] = {name: (setting.annotation, setting.default) for name, setting in settings.items()}
    return create_model("Limits", __base__=Section, **fields)
