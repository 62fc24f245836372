"""Made-up markets of raw bars for the shipped universe: random walks without any edge, or with effects planted.

On a random walk every price is a martingale: whatever is decided earns nothing before costs. Days have fat tails,
volatility comes in clusters that all symbols share, classes move together, dividends are paid and prices split.
`planted` adds premia for the risk of each class and, at a strength that differs by market, drifts that come and go
slowly, which reward trend and momentum; a share of a symbol's own moves that comes back over the next sessions; a lead
of equities over commodities; and a drift of the equity market that changes its sign with a hidden regime.

A market is a function of its kind and number. Seeds below HELD_BACK may be looked at while rules are chosen; the others
are for reports only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR, all_sessions, as_days
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.market.panel import PricePanel, TotalReturnPanel

Kind = Literal["walk", "planted"]

HELD_BACK = 1_000
SESSIONS = 7 * SESSIONS_PER_YEAR
LAST = date(2024, 12, 31)

_CLASSES = ("equity", "bond", "commodity", "real_estate")
# Yearly volatility of what a class has in common, and of what is special to a symbol of it.
_COMMON = np.array([0.15, 0.055, 0.13, 0.17])
_SPECIAL = np.array([0.10, 0.025, 0.18, 0.08])
_TOGETHER = np.array([[1.0, -0.15, 0.3, 0.65], [-0.15, 1.0, -0.05, 0.1], [0.3, -0.05, 1.0, 0.2], [0.65, 0.1, 0.2, 1.0]])
# What planted markets pay a year for bearing the risk of a class.
_PREMIUM = np.array([0.05, 0.02, 0.01, 0.05])
_YIELD = np.array([0.018, 0.03, 0.0, 0.035])
_NIGHT = 0.25  # of a session's variance


@dataclass(frozen=True)
class Effects:
    """What is planted: sizes are daily, in units of the daily volatility of what they act on."""

    drift: float  # standard deviation of the slow drift
    half_life: float  # of the drift, in sessions
    comes_back: float  # of a symbol's own move, over the next sessions
    lead: float  # of yesterday's equity move in today's commodity move
    regime: float  # drift of the equity class, up or down with the regime

    @classmethod
    def of(cls, draw: np.random.Generator) -> Effects:
        strength = draw.uniform(0.6, 1.4)
        return cls(
            drift=0.12 * strength,
            half_life=draw.uniform(50, 100),
            comes_back=0.18 * strength,
            lead=0.07 * strength,
            regime=0.07 * strength,
        )


def made_up(kind: Kind, number: int, universe: Sequence[Instrument], sessions: int = SESSIONS) -> PricePanel:
    """The market's raw bars over the sessions up to LAST."""
    draw = _generator(kind, number)
    effects = Effects.of(draw) if kind == "planted" else None
    classes = np.array([_CLASSES.index(one.asset_class) for one in universe])
    heat, symbols = _heat(draw, sessions), len(universe)
    # By night and by day, each in units of the whole session's volatility; moves of either are symmetric around 0.
    parts = np.sqrt(_NIGHT), np.sqrt(1.0 - _NIGHT)
    common = [part * heat * _correlated(draw, sessions) for part in parts]
    special = [part * heat * _fat(draw, (sessions, symbols)) for part in parts]
    if effects is not None:
        common[1] += _PREMIUM / _COMMON / np.sqrt(SESSIONS_PER_YEAR)
        common[1] += effects.drift * _slow(draw, (sessions, len(_CLASSES)), effects.half_life)
        common[1][:, 0] += effects.regime * _regime(draw, sessions)
        common[1][1:, 2] += effects.lead * (common[0] + common[1])[:-1, 0]
        special[1] += effects.drift * _slow(draw, (sessions, symbols), effects.half_life)
        special[1] -= effects.comes_back * _recent(special[0] + special[1])
    beta = draw.uniform(0.7, 1.3, symbols)
    longer = np.where(classes == _CLASSES.index("bond"), draw.uniform(0.3, 2.0, symbols), 1.0)  # some bonds run longer
    daily = longer / np.sqrt(SESSIONS_PER_YEAR)
    night, day = (
        np.clip(beta * _COMMON[classes] * daily * shared[:, classes] + _SPECIAL[classes] * daily * own, -0.3, 0.3)
        for shared, own in zip(common, special, strict=True)
    )
    return _bars(draw, universe, classes, night, day)


def total_returns(panel: PricePanel) -> TotalReturnPanel:
    """The adjusted prices of the bars, which is what strategies compute on."""
    return TotalReturnPanel(panel.sessions, panel.symbols, panel.adjusted_open, panel.adjusted_close)


def _generator(kind: str, number: int) -> np.random.Generator:
    digest = hashlib.sha256(f"decisions/{kind}/{number}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def _fat(draw: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Student's t with 5 degrees of freedom, of variance 1, symmetric."""
    moves: Array = draw.standard_t(5, shape) * np.sqrt(3.0 / 5.0)
    return moves


def _correlated(draw: np.random.Generator, sessions: int) -> Array:
    """Moves of the classes, whose tails come on the same days."""
    together = draw.standard_normal((sessions, len(_CLASSES))) @ np.linalg.cholesky(_TOGETHER).T
    return together * np.sqrt(3.0 / draw.chisquare(5, (sessions, 1)))


def _remembering(shocks: Array, memory: float) -> Array:
    """An autoregression of long-run variance 1 over shocks of variance 1, begun in its long run."""
    path = np.empty_like(shocks)
    path[0] = shocks[0]
    for t in range(1, len(shocks)):
        path[t] = memory * path[t - 1] + np.sqrt(1.0 - memory**2) * shocks[t]
    return path


def _heat(draw: np.random.Generator, sessions: int) -> Array:
    """Volatility of each session, of mean square 1: slow waves that all symbols share."""
    log = 0.38 * _remembering(draw.standard_normal((sessions, 1)), 0.985)
    heat: Array = np.exp(log - 0.38**2)
    return heat


def _slow(draw: np.random.Generator, shape: tuple[int, ...], half_life: float) -> Array:
    return _remembering(draw.standard_normal(shape), 0.5 ** (1.0 / half_life))


def _regime(draw: np.random.Generator, sessions: int) -> Array:
    """Up or down, in spells of about a year up and half a year down; the mean over both is 0."""
    state, path = 1.0, np.empty(sessions)
    for t, chance in enumerate(draw.random(sessions)):
        path[t] = 0.7 if state > 0 else -1.4
        state = -state if chance < (1 / 252 if state > 0 else 1 / 126) else state
    return path


def _recent(moves: Array) -> Array:
    """What moved over the sessions before each one, fading by three tenths a session."""
    path = np.zeros_like(moves)
    for t in range(1, len(path)):
        path[t] = 0.7 * path[t - 1] + moves[t - 1]
    return path


def _bars(
    draw: np.random.Generator, universe: Sequence[Instrument], classes: Array, night: Array, day: Array
) -> PricePanel:
    """Raw bars of simple returns by night and by day; dividends leave the price before the open, splits divide it."""
    sessions, symbols = night.shape
    days = as_days(tuple(day for day in all_sessions() if day <= LAST)[-sessions:])
    quarter = (np.arange(sessions)[:, None] + draw.integers(0, 63, symbols)) % 63 == 62
    paid = np.where(quarter, _YIELD[classes] / 4.0, 0.0)
    split = np.where(draw.random(night.shape) < 0.1 / SESSIONS_PER_YEAR, 2.0, 1.0)
    close = np.cumprod((1.0 + night) * (1.0 + day) * (1.0 - paid) / split, axis=0) * draw.uniform(30, 150, symbols)
    opening = close / (1.0 + day)
    beyond = 1.0 + 0.003 * draw.random((2, *night.shape))
    return PricePanel(
        sessions=days,
        symbols=tuple(one.symbol for one in universe),
        open=opening,
        high=np.maximum(opening, close) * beyond[0],
        low=np.minimum(opening, close) / beyond[1],
        close=close,
        volume=5e7 / close,
        # As a share of the close after it was paid it makes up for what it took off the price.
        dividend=paid / (1.0 - paid) * close,
        split_ratio=split,
    )
