"""The measures of a range of sessions as rows of risk_metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.returns import drawdowns, growth, scenario
from portfolio_pipeline.core.risk.exposures import Portfolio
from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.risk.measures.history import TargetHistory, filled_returns, paper_returns
from portfolio_pipeline.core.risk.measures.measure import Seen
from portfolio_pipeline.core.risk.measures.registry import measures
from portfolio_pipeline.core.tables import RISK_METRICS


def risk_metrics(history: TargetHistory, count: int, asset_classes: Mapping[str, str], caps: Caps) -> pd.DataFrame:
    """Rows of risk_metrics for the last `count` sessions of `history`."""
    panel, weights = history.panel, history.weights
    returns = filled_returns(panel, asset_classes)
    by_symbol = np.ascontiguousarray(returns.T)
    paper = paper_returns(history, returns)
    fallen = drawdowns(growth(paper))
    taken = measures()
    window = max((measure.window or 0 for measure in taken), default=0)
    rows: list[tuple[object, ...]] = []
    for position in range(len(weights) - count, len(weights)):
        stop = position + 1
        held = _by_symbol(panel.symbols, weights[position])
        before = _by_symbol(panel.symbols, weights[position - 1]) if position else {}
        seen = Seen(
            portfolio=Portfolio(held, asset_classes, before),
            # The first session of all has no return.
            past=scenario(weights[position], by_symbol[:, max(1, stop - window) : stop]),
            paper=paper[:stop],
            paper_drawdowns=fallen[:stop],
        )
        session = panel.sessions[position]
        rows.extend((session, *figure) for measure in taken for figure in measure.figures(seen, caps))
    frame = pd.DataFrame(rows, columns=RISK_METRICS.column_names)
    return frame.astype({"session": "datetime64[s]"})


def _by_symbol(symbols: Sequence[str], weights: Array) -> dict[str, float]:
    return {symbol: weight for symbol, weight in zip(symbols, weights.tolist(), strict=True) if weight}
