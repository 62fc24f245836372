"""What drives the made-up market: its moods, and the factors that move every symbol. Every strength stands here.

One symbol's own path and its bars are in `simulated`, how each kind of symbol reacts to the factors in `profiles`, the
random numbers in `randomness`. Nothing here knows dates: time is the number of sessions since the first session of the
calendar. Arrays are whole blocks long and one-dimensional, and recursions run forward from the first session: a longer
market begins with exactly the bits of a shorter one, whatever the processor's vector width.

Returns are simple returns here, so that a premium is what a holder earns on average above cash, whatever he holds
with it; they become logarithms in `simulated`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np

from portfolio_pipeline.adapters.market_data.randomness import BLOCK, Randomness
from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR

DAILY = 1 / np.sqrt(SESSIONS_PER_YEAR)

CASH = 0.025
"""What cash earns a year, and with it every fund, before any premium."""
TREND, TREND_MEMORY = 0.045, 0.990
"""Of all moves, half as much of equities and property, whose moods are trends already: a slow drift of so many standard
deviations a session, which halves in 69 sessions."""
REVERSAL, REVERSAL_MEMORY = 0.11, 0.70
"""Of all moves: the share of a typical session's move that comes back, three tenths of the rest each session."""
HEAT, HEAT_MEMORY = 0.40, 0.985
"""Clusters of volatility: the spread of its logarithm, beyond the moods, which halves in 46 sessions."""
FEAR = 0.85
"""Falling prices heat the market up from the next session on: correlation of the move with what heats."""
TAIL = 0.30
"""Fat tails: the spread of the logarithm of a single session's size, beyond heat and moods."""

MOODS = ("bull", "bear", "crisis", "recovery")
BULL, BEAR, CRISIS, RECOVERY = range(len(MOODS))
# Sessions a spell lasts (at least, at most), and what may follow it, with the chance of each; round and round.
SPELL_SESSIONS = {"bull": (200, 650), "bear": (120, 260), "crisis": (25, 75), "recovery": (60, 180)}
NEXT_SPELL = {
    "bull": (("bear", 0.6), ("crisis", 0.4)),
    "bear": (("crisis", 0.3), ("recovery", 0.7)),
    "crisis": (("recovery", 1.0),),
    "recovery": (("bull", 1.0),),
}
# How much livelier what is special to a symbol gets, by mood.
OWN_HEAT = np.array([0.85, 1.10, 1.70, 1.10])


@dataclass(frozen=True)
class FactorModel:
    """One factor: what it earns above cash a year over all moods; by mood, in the order of `MOODS`, what its yearly
    drift leans to, its yearly volatility, its correlation with equities; and how much of heat and trend it has.
    """

    premium: float
    lean: tuple[float, float, float, float]
    volatility: tuple[float, float, float, float]
    correlation: tuple[float, float, float, float]
    heat: float = 1.0
    trend: float = 1.0

    @property
    def drift(self) -> Array:
        """Yearly, by mood: leaning nowhere over all moods, so that the premium is what it says."""
        usual = sum(share * lean for share, lean in zip(mood_shares(), self.lean, strict=True))
        return np.array([self.premium + lean - usual for lean in self.lean])

    @property
    def typical_volatility(self) -> float:
        """Between that of a calm and of a falling market, with something for the crises."""
        return 0.65 * self.volatility[0] + 0.35 * self.volatility[1] + 0.02


# Calm and rising; falling slowly while bonds fall too; falling fast with everything together; rising, still nervous.
FACTOR_MODELS = {
    "equity": FactorModel(
        0.055, (0.02, -0.12, -0.75, 0.22), (0.115, 0.195, 0.42, 0.200), (1.0, 1.0, 1.0, 1.0), trend=0.5
    ),
    "rates": FactorModel(
        0.012, (0.005, -0.030, 0.120, 0.005), (0.056, 0.075, 0.100, 0.066), (-0.40, 0.05, -0.45, -0.35), heat=0.6
    ),
    "credit": FactorModel(
        0.008,
        (0.000, -0.020, -0.250, 0.080),
        (0.024, 0.042, 0.130, 0.050),
        (0.45, 0.50, 0.75, 0.50),
        trend=0.5,
    ),
    "commodity": FactorModel(
        0.008, (0.010, 0.000, -0.400, 0.100), (0.160, 0.205, 0.46, 0.220), (0.20, 0.15, 0.50, 0.35)
    ),
    "gold": FactorModel(
        0.015, (0.000, 0.010, 0.060, 0.000), (0.140, 0.160, 0.26, 0.170), (0.00, 0.10, -0.05, 0.05), heat=0.8
    ),
    "property": FactorModel(
        0.045,
        (0.020, -0.120, -0.700, 0.200),
        (0.155, 0.250, 0.58, 0.260),
        (0.55, 0.65, 0.85, 0.65),
        heat=1.1,
        trend=0.5,
    ),
    "emerging": FactorModel(
        0.000, (0.010, -0.030, -0.150, 0.040), (0.090, 0.115, 0.22, 0.100), (0.15, 0.20, 0.35, 0.20)
    ),
}


def mood_shares() -> tuple[float, ...]:
    """The share of all sessions that each mood lasts in the long run."""
    visits = dict.fromkeys(MOODS, 0.0) | {MOODS[0]: 1.0}
    for mood in MOODS:
        for following, chance in NEXT_SPELL[mood]:
            if following != MOODS[0]:
                visits[following] += visits[mood] * chance
    lasting = [visits[mood] * sum(SPELL_SESSIONS[mood]) / 2 for mood in MOODS]
    return tuple(sessions / sum(lasting) for sessions in lasting)


def fat_tailed(shock: Array, temper: Array) -> Array:
    """Standard normal `shock` with the size of each session drawn by standard normal `temper`; variance stays 1."""
    return shock * np.exp(TAIL * temper - TAIL**2)


def remembered(shock: Array, memory: float) -> Array:
    """An autoregression over standard normal shocks, started at 0; its long-run variance is 1."""
    steps = (np.sqrt(1 - memory**2) * shock).tolist()
    return np.array(list(accumulate(steps, lambda before, now: now + memory * before)))


def drifting(drift: Array, shock: Array, trend: float = 1.0) -> Array:
    """What is to be foreseen of moves, in standard deviations: a slow trend, and a part of past shocks that returns."""
    recent = remembered(shock, REVERSAL_MEMORY) * np.sqrt((1 - REVERSAL_MEMORY) / (1 + REVERSAL_MEMORY))
    foreseen: Array = trend * TREND * remembered(drift, TREND_MEMORY) - REVERSAL * _before(recent)
    return foreseen


def _before(values: Array) -> Array:
    return np.concatenate(([0.0], values[:-1]))


class Market:
    """What all symbols of one made-up market have in common. Arrays run over sessions, in whole blocks."""

    def __init__(self, random: Randomness, blocks: int) -> None:
        self.random, self.blocks = random, blocks
        self.mood = _moods(random, blocks)
        shock, temper, warmth, self.overnight, drift = random.normals("market", rows=5, blocks=blocks)
        self._warmth = remembered(np.sqrt(1 - FEAR**2) * warmth - FEAR * _before(shock), HEAT_MEMORY)
        # Volatility of what is special to a symbol, relative to its long-run level.
        self.own_heat: Array = self._heat(1.0) * OWN_HEAT[self.mood]
        self._equity = fat_tailed(shock, temper), drifting(drift, shock, FACTOR_MODELS["equity"].trend)
        self._groups: dict[tuple[str, str], Array] = {}

    @cached_property
    def factors(self) -> dict[str, Array]:
        """What each factor earns a session above cash."""
        return {name: self._factor(name, model) for name, model in FACTOR_MODELS.items()}

    def _factor(self, name: str, model: FactorModel) -> Array:
        shock, temper, drift = self.random.normals("factor", name, rows=3, blocks=self.blocks)
        rho = np.array(model.correlation)[self.mood]
        rest = np.sqrt(1 - rho * rho)
        noise = rho * self._equity[0] + rest * fat_tailed(shock, temper)
        foreseen = rho * self._equity[1] + rest * drifting(drift, shock, model.trend)
        size = np.array(model.volatility)[self.mood] * DAILY
        # What is foreseen has no part in the heat: heat rises where prices fall, and what returns then would be a gift.
        returns: Array = model.drift[self.mood] / SESSIONS_PER_YEAR + size * (foreseen + self._heat(model.heat) * noise)
        return returns

    def group_moves(self, asset_class: str, group: str) -> Array:
        """What the symbols of a group share beyond the factors: daily moves of unit variance."""
        if (asset_class, group) not in self._groups:
            self._groups[asset_class, group] = self.own_moves("group", asset_class, group)
        return self._groups[asset_class, group]

    def own_moves(self, *name: str) -> Array:
        """Daily moves of unit variance that belong to a name."""
        shock, temper, drift = self.random.normals(*name, rows=3, blocks=self.blocks)
        moves: Array = drifting(drift, shock) + self.own_heat * fat_tailed(shock, temper)
        return moves

    def _heat(self, share: float) -> Array:
        """Volatility of each session relative to its mood; its mean square is 1."""
        size = share * HEAT
        heat: Array = np.exp(size * self._warmth - size**2)
        return heat


def _moods(random: Randomness, blocks: int) -> Array:
    """Position in `MOODS` of each session. The market is somewhere on its way when it begins."""
    length = blocks * BLOCK
    path = np.empty(length, dtype=np.intp)
    start, mood, count = -int(random.uniform("beginning") * _longest_round()), MOODS[0], 0
    while start < length:
        shortest, longest = SPELL_SESSIONS[mood]
        stop = start + shortest + int(random.uniform("spell length", str(count)) * (longest - shortest))
        path[max(start, 0) : max(stop, 0)] = MOODS.index(mood)
        chance = random.uniform("spell after", str(count))
        for candidate, share in NEXT_SPELL[mood]:
            mood = candidate
            chance -= share
            if chance < 0:
                break
        start, count = stop, count + 1
    return path


def _longest_round() -> int:
    return sum(longest for _, longest in SPELL_SESSIONS.values())
