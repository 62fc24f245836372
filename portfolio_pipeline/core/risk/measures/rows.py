"""The measures of a range of sessions as rows of risk_metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.returns import drawdowns, growth, scenario
from portfolio_pipeline.core.risk.exposures import PORTFOLIO, Portfolio
from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.risk.measures.history import TargetHistory, filled_returns, paper_returns
from portfolio_pipeline.core.risk.measures.measure import Seen
from portfolio_pipeline.core.risk.measures.ranges import SeenRange
from portfolio_pipeline.core.risk.measures.registry import range_measures, session_measures
from portfolio_pipeline.core.tables import RISK_METRICS


def risk_metrics(history: TargetHistory, count: int, asset_classes: Mapping[str, str], caps: Caps) -> pd.DataFrame:
    """Rows of risk_metrics for the last `count` sessions of `history`."""
    return metric_rows(seen_range(history, count, asset_classes, caps))


def seen_range(history: TargetHistory, count: int, asset_classes: Mapping[str, str], caps: Caps) -> SeenRange:
    """What measures may see of the last `count` sessions."""
    panel = history.panel
    returns = filled_returns(panel, asset_classes)
    paper = paper_returns(history, returns)
    return SeenRange(
        symbols=panel.symbols,
        weights=np.ascontiguousarray(history.weights[len(history.weights) - count :]),
        returns=returns,
        paper=paper,
        paper_drawdowns=drawdowns(growth(paper)),
        caps=caps,
        asset_classes=asset_classes,
        groups=history.groups,
        before=np.vstack([np.zeros(len(panel.symbols)), history.weights])[-count - 1],
        benchmark=panel.symbols.index(history.benchmark) if history.benchmark in panel.symbols else None,
        parts=history.parts,
        made_up=history.made_up,
        days=panel.sessions,
    )


def metric_rows(seen: SeenRange) -> pd.DataFrame:
    """Every figure of every session that is seen, session after session."""
    parts = [_of_sessions(seen), *_of_range(seen)]
    rows = pd.concat(parts, ignore_index=True).sort_values("session", kind="stable", ignore_index=True)
    return rows.astype({"session": "datetime64[s]", "scope": "category", "metric": "category"})


def _of_sessions(seen: SeenRange) -> pd.DataFrame:
    """Rows of the measures that look at one session at a time."""
    taken = session_measures()
    window = max((measure.window or 0 for measure in taken), default=0)
    rows: list[tuple[object, ...]] = []
    before = _by_symbol(seen.symbols, seen.before)
    for place, position in enumerate(seen.rows.tolist()):
        stop = position + 1
        held = _by_symbol(seen.symbols, seen.weights[place])
        # The first session of all has no return.
        past = seen.by_symbol[:, max(1, stop - window) : stop] if window else seen.by_symbol[:, :0]
        shown = Seen(
            portfolio=Portfolio(held, seen.asset_classes, before),
            past=scenario(seen.weights[place], past),
            paper=seen.paper[:stop],
            paper_drawdowns=seen.paper_drawdowns[:stop],
        )
        rows.extend((position, *figure) for measure in taken for figure in measure.figures(shown, seen.caps))
        before = held
    frame = pd.DataFrame(rows, columns=RISK_METRICS.column_names)
    frame["session"] = seen.days[frame["session"].to_numpy(dtype=np.int64)].astype("datetime64[s]")
    return frame


def _of_range(seen: SeenRange) -> Iterator[pd.DataFrame]:
    """Rows of the measures of the whole range: NULL where the portfolio has no figure, no row of others."""
    sessions = seen.sessions.astype("datetime64[s]")
    for measure in range_measures():
        scopes = np.array(measure.scopes(seen), dtype=object)
        values = measure.compute(seen).reshape(len(sessions), len(scopes))
        told = np.ones(values.shape, dtype=bool) if measure.scope == PORTFOLIO else ~np.isnan(values)
        row, column = np.nonzero(told)
        limit = measure.bound.value(seen.caps) if measure.bound else None
        yield pd.DataFrame(
            {
                "session": sessions[row],
                "scope": scopes[column],
                "metric": measure.metric,
                "value": values[told],
                "limit_value": np.nan if limit is None else limit,
            }
        )


def _by_symbol(symbols: Sequence[str], weights: Array) -> dict[str, float]:
    return {symbol: weight for symbol, weight in zip(symbols, weights.tolist(), strict=True) if weight}
