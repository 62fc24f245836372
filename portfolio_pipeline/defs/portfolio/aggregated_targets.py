"""The asset aggregated_targets and its checks: the strategies' targets netted into one book and cut into the limits.

Only reading, calling `core.portfolio` and `core.risk`, and writing belong here.
"""

from collections.abc import Sequence
from datetime import date
from functools import partial

import dagster as dg
import numpy as np
import pandas as pd

from portfolio_pipeline.adapters.sealed_states import require_before, write_states
from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.arrays import by_session, days, spread
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, as_days, previous_session
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market import past
from portfolio_pipeline.core.market.past import Pasts
from portfolio_pipeline.core.portfolio.cash_sleeve import sleeve_weights
from portfolio_pipeline.core.portfolio.netting import net, target_rows
from portfolio_pipeline.core.portfolio.volatility_target import aims, scales
from portfolio_pipeline.core.risk.breaches import Breach, breach_rows
from portfolio_pipeline.core.risk.cutting import LimitedTargets, limit_path
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.risk.limits.check import check_limits, is_near
from portfolio_pipeline.core.risk.limits.of_exposure import GROSS, NET
from portfolio_pipeline.core.risk.limits.of_symbols import SYMBOL
from portfolio_pipeline.core.risk.states.obeyed import beyond, same_standing
from portfolio_pipeline.core.risk.states.of_portfolio import portfolio_rule, with_cuts
from portfolio_pipeline.core.risk.states.rows import breaches_of, state_rows
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    AGGREGATED_TARGETS,
    CASH_RETURNS,
    FEATURES,
    REGIME_TABLE,
    RISK_BREACHES,
    RISK_OVERRIDES,
    RISK_STATES,
    STATE_SEALS,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader, Warehouse
from portfolio_pipeline.reads.features import stored_adjusted_prices
from portfolio_pipeline.reads.regimes import factors_of_regimes
from portfolio_pipeline.reads.risk_states import portfolio_standings, restricted, stored_standings
from portfolio_pipeline.reads.state import rows_before
from portfolio_pipeline.reports.pictures import simulated, stacked_picture, states_picture


@session_check(blocking=True)
def targets_within_limits(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.AssetCheckResult:
    """Every limit of portfolio.yaml holds for the final targets of every session. What is near one (`warn_at` of
    `responses`) is listed, the newest first."""
    first = previous_session(sessions.first) or sessions.first
    columns = ["session", "symbol", "weight"]
    with warehouse.reading() as reader:
        rows = frame(reader.read(AGGREGATED_TARGETS.name, SessionRange(first, sessions.last), columns=columns))
        pasts = _pasts(reader, sessions, settings)
    targets = by_session(rows, "symbol", "weight")
    offending: list[dict[str, object]] = []
    warnings: list[dict[str, object]] = []
    near: list[dict[str, object]] = []
    before = targets.get(first, {}) if first < sessions.first else {}
    for session in sessions:
        weights = targets.get(session, {})
        found = check_limits(
            weights,
            settings.asset_classes,
            settings.limits,
            previous=before,
            sectors=settings.sectors,
            past=pasts.at(session),
            near=settings.responses.warn_at,
        )
        for breach in found:
            figures = {"found": breach.found, "limit": breach.limit}
            row: dict[str, object] = {"session": session, "subject": breach.subject, "rule": breach.rule, **figures}
            listed = near if is_near(breach) else offending if breach.severity == "block" else warnings
            listed.append(row)
        before = weights
    remedy = "Nothing is traded on these targets. Materialise aggregated_targets again, or look at the limits."
    return check_result(offending, warnings=[*warnings, *reversed(near)], checked=len(sessions), remedy=remedy)


@session_check(blocking=True)
def targets_obey_the_states(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.AssetCheckResult:
    """The portfolio's states follow from what the targets earn on paper, and no target is larger than its state allows:
    than the allowed part of what was asked, or of what there was before."""
    first = previous_session(sessions.first) or sessions.first
    columns = ["session", "symbol", "requested_weight", "weight"]
    with warehouse.reading() as reader:
        rows = frame(reader.read(AGGREGATED_TARGETS.name, SessionRange(first, sessions.last), columns=columns))
        stored = stored_standings(reader, SessionRange(first, sessions.last), "portfolio")
        symbols = (*settings.symbols, *sorted(set(rows["symbol"]) - set(settings.symbols)))
        _, expected = portfolio_standings(reader, sessions, symbols, settings)
    requested, targets = (by_session(rows, "symbol", column) for column in ("requested_weight", "weight"))
    offending: list[dict[str, object]] = []
    warnings: list[dict[str, object]] = []
    before = targets.get(first, {}) if first < sessions.first else {}
    rule = portfolio_rule(settings.limits, settings.responses)
    for session, standing in zip(sessions, expected, strict=True):
        found, weights = stored.get(session, {}).get(PORTFOLIO), targets.get(session, {})
        if found is None or not same_standing(found, standing, rule):
            states = {"found": found and found.state, "limit": standing.state}
            offending.append({"session": session, "subject": PORTFOLIO, "rule": "state", **states})
        for symbol, weight, most in beyond(weights, requested.get(session, {}), before, standing):
            offending.append({"session": session, "subject": symbol, "rule": "state", "found": weight, "limit": most})
        if rule.near(standing.drawdown):
            figures = {"found": standing.drawdown, "limit": rule.limit}
            warnings.append({"session": session, "subject": PORTFOLIO, "rule": rule.name, **figures})
        before = weights
    remedy = "Nothing is traded on these targets. Materialise aggregated_targets again."
    return check_result(offending, warnings=warnings, checked=len(sessions), remedy=remedy)


@session_check(blocking=True)
def targets_cover_the_universe(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.AssetCheckResult:
    """Every symbol of the universe has a finite target in every session: a missing row must not read as `sell`."""
    rows = frame(warehouse.read(AGGREGATED_TARGETS.name, sessions, columns=["session", "symbol", "weight"]))
    found = spread(rows, "weight", as_days(tuple(sessions)), settings.symbols, by="symbol")
    missing = np.argwhere(~np.isfinite(found))
    listed = tuple(sessions)
    offending = [{"session": listed[row], "symbol": settings.symbols[column]} for row, column in missing]
    return check_result(offending, checked=found.size, remedy="Materialise aggregated_targets again.")


@session_asset(
    table=AGGREGATED_TARGETS,
    group="portfolio",
    begins="targets",
    reads=(STRATEGY_WEIGHTS, STRATEGY_TARGETS, FEATURES, CASH_RETURNS, REGIME_TABLE, RISK_OVERRIDES),
    also_fills=(RISK_BREACHES, RISK_STATES, STATE_SEALS),
    checks=(
        targets_within_limits,
        targets_obey_the_states,
        targets_cover_the_universe,
    ),
)
def aggregated_targets(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    plan_key: dg.ResourceParam[bytes],
) -> Stored:
    with warehouse.reading() as reader:
        before = rows_before(reader, AGGREGATED_TARGETS, sessions.first)
        weights = frame(reader.read("strategy_weights", sessions))
        strategies = tuple(sorted(set(weights["strategy"])))
        targets = frame(reader.read("strategy_targets", sessions, where={"strategy": list(strategies)}))
        _refuse_missing(sessions, weights, targets)
        previous, previous_full = (
            {} if before is None else dict(zip(before["symbol"], before[column].tolist(), strict=True))
            for column in ("weight", "unresponded_weight")
        )
        symbols = (*settings.symbols, *sorted({*targets["symbol"], *previous} - set(settings.symbols)))
        seen = _seen(sessions)
        prices = stored_adjusted_prices(reader, symbols, as_days(seen))
        giving_back = restricted(reader, sessions)
        adaptations = factors_of_regimes(reader, sessions, settings.adaptation)
        earlier = _earlier_aims(reader, sessions.first, settings.allocation.scale_memory)
    wanted = as_days(tuple(sessions))
    shares, full_shares = (
        spread(weights, column, wanted, strategies, by="strategy", missing=0.0)
        for column in ("weight", "unresponded_weight")
    )
    asked = [
        spread(targets[targets["strategy"] == name], "weight", wanted, symbols, by="symbol", missing=0.0)
        for name in strategies
    ]
    wished, wished_in_full = (net(one, np.stack(asked)) for one in (shares, full_shares))
    # Scale and sleeve are those of the book in full: what a strategy gives back is not taken by the others.
    allocation = settings.allocation
    gross, net_cap = GROSS.cap(settings.limits), NET.cap(settings.limits)
    aimed = aims(wished_in_full, prices.adjusted_close, allocation.volatility_target, gross, net_cap)
    scale = scales(aimed, earlier, allocation.scale_memory) if allocation.volatility_target else np.ones(len(aimed))
    requested, in_full = wished * scale[:, None], wished_in_full * scale[:, None]
    sleeve = np.zeros_like(requested)
    if settings.allocation.cash_sleeve is not None:
        place = symbols.index(settings.allocation.cash_sleeve)
        sleeve[:, place] = sleeve_weights(
            in_full, place, largest_gross=_most_invested(settings), largest_weight=SYMBOL.cap(settings.limits)
        )
        requested, in_full = requested + sleeve, in_full + sleeve
    pasts = Pasts.of_closes(prices.adjusted_close, seen, symbols, settings.asset_classes)
    cut_into_limits = partial(
        limit_path,
        symbols=symbols,
        asset_classes=settings.asset_classes,
        caps=settings.limits,
        sectors=settings.sectors,
        pasts=[pasts.at(session) for session in sessions],
        adaptations=adaptations,
    )
    unresponded = cut_into_limits(in_full, previous=previous_full)
    full = np.array([[limited.weights[symbol] for symbol in symbols] for limited in unresponded])
    with warehouse.reading() as reader:
        require_before(reader, plan_key, sessions.first, "portfolio")
        standing, standings = portfolio_standings(reader, sessions, symbols, settings, full, prices)
    path = unresponded
    changed = previous != previous_full or not np.array_equal(requested, in_full)
    if changed or any(one.restricts for one in standings):
        eased = [giving_back.get(day, False) or one.restricts for day, one in zip(sessions, standings, strict=True)]
        path = cut_into_limits(requested, previous=previous, standings=standings, eased=eased)
    rows = target_rows(
        wanted,
        symbols,
        requested,
        path,
        always=settings.symbols,
        before=tuple(previous),
        scale=scale,
        aim=aimed,
        sleeve=sleeve,
        unresponded=unresponded,
    )
    told = with_cuts(standing, tuple(sessions), standings, path)
    states = state_rows(((day, PORTFOLIO, one) for day, one in zip(sessions, told, strict=True)), "portfolio")
    cuts = _breaches(sessions, path, standing, standings, settings)
    with warehouse.transaction() as transaction:
        count = transaction.replace(AGGREGATED_TARGETS.name, sessions, rows)
        write_states(transaction, plan_key, sessions, "portfolio", states)
        transaction.replace(RISK_BREACHES.name, sessions, breach_rows(cuts, "targets"), where={"level": "targets"})
    newest = rows[rows["session"] == rows["session"].max()]
    return Stored(
        rows=count,
        metadata={
            "state": told[-1].state,
            "paper drawdown": told[-1].drawdown,
            "scale": float(scale[-1]),
            "cash sleeve": float(sleeve[-1].sum()),
            "gross": float(newest["weight"].abs().sum()),
            "positions": int((newest["weight"] != 0).sum()),
            "cut": ", ".join(newest.loc[newest["reason"] != "", "symbol"]) or "nothing",
        },
        picture=lambda origin: _picture(warehouse, sessions.last, settings, origin),
        came_in=int((rows["requested_weight"] != 0).sum()),
        dropped={"cut by limits or states": int((rows["reason"] != "").sum())},
    )


def _breaches(
    sessions: SessionRange,
    path: Sequence[LimitedTargets],
    before: Standing | None,
    standings: Sequence[Standing],
    settings: Settings,
) -> dict[date, tuple[Breach, ...]]:
    rule, found = portfolio_rule(settings.limits, settings.responses), {}
    for session, limited, standing in zip(sessions, path, standings, strict=True):
        found[session] = (*limited.cuts, *breaches_of(session, PORTFOLIO, rule, before, standing))
        before = standing
    return found


def _seen(sessions: SessionRange) -> tuple[date, ...]:
    """The sessions, and those before them whose prices say how weights would have moved."""
    first = previous_session(sessions.first, past.WINDOW) or FIRST_SESSION
    return tuple(SessionRange(first, sessions.last))


def _pasts(reader: Reader, sessions: SessionRange, settings: Settings) -> Pasts:
    seen = _seen(sessions)
    closes = stored_adjusted_prices(reader, settings.symbols, as_days(seen)).adjusted_close
    return Pasts.of_closes(closes, seen, settings.symbols, settings.asset_classes)


def _earlier_aims(reader: Reader, first: date, memory: int) -> np.ndarray:
    """What was aimed at in the sessions before, oldest first; NaN where nothing was."""
    oldest = previous_session(first, memory - 1) or FIRST_SESSION
    rows = reader.query(
        f"select max(aim) as aim from {AGGREGATED_TARGETS.name} where session >= $1 and session < $2"
        " group by session order by session",
        [oldest, first],
    )
    return np.array([np.nan if aim is None else aim for aim in rows["aim"].to_pylist()], dtype=np.float64)


def _most_invested(settings: Settings) -> float:
    """What longs and shorts may be together without borrowing, the cash buffer left alone."""
    caps = (GROSS.cap(settings.limits), NET.cap(settings.limits))
    return min(1.0 - settings.orders.cash_buffer, *(1.0 if cap is None else cap for cap in caps))


def _refuse_missing(sessions: SessionRange, weights: pd.DataFrame, targets: pd.DataFrame) -> None:
    """A session without shares, or a strategy with a share but no targets, would silently become cash."""
    pairs = targets[["session", "strategy"]].drop_duplicates()
    have = set(zip(days(pairs).tolist(), pairs["strategy"], strict=True))
    shared = list(zip(days(weights).tolist(), weights["strategy"], strict=True))
    without_shares = sorted(set(sessions) - {day for day, _ in shared})
    if without_shares:
        raise DataError(
            "STRATEGY_WEIGHTS_MISSING",
            found=f"{len(without_shares)} sessions, the first {without_shares[0]}",
            remedy="Materialise strategy_weights for them first.",
        )
    without_targets = sorted(set(shared) - have)
    if without_targets:
        day, name = without_targets[0]
        raise DataError(
            "STRATEGY_TARGETS_MISSING",
            strategy=name,
            session=day,
            found=f"{len(without_targets)} sessions and strategies without targets",
            remedy=f"Materialise {name}/strategy_targets for them first.",
        )


def _picture(warehouse: Warehouse, last: date, settings: Settings, origin: Sequence[str]) -> str:
    """Gross weight of each asset class over time."""
    columns = ["session", "symbol", "weight"]
    rows = frame(warehouse.read(AGGREGATED_TARGETS.name, SessionRange(FIRST_SESSION, last), columns=columns))
    classes = rows["symbol"].map(settings.asset_classes)
    gross = rows.assign(weight=rows["weight"].abs(), asset_class=classes)
    sums = gross.groupby(["session", "asset_class"])[["weight"]].sum().reset_index()
    drawn, names = np.unique(days(rows)), sorted(set(settings.asset_classes.values()))
    parts = spread(sums, "weight", drawn, names, by="asset_class", missing=0.0)
    title = simulated("Targets by asset class (gross)", origin)
    classes_drawn = stacked_picture(title, drawn, {name: parts[:, place] for place, name in enumerate(names)})
    return f"{classes_drawn}\n\n{_states_picture(warehouse, drawn, origin)}"


def _states_picture(warehouse: Warehouse, drawn: np.ndarray, origin: Sequence[str]) -> str:
    """Where portfolio and strategies stood."""
    seen = SessionRange(drawn[0].item(), drawn[-1].item())
    rows = frame(warehouse.read(RISK_STATES.name, seen, columns=["session", "scope", "level", "state"]))
    rows = rows[rows["level"] != "account"]
    places = np.searchsorted(drawn, days(rows))
    strips = {scope: np.full(len(drawn), "", dtype=object) for scope in sorted(set(rows["scope"]))}
    for scope, strip in strips.items():
        own = (rows["scope"] == scope).to_numpy()
        strip[places[own]] = rows["state"].to_numpy()[own]
    named = {scope.removeprefix("strategy:"): strip.tolist() for scope, strip in strips.items()}
    return states_picture(simulated("States after breaches of risk limits", origin), drawn, named)
