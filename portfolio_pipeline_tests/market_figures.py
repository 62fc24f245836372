"""What a market looks like, in figures of daily closes: whatever the closes were made by, the same is asked of them.

Every figure is of one symbol over the whole span of its frame. Yearly figures count 252 sessions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

YEAR = 252
CRISIS = 2.0  # volatility of 21 sessions, in medians of its own history


def market_figures(closes: pd.DataFrame, cash: float) -> pd.DataFrame:
    """A row per symbol. `cash` is what could be earned a year without risk."""
    return pd.DataFrame({symbol: _figures(closes[symbol].dropna(), cash) for symbol in closes}).T


def in_crisis(closes: pd.Series) -> pd.Series:
    """Whether the symbol swings as it does in a crisis, by session."""
    lately = np.log(closes).diff().rolling(21).std()
    return lately > CRISIS * lately.median()


def losers_against_winners(closes: pd.DataFrame, cost: float) -> float:
    """Sharpe ratio of buying a week's losers against its winners, every session anew; `cost` is of what is traded."""
    lately = closes / closes.shift(5)
    wanted = lately.rsub(lately.mean(axis=1), axis=0)
    held = wanted.div(wanted.abs().sum(axis=1), axis=0)
    earned = ((held.shift(1) * closes.pct_change()).sum(axis=1) - cost * held.diff().abs().sum(axis=1)).iloc[YEAR:]
    return float(earned.mean() / earned.std() * np.sqrt(YEAR))


def _figures(closes: pd.Series, cash: float) -> dict[str, float]:
    moves = np.log(closes).diff().dropna()
    earned = closes.pct_change().dropna()
    below = closes / closes.cummax() - 1
    return {
        "premium": earned.mean() * YEAR - cash,
        "volatility": earned.std() * np.sqrt(YEAR),
        "kurtosis": moves.kurt(),
        "skew": moves.skew(),
        "echo 1": moves.autocorr(1),
        "clusters 1": moves.abs().autocorr(1),
        "clusters 20": moves.abs().autocorr(20),
        "clusters 60": moves.abs().autocorr(60),
        "leverage": float(np.mean([moves.corr((moves**2).shift(-lag)) for lag in range(1, 11)])),
        "variance 21": _variance_ratio(moves, 21),
        "variance 126": _variance_ratio(moves, 126),
        "drawdown": below.min(),
        "years below": _longest(below < 0) / YEAR,
        "crisis share": in_crisis(closes).mean(),
        "held": _sharpe(earned, pd.Series(1.0, closes.index), cash),
        "trend rule": _sharpe(earned, (closes > closes.rolling(200).mean()) * 1.0, cash),
        "reversal rule": _sharpe(earned, (closes < closes.shift(5)) * 1.0, cash),
    }


def _variance_ratio(moves: pd.Series, sessions: int) -> float:
    """Variance of moves over so many sessions, over what it would be if they had nothing to do with each other."""
    return float(moves.rolling(sessions).sum().var() / sessions / moves.var())


def _longest(marked: pd.Series) -> int:
    return int(marked.astype(int).groupby((~marked).cumsum()).sum().max())


def _sharpe(earned: pd.Series, position: pd.Series, cash: float) -> float:
    """Above cash, before costs, of a position decided at the close before; the first year is for warming up."""
    excess = (position.shift(1) * (earned - cash / YEAR)).iloc[YEAR:]
    return float(excess.mean() / excess.std() * np.sqrt(YEAR))
