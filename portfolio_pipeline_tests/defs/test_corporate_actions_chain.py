"""Whoever holds a symbol that is split, or pays a dividend, gets it though the bar of that session is refused.

The chain runs over a stretch of history until the account holds something. Then the symbol it holds most of is split or
pays, with a bar that cannot be believed or none at all, and the account is compared with that of a world without it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import Chain, active_settings, assert_same, read_tables
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData

FIRST, LAST = date(2023, 1, 3), date(2023, 10, 31)
HISTORY = SessionRange(FIRST, date(2023, 10, 26))
AT = SessionRange.single(date(2023, 10, 27))
RECENT = SessionRange(AT.first, LAST)
WHOLE = SessionRange(FIRST, LAST)
PRICES = ["open", "high", "low", "close"]
BROKEN = {
    "a broken bar": {"high": 0.01},
    "a row without prices": dict.fromkeys(PRICES, np.nan),
}

pytestmark = pytest.mark.timeout(1800)


def opened(path: Path) -> Warehouse:
    warehouse = open_warehouse(f"duckdb:///{path}")
    warehouse.prepare()
    return warehouse


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "portfolio.duckdb"
    assert Chain.on(opened(path), WHOLE).materialise(HISTORY).success
    return path


@pytest.fixture(scope="module")
def held(history: Path) -> str:
    """The symbol that most of the account is in."""
    rows = frame(opened(history).read("positions", SessionRange.single(HISTORY.last), where={"book": "account"}))
    return str(rows.sort_values("market_value")["symbol"].iloc[-1])


def market(symbol: str, *, split: float = 1.0, dividend: float = 0.0, **at: float) -> ScriptedMarketData:
    """The made-up market, but the symbol is split or pays at AT, with a bar that holds other values there."""
    settings = active_settings()
    made_up = SimulatedMarketData(settings.universe)
    rows = made_up.bars(settings.symbols, WHOLE)
    later = (rows["symbol"] == symbol) & (pd.to_datetime(rows["session"]) >= pd.Timestamp(AT.first))
    rows.loc[later, PRICES] = rows.loc[later, PRICES] / split
    rows.loc[later, "volume"] = rows.loc[later, "volume"] * split
    scripted = ScriptedMarketData(rows, source=made_up.source)
    scripted.restate(AT.first, symbol, split_ratio=split, dividend=dividend, **at)
    return scripted


def lived(file: Path, folder: Path, source: ScriptedMarketData, *, range_at_once: bool = False) -> Chain:
    folder.mkdir()
    chain = Chain.on(opened(Path(shutil.copy(file, folder / "portfolio.duckdb"))), WHOLE, market_data=source)
    for sessions in (RECENT,) if range_at_once else map(SessionRange.single, RECENT):
        assert chain.materialise(sessions).success
    return chain


Lived = Callable[..., Chain]


@pytest.fixture(scope="module")
def after(history: Path, held: str, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """What came of it, by what happens at AT to the symbol that is held; lived once, and to look at only."""
    folder = tmp_path_factory.mktemp("after")

    @cache
    def found(broken: str, *, split: float = 1.0, range_at_once: bool = False) -> Chain:
        source = market(held, split=split, **BROKEN[broken])
        return lived(history, folder / f"{broken}, {split}, {range_at_once}", source, range_at_once=range_at_once)

    return found


def of_account(chain: Chain, table: str, column: str, **where: str) -> dict[date, float]:
    rows = frame(chain.warehouse.read(table, RECENT, where={"book": "account", **where}))
    return dict(zip(rows["session"].dt.date, rows[column], strict=True))


@pytest.mark.parametrize("broken", BROKEN)
def test_a_split_reaches_who_holds_the_symbol_though_its_bar_is_refused(after: Lived, held: str, broken: str) -> None:
    split, whole = after(broken, split=2.0), after(broken, range_at_once=True)

    assert {row["rule"] for row in split.warehouse.read("quarantine", AT).to_pylist()} == {
        row["rule"] for row in whole.warehouse.read("quarantine", AT).to_pylist()
    }
    shares, before = (of_account(chain, "positions", "quantity", symbol=held) for chain in (split, whole))
    assert shares[AT.first] == 2 * before[AT.first] > 0
    equity, expected = (of_account(chain, "account", "equity") for chain in (split, whole))
    assert equity == pytest.approx(expected, rel=1e-3)  # whole shares are traded, and there are more of them
    assert equity[AT.first] == pytest.approx(expected[AT.first], abs=0.05)
    closes = [frame(chain.warehouse.read("features", RECENT, where={"symbol": held})) for chain in (split, whole)]
    np.testing.assert_allclose(closes[0]["adjusted_close"], closes[1]["adjusted_close"], rtol=1e-4)

    together = after(broken, split=2.0, range_at_once=True)
    assert_same(together.tables(), split.tables())


def test_a_dividend_reaches_who_holds_the_symbol_though_its_bar_is_refused(
    after: Lived, history: Path, held: str, tmp_path: Path
) -> None:
    paid = lived(history, tmp_path / "paid", market(held, dividend=2.0, high=0.01), range_at_once=True)
    none = after("a broken bar", range_at_once=True)
    shares = of_account(none, "positions", "quantity", symbol=held)[AT.first]
    cash, before = (of_account(chain, "account", "cash") for chain in (paid, none))
    assert shares > 0
    assert cash[AT.first] - before[AT.first] == pytest.approx(2.0 * shares, abs=0.01)


def test_both_engines_hold_the_same_after_a_split_whose_bar_is_refused(
    after: Lived, history: Path, held: str, postgres_url: str
) -> None:
    warehouse = open_warehouse(postgres_url)
    warehouse.prepare()
    with warehouse.transaction() as transaction:
        for name, rows in read_tables(opened(history)).items():
            transaction.insert(name, rows)
    postgres = Chain.on(warehouse, WHOLE, market_data=market(held, split=2.0, **BROKEN["a broken bar"]))
    for session in RECENT:
        assert postgres.materialise(SessionRange.single(session)).success
    assert_same(postgres.tables(), after("a broken bar", split=2.0).tables(), exact=False)
