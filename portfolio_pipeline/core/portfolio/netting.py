"""The strategies' targets netted into one book, and that book as rows. Limits cut it in `core.risk.cutting`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, long
from portfolio_pipeline.core.risk.cutting import LimitedTargets


def net(shares: Array, strategy_weights: Array) -> Array:
    """What the strategies together ask for: sum over strategies of share times weight.

    `shares` [sessions, strategies], `strategy_weights` [strategies, sessions, symbols]. Added strategy by strategy, so
    that one session alone gives the same bits as many.
    """
    requested = np.zeros(strategy_weights.shape[1:])
    for share, weights in zip(shares.T, strategy_weights, strict=True):
        requested += share[:, None] * weights
    return requested


def target_rows(
    sessions: Array,
    symbols: Sequence[str],
    requested: Array,
    path: Sequence[LimitedTargets],
    always: Sequence[str],
    before: Collection[str] = (),
    *,
    scale: Array,
    aim: Array,
    sleeve: Array,
    unresponded: Sequence[LimitedTargets] | None = None,
) -> pd.DataFrame:
    """Rows of aggregated_targets, `path` beside what is `unresponded` (None: the same): the symbols `always`, and
    others from the first session on that asks for them.

    `before` are the symbols with a row in the session before. Who had a row keeps one: what may still be held needs a
    target, and one of nothing has to be written, for a missing row is no wish.
    """
    weights, full = (
        np.array([[limited.weights[symbol] for symbol in symbols] for limited in one])
        for one in (path, unresponded or path)
    )
    reason = np.array([[limited.reasons.get(symbol, "") for symbol in symbols] for limited in path], dtype=object)
    rows = long(
        sessions, symbols, by="symbol", requested_weight=requested, weight=weights, reason=reason, sleeve=sleeve
    )
    rows["unresponded_weight"] = full.ravel()
    rows["scale"] = np.repeat(scale, len(symbols))
    rows["aim"] = np.repeat(aim, len(symbols))
    known = [symbol in always or symbol in before for symbol in symbols]
    kept = np.logical_or.accumulate((requested != 0) | (weights != 0) | (full != 0) | known)
    return rows[kept.ravel()].reset_index(drop=True)
