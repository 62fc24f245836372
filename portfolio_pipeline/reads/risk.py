"""What risk is measured on, from what is stored: targets, prices, and who brought the targets of some sessions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, days, spread
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.made_up import any_made_up
from portfolio_pipeline.core.risk.measures.history import TargetHistory
from portfolio_pipeline.core.risk.measures.parts import Parts, parts_of
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    AGGREGATED_TARGETS,
    PRICES,
    STRATEGY_RETURNS,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reads.prices import price_history

_RETURNS = ("session", "strategy", "net_return", "cash_return")
_TARGETS = ("session", "symbol", "weight", "requested_weight", "scale")


def target_history(reader: Reader, sessions: SessionRange, settings: Settings) -> TargetHistory:
    """Targets and prices from the first stored session to the last of `sessions`, and the parts of those."""
    first = reader.oldest(AGGREGATED_TARGETS.name) or sessions.first
    targets = frame(reader.read(AGGREGATED_TARGETS.name, SessionRange(first, sessions.last), columns=_TARGETS))
    _refuse_missing(sessions, targets)
    symbols = (*settings.symbols, *sorted(set(targets["symbol"]) - set(settings.symbols)))
    panel = price_history(reader, symbols, sessions.last)
    weights = spread(targets, "weight", panel.sessions, symbols, by="symbol", missing=0.0)
    newest = reader.read(PRICES.name, SessionRange.single(sessions.last), columns=["source"])
    return TargetHistory(
        panel,
        weights,
        parts=_parts(reader, sessions, targets, weights[len(weights) - len(sessions) :], panel.sessions, symbols),
        sectors={instrument.symbol: instrument.group for instrument in settings.universe},
        benchmark=settings.benchmark,
        made_up=any_made_up(newest["source"].to_pylist()),
    )


def _parts(
    reader: Reader,
    sessions: SessionRange,
    targets: pd.DataFrame,
    weights: Array,
    all_sessions: Array,
    symbols: tuple[str, ...],
) -> Parts:
    shares = frame(reader.read(STRATEGY_WEIGHTS.name, sessions, columns=["session", "strategy", "weight"]))
    names, wanted = tuple(sorted(set(shares["strategy"]))), all_sessions[len(all_sessions) - len(sessions) :]
    own = frame(reader.read(STRATEGY_TARGETS.name, sessions, columns=["session", "strategy", "symbol", "weight"]))
    begun = SessionRange(all_sessions[0].item(), sessions.last)
    earned = frame(reader.read(STRATEGY_RETURNS.name, begun, columns=_RETURNS))
    earned["above_cash"] = earned["net_return"] - earned["cash_return"]
    scale = targets.drop_duplicates("session").assign(of="book")
    own_weights = np.zeros((len(names), len(wanted), len(symbols)))
    for place, name in enumerate(names):
        own_weights[place] = spread(own[own["strategy"] == name], "weight", wanted, symbols, by="symbol", missing=0.0)
    return parts_of(
        names,
        spread(shares, "weight", wanted, names, by="strategy"),
        own_weights,
        spread(scale, "scale", wanted, ("book",), by="of", missing=1.0)[:, 0],
        spread(targets, "requested_weight", wanted, symbols, by="symbol", missing=0.0),
        weights,
        spread(earned, "above_cash", all_sessions, names, by="strategy"),
    )


def _refuse_missing(sessions: SessionRange, targets: pd.DataFrame) -> None:
    missing = sorted(set(sessions) - set(days(targets).tolist()))
    if missing:
        raise DataError(
            "AGGREGATED_TARGETS_MISSING",
            found=f"{len(missing)} sessions, the first {missing[0]}",
            remedy="Materialise aggregated_targets for them first.",
        )
