"""The metrics asset on a real warehouse: every scope, a range as its sessions, and a check that can fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import dagster as dg
import empyrical
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.adapters.warehouse.lived import rebuilding
from portfolio_pipeline.core.arrays import long
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days, sessions_between
from portfolio_pipeline.defs.reporting.metrics import account_is_what_its_returns_say, metrics
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import active_settings
from portfolio_pipeline_tests.fakes.clock import FixedClock

LIFE = SessionRange(date(2023, 1, 3), date(2023, 6, 30))
DAYS = sessions_between(LIFE.first, LIFE.last)
BORN = 100  # position of the session in which the second book begins


@pytest.fixture
def filled(duckdb_warehouse: Warehouse) -> Iterator[Warehouse]:
    """An account with two books, the second of which begins late; fills on one day; paper returns of one strategy."""
    with rebuilding(duckdb_warehouse.location, LIFE.first):
        fill_in(duckdb_warehouse)
        yield duckdb_warehouse


def fill_in(duckdb_warehouse: Warehouse) -> None:
    settings, generator, days = active_settings(), np.random.default_rng(3), as_days(DAYS)
    bars = SimulatedMarketData(settings.universe).bars(settings.symbols, LIFE)
    duckdb_warehouse.replace("prices", LIFE, bars)
    returns = generator.normal(0.0005, 0.008, (len(days), 1))
    returns[0] = 0
    equity = 1e6 * np.cumprod(1 + returns, axis=0)
    profit = np.diff(equity, axis=0, prepend=1e6)
    figures = {"equity": equity, "profit_and_loss": profit}
    figures |= {name: np.zeros_like(equity) for name in ("cash", "gross_exposure", "net_exposure", "transfer")}
    account = long(days, ["account"], by="book", **figures)
    first = long(days, ["first"], by="book", **figures)
    late = long(days[BORN:], ["late"], by="book", **{name: values[BORN:] / 2 for name, values in figures.items()})
    books = pd.concat([rows.astype({"book": str}) for rows in (account, first, late)], ignore_index=True)
    duckdb_warehouse.replace("account", LIFE, books)
    fill = {"session": days[10:11].astype("datetime64[s]"), "fill_id": "f", "client_order_id": "c", "symbol": "SPY"}
    fill |= {"side": "sell", "quantity": 100.0, "price": 400.0, "commission": 1.0, "filled_at": pd.Timestamp(DAYS[10])}
    duckdb_warehouse.replace("fills", LIFE, pd.DataFrame(fill))
    paper = generator.normal(0.0005, 0.008, (len(days), 1))
    figures = {
        "gross_return": paper,
        "net_return": paper,
        "cost": 0 * paper,
        "turnover": abs(paper),
        "cash_return": 0 * paper,
    }
    rows = long(days, ["first"], by="strategy", **figures)
    duckdb_warehouse.replace("strategy_returns", LIFE, rows)


def materialise(warehouse: Warehouse, sessions: SessionRange, *, succeed: bool = True) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [metrics],
        resources={
            "warehouse": warehouse,
            "settings": active_settings(),
            "clock": FixedClock.after_close(LIFE.last),
        },
        tags={
            "dagster/asset_partition_range_start": sessions.first.isoformat(),
            "dagster/asset_partition_range_end": sessions.last.isoformat(),
        },
        raise_on_error=succeed,
    )


def newest(warehouse: Warehouse) -> pd.Series:
    rows = warehouse.read("metrics", SessionRange.single(LIFE.last)).to_pandas()
    return rows.set_index(["scope", "metric"])["value"]


def test_account_books_benchmark_and_paper_have_their_figures(filled: Warehouse) -> None:
    result = materialise(filled, LIFE)
    found = newest(filled)
    assert set(found.index.get_level_values(0)) == {
        "account",
        "benchmark",
        "strategy:first",
        "strategy:late",
        "paper:first",
    }
    equity = filled.read("account", where={"book": "account"}).to_pandas()["equity"]
    returns = equity.pct_change().to_numpy()[1:]
    assert found[("account", "sharpe")] == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-9)
    assert found[("account", "max_drawdown")] == pytest.approx(empyrical.max_drawdown(returns), rel=1e-9)
    spy = filled.read("prices", where={"symbol": "SPY"}).to_pandas()
    held = (spy["split_ratio"] * (1 + spy["dividend"] / spy["close"]))[1:].prod()
    expected = held * spy["close"].iloc[-1] / spy["close"].iloc[0] - 1
    assert found[("benchmark", "cumulative_return")] == pytest.approx(expected, rel=1e-9)
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())


def test_an_account_that_is_not_what_its_returns_say_is_shown(filled: Warehouse) -> None:
    """What it opened with is no payment: else nobody would ever look."""
    with filled.transaction() as transaction:
        transaction.execute(f"update account set transfer = equity where book = 'account' and session = '{DAYS[0]}'")
    materialise(filled, LIFE)

    def asked() -> dg.AssetCheckResult:
        return account_is_what_its_returns_say.function(sessions=LIFE, warehouse=filled)

    assert asked().passed
    with filled.transaction() as transaction:
        transaction.execute(
            "update metrics set value = value + 0.001 where scope = 'account' and metric = 'cumulative_return'"
            f" and session = '{DAYS[9]}'"
        )
    assert not asked().passed
    with filled.transaction() as transaction:
        transaction.execute(f"update account set transfer = 5 where book = 'account' and session = '{DAYS[5]}'")
    assert asked().passed  # what was paid in is in no return


def test_the_accounts_turnover_is_what_was_filled_over_the_equity_before(filled: Warehouse) -> None:
    materialise(filled, LIFE)
    equity = filled.read("account", where={"book": "account"}).to_pandas()["equity"]
    rows = filled.read("metrics", where={"scope": "account", "metric": "turnover"}).to_pandas()["value"]
    assert rows[10] == pytest.approx(40_000 / equity[9])
    assert rows.sum() == rows[10]


def test_a_range_gives_the_rows_of_its_sessions_one_by_one_around_the_birth_of_a_book(filled: Warehouse) -> None:
    materialise(filled, LIFE)
    at_once = filled.read("metrics").to_pandas()
    materialise(filled, SessionRange(DAYS[0], DAYS[BORN - 2]))
    everything = filled.read("account").to_pandas(), filled.read("strategy_returns").to_pandas()
    for place in range(BORN - 1, BORN + 2):
        for table, rows in zip(("account", "strategy_returns"), everything, strict=True):
            filled.replace(table, LIFE, rows[rows["session"] <= DAYS[place]])
        materialise(filled, SessionRange.single(DAYS[place]))
    found = filled.read("metrics").to_pandas()
    pd.testing.assert_frame_equal(found, at_once, check_exact=True)


def test_metrics_without_an_account_are_refused(filled: Warehouse) -> None:
    filled.replace("account", LIFE, filled.read("account").slice(0, 0))
    result = materialise(filled, LIFE, succeed=False)
    (failure,) = result.get_step_failure_events()
    assert "ACCOUNT_MISSING" in str(failure.step_failure_data.user_failure_data)


def test_an_equity_that_its_profits_do_not_explain_fails_the_check(filled: Warehouse) -> None:
    with filled.transaction() as transaction:
        transaction.execute(f"update account set profit_and_loss = 0 where book = 'account' and session = '{DAYS[50]}'")
    (evaluation,) = materialise(filled, LIFE).get_asset_check_evaluations()
    assert not evaluation.passed
    assert str(DAYS[50]) in str(evaluation.metadata["offending rows"].value)
