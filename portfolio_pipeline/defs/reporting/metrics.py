"""The asset metrics and its checks: performance of the account, the benchmark, the strategies' books and paper returns.

Only reading, calling `core.performance.metrics` and writing belong here.
"""

from dataclasses import replace

import dagster as dg
import numpy as np
import pandas as pd

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.arrays import days, first_row, spread
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.returns import growth, total_returns
from portfolio_pipeline.core.performance.metrics import Performance, book_returns, metric_rows, trade_turnover
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    ACCOUNT,
    AGGREGATED_TARGETS,
    CASH_RETURNS,
    CORPORATE_ACTIONS,
    FEATURES,
    FILLS,
    METRICS,
    PAPER_GAPS,
    PRICE_HOLES,
    PRICES,
    STRATEGY_RETURNS,
    STRATEGY_TARGETS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader, Warehouse
from portfolio_pipeline.reads.cash import cash_earned
from portfolio_pipeline.reads.paper_gap import paper_gaps
from portfolio_pipeline.reads.prices import price_history
from portfolio_pipeline.reports.pictures import equity_picture, simulated

SHOWN = ("return_1d", "cumulative_return", "annual_return", "volatility", "sharpe", "drawdown", "max_drawdown")


@session_check()
def account_is_what_its_returns_say(
    sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """Compounding the account's returns from the first session on gives its equity, for nothing is paid in or out."""
    with warehouse.reading() as reader:
        first = reader.oldest(ACCOUNT.name) or sessions.first
        account = frame(reader.read(ACCOUNT.name, SessionRange(first, sessions.last), where={"book": "account"}))
        returned = frame(reader.read(METRICS.name, sessions, where={"scope": "account", "metric": "cumulative_return"}))
    paid = account.loc[account["session"] > account["session"].min(), "transfer"].abs().sum()  # not what it opened with
    equity = dict(zip(days(account).tolist(), account["equity"].tolist(), strict=True))
    start = equity.get(first, np.nan)
    offending = [
        {"session": day, "equity": equity.get(day, np.nan), "expected": start * (1.0 + value)}
        for day, value in zip(days(returned).tolist(), returned["value"].tolist(), strict=True)
        if not paid and np.isfinite(value) and not abs(start * (1.0 + value) / equity.get(day, np.nan) - 1.0) < 1e-9
    ]
    return check_result(offending, checked=len(returned), remedy="Materialise positions and metrics again.")


@session_asset(
    table=METRICS,
    group="reporting",
    reads=(
        PRICE_HOLES,
        ACCOUNT,
        FILLS,
        STRATEGY_RETURNS,
        PRICES,
        CORPORATE_ACTIONS,
        CASH_RETURNS,
        STRATEGY_TARGETS,
        AGGREGATED_TARGETS,
        FEATURES,
    ),
    also_fills=(PAPER_GAPS,),
    checks=(account_is_what_its_returns_say,),
)
def metrics(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> Stored:
    with warehouse.reading() as reader:
        first = reader.oldest(ACCOUNT.name)
        if first is None or first > sessions.first:
            raise DataError("ACCOUNT_MISSING", session=sessions.first, remedy="Materialise positions for it first.")
        life = SessionRange(first, sessions.last)
        account = frame(reader.read(ACCOUNT.name, life))
        _refuse_missing(sessions, account)
        scopes = {
            **_books(reader, life, account),
            "benchmark": Performance(_benchmark_returns(reader, life, settings.benchmark)),
            **_paper(reader, life),
        }
        cash = cash_earned(reader, as_days(tuple(life)))
        scopes = {name: replace(series, cash=cash) for name, series in scopes.items()}
        gaps = paper_gaps(reader, sessions, scopes, settings)
    lived = as_days(tuple(life))
    rows = metric_rows(lived, scopes, len(sessions))
    with warehouse.transaction() as transaction:
        count = transaction.replace(METRICS.name, sessions, rows)
        transaction.replace(PAPER_GAPS.name, sessions, gaps)
    newest = rows[(rows["session"] == rows["session"].max()) & (rows["scope"] == "account")]
    figures = newest.set_index("metric")["value"]
    drawn = {
        name.removeprefix("strategy:"): growth(np.nan_to_num(series.returns))
        for name, series in scopes.items()
        if not name.startswith("paper:")
    }
    return Stored(
        rows=count,
        metadata={name: float(figures[name]) for name in SHOWN if np.isfinite(figures[name])},
        picture=lambda origin: equity_picture(
            simulated("What 1 became, and the account's drawdown", origin), lived, drawn
        ),
    )


def _books(reader: Reader, life: SessionRange, account: pd.DataFrame) -> dict[str, Performance]:
    """The account and each strategy's book; reserve and unclaimed belong to no strategy and have no
    performance."""
    lived = as_days(tuple(life))
    names = ["account", *sorted(set(account["book"]) - {"account", "reserve", "unclaimed"})]
    equity = spread(account, "equity", lived, names, by="book")
    profit = spread(account, "profit_and_loss", lived, names, by="book")
    fills = frame(reader.read("fills", life, columns=["session", "fill_id", "quantity", "price"]))
    books = {
        f"strategy:{name}": Performance(
            book_returns(equity[:, place], profit[:, place]), since=first_row(equity[:, place])
        )
        for place, name in enumerate(names[1:], start=1)
    }
    traded = trade_turnover(lived, days(fills), (fills["quantity"] * fills["price"]).to_numpy(), equity[:, 0])
    return {"account": Performance(book_returns(equity[:, 0], profit[:, 0]), traded), **books}


def _benchmark_returns(reader: Reader, life: SessionRange, benchmark: str) -> np.ndarray:
    """Buy and hold with dividends reinvested; 0 in a session without a bar, NaN in the account's first."""
    returns = total_returns(price_history(reader, (benchmark,), life.last))[-len(life) :, 0].copy()
    returns[0] = np.nan
    return returns


def _paper(reader: Reader, life: SessionRange) -> dict[str, Performance]:
    """Each strategy's paper returns over the life of the account, from its second session on as everything else."""
    lived = as_days(tuple(life))
    rows = frame(reader.read("strategy_returns", life))
    names = sorted(set(rows["strategy"]))
    returns = spread(rows, "net_return", lived, names, by="strategy")
    traded = spread(rows, "turnover", lived, names, by="strategy")
    since = [first_row(returns[:, place]) for place in range(len(names))]
    returns[0] = traded[0] = np.nan
    return {
        f"paper:{name}": Performance(returns[:, place].copy(), traded[:, place].copy(), since[place])
        for place, name in enumerate(names)
    }


def _refuse_missing(sessions: SessionRange, account: pd.DataFrame) -> None:
    missing = sorted(set(sessions) - set(days(account).tolist()))
    if missing:
        raise DataError(
            "ACCOUNT_MISSING",
            found=f"{len(missing)} sessions, the first {missing[0]}",
            remedy="Materialise positions for them first.",
        )
