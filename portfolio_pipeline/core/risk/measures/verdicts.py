"""What rows of risk_metrics say by themselves: which figures are past their limit, whether components add up, and
whether strategies move together otherwise than they did.

NaN policy: what is not known breaks nothing. Times are those of the rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from portfolio_pipeline.core.risk.exposures import EPSILON, PORTFOLIO
from portfolio_pipeline.core.risk.measures.registry import bounds

SHIFT = 0.25
"""A correlation_shift above it is told. Of sampling noise alone it is about 0.1."""


def past_their_limit(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows past their limit, with `cut`: whether targets are cut to it, rather than that others answer to it."""
    known = bounds()
    floors = [metric for (_, metric), bound in known.items() if bound.floor]
    limited = rows[rows["limit_value"].notna() & rows["value"].notna()]
    excess = np.where(limited["metric"].isin(floors), -1.0, 1.0) * (limited["value"] - limited["limit_value"])
    past = limited[excess > EPSILON]
    told = [
        known.get((scope.split(":")[0], metric)) for scope, metric in zip(past["scope"], past["metric"], strict=True)
    ]
    return past.assign(cut=np.array([bound is None or bound.cut for bound in told], dtype=bool))


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
