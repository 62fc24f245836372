"""A made-up market that anybody can run the pipeline on: SIMULATED, deterministic, the same today and in ten years.

Here a symbol's path becomes bars: opens, highs, lows, volumes, splits, dividends, missing bars. What moves the market
is in `market_model`, how each kind of symbol reacts to it in `profiles`. A market is kept as long as somebody holds it,
and the last one of the process besides, since every run asks for it anew. The paths of a universe of moderate size are
also kept beside the code (`core.kept`): a daily run would make up all years of them for one session.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from functools import cache, cached_property, lru_cache
from hashlib import sha256
from pathlib import Path as File

import numpy as np
import pandas as pd

from portfolio_pipeline.adapters.market_data.market_model import (
    CASH,
    DAILY,
    FACTOR_MODELS,
    Market,
    remembered,
)
from portfolio_pipeline.adapters.market_data.profiles import FIRST_BAR, LAST_BAR, Profile, profile
from portfolio_pipeline.adapters.market_data.randomness import BLOCK, Randomness
from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import (
    SESSIONS_PER_YEAR,
    SessionRange,
    all_sessions,
    as_days,
    session_closes,
)
from portfolio_pipeline.core.kept import kept
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.market.made_up import source_name
from portfolio_pipeline.core.market.settings import DEFAULT_SEED
from portfolio_pipeline.core.tables import PRICES

OVERNIGHT_SHARE = 0.25  # of a session's variance
LARGEST_MOVE = 0.25  # of the logarithm; a trading halt stops every symbol there
MISSING_BARS = 0.0004  # chance a session
SPLITS = ((500.0, 4.0), (360.0, 3.0), (240.0, 2.0))  # above this price, so many new shares per old one
REVERSE_SPLIT = (15.0, 0.125)
KEPT_SYMBOLS = 64
"""Paths of more symbols are not kept beside the code: each takes a third of a megabyte."""

Kind = tuple[str, str, str]
"""Symbol, asset class, group: what a path follows from, beside the market."""


class SimulatedMarketData:
    """Bars of the made-up market of one seed, for a universe."""

    def __init__(self, universe: Sequence[Instrument], seed: int = DEFAULT_SEED) -> None:
        self._seed = seed
        self._kinds = {i.symbol: (i.symbol, i.asset_class, i.group) for i in universe}

    @property
    def source(self) -> str:
        return source_name(self._seed)

    @property
    def market(self) -> Market:
        """What moves all symbols."""
        return self._paths.market

    @cached_property
    def _paths(self) -> Paths:
        return _paths(self._seed, _blocks())

    def bars(self, symbols: Sequence[str], sessions: SessionRange) -> pd.DataFrame:
        days = _days()
        start, stop = np.searchsorted(days, np.array([sessions.first, sessions.last], dtype="datetime64[D]"))
        asked = sorted(set(symbols) & self._kinds.keys())
        if asked and len(self._kinds) <= KEPT_SYMBOLS:
            self._paths.know(tuple(self._kinds.values()))
        parts = [_rows(self._paths.path(*self._kinds[symbol]), symbol, slice(start, stop + 1)) for symbol in asked]
        if not parts:
            return pd.DataFrame(columns=list(PRICES.column_names))
        rows = pd.concat(parts, ignore_index=True)
        position = rows.pop("position").to_numpy()
        rows["session"] = days[position].astype("datetime64[s]")
        rows["retrieved_at"] = _closes()[position]
        rows["source"] = self.source
        return rows.loc[np.argsort(position, kind="stable"), list(PRICES.column_names)].reset_index(drop=True)


@cache
def _days() -> Array:
    return as_days(all_sessions())


@cache
def _closes() -> Array:
    closes = [close.astimezone(UTC).replace(tzinfo=None) for close in session_closes().values()]
    return np.array(closes, dtype="datetime64[us]")


def _blocks() -> int:
    return -(-len(all_sessions()) // BLOCK)


@dataclass(frozen=True, eq=False)
class Path:
    """One symbol over all sessions, in whole blocks. `traded` is False where it has no bar."""

    traded: Array
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    dividend: Array
    split_ratio: Array


def _rows(path: Path, symbol: str, wanted: slice) -> pd.DataFrame:
    position = np.flatnonzero(path.traded[wanted]) + wanted.start
    fields = ("open", "high", "low", "close", "volume", "dividend", "split_ratio")
    return pd.DataFrame(
        {"position": position, "symbol": symbol, **{name: getattr(path, name)[position] for name in fields}}
    )


class Paths:
    """The paths of one seed over so many blocks, each made when it is first asked for."""

    def __init__(self, seed: int, blocks: int) -> None:
        self.random, self.blocks = Randomness(seed), blocks
        self._made: dict[Kind, Path] = {}

    @cached_property
    def market(self) -> Market:
        return Market(self.random, self.blocks)

    def know(self, kinds: Sequence[Kind]) -> None:
        """Have these paths, made once for all processes."""
        if not self._made.keys() >= set(kinds):
            digest = _digest(self.random.seed, self.blocks, kinds)
            self._made |= kept(_HERE, "made_up_paths", digest, lambda: {kind: self.path(*kind) for kind in kinds})

    def path(self, symbol: str, asset_class: str, group: str) -> Path:
        kind = (symbol, asset_class, group)
        if kind not in self._made:
            self._made[kind] = _path(self.market, *kind)
        return self._made[kind]


_HERE = File(__file__).parent


def _digest(seed: int, blocks: int, kinds: Iterable[Kind]) -> str:
    """Of everything that paths follow from."""
    whole = sha256(repr((seed, blocks, SESSIONS_PER_YEAR, np.__version__, *kinds)).encode() + _days().tobytes())
    for file in sorted(_HERE.glob("*.py")):
        whole.update(file.read_bytes())
    return whole.hexdigest()[:16]


@lru_cache(maxsize=1)
def _paths(seed: int, blocks: int) -> Paths:
    return Paths(seed, blocks)


def _path(market: Market, symbol: str, asset_class: str, group: str) -> Path:
    random, blocks = market.random, market.blocks
    kind = profile(random, symbol, asset_class, group)
    overnight, activity = random.normals("symbol bars", symbol, rows=2, blocks=blocks)
    above, below, present = random.uniforms("symbol extremes", symbol, rows=3, blocks=blocks)

    total = _total_returns(market, kind, symbol, asset_class, group)
    payout = _payouts(random, kind, symbol, blocks)
    ex_dividend = total + np.log1p(-payout)
    level, split_ratio = _levels(random, symbol, kind.first_price, ex_dividend, blocks)
    gone = np.log1p(-payout) - np.log(split_ratio)  # what actions take off the price before the market opens
    before = np.concatenate(([np.log(kind.first_price)], level[:-1])) + gone
    size = np.abs(_typical_size(kind)) * DAILY * market.own_heat

    # Between two closes the price is a Brownian bridge: a quarter of its variance falls into the night, and the
    # extremes of the day are drawn from their exact distribution.
    night = OVERNIGHT_SHARE * (level - before) + np.sqrt(OVERNIGHT_SHARE * (1 - OVERNIGHT_SHARE)) * size * (
        np.sqrt(0.5) * (market.overnight + overnight)
    )
    opening = before + night
    spread = (level - opening) ** 2
    variance = 2 * (1 - OVERNIGHT_SHARE) * size * size
    highest = 0.5 * (opening + level + np.sqrt(spread - variance * np.log(above)))
    lowest = 0.5 * (opening + level - np.sqrt(spread - variance * np.log(below)))
    close = np.exp(level)
    liveliness = np.minimum(np.abs(total) / size, 4.0) - 0.8
    dollars = kind.dollar_volume * np.exp(0.3 * remembered(activity, 0.7) + 0.25 * liveliness) * market.own_heat
    return Path(
        traded=_traded(symbol, present, (payout > 0) | (split_ratio != 1.0)),
        open=_cents(np.exp(opening)),
        high=_cents(np.exp(highest)),
        low=_cents(np.exp(lowest)),
        close=_cents(close),
        volume=np.ceil(dollars / close),
        # As a share of the close after it was paid, the dividend makes up for exactly what it took off the price.
        dividend=np.round(payout / (1 - payout) * close, 4),
        split_ratio=split_ratio,
    )


def _typical_size(kind: Profile) -> float:
    """About the yearly volatility of the symbol, for how far its price swings within a day."""
    parts = [beta * FACTOR_MODELS[name].typical_volatility for name, beta in kind.exposure.items()]
    return float(np.sqrt(sum(part * part for part in (*parts, kind.group_volatility, kind.own_volatility))))


def _total_returns(market: Market, kind: Profile, symbol: str, asset_class: str, group: str) -> Array:
    """Daily log returns, dividends included."""
    returns = np.full(market.blocks * BLOCK, (CASH + kind.carry) / SESSIONS_PER_YEAR)
    for name, beta in kind.exposure.items():
        returns = returns + beta * market.factors[name]
    returns = returns + kind.group_volatility * DAILY * market.group_moves(asset_class, group)
    returns = returns + kind.own_volatility * DAILY * market.own_moves("symbol", symbol)
    clipped: Array = np.clip(np.log1p(np.maximum(returns, -0.9)), -LARGEST_MOVE, LARGEST_MOVE)
    return clipped


def _payouts(random: Randomness, kind: Profile, symbol: str, blocks: int) -> Array:
    """Share of the price that goes out as a dividend; 0 but on the ex-dates."""
    payout = np.zeros(blocks * BLOCK)
    if kind.dividend_yield > 0:
        every = SESSIONS_PER_YEAR // kind.dividends_per_year
        first = 5 + int(random.uniform(symbol, "ex-date") * (every - 5))
        payout[first::every] = kind.dividend_yield / kind.dividends_per_year
    return payout


def _levels(random: Randomness, symbol: str, first_price: float, returns: Array, blocks: int) -> tuple[Array, Array]:
    """Log price as printed, and split ratios: a price that ends a block too high or low is split in the next one."""
    level = np.empty(blocks * BLOCK)
    split_ratio = np.ones(blocks * BLOCK)
    last = float(np.log(first_price))
    for block in range(blocks):
        here = slice(block * BLOCK, (block + 1) * BLOCK)
        if ratio := _split_for(float(np.exp(last))):
            split_ratio[here.start + 20 + int(random.uniform(symbol, "split", str(block)) * (BLOCK - 40))] = ratio
        steps = returns[here] - np.log(split_ratio[here])
        steps[0] += last
        level[here] = np.cumsum(steps)
        last = float(level[here.stop - 1])
    return level, split_ratio


def _split_for(price: float) -> float | None:
    if price < REVERSE_SPLIT[0]:
        return REVERSE_SPLIT[1]
    return next((ratio for limit, ratio in SPLITS if price > limit), None)


def _traded(symbol: str, present: Array, has_action: Array) -> Array:
    """Rarely a bar is missing, but never the first one nor one with a dividend or split."""
    days = _days()
    traded: Array = (present > MISSING_BARS) | has_action
    traded[0] = True
    traded[len(days) :] = False
    first, last = FIRST_BAR.get(symbol), LAST_BAR.get(symbol)
    if first is not None:
        traded[: np.searchsorted(days, _day(first))] = False
    if last is not None:
        traded[np.searchsorted(days, _day(last), side="right") :] = False
    return traded


def _day(day: date) -> np.datetime64:
    return np.datetime64(day, "D")


def _cents(prices: Array) -> Array:
    return np.maximum(np.round(prices, 2), 0.01)
