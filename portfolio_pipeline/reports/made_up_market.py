"""The page of the web UI about the made-up market: what drives it, at what strength, and how like a real one it is.

Strengths are read from the model itself. The comparison was measured by the tests' benchmark `market_likeness`, over a
hundred seeds; a test asks whether a few seeds still agree with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from portfolio_pipeline.adapters.market_data.market_model import (
    BEAR,
    BULL,
    CASH,
    CRISIS,
    FACTOR_MODELS,
    MOODS,
    REVERSAL,
    SPELL_SESSIONS,
    TREND,
    TREND_MEMORY,
    mood_shares,
)
from portfolio_pipeline.adapters.market_data.profiles import FIRST_BAR, LAST_BAR
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.made_up import MADE_UP, MODEL
from portfolio_pipeline.reports.tables import aligned


@dataclass(frozen=True)
class Measured:
    """One figure of real prices and of the made-up ones: the middle of a hundred seeds, the tenth and the ninetieth."""

    series: str
    symbols: tuple[str, ...]
    figure: str
    words: str
    real: float
    made_up: tuple[float, float, float]
    percent: bool = False


_STOCKS, _TREASURIES, _OIL = "S&P 500, 1990-2022", "treasuries, 2008-2016", "crude oil, 1986-2018"
_SPY, _BONDS = ("SPY",), ("IEF", "TLT")
MEASURED = (
    Measured(_STOCKS, _SPY, "premium", "earned above cash, a year", 0.061, (0.058, 0.005, 0.104), True),
    Measured(_STOCKS, _SPY, "volatility", "volatility, a year", 0.183, (0.166, 0.148, 0.192), True),
    Measured(_STOCKS, _SPY, "kurtosis", "kurtosis of a day (0: no fat tails)", 10.6, (11.3, 6.4, 26.4)),
    Measured(_STOCKS, _SPY, "skew", "skewness of a day", -0.40, (-0.32, -1.04, 0.19)),
    Measured(_STOCKS, _SPY, "echo 1", "correlation of a day with the next", -0.08, (-0.02, -0.06, 0.00)),
    Measured(_STOCKS, _SPY, "clusters 1", "of the size of a move with the next", 0.28, (0.27, 0.21, 0.33)),
    Measured(_STOCKS, _SPY, "clusters 20", "with the size 20 sessions later", 0.23, (0.19, 0.14, 0.25)),
    Measured(_STOCKS, _SPY, "leverage", "of a move with the sizes after it", -0.08, (-0.05, -0.07, -0.03)),
    Measured(_STOCKS, _SPY, "drawdown", "deepest fall", -0.57, (-0.47, -0.70, -0.31), True),
    Measured(_STOCKS, _SPY, "years below", "longest time below a peak, years", 7.2, (4.9, 2.5, 12.8)),
    Measured(_STOCKS, _SPY, "crisis share", "sessions that swing twice as usual", 0.094, (0.109, 0.077, 0.149), True),
    Measured(_STOCKS, _SPY, "held", "Sharpe ratio of holding it", 0.36, (0.35, 0.05, 0.70)),
    Measured(_STOCKS, _SPY, "trend rule", "held above its mean of 200 sessions", 0.41, (0.41, 0.16, 0.72)),
    Measured(_STOCKS, _SPY, "reversal rule", "held after a falling week", 0.42, (0.48, 0.12, 0.75)),
    Measured(_TREASURIES, _BONDS, "volatility", "volatility, a year", 0.116, (0.101, 0.095, 0.107), True),
    Measured(_TREASURIES, _BONDS, "kurtosis", "kurtosis of a day", 1.6, (2.5, 1.8, 3.5)),
    Measured(_TREASURIES, _BONDS, "drawdown", "deepest fall", -0.20, (-0.29, -0.42, -0.21), True),
    Measured(_OIL, ("USO",), "volatility", "volatility, a year", 0.396, (0.363, 0.327, 0.412), True),
    Measured(_OIL, ("USO",), "kurtosis", "kurtosis of a day", 13.6, (5.7, 3.7, 10.2)),
    Measured(_OIL, ("USO",), "drawdown", "deepest fall", -0.82, (-0.91, -0.99, -0.74), True),
)
TOGETHER = (
    ("stock funds, in calm", 0.79, 0.79),
    ("stock funds, in a crisis", 0.92, 0.88),
    ("long treasuries, in calm", -0.47, -0.27),
    ("long treasuries, in a crisis", -0.51, -0.31),
)
"""Correlations with the S&P 500: of real funds 2008 to 2016, and made up, the middle of a hundred seeds."""


def made_up_market() -> str:
    """The page, as markdown."""
    return "\n\n".join((_OPENING, _premia(), _moods(), _effects(), _ABSENT, _likeness(), _LAST))


# Short, for the web UI lays its button to fold the page over the middle of the last line.
_LAST = "Measured by `portfolio_pipeline_tests.benchmarks.market_likeness`."

_OPENING = f"""## {MADE_UP}: these prices are made up

They are drawn from random numbers by a model (number {MODEL}), and have nothing to do with the funds whose names they
carry. `simulated_market: {{seed: …}}` in the settings chooses another history. The column `source` of each bar names
model and seed, and a home keeps to one: with another it is refused. Nothing that a strategy earns here says what it
would earn with real prices."""


def _premia() -> str:
    rows = [
        (
            name,
            _percent(model.premium),
            *(_percent(model.volatility[mood], 0) for mood in (BULL, BEAR, CRISIS)),
            *(f"{model.correlation[mood]:.2f}" for mood in (BULL, BEAR, CRISIS)),
        )
        for name, model in FACTOR_MODELS.items()
    ]
    names = ("factor", "earns above cash", "swings: bull", "bear", "crisis", "with stocks: bull", "bear", "crisis")
    table = aligned(names, rows, right=[False] + [True] * (len(names) - 1))
    return f"""### What can be earned

Cash earns {_percent(CASH)} a year, and so does everything before its premium. A premium is what a holder gets on
average over all times, as a yearly mean of daily returns; a decade may well earn nothing. Each fund is a mixture of
these factors, with moves of its own that earn nothing; about half of what a stock fund would earn for a greater
exposure to equities is taken off.

{table}"""


def _moods() -> str:
    equity = FACTOR_MODELS["equity"]
    rows = [
        (
            name,
            _percent(share, 0),
            "{} to {}".format(*SPELL_SESSIONS[name]),
            _percent(drift, 0),
            _percent(swing, 0),
        )
        for name, share, drift, swing in zip(MOODS, mood_shares(), equity.drift, equity.volatility, strict=True)
    ]
    names = ("mood", "share of time", "lasts, sessions", "stocks above cash, a year", "their volatility")
    return f"""### The moods of the market

A bull market ends in a bear market or a crisis, a bear market in a recovery or a crisis, a crisis in a recovery.

{aligned(names, rows, right=[False, True, True, True, True])}"""


def _effects() -> str:
    known, half_life = TREND * SESSIONS_PER_YEAR**0.5, log(0.5) / log(TREND_MEMORY)
    return f"""### What a strategy may find

- **Slow trends.** What is special to a factor, a group or a symbol drifts by {TREND:.3f} of its daily swing (of
  equities, credit and property half as much); a drift halves in {half_life:.0f} sessions. Who knew it would reach a
  Sharpe ratio of {known:.1f} with each; who has to guess it gets a small part.
- **Short-term reversal.** {_percent(REVERSAL, 0)} of a typical session's move comes back, most of it within a week. To
  buy a week's losers among stock funds against its winners has a Sharpe ratio of 1.2 before and 0.5 after costs; with
  real funds, 2008-2016, of 1.0 and 0.6.
- **Moods.** They last for months: volatility, and a little of the direction, can be told while they do.
- **Clusters and fear.** Wild sessions follow wild ones, and falling prices make the next sessions wilder.
- **Pay for risk.** Credit, long bonds, property and stocks earn more than cash, and most of them lose together."""


_ABSENT = f"""### What is not in it

No effect of the calendar, of dividends, of volume, of one symbol's moves on another's next ones. Whatever a strategy
finds of the kind is luck. {", ".join(FIRST_BAR)} begins late and {", ".join(LAST_BAR)} leaves, on purpose; a bar is
missing now and then."""


_GENTLER = """Where it is gentler than the real thing: days echo less, falling prices frighten less, oil jumps less,
treasuries shelter less than they did from 2008 to 2016. Property, gold and farm goods had no real prices at hand to be
held against."""


def _likeness() -> str:
    rows = [
        (
            one.series,
            one.words,
            _figure(one.real, one),
            _figure(one.made_up[0], one),
            f"{_figure(one.made_up[1], one)} to {_figure(one.made_up[2], one)}",
        )
        for one in MEASURED
    ]
    names = ("series", "figure", "real", "made up", "eight of ten seeds")
    together = [(name, f"{real:.2f}", f"{made_up:.2f}") for name, real, made_up in TOGETHER]
    return f"""### How like real prices it is

Over a hundred seeds of 22 years. The real stocks and treasuries are without dividends and coupons. {_GENTLER}

{aligned(names, rows, right=[False, False, True, True, True])}

{aligned(("moves with the S&P 500", "real, 2008-2016", "made up"), together, right=[False, True, True])}"""


def _figure(value: float, one: Measured) -> str:
    if one.percent:
        return _percent(value, 0 if abs(one.real) >= 0.2 else 1)
    return f"{value:.{1 if abs(one.real) > 1 else 2}f}"


def _percent(fraction: float, digits: int = 1) -> str:
    return f"{fraction * 100:.{digits}f} %"
