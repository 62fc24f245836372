"""The asset `regimes`: the state of the market at each close, and a check that reports a change of it."""

import dagster as dg
import numpy as np
import pandas as pd

from portfolio_pipeline.components.history import price_history
from portfolio_pipeline.components.session_asset import closed_sessions, session_asset, stored
from portfolio_pipeline.core.regime_names import REGIMES
from portfolio_pipeline.core.regimes import market_state, most_probable, probabilities
from portfolio_pipeline.core.schemas import REGIME_TABLE
from portfolio_pipeline.core.sessions import SessionRange, previous_session
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.partitions import SESSIONS, sessions_of
from portfolio_pipeline.ports import Clock, Warehouse


@session_asset(table=REGIME_TABLE, group="research", kinds={"python"}, deps=["prices"])
def regimes(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    sessions = closed_sessions(context, clock)
    panel = price_history(warehouse, settings.symbols, sessions.last)
    rows = np.arange(len(panel.sessions) - len(sessions), len(panel.sessions))
    state = market_state(panel, settings.benchmark, rows)
    chances = probabilities(state)
    names = most_probable(chances)
    table = pd.DataFrame(
        {"session": panel.sessions[rows].astype("datetime64[s]"), "regime": names}
        | {f"probability_{name}": chances[:, place] for place, name in enumerate(REGIMES)}
    )
    written = warehouse.replace("regimes", sessions, table)
    return stored(
        context,
        sessions,
        rows=written,
        metadata={
            "regime": names[-1],
            "probability": float(chances[-1].max()),
            "trend strength": float(state.trend_strength[-1]),
            "volatility level": float(state.volatility_level[-1]),
            "average correlation": float(state.average_correlation[-1]),
        },
    )


@dg.asset_check(
    asset=regimes, partitions_def=SESSIONS, description="The market is in the regime of the session before."
)
def regime_is_stable(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    last = sessions_of(context).last
    before = previous_session(last)
    rows = warehouse.read("regimes", SessionRange(before or last, last), columns=["session", "regime"]).to_pylist()
    known = {row["session"]: row["regime"] for row in rows}
    changed = before in known and known[before] != known[last]
    return dg.AssetCheckResult(
        passed=not changed,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{known[before]} became {known[last]}" if changed else f"{known[last]}",
        metadata={"regime": known[last], "before": known.get(before, "unknown")},
    )
