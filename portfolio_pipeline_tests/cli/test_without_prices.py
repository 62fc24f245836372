"""A session that nobody has bars for: the command goes on over it when it is told to, and the next session is plain.

Real commands in a home with price files, over the last sessions that have closed.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from portfolio_pipeline.adapters.clock import SystemClock
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange, last_closed_session, previous_session
from portfolio_pipeline_tests.chain import active_settings
from portfolio_pipeline_tests.cli.house import House

LOADED = 180  # sessions before the hole: enough for strategies to hold something

pytestmark = pytest.mark.timeout(1800)


def _before(session: date, count: int = 1) -> date:
    earlier = previous_session(session, count)
    assert earlier is not None
    return earlier


def test_a_session_that_nobody_has_bars_for_is_gone_on_without_when_it_is_said(tmp_path: Path) -> None:
    last = last_closed_session(SystemClock().now())
    hole, before, first = _before(last), _before(last, 2), _before(last, 1 + LOADED)
    settings = active_settings()
    bars = SimulatedMarketData(settings.universe).bars(settings.symbols, SessionRange(first, last))
    bars = bars.drop(columns=["source", "retrieved_at"])
    of_hole = pd.to_datetime(bars["session"]) == pd.Timestamp(hole)
    files = tmp_path / "files"
    files.mkdir()
    bars[~of_hole].to_parquet(files / "bars.parquet")
    house = House(tmp_path / "home", MARKET_DATA="files", MARKET_DATA_PATH=str(files))

    code, said = house.does("backfill", "--from", str(first), "--to", str(before))
    assert code == 0, said
    code, said = house.does("run", "--session", str(hole))
    assert code == 1
    assert f"portfolio run --session {hole} --without-prices" in " ".join(said.split())
    for wrong, reason in ((before, "SESSION_HAS_PRICES"), (last, "PREVIOUS_SESSION_MISSING")):
        code, said = house.does("run", "--session", str(wrong), "--without-prices")
        assert code == 1
        assert reason in said

    code, said = house.does("run", "--session", str(hole), "--without-prices")
    assert code == 0, said
    assert f"Gone on without prices: {hole}" in said
    reader = house.wired.warehouse
    here = SessionRange.single(hole)
    assert reader.read("prices", here).num_rows == 0
    assert [row["session"] for row in reader.read("price_holes").to_pylist()] == [hole]
    assert reader.read("orders", here).num_rows == reader.read("submissions", here).num_rows == 0
    assert reader.read("metrics", here).num_rows > 0
    held, carried = (_of_account(house, session) for session in (before, hole))
    assert held
    assert {s: (quantity, price, missed + 1) for s, (quantity, price, missed) in held.items()} == carried

    code, said = house.does("run")
    assert code == 0, said
    assert all(missed == 0 for _, _, missed in _of_account(house, last).values())
    lived = reader.read("account").to_pylist()

    bars[of_hole].to_parquet(files / "late.parquet")
    code, said = house.does("run", "--session", str(last))
    assert code == 0, said
    late = reader.read("price_restatements", here).to_pylist()
    assert {(row["kind"], row["accepted"]) for row in late} == {("late", False)}
    assert len(late) == int(of_hole.sum())
    assert reader.read("prices", here).num_rows == 0
    assert reader.read("account").to_pylist() == lived


def _of_account(house: House, session: date) -> dict[str, tuple[float, float, int]]:
    rows = house.wired.warehouse.read("positions", SessionRange.single(session), where={"book": "account"}).to_pylist()
    return {row["symbol"]: (row["quantity"], row["price"], row["sessions_without_bar"]) for row in rows}
