"""What rows of risk_metrics say by themselves: which figures are past their limit, whether components add up, and
whether strategies move together otherwise than they did.

NaN policy: what is not known breaks nothing. Times are those of the rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from portfolio_pipeline.core.risk.exposures import EPSILON
from portfolio_pipeline.core.risk.measures.registry import bounds

SHIFT = 0.25
"""A correlation_shift above it is told. Of sampling noise alone it is about 0.1."""


def past_their_limit(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows past their limit, with `cut`: whether targets are cut to it, rather than that others answer to it."""
    limited = rows[rows["limit_value"].notna() & rows["value"].notna()]
    known = bounds()
    kinds = limited["scope"].astype(str).str.split(":").str[0]
    told = [known.get(of) for of in zip(kinds, limited["metric"].astype(str), strict=True)]
    floor = np.array([bound is not None and bound.floor for bound in told], dtype=bool)
    excess = np.where(floor, limited["limit_value"] - limited["value"], limited["value"] - limited["limit_value"])
    cut = np.array([bound is None for bound in told], dtype=bool)
    return limited.assign(cut=cut)[excess > EPSILON]


def components_apart(rows: pd.DataFrame) -> pd.DataFrame:
    """Sessions whose components, of symbols or of strategies, are not together the book's volatility ex ante."""
    whole = rows[(rows["scope"] == "portfolio") & (rows["metric"] == "volatility_ex_ante")]
    volatility = whole.set_index("session")["value"].dropna()
    parts = rows[rows["metric"] == "component_risk"]
    kinds = parts["scope"].astype(str).str.split(":").str[0]
    found = parts.assign(kind=kinds).pivot_table(index="session", columns="kind", values="value", aggfunc="sum")
    found = found.reindex(volatility.index).fillna(0.0)
    wrong = [
        pd.DataFrame({"of": kind, "volatility": volatility, "components": found[kind]})[
            (found[kind] - volatility).abs() > EPSILON
        ]
        for kind in found.columns
    ]
    return pd.concat(wrong).reset_index() if wrong else pd.DataFrame(columns=["session", "of"])


def shifted(rows: pd.DataFrame) -> pd.DataFrame:
    """Sessions in which correlations are further than SHIFT from what they were over a year."""
    return rows[(rows["scope"] == "portfolio") & (rows["metric"] == "correlation_shift") & (rows["value"] > SHIFT)]
