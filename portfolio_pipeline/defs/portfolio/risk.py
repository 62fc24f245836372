"""The asset risk and its check: figures of the targets.

Only reading, calling `core.risk` and writing belong here. What the limits cut is written to risk_breaches by whoever
cuts: aggregated_targets, orders and submissions, each at a level of its own.
"""

import dagster as dg
import numpy as np
import pandas as pd

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.arrays import days, spread
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.risk.measures.history import TargetHistory
from portfolio_pipeline.core.risk.measures.rows import risk_metrics
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    AGGREGATED_TARGETS,
    CORPORATE_ACTIONS,
    PRICE_HOLES,
    PRICES,
    RISK_BREACHES,
    RISK_METRICS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader, Warehouse
from portfolio_pipeline.reads.prices import price_history
from portfolio_pipeline.reports.pictures import bar_picture, simulated


@session_check()
def figures_within_limits(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Every figure that has a limit is at most at it, but for turnover that only brings targets into the limits."""
    turnover_warnings = {"level": "targets", "rule": "turnover", "severity": "warning"}
    with warehouse.reading() as reader:
        rows = frame(reader.read(RISK_METRICS.name, sessions))
        allowed = frame(reader.read(RISK_BREACHES.name, sessions, where=turnover_warnings))
    above = rows[rows["value"] > rows["limit_value"] + 1e-9]
    excused = (above["metric"] == "turnover") & above["session"].isin(allowed["session"])
    listed = [
        {"session": day, "scope": scope, "metric": metric, "found": found, "limit": limit, "excused": excuse}
        for day, scope, metric, found, limit, excuse in zip(
            days(above).tolist(),
            above["scope"],
            above["metric"],
            above["value"].tolist(),
            above["limit_value"].tolist(),
            excused,
            strict=True,
        )
    ]
    return check_result(
        [row for row in listed if not row["excused"]],
        warnings=[row for row in listed if row["excused"]],
        checked=len(rows),
        remedy="Materialise aggregated_targets and risk again.",
    )


@session_asset(
    table=RISK_METRICS,
    key=dg.AssetKey(["risk"]),
    group="portfolio",
    begins="targets",
    reads=(PRICE_HOLES, AGGREGATED_TARGETS, RISK_BREACHES, PRICES, CORPORATE_ACTIONS),
    checks=(figures_within_limits,),
)
def risk(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> Stored:
    with warehouse.reading() as reader:
        history = _history(reader, sessions, settings)
        cuts = reader.read(RISK_BREACHES.name, sessions, columns=["rule"], where={"level": "targets"})
    figures = risk_metrics(history, len(sessions), settings.asset_classes, settings.limits)
    rows = warehouse.replace(RISK_METRICS.name, sessions, figures)
    newest = figures[figures["session"] == figures["session"].max()]
    portfolio = newest[newest["scope"] == "portfolio"].set_index("metric")["value"]
    exposures, limits = _bars(newest)
    return Stored(
        rows=rows,
        metadata={
            "limits hit": len(cuts),
            **{name: float(value) for name, value in portfolio.items() if np.isfinite(value)},
        },
        picture=lambda origin: bar_picture(
            simulated(f"Exposures and their limits, {sessions.last}", origin), exposures, limits=limits
        ),
    )


def _history(reader: Reader, sessions: SessionRange, settings: Settings) -> TargetHistory:
    """Targets and prices from the first stored price on."""
    first = reader.oldest(AGGREGATED_TARGETS.name)
    targets = frame(reader.read(AGGREGATED_TARGETS.name, SessionRange(first or sessions.first, sessions.last)))
    _refuse_missing(sessions, targets)
    symbols = (*settings.symbols, *sorted(set(targets["symbol"]) - set(settings.symbols)))
    panel = price_history(reader, symbols, sessions.last)
    weights = spread(targets, "weight", panel.sessions, symbols, by="symbol", missing=0.0)
    return TargetHistory(panel, weights)


def _refuse_missing(sessions: SessionRange, targets: pd.DataFrame) -> None:
    missing = sorted(set(sessions) - set(days(targets).tolist()))
    if missing:
        raise DataError(
            "AGGREGATED_TARGETS_MISSING",
            found=f"{len(missing)} sessions, the first {missing[0]}",
            remedy="Materialise aggregated_targets for them first.",
        )


def _bars(newest: pd.DataFrame) -> tuple[dict[str, float], dict[str, float]]:
    """Exposures of the newest session by name, and the limits of those that have one."""
    drawn = newest[newest["metric"].isin(["gross_exposure", "net_exposure"])]
    drawn = drawn[(drawn["scope"] == "portfolio") | (drawn["metric"] == "gross_exposure")]
    scopes = drawn["scope"].str.replace("asset_class:", "", regex=False)
    names = np.where(scopes == "portfolio", drawn["metric"].str.replace("_exposure", "", regex=False), scopes)
    values = dict(zip(names.tolist(), drawn["value"].tolist(), strict=True))
    return values, dict(zip(names.tolist(), drawn["limit_value"].tolist(), strict=True))
