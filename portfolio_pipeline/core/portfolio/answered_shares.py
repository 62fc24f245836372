"""What the risk states leave of the shares that were decided. What they take away stays in cash.

Capital is shared out as if nothing had broken, so that nobody's share hangs on the troubles of another, and what was
decided is there again when they are over. Path-dependent: while a state lets nothing grow, no share passes what it was
at the session before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.risk.states.standing import Standing


def answered_shares(
    decided: Array, standings: Sequence[Mapping[str, Standing]], strategies: Sequence[str], before: Array | None
) -> Array:
    """[sessions, strategies]; `before` are the shares of the session before the first, None where there was none."""
    shares = decided.copy()
    for row, after in enumerate(standings):
        shares[row] *= [after[name].factor for name in strategies]
        if before is not None:
            still = [not after[name].adds for name in strategies]
            shares[row] = np.where(still, np.minimum(shares[row], before), shares[row])
        before = shares[row]
    return shares
