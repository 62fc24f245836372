"""What the searches of some sessions are worth: `core.honesty` is asked, pool by pool. Rows of search_statistics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.honesty.search_report import promotion_folds, search_statistics
from portfolio_pipeline.core.search.walked import Stretch
from portfolio_pipeline.core.strategies.card import StrategyCard


def statistics_rows(
    stretches: Sequence[Stretch], sessions: Array, card: StrategyCard, *, workers: int = 1
) -> pd.DataFrame:
    """One row for each session of the stretches. Judged is the set with the largest share, if scores have chosen it."""
    parts = []
    for _, same in groupby(stretches, key=lambda stretch: id(stretch.pool)):
        together = list(same)
        pool, rows = together[0].pool, np.concatenate([stretch.rows for stretch in together])
        chosen = np.concatenate([np.where(np.isnan(one.score), -1, one.leading) for one in together])
        past = pool.net_return[:, : rows[-1] + 1].T
        folds = promotion_folds(pool.begin) if card.stage == "candidate" else None
        figures = search_statistics(
            past,
            chosen,
            rows,
            window=card.search.window_sessions,
            blocks=card.honesty.blocks,
            begin=pool.begin,
            candidate_folds=folds,
            days=sessions[: rows[-1] + 1],
            workers=workers,
        )
        when = sessions[rows].astype("datetime64[s]")
        parts.append(pd.DataFrame({"session": when, "strategy": card.name} | figures))
    return pd.concat(parts, ignore_index=True)
