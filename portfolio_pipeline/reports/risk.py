"""The pictures of the asset risk: limits against use, who takes which risk, what may come, who moves with whom.

Made of the rows of one session; what they are is decided by `core.risk`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from portfolio_pipeline.core.risk.futures import BANDS, DEPTHS
from portfolio_pipeline.reports.pictures import bands_picture, bar_picture, pairs_picture, simulated
from portfolio_pipeline.reports.pictures.axes import figure

_MOST = 12  # symbols by themselves
_MOST_LIMITS, _MOST_STRATEGIES = 24, 20
_PLAIN = ("diversification_ratio", "highest_correlation_63d", "positions")  # no fractions


def risk_pictures(newest: pd.DataFrame, ahead: pd.DataFrame, last: date, origin: Sequence[str]) -> str:
    """One below the other; those for which nothing is known are left out."""
    rows = newest.astype({"scope": str, "metric": str})
    shown = [_limits(rows, last, origin), _components(rows, last, origin)]
    shown += [_futures(ahead, last, origin), _pairs(rows, last, origin)]
    return "\n\n".join(picture for picture in shown if picture)


def _limits(rows: pd.DataFrame, last: date, origin: Sequence[str]) -> str:
    """The figures that are nearest to their limits, each as a part of it; of a least figure the other way round."""
    limited = rows[rows["limit_value"].notna() & rows["value"].notna() & (rows["limit_value"] != 0.0)]
    limited = limited[~limited["scope"].str.startswith("pair:")]
    found = []
    for scope, metric, value, limit in zip(
        limited["scope"], limited["metric"], limited["value"].tolist(), limited["limit_value"].tolist(), strict=True
    ):
        name = " ".join(part for part in (scope.split(":", 1)[-1], metric) if part != "portfolio")
        use = limit / value if metric.startswith("diversification") and value else value / limit
        told = [f"{number:.3g}" if metric in _PLAIN else figure(number, percent=True) for number in (value, limit)]
        found.append((use, name.replace("_", " "), " of ".join(told)))
    if not found:
        return ""
    shown = {name: (use, told) for use, name, told in sorted(found, key=lambda one: -one[0])[:_MOST_LIMITS]}
    return bar_picture(
        simulated(f"Use of the limits, {last}", origin),
        {name: use for name, (use, _) in shown.items()},
        limits=dict.fromkeys(shown, 1.0),
        words={name: told for name, (_, told) in shown.items()},
    )


def _components(rows: pd.DataFrame, last: date, origin: Sequence[str]) -> str:
    """Volatility a year, by strategy and by symbol."""
    parts = rows[rows["metric"] == "component_risk"]
    found: dict[str, float] = {}
    for kind in ("strategy:", "symbol:"):
        of_kind = parts[parts["scope"].str.startswith(kind)].set_index("scope")["value"]
        largest = of_kind.reindex(of_kind.abs().sort_values(ascending=False, kind="stable").index)
        found |= {scope.removeprefix(kind): value for scope, value in largest.iloc[:_MOST].items()}
        if len(largest) > _MOST:
            found[f"{len(largest) - _MOST} other {kind[:-1]}s"] = float(largest.iloc[_MOST:].sum())
    if not found:
        return ""
    whole = rows[(rows["scope"] == "portfolio") & (rows["metric"] == "volatility_ex_ante")]["value"].sum()
    title = f"Who brings the volatility of {100 * whole:.2g} % a year, {last}"
    return bar_picture(simulated(title, origin), found)


def _futures(ahead: pd.DataFrame, last: date, origin: Sequence[str]) -> str:
    if not len(ahead):
        return ""
    bands = {f"{band} %": ahead[f"return_p{band:02d}"].to_numpy(dtype=np.float64) for band in BANDS}
    deep = ahead.iloc[-1]
    depths = ", ".join(map(str, DEPTHS))
    chances = ", ".join(f"{100 * deep[f'drawdown_{depth:02d}']:.3g}" for depth in DEPTHS)
    return bands_picture(
        simulated(f"A thousand years of these targets, {last}", origin),
        ahead["horizon_sessions"].tolist(),
        bands,
        horizon=f"sessions ahead; falls of {depths} %: on {chances} % of the paths",
    )


def _pairs(rows: pd.DataFrame, last: date, origin: Sequence[str]) -> str:
    """Who moves with whom; of very many strategies those that are closest to another."""
    pairs = rows[rows["scope"].str.startswith("pair:") & (rows["metric"] == "correlation_63d")]
    if not len(pairs):
        return ""
    named = [scope.removeprefix("pair:").split("|") for scope in pairs["scope"]]
    closest: dict[str, float] = {}
    for pair, value in zip(named, pairs["value"].tolist(), strict=True):
        closest |= {name: max(value, closest.get(name, value)) for name in pair}
    names = sorted(sorted(closest, key=lambda name: (-closest[name], name))[:_MOST_STRATEGIES])
    values = np.full((len(names), len(names)), np.nan)
    for (first, second), value in zip(named, pairs["value"].tolist(), strict=True):
        if first not in names or second not in names:
            continue
        a, b = sorted((names.index(first), names.index(second)))
        values[b, a] = value
    limit = pairs["limit_value"].max()
    title = simulated(f"Correlations of the strategies on paper over 63 sessions, {last}", origin)
    return pairs_picture(title, names, values, marked=None if np.isnan(limit) else float(limit))
