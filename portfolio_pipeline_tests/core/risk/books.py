"""Books of several strategies over a market of some crises, for tests of what is measured on them."""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.risk.measures.history import TargetHistory
from portfolio_pipeline.core.risk.measures.parts import parts_of
from portfolio_pipeline.core.risk.measures.ranges import SeenRange
from portfolio_pipeline.core.risk.measures.rows import seen_range
from portfolio_pipeline.core.risk.settings import Limits

SYMBOLS = ("SPY", "QQQ", "IEF", "TLT", "GLD")
CLASSES = {"SPY": "equity", "QQQ": "equity", "IEF": "bond", "TLT": "bond", "GLD": "commodity"}
SECTORS = {"SPY": "us", "QQQ": "us", "IEF": "treasury", "TLT": "treasury", "GLD": "gold"}
STRATEGIES = ("calm", "short", "wild")


def panel_of(returns: Array, first: str = "2018-01-01") -> PricePanel:
    """A panel of closes that have these returns."""
    close = 100.0 * np.cumprod(1.0 + returns, axis=0)
    sessions = np.datetime64(first) + np.arange(len(close))
    ones = np.ones_like(close)
    return PricePanel(sessions, SYMBOLS[: close.shape[1]], close, close, close, close, ones * 1e6, 0.0 * ones, ones)


def moves(count: int, seed: int) -> Array:
    generator = np.random.default_rng(seed)
    common = 0.008 * generator.standard_t(4, (count, 1))
    betas = np.array([1.0, 1.2, -0.2, -0.4, 0.1])
    found: Array = np.clip(common * betas + generator.normal(0.0002, 0.005, (count, 5)), -0.3, 0.3)
    return found


def book(
    count: int = 400, measured: int = 60, seed: int = 3, *, made_up: bool = False, first: str = "2018-01-01"
) -> TargetHistory:
    """Three strategies, one of them short; limits have cut some symbols, and one strategy has begun late."""
    generator = np.random.default_rng(seed)
    own = generator.normal(0.15, 0.2, (3, count, 5)).clip(0.0)
    own[1] *= -0.5
    own[:, :, 4] *= generator.random((3, count)) < 0.5
    shares = np.tile([0.5, 0.2, 0.3], (count, 1))
    shares[: count - measured + 10, 2] = np.nan
    scale = 0.8 + 0.4 * generator.random(count)
    requested = sum(own[place] * (np.nan_to_num(shares[:, place]) * scale)[:, None] for place in range(3))
    requested = requested + np.eye(5)[2] * 0.05  # a sleeve, which no strategy asks for
    weights = np.clip(requested, -0.3, 0.3)
    paper = generator.normal(0.0003, 0.006, (count, 3))
    paper[:, 2] = 0.6 * paper[:, 0] + 0.5 * paper[:, 2]
    paper[: count - 200, 2] = np.nan
    last = slice(count - measured, count)
    parts = parts_of(STRATEGIES, shares[last], own[:, last], scale[last], requested[last], weights[last], paper)
    panel = panel_of(moves(count, seed), first)
    return TargetHistory(panel, weights, parts=parts, sectors=SECTORS, benchmark="SPY", made_up=made_up)


def seen(count: int = 400, measured: int = 60, seed: int = 3, limits: Caps | None = None) -> SeenRange:
    return seen_range(book(count, measured, seed), measured, CLASSES, limits or Limits())


def shortened(history: TargetHistory, back: int, measured: int) -> TargetHistory:
    """What was known `back` sessions before the last, of which one is measured."""
    stop = len(history.weights) - back
    parts = history.parts
    assert parts is not None
    place = slice(measured - back - 1, measured - back)
    return TargetHistory(
        history.panel.rows(0, stop),
        history.weights[:stop].copy(),
        parts=type(parts)(
            parts.names, parts.there[place], parts.own[place], parts.weights[place], parts.paper[:stop].copy()
        ),
        sectors=history.sectors,
        benchmark=history.benchmark,
        made_up=history.made_up,
    )
