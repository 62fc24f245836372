"""The mean of what the `members` of the settings want, each of which sees its own window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


def ensemble(methods: Mapping[str, AllocationMethod]) -> AllocationMethod:
    """The method over these; what a member leaves in cash stays there in part."""

    def wish(known: Known, settings: Allocation) -> Array:
        shares = []
        for name in settings.members:
            method = methods[name]
            wanted = method.wish(known.last(max(settings.window_sessions, method.sessions)), settings)
            shares.append(wanted if method.exact or not wanted.any() else wanted / wanted.sum())
        mean: Array = np.mean(shares, axis=0)
        return mean

    return AllocationMethod("ensemble", wish, exact=True)
