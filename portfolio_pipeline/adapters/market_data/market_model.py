"""What drives the made-up market: its random numbers, its moods, and the factors that move every symbol.

One symbol's own path and its bars are in `simulated`. Nothing here knows dates: time is the number of sessions since
the first session of the calendar.

Every random number belongs to a name and to a block of sessions, so it is the same whoever asks, for whatever range.
Arrays are whole blocks long and one-dimensional, and recursions run forward from the first session: a longer market
begins with exactly the bits of a shorter one, whatever the processor's vector width.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
from scipy.special import ndtri

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR

SEED = "portfolio-pipeline-2284"
BLOCK = 256
DAILY = 1 / np.sqrt(SESSIONS_PER_YEAR)

MOODS = ("bull", "bear", "crisis", "recovery")


@dataclass(frozen=True)
class FactorModel:
    """One factor: yearly log drift, volatility and correlation with equities, by mood in the order of `MOODS`."""

    drift: tuple[float, float, float, float]
    volatility: tuple[float, float, float, float]
    correlation: tuple[float, float, float, float]

    @property
    def typical_volatility(self) -> float:
        """Between that of a calm and of a falling market, with something for the crises."""
        return 0.65 * self.volatility[0] + 0.35 * self.volatility[1] + 0.02


# Calm and rising; falling slowly while bonds fall too; falling fast with everything together; rising, still nervous.
FACTOR_MODELS = {
    "equity": FactorModel((0.15, -0.20, -1.10, 0.30), (0.105, 0.190, 0.380, 0.180), (1.0, 1.0, 1.0, 1.0)),
    "rates": FactorModel((0.030, -0.050, 0.250, 0.020), (0.052, 0.075, 0.095, 0.062), (-0.20, 0.25, -0.45, -0.20)),
    "credit": FactorModel((0.015, -0.040, -0.350, 0.090), (0.022, 0.045, 0.130, 0.045), (0.45, 0.55, 0.80, 0.50)),
    "commodity": FactorModel((0.030, 0.060, -0.700, 0.150), (0.145, 0.190, 0.320, 0.185), (0.20, 0.15, 0.60, 0.35)),
    "gold": FactorModel((0.035, 0.050, 0.150, 0.060), (0.135, 0.150, 0.230, 0.160), (0.00, 0.10, -0.10, 0.05)),
    "property": FactorModel((0.095, -0.180, -1.000, 0.250), (0.115, 0.200, 0.430, 0.200), (0.55, 0.65, 0.85, 0.65)),
    "emerging": FactorModel((0.010, -0.050, -0.200, 0.080), (0.080, 0.105, 0.170, 0.090), (0.25, 0.35, 0.55, 0.30)),
}
# How much livelier what is special to a symbol gets, by mood.
OWN_HEAT = np.array([0.85, 1.10, 1.70, 1.10])

# Sessions a spell lasts (at least, at most), and what may follow it, with the chance of each.
SPELL_SESSIONS = {"bull": (200, 650), "bear": (120, 260), "crisis": (35, 90), "recovery": (60, 180)}
NEXT_SPELL = {
    "bull": (("bear", 0.6), ("crisis", 0.4)),
    "bear": (("crisis", 0.3), ("recovery", 0.7)),
    "crisis": (("recovery", 1.0),),
    "recovery": (("bull", 1.0),),
}

TREND_MEMORY = 0.985
TREND_SIZE = 0.035
HEAT_MEMORY = 0.97
HEAT_SIZE = 0.32
TAIL_SIZE = 0.33


def hashed(*name: str) -> int:
    """128 bits that depend on the name and on nothing else."""
    return int.from_bytes(hashlib.sha256("/".join((SEED, *name)).encode()).digest()[:16], "little")


def uniform(*name: str) -> float:
    """One number in (0, 1) that belongs to the name."""
    return ((hashed(*name) >> 75) + 0.5) / 2**53


def uniforms(*name: str, rows: int, blocks: int) -> Array:
    """Numbers in (0, 1), [rows, blocks * BLOCK]; each block is drawn by itself.

    Made from the raw bits of Philox, whose stream NumPy promises never to change; it does not promise that of `normal`.
    """
    drawn = np.empty((rows, blocks * BLOCK))
    for block in range(blocks):
        raw = np.random.Philox(key=hashed(*name, str(block))).random_raw(rows * BLOCK).reshape(rows, BLOCK)
        drawn[:, block * BLOCK : (block + 1) * BLOCK] = ((raw >> np.uint64(12)) + 0.5) / 2.0**52
    return drawn


def normals(*name: str, rows: int, blocks: int) -> Array:
    """Standard normal numbers, [rows, blocks * BLOCK]."""
    numbers: Array = ndtri(uniforms(*name, rows=rows, blocks=blocks))
    return numbers


def fat_tailed(shock: Array, temper: Array) -> Array:
    """Standard normal `shock` with the size of each session drawn by standard normal `temper`; variance stays 1."""
    return shock * np.exp(TAIL_SIZE * temper - TAIL_SIZE**2)


def remembered(shock: Array, memory: float) -> Array:
    """An autoregression over standard normal shocks, started at 0; its long-run variance is 1."""
    by_session = np.moveaxis(np.sqrt(1 - memory**2) * shock, -1, 0)
    remembering = accumulate(by_session, lambda before, now: now + memory * before)
    return np.ascontiguousarray(np.moveaxis(np.array(list(remembering)), 0, -1))


def moods(blocks: int) -> Array:
    """Position in `MOODS` of each session."""
    length = blocks * BLOCK
    path = np.empty(length, dtype=np.intp)
    start, mood, count = 0, "bull", 0
    while start < length:
        shortest, longest = SPELL_SESSIONS[mood]
        stop = start + shortest + int(uniform("spell length", str(count)) * (longest - shortest))
        path[start:stop] = MOODS.index(mood)
        chance = uniform("spell after", str(count))
        for candidate, share in NEXT_SPELL[mood]:
            mood = candidate
            chance -= share
            if chance < 0:
                break
        start, count = stop, count + 1
    return path


@dataclass(frozen=True, eq=False)
class Market:
    """What all symbols have in common. Arrays run over sessions, in whole blocks."""

    blocks: int
    mood: Array
    heat: Array  # volatility of the session relative to its mood
    own_heat: Array  # volatility of what is special to a symbol, relative to its long-run level
    overnight: Array  # standard normal; the common part of how far prices move while the market is closed
    factors: dict[str, Array]  # daily log returns


@lru_cache(maxsize=2)
def market(blocks: int) -> Market:
    """The first `blocks` blocks of the market."""
    mood = moods(blocks)
    shock, temper, warmth, overnight = normals("market", rows=4, blocks=blocks)
    equity = fat_tailed(shock, temper)
    # Falling prices heat the market up from the next session on.
    warmth = 0.85 * warmth - 0.53 * np.concatenate(([0.0], shock[:-1]))
    heat = np.exp(HEAT_SIZE * remembered(warmth, HEAT_MEMORY) - HEAT_SIZE**2)
    factors = {}
    for name, model in FACTOR_MODELS.items():
        own, own_temper, drift = normals("factor", name, rows=3, blocks=blocks)
        rho = np.array(model.correlation)[mood]
        noise = rho * equity + np.sqrt(1 - rho * rho) * fat_tailed(own, own_temper)
        trend = TREND_SIZE * remembered(drift, TREND_MEMORY)
        size = np.array(model.volatility)[mood] * DAILY
        factors[name] = np.array(model.drift)[mood] / SESSIONS_PER_YEAR + size * (trend + heat * noise)
    return Market(blocks, mood, heat, heat * OWN_HEAT[mood], overnight, factors)


@lru_cache(maxsize=1024)
def group_moves(asset_class: str, group: str, blocks: int) -> Array:
    """What the symbols of a group share beyond the factors: daily moves of unit variance, with a mild trend."""
    shock, temper, drift = normals("group", asset_class, group, rows=3, blocks=blocks)
    own_heat = market(blocks).own_heat
    moves: Array = TREND_SIZE * remembered(drift, TREND_MEMORY) + own_heat * fat_tailed(shock, temper)
    return moves
