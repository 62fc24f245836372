"""A back-test of one strategy over a range of sessions: several parameter sets side by side, each a column of figures.

Each set has a book of its own. It begins empty, with cash 1, at the close before the range, where the card decides in
any case, as it does in its first session in the chain; that is bought at the open of the range's first session, at the
usual cost, and from there on the card decides when it does. So a set earns here, bit for bit, what the chain would have
earned on paper had it begun at that close with these parameters, and over the whole history what the search says. The
first stored session has no close before it: it decides, and earns nothing.

Indicators see the history from the first stored session on. NaN policy and delistings are those of `simulation`, the
conventions of the figures those of `metrics`. Time: no session sees a later one, but whoever picks a set after looking
at its figures does: every column says what it knew (`KNOWLEDGE`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, forward_fill
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.market.returns import drawdowns, growth
from portfolio_pipeline.core.performance.metrics import performance
from portfolio_pipeline.core.simulation.simulation import BacktestResult, Decisions, TradePrices, simulate
from portfolio_pipeline.core.strategies.base import Strategy
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.parameters import Parameters
from portfolio_pipeline.core.strategies.transitions import wanted

Knowledge = Literal["out of sample", "fixed", "by hand", "in sample", "market"]
KNOWLEDGE: dict[Knowledge, str] = {
    "out of sample": "parameters of each session were chosen with data up to the close before",
    "fixed": "the card's default, which no search has chosen",
    "by hand": "given for this report: in sample, if these prices were looked at before",
    "in sample": "chosen with data of the very sessions that are reported",
    "market": "one symbol, bought at the first open and held",
}
AS_RUN = "as it was run"
FIGURES = (
    "total_return",
    "annual_return",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "best_month",
    "worst_month",
    "hit_rate",
    "exposure",
    "turnover",
    "cost",
    "trades",
    "sessions",
)
TRADE_COLUMNS = ("session", "symbol", "side", "open", "total_return_open", "value", "cost", "weight_after")
_STORED = ("net_return", "cost", "turnover", "exposure", "cash_return")
_NO_TRADE = 1e-9  # of the equity; what is smaller is rounding


@dataclass(frozen=True)
class ParameterSet:
    """One set to be played, what it is called, and what it knew."""

    label: str
    parameters: Parameters
    knowledge: Knowledge = "by hand"


@dataclass(frozen=True)
class Terms:
    """The row of the panel that is reported first, and what trading costs; see `simulation.simulate`."""

    first: int
    cost_rate: float
    delist_after: int = 10
    cash_return: Array | None = None  # of every session of the panel; None when cash earns nothing

    @property
    def start(self) -> int:
        """The row of the close at which books begin."""
        return max(self.first - 1, 0)


@dataclass(frozen=True, eq=False)
class Column:
    """One book over the sessions it is known for: fractions of the equity at the close before, as in `simulation`.

    `exposure` is gross, at the close. `trades` (TRADE_COLUMNS; value, cost and weight are shares of the equity) is None
    where they are not known.
    """

    label: str
    knowledge: Knowledge
    sessions: Array
    net_return: Array
    cost: Array
    turnover: Array
    exposure: Array
    cash_return: Array
    trades: pd.DataFrame | None = None

    @cached_property
    def equity(self) -> Array:
        return growth(self.net_return)

    @cached_property
    def drawdown(self) -> Array:
        return drawdowns(self.equity)

    @cached_property
    def monthly(self) -> pd.Series:
        """Return of each calendar month; the first and the last as far as they are reported."""
        months = pd.PeriodIndex(self.sessions.astype("datetime64[s]"), freq="M", name="month")
        return pd.Series(1.0 + self.net_return, index=months).groupby(level=0).prod() - 1.0

    @cached_property
    def figures(self) -> dict[str, float]:
        """FIGURES; NaN where there is nothing to divide by. Turnover and cost are those of a year."""
        last = {name: float(values[-1]) for name, values in performance(self.net_return, self.cash_return).items()}
        return {
            "total_return": last["cumulative_return"],
            **{name: last[name] for name in FIGURES[1:7]},
            "best_month": float(self.monthly.max()),
            "worst_month": float(self.monthly.min()),
            "hit_rate": last["hit_rate"],
            "exposure": float(self.exposure.mean()),
            "turnover": float(self.turnover.mean() * SESSIONS_PER_YEAR),
            "cost": float(self.cost.mean() * SESSIONS_PER_YEAR),
            "trades": np.nan if self.trades is None else float((self.trades["side"] != "cashed out").sum()),
            "sessions": float(len(self.sessions)),
        }


def play(
    strategy: Strategy,
    card: StrategyCard,
    panel: PricePanel,
    universe: tuple[str, ...],
    sets: Sequence[ParameterSet],
    terms: Terms,
) -> list[Column]:
    """A column for each set. The panel starts at the first stored session and holds the universe."""
    mine, count = panel.select(universe), len(panel.sessions) - terms.start
    inputs = Inputs(mine)
    columns = []
    for one in sets:
        weights, decided = wanted(
            strategy, card, inputs, [Mixture.single(one.parameters)] * count, [True, *[False] * (count - 1)]
        )
        rows = np.flatnonzero(decided)
        made = Decisions(rows, weights[rows])
        columns.append(_column(one.label, one.knowledge, mine, made, terms))
    return columns


def bought_and_held(panel: PricePanel, symbol: str, terms: Terms) -> Column:
    """One symbol, bought like anything else at the first open and never touched again."""
    once = Decisions(np.zeros(1, np.int64), np.ones((1, 1)))
    return _column(f"{symbol} held", "market", panel.select((symbol,)), once, terms)


def as_it_was_run(rows: pd.DataFrame) -> Column | None:
    """What the chain stored session by session (session, net_return, cost, turnover, exposure, cash_return), or None.

    Its book was not begun for the report: it pays no entry, and goes on from what it held.
    """
    if rows.empty:
        return None
    days = rows["session"].to_numpy().astype("datetime64[D]")
    series = (rows[name].to_numpy(dtype=np.float64) for name in _STORED)
    return Column(AS_RUN, "out of sample", days, *series)


def first_with_history(strategy: Strategy, sessions: Array, sets: Sequence[ParameterSet]) -> int:
    """The first row that every set can be invested at; the number of rows when the history is too short for one."""
    return min(max(strategy.window(one.parameters) for one in sets), len(sessions))


def notes(columns: Sequence[Column], sessions: Array, begins: date | None) -> list[str]:
    """What has to be known to read the columns rightly; from `begins` on every set has history enough."""
    by_knowledge = {column.knowledge: column for column in columns}
    said = []
    chosen, run = by_knowledge.get("in sample"), by_knowledge.get("out of sample")
    if chosen is not None:
        said.append(
            f"IN SAMPLE: the parameters {chosen.label} were chosen with data up to that close, so with the very "
            "sessions that are reported here. Nobody could have used them then."
        )
    said.append(
        f"Picking the best of several columns is overfitting. Expect something nearer to `{AS_RUN}`, which nobody "
        "could pick: at every close its parameters were chosen without knowing what came next."
        if run is not None
        else "Picking the best of several columns is overfitting. The honest column is missing: the chain has not "
        "computed this strategy in these sessions."
    )
    if run is not None and len(run.sessions) < len(sessions):
        said.append(
            f"`{AS_RUN}` is stored for {run.sessions[0]} to {run.sessions[-1]} only "
            f"({len(run.sessions)} of {len(sessions)} sessions): its figures are of these."
        )
    if begins is None or sessions[0] < np.datetime64(begins, "D"):
        until = "all of these sessions" if begins is None else f"the sessions before {begins}"
        said.append(f"For {until} some set has too little stored history behind it, and may hold nothing but cash.")
    return said


def _column(label: str, knowledge: Knowledge, panel: PricePanel, decisions: Decisions, terms: Terms) -> Column:
    """`decisions` count their rows from the close at which the book begins."""
    prices = TradePrices.of(panel, terms.cash_return).rows(terms.start, len(panel.sessions))
    result = simulate(prices, decisions, terms.cost_rate, delist_after=terms.delist_after)
    shown = slice(terms.first - terms.start, None)
    return Column(
        label,
        knowledge,
        panel.sessions[terms.first :],
        result.net_return[shown],
        result.cost[shown],
        result.turnover[shown],
        np.abs(result.weights[shown]).sum(axis=1),
        prices.cash_return[shown],
        _trades(panel, prices, decisions, result, terms),
    )


def _trades(
    panel: PricePanel, prices: TradePrices, decisions: Decisions, result: BacktestResult, terms: Terms
) -> pd.DataFrame:
    """What was traded at the opens after decisions, and what was cashed out: read off the holdings at the closes."""
    equity = growth(result.net_return)
    marked = forward_fill(prices.close)
    held = result.weights != 0.0
    quantity = np.where(held, result.weights * equity[:, None] / np.where(held, marked, 1.0), 0.0)
    change = np.diff(quantity, axis=0, prepend=0.0)
    before = np.concatenate([[1.0], equity[:-1]])[:, None]
    executed = np.zeros((len(equity), 1), dtype=bool)
    executed[1:][decisions.rows[decisions.rows < len(equity) - 1]] = True

    tradable = ~np.isnan(prices.open)
    alive = (before > 0.0) & (equity[:, None] > 0.0)
    price = np.where(tradable, prices.open, marked)
    value = np.where(alive & (change != 0.0), change * price / np.where(before > 0.0, before, 1.0), 0.0)
    bought_or_sold = executed & tradable & (np.abs(value) > _NO_TRADE)
    cashed_out = ~tradable & (np.abs(value) > _NO_TRADE)
    row, column = np.nonzero(bought_or_sold | cashed_out)
    traded = bought_or_sold[row, column]
    return pd.DataFrame(
        {
            "session": panel.sessions[terms.start + row].astype("datetime64[s]"),
            "symbol": np.array(panel.symbols, dtype=object)[column],
            "side": np.where(traded, np.where(value[row, column] > 0.0, "buy", "sell"), "cashed out"),
            "open": panel.open[terms.start + row, column],
            "total_return_open": prices.open[row, column],
            "value": np.abs(value[row, column]),
            "cost": np.where(traded, terms.cost_rate * np.abs(value[row, column]), 0.0),
            "weight_after": result.weights[row, column],
        },
        columns=list(TRADE_COLUMNS),
    )
