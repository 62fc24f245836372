"""Made-up markets and wishes for the tests of planning, filling and bookkeeping: small, seeded, with everything that
hurts.

Splits, reverse splits, dividends, missing bars, a late listing, a delisting and days of unknown volume are in every
market.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange, session_close, sessions_between
from portfolio_pipeline.core.execution.origin import Origin
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.settings import SimulatedBroker as Simulation
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.risk.cutting import limit_path
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import Settings

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
STRATEGIES = ("alpha", "beta", "gamma")
CLASSES = ("equity", "equity", "bond", "bond", "commodity", "real_estate")
ROOMY = {"equity": 0.9, "bond": 0.9, "commodity": 1.0, "real_estate": 1.0}
OPEN = dict.fromkeys(ROOMY, 2.0)
"""Caps of the asset classes: with room, and far out of the way."""
START = date(2020, 2, 3)
PLAN_KEY = b"a secret of the tests"
TEST_ORIGIN = Origin("simulated", "", "SIMULATED", 1_000_000.0, "settings", "strategies", "code")


def settings(*, orders: Orders | None = None, limits: Limits | None = None, **simulation: float) -> Settings:
    universe = tuple(
        Instrument(symbol=symbol, asset_class=kind, group="g", name=symbol)  # type: ignore[arg-type]
        for symbol, kind in zip(SYMBOLS, CLASSES, strict=True)
    )
    return Settings(
        benchmark="AAA",
        universe=universe,
        allocation=Allocation(method="equal"),
        simulated_broker=Simulation(**{"initial_cash": 1_000_000.0, "delist_after_sessions": 3, **simulation}),  # type: ignore[arg-type]
        orders=orders or Orders(),
        limits=limits or Limits(symbol=0.6, turnover=1.0, asset_class=ROOMY),
    )


def first_sessions(count: int) -> SessionRange:
    listed = sessions_between(START, date(2022, 12, 31))[:count]
    return SessionRange(listed[0], listed[-1])


def market(seed: int, sessions: SessionRange, symbols: Sequence[str] = SYMBOLS) -> pd.DataFrame:
    """Rows of the prices table."""
    random = np.random.default_rng(seed)
    listed = tuple(sessions)
    rows = []
    for place, symbol in enumerate(symbols):
        price = float(random.uniform(5, 300))
        first = int(random.integers(2, 6)) if place == 4 else 0
        last = int(random.integers(len(listed) // 2, len(listed))) if place == 5 else len(listed)
        for row, session in enumerate(listed):
            split = float(random.choice([2.0, 3.0, 0.1, 1.5])) if random.random() < 0.04 else 1.0
            opened = price / split * float(np.exp(random.normal(0, 0.01)))
            closed = opened * float(np.exp(random.normal(0, 0.015)))
            dividend = round(closed * 0.01, 4) if random.random() < 0.06 else 0.0
            volume = 0.0 if random.random() < 0.1 else float(random.integers(2_000, 2_000_000))
            if not first <= row < last or random.random() < 0.05:
                continue
            rows.append(
                {
                    "session": session,
                    "symbol": symbol,
                    "open": opened,
                    "high": max(opened, closed) * 1.005,
                    "low": min(opened, closed) * 0.995,
                    "close": closed,
                    "volume": volume,
                    "dividend": dividend,
                    "split_ratio": split,
                    "source": "SIMULATED",
                    "retrieved_at": session_close(session).replace(tzinfo=None),
                }
            )
            price = closed
    return pd.DataFrame(rows)


def wanted(seed: int, sessions: SessionRange, house: Settings, *, short: bool = False) -> dict[str, pd.DataFrame]:
    """Rows of strategy_weights, strategy_targets and aggregated_targets that hold the limits of `house`."""
    random = np.random.default_rng([seed, 7])
    listed = tuple(sessions)
    raw = random.dirichlet(np.ones(len(STRATEGIES) + 1), len(listed))[:, :-1]
    raw[random.random(raw.shape) < 0.1] = 0.0
    own = random.dirichlet(np.ones(len(SYMBOLS)), (len(STRATEGIES), len(listed)))
    own[random.random(own.shape) < 0.3] = 0.0
    if short:
        own *= random.choice([-1.0, 1.0, 1.0], own.shape)
    own = np.repeat(own[:, ::3], 3, axis=1)[:, : len(listed)]
    requested = np.einsum("ts,stn->tn", raw, own)
    limited = limit_path(requested, SYMBOLS, house.asset_classes, house.limits, {})
    weights = [
        {
            "session": day,
            "strategy": name,
            "weight": raw[t, s],
            "previous_weight": None,
            "kept_weight": None,
            "decided_weight": None,
            "drifted_weight": None,
            "method": "made up",
            "locked": False,
            "requested_weight": raw[t, s],
            "reason": "",
            "unresponded_weight": raw[t, s],
        }
        for t, day in enumerate(listed)
        for s, name in enumerate(STRATEGIES)
    ]
    targets = [
        {"session": day, "strategy": name, "symbol": symbol, "weight": own[s, t, n], "decided": True}
        for t, day in enumerate(listed)
        for s, name in enumerate(STRATEGIES)
        for n, symbol in enumerate(SYMBOLS)
    ]
    aggregated = [
        {
            "session": day,
            "symbol": symbol,
            "requested_weight": requested[t, n],
            "weight": limited[t].weights[symbol],
            "reason": limited[t].reasons.get(symbol, ""),
            "scale": 1.0,
            "aim": 1.0,
            "sleeve": 0.0,
            "unresponded_weight": limited[t].weights[symbol],
        }
        for t, day in enumerate(listed)
        for n, symbol in enumerate(SYMBOLS)
    ]
    return {
        "strategy_weights": pd.DataFrame(weights),
        "strategy_targets": pd.DataFrame(targets),
        "aggregated_targets": pd.DataFrame(aggregated),
    }
