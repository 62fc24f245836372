"""The asset `regimes`: the state of the market at each close, and a check that reports every change of it."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import numpy as np
import pandas as pd

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import session_check
from portfolio_pipeline.core.calendar.sessions import SessionRange, all_sessions, previous_session
from portfolio_pipeline.core.market.regimes.tell import regime_changes, tell_regimes
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import FEATURES, PRICE_HOLES, REGIME_TABLE
from portfolio_pipeline.core.tables.market import REGIMES
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.features import feature_history
from portfolio_pipeline.reports import pictures
from portfolio_pipeline.reports.tables import SHOWN, markdown_table

PICTURED_SESSIONS = 504


@session_check(
    description="The market is at each session in the regime of the session before. A change is no fault: it is "
    "reported, because strategies may now use other parameters."
)
def regime_is_stable(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    first = previous_session(sessions.first) or sessions.first
    rows = frame(warehouse.read("regimes", SessionRange(first, sessions.last)))
    changes = regime_changes(rows)[::-1]
    regime = rows["regime"].iloc[-1]
    metadata: dict[str, dg.MetadataValue] = {
        "regime": dg.MetadataValue.text(regime),
        "changes": dg.MetadataValue.int(len(changes)),
    }
    described = f"{regime} since before {sessions.first}"
    if changes:
        metadata["changes, newest first"] = dg.MetadataValue.md(markdown_table(changes))
        newest = changes[0]
        described = (
            f"{newest['from']} ({newest['from before']:.0%}, now {newest['from now']:.0%}) became "
            f"{newest['to']} ({newest['to before']:.0%}, now {newest['to now']:.0%}) on {newest['session']}"
        )
    return dg.AssetCheckResult(
        passed=not changes, severity=dg.AssetCheckSeverity.WARN, description=described, metadata=metadata
    )


@session_asset(
    table=REGIME_TABLE,
    group="market",
    begins="market",
    reads=(PRICE_HOLES, FEATURES),
    checks=(regime_is_stable,),
)
def regimes(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> Stored:
    with warehouse.reading() as reader:
        panel = feature_history(reader, settings.symbols, sessions.last)
    rows = np.arange(len(panel.sessions) - len(sessions), len(panel.sessions))
    told = tell_regimes(panel, settings.benchmark, rows, settings.regimes)
    table = pd.DataFrame(
        {"session": panel.sessions[rows].astype("datetime64[s]"), "regime": told.names}
        | {f"probability_{name}": told.probabilities[:, place] for place, name in enumerate(REGIMES)}
    )
    written = warehouse.replace("regimes", sessions, table)
    newest = [
        {"regime": name, "probability": float(chance)}
        for name, chance in zip(REGIMES, told.probabilities[-1], strict=True)
    ]
    notes = {"notes": dg.MetadataValue.md("\n".join(f"- {note}" for note in told.notes[-SHOWN:]))} if told.notes else {}
    return Stored(
        rows=written,
        metadata={
            "regime": told.names[-1],
            "probability": float(told.probabilities[-1, REGIMES.index(told.names[-1])]),
            "probabilities": dg.MetadataValue.md(markdown_table(newest)),
            "method": settings.regimes.method,
            "memory in sessions": settings.regimes.memory_sessions,
            "trend strength": float(told.state.trend_strength[-1]),
            "volatility level": float(told.state.volatility_level[-1]),
            "average correlation": float(told.state.average_correlation[-1]),
        }
        | notes,
        picture=lambda origin: _probabilities(warehouse, sessions.last, origin),
    )


def _probabilities(warehouse: Warehouse, last: date, origin: Sequence[str]) -> str:
    """The probabilities of the last two years, as they were told at each close."""
    first = previous_session(last, PICTURED_SESSIONS - 1) or all_sessions()[0]
    rows = frame(warehouse.read("regimes", SessionRange(first, last)))
    title = pictures.simulated("Probability of each regime at the close", origin)
    return pictures.stacked_picture(
        title,
        rows["session"].to_numpy().astype("datetime64[D]"),
        {name: rows[f"probability_{name}"].to_numpy() for name in REGIMES},
    )
