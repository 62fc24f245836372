"""Whether a strategy's results are to be believed, and why not.

What follows from the verdict (a report, no new capital) is on the strategy's card and is done elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from portfolio_pipeline.core.settings import Fraction, Section


class HonestyLimits(Section):
    """What results have to show, and over how much of the past they show it.

    Overfitting asks whether choosing did harm. Where all trials are equally good it is 0.5 by chance, and does none:
    it is held against nobody whose chosen trials lost in `harmless_loss` of the splits or fewer.
    """

    minimum_deflated_sharpe: Fraction = 0.90
    maximum_overfitting: Fraction = 0.50
    harmless_loss: Fraction = 0.10
    minimum_efficiency: float = 0.30  # out-of-sample over in-sample Sharpe ratio
    maximum_path_loss: Fraction = 0.25
    blocks: Annotated[int, Field(ge=2, le=16, multiple_of=2)] = 10
    walk_forward_sessions: Annotated[int, Field(ge=60)] = 504
    fewest_sessions: Annotated[int, Field(ge=20)] = 126


@dataclass(frozen=True)
class Verdict:
    """`doubted` when a limit is broken, `unproven` when none is but something is not known yet, else `believed`."""

    outcome: Literal["believed", "doubted", "unproven"]
    reasons: tuple[str, ...]  # limits broken, then what is not known

    @property
    def believed(self) -> bool:
        return self.outcome == "believed"


def verdict(
    limits: HonestyLimits,
    *,
    deflated_sharpe: float,
    overfitting: float,
    loss: float,
    promised: float,
    arrived: float,
    path_loss: float | None = None,
) -> Verdict:
    """Hold one strategy's statistics of one session against the limits. NaN is what is not known yet.

    `overfitting` and `loss` are those of `Overfitting`, `promised` and `arrived` those of `WalkForward`; `path_loss` is
    the share of losing paths in combinatorial cross-validation, for a card that asks to be promoted (None: not asked).
    """
    broken: list[str] = []
    unknown: list[str] = []

    def hold(reason: str, found: float, limit: float, low: bool) -> None:
        if np.isnan(found):
            unknown.append(f"{reason}_UNKNOWN: found=nan, limit={limit:.4g}")
        elif found < limit if low else found > limit:
            broken.append(f"{reason}_{'LOW' if low else 'HIGH'}: found={found:.4g}, limit={limit:.4g}")

    hold("DEFLATED_SHARPE", deflated_sharpe, limits.minimum_deflated_sharpe, low=True)
    if not loss <= limits.harmless_loss:
        hold("OVERFITTING", overfitting, limits.maximum_overfitting, low=False)
    if promised <= 0.0:
        broken.append(f"IN_SAMPLE_SHARPE_LOW: found={promised:.4g}, limit=0")
    else:
        hold("WALK_FORWARD_EFFICIENCY", arrived / promised, limits.minimum_efficiency, low=True)
    if path_loss is not None:
        hold("PATH_LOSS", path_loss, limits.maximum_path_loss, low=False)
    outcome: Literal["believed", "doubted", "unproven"] = "doubted" if broken else "unproven" if unknown else "believed"
    return Verdict(outcome, (*broken, *unknown))
