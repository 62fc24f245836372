"""Risk figures of the targets: exposures, volatility, value at risk, drawdown on paper, stress; and the cuts as rows.

Nothing here changes a weight (`targets` does) and nothing knows the account: this is about targets and data alone.

NaN policy: before a symbol's first bar its return is the mean of its asset class in that session (so a late listing
does not look riskless); later a session without a bar counts 0, and the next bar carries the whole move. Time: the
figures of session t see returns up to t. Losses: value at risk and expected shortfall are positive when money is lost;
drawdowns and stress are returns, negative when money is lost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.market.returns import drawdowns, growth, scenario, total_returns
from portfolio_pipeline.core.risk.cutting import ONLY_SHRINKS, LimitedTargets
from portfolio_pipeline.core.risk.limits import PORTFOLIO, exposures, turnover
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.tables import RISK_BREACHES, RISK_METRICS

SHORT_WINDOW = 63
LONG_WINDOW = 252
CONFIDENCE = 0.95
# Moves of whole asset classes in one blow, in the size of what 2008, 2022 and 2020 brought.
SHOCKS: Mapping[str, Mapping[str, float]] = {
    "equity_crash": {"equity": -0.20, "bond": 0.03, "commodity": -0.10, "real_estate": -0.20},
    "rates_up": {"equity": -0.05, "bond": -0.10, "commodity": 0.00, "real_estate": -0.10},
    "inflation": {"equity": -0.10, "bond": -0.08, "commodity": 0.15, "real_estate": -0.05},
    "everything_falls": {"equity": -0.30, "bond": -0.05, "commodity": -0.20, "real_estate": -0.30},
}


@dataclass(frozen=True, eq=False)
class TargetHistory:
    """The targets of every session that the panel covers, 0 before the first; [sessions, symbols of the panel]."""

    panel: PricePanel
    weights: Array


def filled_returns(panel: PricePanel, asset_classes: Mapping[str, str]) -> Array:
    """Total returns without NaN, as the module's NaN policy says; [sessions, symbols]."""
    returns = total_returns(panel)
    known = ~np.isnan(returns)
    filled = np.where(known, returns, 0.0)
    unlisted = ~np.logical_or.accumulate(panel.traded, axis=0)
    for name in sorted(set(asset_classes.values())):
        members = [column for column, symbol in enumerate(panel.symbols) if asset_classes.get(symbol) == name]
        total, count = np.zeros(len(filled)), np.zeros(len(filled))
        for column in members:
            total += filled[:, column]
            count += known[:, column]
        mean = total / np.maximum(count, 1.0)
        for column in members:
            filled[:, column] = np.where(unlisted[:, column], mean, filled[:, column])
    return filled


def paper_returns(history: TargetHistory, returns: Array) -> Array:
    """Return over each session of the targets decided at the close before it: close to close, before costs."""
    paper = np.zeros(len(returns))
    for column in range(returns.shape[1]):
        paper[1:] += history.weights[:-1, column] * returns[1:, column]
    return paper


def risk_metrics(history: TargetHistory, count: int, asset_classes: Mapping[str, str], limits: Limits) -> pd.DataFrame:
    """Rows of risk_metrics for the last `count` sessions of `history`."""
    panel, weights = history.panel, history.weights
    returns = filled_returns(panel, asset_classes)
    by_symbol = np.ascontiguousarray(returns.T)
    paper = paper_returns(history, returns)
    fallen = drawdowns(growth(paper))
    deepest = np.minimum.accumulate(fallen)
    rows: list[tuple[object, ...]] = []
    for position in range(len(weights) - count, len(weights)):
        held = _by_symbol(panel.symbols, weights[position])
        before = _by_symbol(panel.symbols, weights[position - 1]) if position else {}
        # The first session of all has no return.
        past = scenario(weights[position], by_symbol[:, max(1, position + 1 - LONG_WINDOW) : position + 1])
        figures = [
            *_exposure_figures(held, before, asset_classes, limits),
            *_distribution_figures(past),
            (PORTFOLIO, "paper_return_1d", float(paper[position]), math.nan),
            (PORTFOLIO, "paper_drawdown", float(fallen[position]), math.nan),
            (PORTFOLIO, "paper_max_drawdown", float(deepest[position]), math.nan),
            *_shock_figures(held, asset_classes),
        ]
        session = panel.sessions[position]
        rows.extend((session, *figure) for figure in figures)
    frame = pd.DataFrame(rows, columns=RISK_METRICS.column_names)
    return frame.astype({"session": "datetime64[s]"})


def breach_rows(sessions: Sequence[object], path: Sequence[LimitedTargets]) -> pd.DataFrame:
    """Rows of risk_breaches at level `targets`: what the limits cut, session by session.

    A cut brings the figure back under its limit in the same session, which is therefore the session it was resolved in.
    Turnover that is left above its limit (`targets` says when) is a warning and stays unresolved. Either way the row is
    about its own session and never changes later; whether a limit is still hit is what the next session's rows say.
    """
    rows = []
    for session, limited in zip(sessions, path, strict=True):
        for cut in limited.cuts:
            left = cut.action == ONLY_SHRINKS
            severity, resolved = ("warning", None) if left else ("cut", session)
            rows.append(
                (session, "targets", cut.subject, cut.rule, severity, cut.found, cut.limit, cut.action, resolved)
            )
    frame = pd.DataFrame(rows, columns=RISK_BREACHES.column_names)
    return frame.astype({"session": "datetime64[s]", "resolved_session": "datetime64[s]"})


def value_at_risk(past: Array, confidence: float = CONFIDENCE) -> float:
    """Loss that is exceeded in 1 - confidence of the sessions, linear between the two sessions beside it."""
    ordered = np.sort(past)
    place = (1.0 - confidence) * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return -float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))


def expected_shortfall(past: Array, confidence: float = CONFIDENCE) -> float:
    """Mean loss in the sessions that lose at least the value at risk."""
    limit = -value_at_risk(past, confidence)
    return -math.fsum(past[past <= limit]) / int((past <= limit).sum())


def worst_run(past: Array, sessions: int) -> float:
    """The worst compounded return over so many sessions in a row."""
    runs = np.ones(len(past) - sessions + 1)
    for lag in range(sessions):
        runs *= 1.0 + past[lag : lag + len(runs)]
    return float(runs.min()) - 1.0


def _by_symbol(symbols: Sequence[str], weights: Array) -> dict[str, float]:
    return {symbol: weight for symbol, weight in zip(symbols, weights.tolist(), strict=True) if weight}


def _exposure_figures(
    held: Mapping[str, float], before: Mapping[str, float], asset_classes: Mapping[str, str], limits: Limits
) -> list[tuple[object, ...]]:
    total = exposures(held, asset_classes)
    figures: list[tuple[object, ...]] = [
        (PORTFOLIO, "gross_exposure", total.gross, limits.gross),
        (PORTFOLIO, "net_exposure", total.net, limits.net),
        (PORTFOLIO, "top_weight", max(map(abs, held.values()), default=0.0), limits.symbol),
        (PORTFOLIO, "turnover", turnover(held, before), limits.turnover),
        (PORTFOLIO, "positions", float(len(held)), math.nan),
    ]
    for name in sorted(set(asset_classes.values())):
        cap = limits.asset_class.get(name, math.nan)  # type: ignore[call-overload]
        figures.append((f"asset_class:{name}", "gross_exposure", total.by_class.get(name, 0.0), cap))
        figures.append((f"asset_class:{name}", "net_exposure", _class_net(held, asset_classes, name), math.nan))
    return figures


def _distribution_figures(past: Array) -> list[tuple[object, ...]]:
    """Figures of the returns that today's weights would have had; NULL with fewer than SHORT_WINDOW sessions.

    Those over a year use what there is from SHORT_WINDOW sessions on, but for the volatility over a full year.
    """
    enough = len(past) >= SHORT_WINDOW
    year = math.sqrt(SESSIONS_PER_YEAR)
    short = float(past[-SHORT_WINDOW:].std(ddof=1)) * year if enough else math.nan
    long = float(past.std(ddof=1)) * year if len(past) >= LONG_WINDOW else math.nan
    figures: list[tuple[object, ...]] = [
        (PORTFOLIO, "volatility_63d", short, math.nan),
        (PORTFOLIO, "volatility_252d", long, math.nan),
        (PORTFOLIO, "value_at_risk_95", value_at_risk(past) if enough else math.nan, math.nan),
        (PORTFOLIO, "expected_shortfall_95", expected_shortfall(past) if enough else math.nan, math.nan),
    ]
    for sessions in (1, 5):
        worst = worst_run(past, sessions) if enough else math.nan
        figures.append((f"stress:worst_{sessions}d", "return", worst, math.nan))
    return figures


def _shock_figures(held: Mapping[str, float], asset_classes: Mapping[str, str]) -> list[tuple[object, ...]]:
    classes = {name: _class_net(held, asset_classes, name) for name in sorted(set(asset_classes.values()))}
    return [
        (
            f"stress:{scenario_name}",
            "return",
            math.fsum(net * shock.get(name, 0.0) for name, net in classes.items()),
            math.nan,
        )
        for scenario_name, shock in SHOCKS.items()
    ]


def _class_net(held: Mapping[str, float], asset_classes: Mapping[str, str], name: str) -> float:
    return math.fsum(weight for symbol, weight in held.items() if asset_classes.get(symbol) == name)
