"""Settings of the risk limits: one key for each registered limit that can be set, those of strategies and of what
became of a book, and the tolerance.

What a key may say stands with its limit; which figure it has that is not written, in `core.risk.presets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, ConfigDict, create_model, model_validator

from portfolio_pipeline.core.registry import one_of
from portfolio_pipeline.core.risk.limits.of_strategies import STRATEGY_LIMITS
from portfolio_pipeline.core.risk.limits.of_time import LIMITS_OVER_TIME
from portfolio_pipeline.core.risk.limits.registry import LIMITS, ORDER_LIMITS
from portfolio_pipeline.core.risk.limits.setting import Setting, Value
from portfolio_pipeline.core.sections import Section


def _of_limits(names: tuple[str, ...]) -> tuple[str, ...]:
    known = [name for name, limit in LIMITS.items() if limit.setting]
    for name in names:
        if name not in known:
            raise ValueError(one_of(name, known))
    return names


_Names = Annotated[tuple[str, ...], AfterValidator(_of_limits)]
_TOLERANCE = Setting(default=0.01, low=0, high=0.10, low_allowed=True)


class Limits(Section):
    """The risk limits, as fractions of equity. `tolerance` is how far prices may carry a book past a limit; what is in
    `alert_only` cuts and stops nothing, and is told when it breaks.
    """

    # Strict all the same: what is written is read by a section made of the limits that are registered.
    model_config = ConfigDict(extra="allow")

    tolerance: float
    alert_only: tuple[str, ...] = ()

    if TYPE_CHECKING:  # the keys are not known before the limits are registered

        def __init__(self, **written: Value) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _of_registered_limits(cls, written: object) -> object:
        return _section().model_validate(written).model_dump() if isinstance(written, dict) else written

    @classmethod
    def entries(cls) -> tuple[str, ...]:
        """What may be written: asked when somebody has written something else."""
        return tuple(_section().model_fields)

    def value(self, name: str) -> Value:
        """What is written of the limit of this name, or its default."""
        value: Value = (self.model_extra or {})[name]
        return value

    def only_reports(self, name: str) -> bool:
        return name in self.alert_only


def keys() -> dict[str, Setting]:
    """Every key of the section, and what it takes."""
    settings = {name: limit.setting for name, limit in LIMITS.items() if limit.setting}
    settings |= {**STRATEGY_LIMITS, **LIMITS_OVER_TIME}
    return settings | {name: limit.setting for name, limit in ORDER_LIMITS.items()} | {"tolerance": _TOLERANCE}


def _section() -> type[Section]:
    fields: dict[str, Any] = {name: (setting.annotation, setting.default) for name, setting in keys().items()}
    return create_model("Limits", __base__=Section, **fields, alert_only=(_Names, ()))
