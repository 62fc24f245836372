"""Whether two vendors say the same of a bar: closes and splits side by side, where both have one.

A difference says that one of them is wrong, not which. NaN policy: a row without a close is no bar. Time: a session is
compared by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from portfolio_pipeline.core.tables import VENDOR_DIFFERENCES

_KEY = ["session", "symbol"]
_COMPARED = ("close", "split_ratio")


def differences(first: pd.DataFrame, others: Sequence[pd.DataFrame], limit: float) -> pd.DataFrame:
    """Rows of `vendor_differences`: what the others say otherwise than the first by more than `limit` of it."""
    found = []
    bars = _bars(first)
    for other in others:
        both = bars.merge(_bars(other), on=_KEY, suffixes=("_first", "_second"))
        for name in _COMPARED:
            one, two = (both[f"{name}_{which}"].astype("float64") for which in ("first", "second"))
            rows = both[["session", "symbol", "source_first", "source_second"]].assign(
                field=name, first=one, second=two, difference=two / one - 1.0
            )
            found.append(rows[rows["difference"].abs() > limit])
    parts = [rows for rows in found if len(rows)]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=list(VENDOR_DIFFERENCES.column_names))
    table = table.rename(columns={"source_first": "first_source", "source_second": "second_source"})
    return table.sort_values(list(VENDOR_DIFFERENCES.key), ignore_index=True)[list(VENDOR_DIFFERENCES.column_names)]


def _bars(rows: pd.DataFrame) -> pd.DataFrame:
    """The bars of a vendor, one for each session and symbol."""
    return rows[rows["close"].notna()].drop_duplicates(_KEY)[[*_KEY, *_COMPARED, "source"]]
