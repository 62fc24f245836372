"""The asset risk and its checks: figures of the targets.

Only reading, calling `core.risk` and writing belong here; its pictures are in `reports.risk`. What the limits cut is
written to risk_breaches by whoever cuts: aggregated_targets, orders and submissions, each at a level of its own.
"""

import dagster as dg
import numpy as np
import pandas as pd

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.arrays import days
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange
from portfolio_pipeline.core.risk.futures import risk_futures
from portfolio_pipeline.core.risk.measures.rows import metric_rows, seen_range
from portfolio_pipeline.core.risk.measures.verdicts import (
    SHIFT,
    components_apart,
    near_their_limit,
    past_their_limit,
    shifted,
)
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    AGGREGATED_TARGETS,
    CORPORATE_ACTIONS,
    PRICE_HOLES,
    PRICES,
    RISK_BREACHES,
    RISK_FUTURES,
    RISK_METRICS,
    STRATEGY_RETURNS,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.risk import target_history
from portfolio_pipeline.reports.risk import risk_pictures

_ALWAYS_SHOWN = (
    *(
        "positions",
        "volatility_252d",
        "expected_shortfall_95",
        "value_at_risk_99",
        "expected_shortfall_99",
        "beta_252d",
    ),
    *("paper_return_1d", "paper_max_drawdown"),
)
"""Beside the figures that have a limit."""


@session_check()
def figures_within_limits(
    sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse], settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Every figure that targets are cut to is at most at its limit, but for turnover that only brings targets into the
    limits. Figures that others answer to (volatility, drawdowns, correlations) are listed when they are past theirs or
    near it (`warn_at` of `responses`).
    """
    turnover_warnings = {"level": "targets", "rule": "turnover", "severity": "warning"}
    with warehouse.reading() as reader:
        rows = frame(reader.read(RISK_METRICS.name, sessions))
        allowed = frame(reader.read(RISK_BREACHES.name, sessions, where=turnover_warnings))
    past = past_their_limit(rows)
    excused = ~past["cut"] | ((past["metric"] == "turnover") & past["session"].isin(allowed["session"]))
    return check_result(
        _listed(past[~excused]),
        warnings=[*_listed(past[excused]), *_listed(near_their_limit(rows, settings.responses.warn_at))],
        checked=len(rows),
        remedy="Materialise aggregated_targets and risk again.",
    )


@session_check()
def components_add_up(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """The component risks of symbols, and those of strategies and reserve, are together the ex-ante volatility."""
    metrics = ["component_risk", "volatility_ex_ante"]
    rows = frame(warehouse.read(RISK_METRICS.name, sessions, where={"metric": metrics}))
    wrong = components_apart(rows)
    return check_result(wrong.to_dict("records"), checked=len(rows), remedy="Materialise risk again.")


@session_check(
    description="Over 63 sessions strategies move together as they did over 252: the mean difference of their"
    f" correlations is at most {SHIFT:g}. Beyond it, shares of capital were found by other correlations than there are."
)
def correlations_are_as_they_were(
    sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    rows = frame(warehouse.read(RISK_METRICS.name, sessions, where={"metric": "correlation_shift"}))
    found = _listed(shifted(rows))
    told = check_result(
        found, checked=len(rows), remedy="Look at the pairs in risk_metrics: correlation_63d and _252d."
    )
    return told._replace(severity=dg.AssetCheckSeverity.WARN)


@session_asset(
    table=RISK_METRICS,
    key=dg.AssetKey(["risk"]),
    group="portfolio",
    begins="targets",
    reads=(
        *(PRICE_HOLES, AGGREGATED_TARGETS, RISK_BREACHES, PRICES, CORPORATE_ACTIONS),
        *(STRATEGY_WEIGHTS, STRATEGY_TARGETS, STRATEGY_RETURNS),
    ),
    also_fills=(RISK_FUTURES,),
    checks=(figures_within_limits, components_add_up, correlations_are_as_they_were),
)
def risk(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> Stored:
    with warehouse.reading() as reader:
        history = target_history(reader, sessions, settings)
        cuts = reader.read(RISK_BREACHES.name, sessions, columns=["rule"], where={"level": "targets"})
        known = reader.newest(RISK_METRICS.name)
    seen = seen_range(history, len(sessions), settings.asset_classes, settings.limits)
    figures, ahead = metric_rows(seen), risk_futures(seen)
    with warehouse.transaction() as tx:
        rows = tx.replace(RISK_METRICS.name, sessions, figures)
        if known is None or sessions.last >= known:  # a guess of the future from an old session helps nobody
            tx.replace(RISK_FUTURES.name, SessionRange(FIRST_SESSION, sessions.last), ahead)
    newest = figures[figures["session"] == figures["session"].max()]
    portfolio = newest[newest["scope"] == "portfolio"]
    shown = portfolio[portfolio["limit_value"].notna() | portfolio["metric"].isin(_ALWAYS_SHOWN)]
    return Stored(
        rows=rows,
        metadata={
            "limits hit": len(cuts),
            **{
                str(name): value
                for name, value in zip(shown["metric"], shown["value"].tolist(), strict=True)
                if np.isfinite(value)
            },
        },
        picture=lambda origin: risk_pictures(newest, ahead, sessions.last, origin),
    )


def _listed(rows: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {"session": day, "scope": scope, "metric": metric, "found": found, "limit": limit}
        for day, scope, metric, found, limit in zip(
            days(rows).tolist(),
            rows["scope"],
            rows["metric"],
            rows["value"].tolist(),
            rows["limit_value"].tolist(),
            strict=True,
        )
    ]
