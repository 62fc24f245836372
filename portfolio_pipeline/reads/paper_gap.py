"""Rows of paper_gaps: each strategy's return on paper and in its book, and the steps between, from what is stored."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from portfolio_pipeline.core.arrays import Array, spread
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days, previous_session
from portfolio_pipeline.core.performance.metrics import Performance
from portfolio_pipeline.core.performance.paper_gap import EARLIER, after_limits, traded_exactly
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import PAPER_GAPS
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reads.cash import cash_earned
from portfolio_pipeline.reads.features import stored_adjusted_prices


def paper_gaps(
    reader: Reader, sessions: SessionRange, scopes: Mapping[str, Performance], settings: Settings
) -> pd.DataFrame:
    """For the strategies that have both a book and paper returns in `scopes`, whose series end with `sessions`."""
    count = len(sessions)
    read = SessionRange(previous_session(sessions.first, EARLIER) or sessions.first, sessions.last)
    days = as_days(tuple(read))
    asked = frame(reader.read("aggregated_targets", read))
    wanted = frame(reader.read("strategy_targets", read, columns=["session", "strategy", "symbol", "weight"]))
    symbols = tuple(sorted({*asked["symbol"], *wanted["symbol"]}))
    prices, cash = stored_adjusted_prices(reader, symbols, days), cash_earned(reader, days)
    requested, allowed = (
        spread(asked, name, days, symbols, by="symbol", missing=0.0) for name in ("requested_weight", "weight")
    )
    by_day = asked.groupby("session")["scale"].first()
    scale = by_day.reindex(pd.DatetimeIndex(days), fill_value=0.0).to_numpy()[:, None]

    def traded(weights: Array) -> Array:
        return traded_exactly(weights, prices.adjusted_open, prices.adjusted_close, cash, settings.costs.total)[-count:]

    rows = []
    for scope, book in scopes.items():
        name = scope.removeprefix("strategy:")
        if name == scope or f"paper:{name}" not in scopes:
            continue
        mine = wanted[wanted["strategy"] == name]
        weights = scale * spread(mine, "weight", days, symbols, by="symbol", missing=0.0)
        rows.append(
            pd.DataFrame(
                {
                    "session": days[-count:].astype("datetime64[s]"),
                    "strategy": name,
                    "paper_return": scopes[f"paper:{name}"].returns[-count:],
                    "scaled_return": traded(weights),
                    "limited_return": traded(after_limits(weights, requested, allowed, settings.orders.cash_buffer)),
                    "book_return": book.returns[-count:],
                }
            )
        )
    columns = list(PAPER_GAPS.column_names)
    return pd.concat(rows, ignore_index=True).dropna() if rows else pd.DataFrame(columns=columns)
