"""The families of features, one object each.

To add one: write its object and put it at the end of FAMILIES, or, from outside, add it to FAMILY: strategies may then
ask for it with any window. Which are stored is said here alone. When one is, it is a new column of `features`: it
takes a migration, and a few lines in `dbt_like_sql/audits/assert_features_follow_from_prices.sql`.

All windows are counted in sessions of the exchange, over closes carried forward where a symbol has no bar. Carried
closes are what a holding is worth while its symbol does not trade.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from portfolio_pipeline.core.arrays import Array, forward_fill
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.features.family import NO_WINDOW, Family, StoredFeature
from portfolio_pipeline.core.registry import Registry

_PRICE = "currency per share of the first session"
_WINDOW, _BARS_BEFORE = "the window's sessions", "all actions of the symbol up to the session"
_NO_BAR, _PARTIAL = "nothing without a bar", "nothing before the whole window lies after the first bar"


# Kernels are loaded where something is computed: whoever only wants to know what a table holds need not wait for them.
def _rolling_mean(values: Array, window: int) -> Array:
    from portfolio_pipeline.core.features.kernels import rolling_mean

    mean: Array = rolling_mean(values, window)
    return mean


def _rolling_mean_std(values: Array, window: int) -> tuple[Array, Array]:
    from portfolio_pipeline.core.features.kernels import rolling_mean_std

    mean_and_std: tuple[Array, Array] = rolling_mean_std(values, window)
    return mean_and_std


def _adjustment_factor(close: Array, dividend: Array, split_ratio: Array) -> Array:
    growth = np.where(np.isnan(close), 1.0, split_ratio * (1.0 + dividend / close))
    return np.cumprod(growth, axis=0)


def _daily_return(close: Array) -> Array:
    returns = np.full_like(close, np.nan)
    returns[1:] = close[1:] / close[:-1] - 1.0
    return returns


def _rolling_mean_at(values: Array, window: int, rows: Array) -> Array:
    from portfolio_pipeline.core.features.kernels import rolling_mean_at

    mean: Array = rolling_mean_at(values, window, rows)
    return mean


def _momentum_at(close: Array, window: int, rows: Array) -> Array:
    from portfolio_pipeline.core.features.kernels import growth_at

    momentum: Array = growth_at(close, window, rows)
    return momentum


def _momentum(close: Array, window: int) -> Array:
    momentum = np.full_like(close, np.nan)
    momentum[window:] = close[window:] / close[:-window] - 1.0
    return momentum


def _zscore(close: Array, window: int) -> Array:
    mean, std = _rolling_mean_std(close, window)
    moved = std > 1e-12 * np.abs(mean)
    return np.where(moved, (close - mean) / np.where(moved, std, 1.0), np.where(np.isnan(std), np.nan, 0.0))


def _rsi(close: Array, window: int) -> Array:
    change = np.full_like(close, np.nan)
    change[1:] = close[1:] - close[:-1]
    gain = _rolling_mean(np.maximum(change, 0.0), window)
    loss = _rolling_mean(np.maximum(-change, 0.0), window)
    total = gain + loss
    moved = total > 0
    return np.where(moved, 100.0 * gain / np.where(moved, total, 1.0), np.where(np.isnan(total), np.nan, 50.0))


def _gain_per_risk(mean: Array, std: Array, _window: int) -> Array:
    gained: Array = np.divide(mean, std, out=np.full_like(mean, np.nan), where=std > 1e-10)
    return gained


def _market(returns: Array) -> Array:
    known = ~np.isnan(returns)
    total = np.where(known, returns, 0.0).sum(axis=1)
    return np.cumprod(1.0 + total / np.maximum(known.sum(axis=1), 1))[:, None]


def _market_trend(level: Array, window: int) -> Array:
    apart = level - _rolling_mean(level, window)
    # A market that stands still is on no side of its mean, whatever the last digits say.
    return np.where(np.abs(apart) <= 1e-12 * level, 0.0, apart)


ADJUSTMENT_FACTOR: Final = Family(
    name="adjustment_factor",
    meaning="what raw prices are multiplied with: splits and reinvested dividends since the first session",
    unit="",
    inputs=("close", "dividend", "split_ratio"),
    sees=_BARS_BEFORE,
    missing="1 before the first action",
    compute=_adjustment_factor,
    windowed=False,
)
ADJUSTED_CLOSE: Final = Family(
    name="adjusted_close",
    meaning="total-return close: splits and reinvested dividends up to this session",
    unit=_PRICE,
    inputs=("close", "adjustment_factor"),
    sees=_BARS_BEFORE,
    missing=_NO_BAR,
    compute=np.multiply,
    windowed=False,
    stored=(NO_WINDOW,),
    always_known=True,
)
ADJUSTED_OPEN: Final = Family(
    name="adjusted_open",
    meaning="total-return open: what paper trades are executed at",
    unit=_PRICE,
    inputs=("open", "adjustment_factor"),
    sees=_BARS_BEFORE,
    missing="nothing without a bar, or in rows that older versions stored",
    compute=np.multiply,
    windowed=False,
    stored=(NO_WINDOW,),
)
CARRIED_CLOSE: Final = Family(
    name="carried_close",
    meaning="adjusted close, carried forward over sessions without a bar",
    unit=_PRICE,
    inputs=("adjusted_close",),
    sees="the symbol's last bar, however old",
    missing="nothing before the first bar",
    compute=forward_fill,
    windowed=False,
)
RETURN_1D: Final = Family(
    name="return_1d",
    meaning="total return since the previous session; after sessions without a bar, since the last bar",
    unit="fraction",
    inputs=("carried_close",),
    sees="the session and the one before",
    missing="nothing up to and including the first bar; 0 at sessions without a bar",
    compute=_daily_return,
    windowed=False,
    stored=(NO_WINDOW,),
)
MOMENTUM: Final = Family(
    name="momentum",
    meaning="total return over {window} sessions",
    unit="fraction",
    inputs=("carried_close",),
    sees="the session and the one that is the window before it",
    missing=_PARTIAL,
    compute=_momentum,
    at_rows=_momentum_at,
    stored=(20, 60, 120, 252),
)
VOLATILITY: Final = Family(
    name="volatility",
    meaning="standard deviation of {window} daily returns, annualised with 252",
    unit="fraction per year",
    inputs=("return_1d",),
    sees=_WINDOW,
    missing=_PARTIAL,
    compute=lambda returns, window: _rolling_mean_std(returns, window)[1],
    stored=(20, 60),
    stored_factor=float(np.sqrt(SESSIONS_PER_YEAR)),
    minimum=0.0,
)
SMA: Final = Family(
    name="sma",
    meaning="mean carried close of {window} sessions",
    unit=_PRICE,
    inputs=("carried_close",),
    sees=_WINDOW,
    missing=_PARTIAL,
    compute=_rolling_mean,
    at_rows=_rolling_mean_at,
    stored=(50, 200),
)
RSI: Final = Family(
    name="rsi",
    meaning="relative strength index over {window} sessions (simple means); 50 for a price that did not move",
    unit="0-100",
    inputs=("carried_close",),
    sees="the window's sessions and the one before",
    missing=_PARTIAL,
    compute=_rsi,
    stored=(14,),
)
ZSCORE: Final = Family(
    name="zscore",
    meaning="distance of the close from its mean of {window} sessions; 0 for a price that did not move",
    unit="standard deviations",
    inputs=("carried_close",),
    sees=_WINDOW,
    missing=_PARTIAL,
    compute=_zscore,
    stored=(20,),
)
MEAN_RETURN: Final = Family(
    name="mean_return",
    meaning="mean of {window} daily returns",
    unit="fraction",
    inputs=("return_1d",),
    sees=_WINDOW,
    missing=_PARTIAL,
    compute=_rolling_mean,
    at_rows=_rolling_mean_at,
)
GAIN_PER_RISK: Final = Family(
    name="gain_per_risk",
    meaning="mean of {window} daily returns in their standard deviations",
    unit="standard deviations",
    inputs=("mean_return", "volatility"),
    sees=_WINDOW,
    missing=f"{_PARTIAL}, or for a price that did not move",
    compute=_gain_per_risk,
)
MARKET: Final = Family(
    name="market",
    meaning="level of an average over the symbols: it grows by the mean return of those that have one; one column",
    unit="multiple of the first session",
    inputs=("return_1d",),
    sees="all sessions up to this one",
    missing="never",
    compute=_market,
    windowed=False,
)
MARKET_TREND: Final = Family(
    name="market_trend",
    meaning="how far the average over the symbols stands above its mean of {window} sessions; one column",
    unit="multiple of the first session",
    inputs=("market",),
    sees=_WINDOW,
    missing="before the window is full",
    compute=_market_trend,
)

# The order of the table's columns is that of the families; a new one goes to the end.
FAMILIES: Final = (
    ADJUSTMENT_FACTOR,
    ADJUSTED_CLOSE,
    CARRIED_CLOSE,
    RETURN_1D,
    MOMENTUM,
    VOLATILITY,
    SMA,
    RSI,
    ZSCORE,
    MEAN_RETURN,
    GAIN_PER_RISK,
    MARKET,
    MARKET_TREND,
    ADJUSTED_OPEN,
)
FAMILY: Final[Registry[Family]] = Registry("feature family", FAMILIES)
STORED_FEATURES: Final[tuple[StoredFeature, ...]] = tuple(column for family in FAMILIES for column in family.columns)


def columns_of_prices(name: str) -> tuple[str, ...]:
    """The columns of `prices` that a family is computed from, through whatever is between."""
    if name not in FAMILY:
        return (name,)
    return tuple(dict.fromkeys(column for needed in FAMILY[name].inputs for column in columns_of_prices(needed)))
