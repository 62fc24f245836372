"""The marts of trades against pandas, over a stored account of its own, on both engines; and since when what is held
has been held.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.entries import entries_at
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.sql_models.run import create_views, project_library
from portfolio_pipeline_tests.core.books.test_positions import Year, entries


@pytest.fixture
def year(warehouse: Warehouse) -> Year:
    """A year of an account that goes long and short, stored."""
    year = Year(11, short=True, count=60)
    held = year.held(year.days)
    with warehouse.transaction() as tx:
        for name in ("positions", "account", "trades"):
            tx.replace(name, year.range, getattr(held, name))
    return year


def test_statistics_of_closed_positions_are_what_pandas_says(year: Year, warehouse: Warehouse) -> None:
    create_views(warehouse, project_library(), ["trade_statistics"])
    found = frame(warehouse.query("select * from trade_statistics")).set_index("book")
    trades = year.held(year.days).trades
    trades["net"] = trades["realised_pnl"] - trades["cost"]
    assert len(found) >= 3
    for book, own in trades.groupby("book"):
        by_position = own.groupby(["symbol", "entry_session"])
        ended = by_position["sessions_held"].max().dropna()
        net = by_position["net"].sum()
        closed = net[ended.index]
        told = found.loc[book]
        assert told["closed"] == len(closed)
        assert told["still_held"] == len(net) - len(closed)
        assert told["profit_and_loss"] == pytest.approx(own["net"].sum(), abs=1e-6)
        expected = {
            "win_rate": (closed > 0).mean(),
            "mean_winner": closed[closed > 0].mean(),
            "mean_loser": closed[closed < 0].mean(),
            "profit_factor": closed[closed > 0].sum() / -closed[closed < 0].sum() if (closed < 0).any() else np.nan,
            "average_pnl": closed.mean(),
            "mean_sessions_held": ended.mean(),
        }
        for name, figure in expected.items():
            assert told[name] == pytest.approx(figure, rel=1e-9, nan_ok=True), (book, name)
    assert found["closed"].sum() > 20


def test_round_trips_are_the_runs_of_closes_at_which_something_was_held(year: Year, warehouse: Warehouse) -> None:
    """Counted from positions alone, as the mart of adverse excursions does."""
    create_views(warehouse, project_library(), ["round_trips", "adverse_excursions"])
    trips = frame(warehouse.query("select book, symbol, entry_session, side, exit_session from round_trips"))
    runs = frame(warehouse.query("select book, symbol, opened, side, is_open from adverse_excursions"))
    both = trips.merge(
        runs,
        left_on=["book", "symbol", "entry_session", "side"],
        right_on=["book", "symbol", "opened", "side"],
        how="outer",
    )
    assert len(both) == len(trips) == len(runs) > 20
    assert (both["exit_session"].isna() == both["is_open"]).all()


def test_since_when_something_is_held_is_found_from_closes_alone(year: Year, warehouse: Warehouse) -> None:
    held = year.held(year.days)
    for day in year.days[1::9]:
        tables = (held.positions, held.account, held.trades, held.exchanges)
        known = type(held)(*(rows[rows["session"] <= day] for rows in tables))
        with warehouse.reading() as reader:
            found = entries_at(reader, day)
        expected: dict[tuple[str, str], date] = entries(known)
        assert found == expected


def test_a_home_without_trades_of_its_past_begins_with_the_next_session_and_fills_the_past_when_asked(
    year: Year, warehouse: Warehouse
) -> None:
    """What is filled in later is what would have been written; what is written stays."""
    trades, newest = year.held(year.days).trades, SessionRange.single(year.days[-1])
    with warehouse.transaction() as tx:
        tx.delete("trades", None)
        tx.replace("trades", newest, trades[trades["session"] == newest.last])
        tx.replace("trades", year.range, trades.assign(reason="computed again"))
    stored = frame(warehouse.read("trades"))
    assert len(stored) == len(trades)
    assert set(stored.loc[stored["session"] < pd.Timestamp(newest.last), "reason"]) == {"computed again"}
