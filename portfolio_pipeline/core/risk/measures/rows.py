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
        sectors=history.sectors,
        before=np.vstack([np.zeros(len(panel.symbols)), history.weights])[-count - 1],
        benchmark=panel.symbols.index(history.benchmark) if history.benchmark in panel.symbols else None,
        parts=history.parts,
        made_up=history.made_up,
        days=panel.sessions,
    )


def metric_rows(seen: SeenRange) -> pd.DataFrame:
    """Every figure of every session that is seen, session after session."""
    scopes, metrics = _Names(), _Names()
    found = [_of_sessions(seen, scopes, metrics), *_of_range(seen, scopes, metrics)]
    row, scope, metric, value, limit = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.argsort(row, kind="stable")
    return pd.DataFrame(
        {
            "session": seen.sessions.astype("datetime64[s]")[row[order]],
            "scope": scopes.told(scope[order]),
            "metric": metrics.told(metric[order]),
            "value": value[order],
            "limit_value": limit[order],
        }
    )


class _Names:
    """Words by number: there are few of them in very many rows."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def told(self, numbers: Array) -> pd.Categorical:
        return pd.Categorical.from_codes(numbers, categories=list(self._numbers))


def _of_sessions(seen: SeenRange, scopes: _Names, metrics: _Names) -> tuple[Array, ...]:
    """Row, scope, metric, value and limit of the measures that look at one session at a time."""
    taken = session_measures()
    window = max((measure.window or 0 for measure in taken), default=0)
    rows: list[tuple[float, ...]] = []
    before = _by_symbol(seen.symbols, seen.before)
    for place, position in enumerate(seen.rows.tolist()):
        stop = position + 1
        held = _by_symbol(seen.symbols, seen.weights[place])
        # The first session of all has no return.
        past = seen.by_symbol[:, max(1, stop - window) : stop] if window else seen.by_symbol[:, :0]
        shown = Seen(
            portfolio=Portfolio(held, seen.asset_classes, before, seen.sectors),
            past=scenario(seen.weights[place], past),
            paper=seen.paper[:stop],
            paper_drawdowns=seen.paper_drawdowns[:stop],
        )
        for measure in taken:
            for scope, metric, value, limit in measure.figures(shown, seen.caps):
                rows.append((place, scopes.number(scope), metrics.number(metric), value, limit))
        before = held
    columns = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return (*columns[:3].astype(np.int64), *columns[3:])


def _of_range(seen: SeenRange, scopes: _Names, metrics: _Names) -> Iterator[tuple[Array, ...]]:
    """The same of the measures of a range: NULL where the portfolio has no figure, no row of others."""
    for measure in range_measures():
        numbers = np.array([scopes.number(scope) for scope in measure.scopes(seen)], dtype=np.int64)
        values = measure.compute(seen).reshape(len(seen.weights), len(numbers))
        told = np.ones(values.shape, dtype=bool) if measure.scope == PORTFOLIO else ~np.isnan(values)
        row, column = np.nonzero(told)
        limit = measure.bound.value(seen.caps) if measure.bound else None
        yield (
            row,
            numbers[column],
            np.full(len(row), metrics.number(measure.metric)),
            values[told],
            np.full(len(row), np.nan if limit is None else limit),
        )


def _by_symbol(symbols: Sequence[str], weights: Array) -> dict[str, float]:
    return {symbol: weight for symbol, weight in zip(symbols, weights.tolist(), strict=True) if weight}
