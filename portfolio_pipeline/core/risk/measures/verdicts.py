"""What rows of risk_metrics say by themselves: which figures are past their limit, whether components add up, and
whether strategies move together otherwise than they did.

NaN policy: what is not known breaks nothing. Times are those of the rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.risk.exposures import EPSILON, PORTFOLIO
from portfolio_pipeline.core.risk.measures.registry import bounds

SHIFT = 0.25
"""A correlation_shift above it is told. Of sampling noise alone it is about 0.1."""


def past_their_limit(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows past their limit, with `cut`: whether targets are cut to it, rather than that others answer to it."""
    limited = rows[rows["limit_value"].notna() & rows["value"].notna()]
    past = limited[_beyond(limited, 1.0)]
    return past.assign(cut=_are_cut(past))


def near_their_limit(rows: pd.DataFrame, part: float) -> pd.DataFrame:
    """The rows that nothing is cut to, and that stand between that part of their limit and the limit.

    Of a floor, which is the least, within the same distance above it.
    """
    limited = rows[rows["limit_value"].notna() & rows["value"].notna()]
    near = limited[_beyond(limited, part) & ~_beyond(limited, 1.0)]
    return near[~_are_cut(near)]


def _beyond(limited: pd.DataFrame, part: float) -> Array:
    """Whether a figure stands on the wrong side of that part of its limit."""
    floors = [metric for (_, metric), bound in bounds().items() if bound.floor]
    floor, limit = limited["metric"].isin(floors).to_numpy(), limited["limit_value"].to_numpy(dtype=np.float64)
    # Floors of losses are negative, and nearer to 0 is less; other floors are ratios.
    bound = np.where(floor & (limit > 0.0), limit * (2.0 - part), limit * part)
    excess = np.where(floor, -1.0, 1.0) * (limited["value"].to_numpy(dtype=np.float64) - bound)
    beyond: Array = excess > EPSILON
    return beyond


def _are_cut(rows: pd.DataFrame) -> Array:
    known = bounds()
    told = [
        known.get((scope.split(":")[0], metric)) for scope, metric in zip(rows["scope"], rows["metric"], strict=True)
    ]
    return np.array([bound is None or bound.cut for bound in told], dtype=bool)


def components_apart(rows: pd.DataFrame) -> pd.DataFrame:
    """Sessions whose components, of symbols or of strategies, are not together the book's volatility ex ante."""
    whole = rows[(rows["scope"] == PORTFOLIO) & (rows["metric"] == "volatility_ex_ante")]
    volatility = whole.set_index("session")["value"].dropna()
    parts = rows[rows["metric"] == "component_risk"]
    wrong = []
    for kind in ("symbol", "strategy"):
        mine = parts[parts["scope"].str.startswith(kind)]
        together = mine.groupby("session")["value"].sum().reindex(volatility.index).fillna(0.0)
        told = pd.DataFrame({"of": kind, "volatility": volatility, "components": together})
        wrong.append(told[(together - volatility).abs() > EPSILON] if len(mine) else told.iloc[:0])
    return pd.concat(wrong).reset_index()


def shifted(rows: pd.DataFrame) -> pd.DataFrame:
    """Sessions in which correlations are further than SHIFT from what they were over a year."""
    return rows[(rows["scope"] == PORTFOLIO) & (rows["metric"] == "correlation_shift") & (rows["value"] > SHIFT)]
