"""Whether a strategy's results are to be believed, and why not.

What follows from the verdict (a report, no new capital) is on the strategy's card and is done elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from portfolio_pipeline.core.strategies.card import Honesty


@dataclass(frozen=True)
class Verdict:
    """`doubted` when a limit is broken, `unproven` when none is but something is not known yet, else `believed`."""

    outcome: Literal["believed", "doubted", "unproven"]
    reasons: tuple[str, ...]  # limits broken, then what is not known

    @property
    def believed(self) -> bool:
        return self.outcome == "believed"


def verdict(
    limits: Honesty,
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
