"""The features are what pandas and SQL say they are, have the same bits in any range, and leave no stale row behind."""

from __future__ import annotations

from datetime import date

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.arrays import spread
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days, sessions_between
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.features.families import FAMILIES, FAMILY, STORED_FEATURES, columns_of_prices
from portfolio_pipeline.core.features.family import NO_WINDOW
from portfolio_pipeline.core.market.features import feature_rows
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.tables import ACCOUNT, FEATURES, PRICES
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.defs.market.features import features
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.features import feature_history
from portfolio_pipeline.reads.prices import price_history, stored_symbols
from portfolio_pipeline.sql_models.run import audit_rows, project_library
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.sql.bars import random_bars, session_range
from portfolio_pipeline_tests.trading import settings as trading_settings

SESSIONS = session_range(date(2018, 1, 1), date(2021, 6, 30))
DAYS = sessions_between(SESSIONS.first, SESSIONS.last)
HOUSE = trading_settings()
AUDIT = "assert_features_follow_from_prices"
SYMBOLS = 6


def bars(seed: int = 1) -> pd.DataFrame:
    """Gaps, a pause of a year, a late listing, a delisting, splits, dividends; opens are not closes."""
    rows = random_bars(SESSIONS, SYMBOLS, seed)
    opens = rows["close"] * np.random.default_rng(seed).uniform(0.98, 1.02, len(rows))
    return rows.assign(open=opens, high=rows["close"] * 1.03, low=rows["close"] * 0.97)


def panel_of(rows: pd.DataFrame) -> PricePanel:
    return PricePanel.from_prices(rows, as_days(DAYS), tuple(sorted(rows["symbol"].unique())))


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A warehouse with three and a half years of bars and no features."""
    warehouse.replace("prices", SESSIONS, bars())
    return warehouse


def store(warehouse: Warehouse, sessions: SessionRange) -> None:
    """Features from the first session on, as the asset stores them, without its 900 events."""
    with warehouse.reading() as reader:
        panel = price_history(reader, stored_symbols(reader, sessions.last), sessions.last)
    warehouse.replace("features", sessions, feature_rows(panel, 0))


def materialise(
    warehouse: Warehouse, sessions: SessionRange, *, ok: bool = True, rate: float | str = 0.02
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [features],
        resources={
            "warehouse": warehouse,
            "clock": FixedClock.after_close(DAYS[-1]),
            "settings": HOUSE.model_copy(update={"risk_free_rate": rate}),
        },
        tags={
            "dagster/asset_partition_range_start": sessions.first.isoformat(),
            "dagster/asset_partition_range_end": sessions.last.isoformat(),
        },
        raise_on_error=ok,
    )


def deviation(values: pd.Series, window: int) -> np.ndarray:
    """Of each whole window; pandas' own running deviation loses digits behind a jump."""
    windows = np.lib.stride_tricks.sliding_window_view(values.to_numpy(), window)
    return np.concatenate([np.full(window - 1, np.nan), windows.std(axis=1, ddof=1)])


def by_hand(panel: PricePanel, symbol: str) -> pd.DataFrame:
    """The features of one symbol, by pandas: by session, NaN where it has no bar."""
    place = panel.symbols.index(symbol)
    adjusted_close = pd.Series(panel.adjusted_close[:, place])
    x = adjusted_close.ffill()
    r, change = x.pct_change(fill_method=None), x.diff()
    gain, loss = change.clip(lower=0).rolling(14).mean(), (-change).clip(lower=0).rolling(14).mean()
    found = pd.DataFrame(
        {
            "adjusted_close": adjusted_close,
            "return_1d": r,
            **{f"momentum_{n}d": x / x.shift(n) - 1 for n in (20, 60, 120, 252)},
            **{f"volatility_{n}d": deviation(r, n) * 252**0.5 for n in (20, 60)},
            **{f"sma_{n}d": x.rolling(n).mean() for n in (50, 200)},
            "rsi_14d": 100 * gain / (gain + loss),
            "zscore_20d": (x - x.rolling(20).mean()) / deviation(x, 20),
            "adjusted_open": panel.adjusted_open[:, place],
        }
    )
    # A price that did not move is neither strong nor stretched.
    still = x.rolling(20).max() == x.rolling(20).min()
    found["zscore_20d"] = found["zscore_20d"].mask(still, 0.0)
    found["rsi_14d"] = found["rsi_14d"].mask(x.rolling(15).max() == x.rolling(15).min(), 50.0)
    return found.where(adjusted_close.notna())


def assert_pandas_agrees(rows: pd.DataFrame, panel: PricePanel) -> None:
    by_symbol = [by_hand(panel, symbol) for symbol in panel.symbols]
    for name in FEATURES.column_names[2:]:
        found = spread(rows, name, panel.sessions, panel.symbols, by="symbol")
        expected = np.column_stack([known[name] for known in by_symbol])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9, err_msg=name)


def test_table_pandas_and_sql_agree_on_both_engines(filled: Warehouse) -> None:
    store(filled, SESSIONS)

    assert_pandas_agrees(frame(filled.read("features")), panel_of(bars()))
    for sessions in (SESSIONS, SessionRange(DAYS[430], DAYS[450]), SessionRange.single(DAYS[-1])):
        assert len(audit_rows(filled, project_library(), AUDIT, sessions)) == 0


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), still=st.booleans())
def test_the_families_are_what_pandas_says_in_any_market(seed: int, still: bool) -> None:
    rows = bars(seed)
    if still:  # A price that is pegged for a quarter, without an action.
        pegged = (rows["symbol"] == "S00") & rows["session"].between(DAYS[300], DAYS[360])
        rows.loc[pegged, ["open", "close", "dividend", "split_ratio"]] = [7.0, 7.0, 0.0, 1.0]
    panel = panel_of(rows)

    assert_pandas_agrees(feature_rows(panel, 0), panel)


def test_the_table_holds_the_bits_that_strategies_compute(filled: Warehouse) -> None:
    store(filled, SESSIONS)
    rows, panel = frame(filled.read("features")), panel_of(bars())
    inputs = Inputs(panel)

    for stored in STORED_FEATURES:
        found = spread(rows, stored.name, panel.sessions, panel.symbols, by="symbol")
        computed = inputs.feature(stored.family, stored.window) * stored.family.stored_factor
        np.testing.assert_array_equal(found, np.where(panel.traded, computed, np.nan), err_msg=stored.name)


def test_what_strategies_read_are_the_bits_of_the_prices(filled: Warehouse) -> None:
    store(filled, SESSIONS)
    with filled.reading() as reader:
        symbols = stored_symbols(reader, SESSIONS.last)[::-1]
        found, expected = feature_history(reader, symbols, DAYS[500]), price_history(reader, symbols, DAYS[500])

    assert found.symbols == expected.symbols == symbols
    for name in ("sessions", "adjusted_open", "adjusted_close", "traded"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def test_who_reads_the_same_rows_shares_a_panel_until_the_rows_are_others(filled: Warehouse) -> None:
    store(filled, SESSIONS)
    with filled.reading() as reader:
        symbols = stored_symbols(reader, SESSIONS.last)
        first, again = (feature_history(reader, symbols, DAYS[500]) for _ in range(2))
        turned = feature_history(reader, symbols[::-1], DAYS[500])
    with filled.transaction() as transaction:
        transaction.execute("update features set adjusted_close = 2 * adjusted_close")
    with filled.reading() as reader:
        written_anew = feature_history(reader, symbols, DAYS[500])

    assert again is first
    np.testing.assert_array_equal(turned.adjusted_close, first.adjusted_close[:, ::-1])
    np.testing.assert_array_equal(written_anew.adjusted_close, 2 * first.adjusted_close)


def test_any_range_and_day_by_day_give_the_same_bits(filled: Warehouse) -> None:
    store(filled, SESSIONS)
    whole = filled.read("features")
    random = np.random.default_rng(7)

    for _ in range(4):
        start = int(random.integers(0, len(DAYS) - 1))
        materialise(filled, SessionRange(DAYS[start], DAYS[min(start + int(random.integers(0, 40)), len(DAYS) - 1)]))
        assert filled.read("features").equals(whole)
    # Across the pause of symbol S01, so that windows reach over it.
    with filled.transaction() as transaction:
        transaction.delete("features", SessionRange(DAYS[425], DAYS[430]))
    for day in DAYS[425:431]:
        materialise(filled, SessionRange.single(day))
    assert filled.read("features").equals(whole)


def test_bars_after_a_session_change_nothing_up_to_it(duckdb_warehouse: Warehouse) -> None:
    duckdb_warehouse.replace("prices", SESSIONS, bars())
    known, later = SessionRange(SESSIONS.first, DAYS[500]), SessionRange(DAYS[501], SESSIONS.last)
    store(duckdb_warehouse, known)
    before = duckdb_warehouse.read("features")

    changed = bars(seed=99)
    duckdb_warehouse.replace("prices", later, changed[changed["session"] > DAYS[500]])
    materialise(duckdb_warehouse, SessionRange.single(SESSIONS.last))

    assert duckdb_warehouse.read("features", known).equals(before)


def test_a_restated_bar_makes_everything_after_it_again(filled: Warehouse) -> None:
    store(filled, SessionRange(DAYS[0], DAYS[-2]))
    restated = bars()
    restated.loc[(restated["symbol"] == "S00") & (restated["session"] == DAYS[700]), "dividend"] = 3.0
    filled.replace("prices", SESSIONS, restated)
    assert len(audit_rows(filled, project_library(), AUDIT, SessionRange.single(DAYS[710])))

    result = materialise(filled, SessionRange.single(DAYS[-1]))

    (shown,) = result.asset_materializations_for_node("features")
    assert shown.metadata["earlier sessions made again"].value == len(DAYS) - 1 - 700
    assert_pandas_agrees(frame(filled.read("features")), panel_of(restated))
    assert len(audit_rows(filled, project_library(), AUDIT, SESSIONS)) == 0


def test_rows_of_an_older_version_are_refused_until_the_next_run_has_filled_them(filled: Warehouse) -> None:
    store(filled, SessionRange(DAYS[0], DAYS[-2]))
    with filled.transaction() as transaction:
        transaction.execute("update features set adjusted_open = null")
    with filled.reading() as reader, pytest.raises(DataError, match=r"FEATURES_OUTDATED.*--only features"):
        feature_history(reader, ("S00",), DAYS[-2])

    materialise(filled, SessionRange.single(DAYS[-1]))

    assert_pandas_agrees(frame(filled.read("features")), panel_of(bars()))


def test_a_session_without_bars_is_refused_and_nothing_is_stored(duckdb_warehouse: Warehouse) -> None:
    rows = bars()
    duckdb_warehouse.replace("prices", SESSIONS, rows[~rows["session"].isin(DAYS[20:22])])

    for sessions in (SessionRange(DAYS[10], DAYS[30]), SessionRange.single(DAYS[40])):
        result = materialise(duckdb_warehouse, sessions, ok=False)
        message = str(result.failure_data_for_node("features").error)  # type: ignore[union-attr]
        assert "PRICES_INCOMPLETE" in message
        assert str(DAYS[20]) in message
    assert len(duckdb_warehouse.read("features")) == 0


def test_each_stored_feature_is_stated_again_in_sql() -> None:
    library = project_library()
    sql = library.audits[AUDIT].query.sql

    assert [stored.name for stored in STORED_FEATURES] == list(FEATURES.column_names[2:])
    for stored in STORED_FEATURES:
        assert f"'{stored.name}'" in sql
        assert f"known.{stored.name} as found_{stored.name}" in sql


def test_a_family_says_what_it_is_made_of() -> None:
    assert len(FAMILY) == len(FAMILIES)
    for family in FAMILIES:
        assert set(family.inputs) <= set(FAMILY) | set(PRICES.column_names)
        assert family.windowed == (NO_WINDOW not in family.stored) or not family.stored
        assert all((family.meaning, family.sees, family.missing))
    assert columns_of_prices("sma") == ("close", "dividend", "split_ratio")
    assert columns_of_prices("adjusted_open") == ("open", "close", "dividend", "split_ratio")


def test_the_newest_session_shows_its_rows_and_the_asset_its_lineage(duckdb_warehouse: Warehouse) -> None:
    duckdb_warehouse.replace("prices", SESSIONS, bars())
    asked = SessionRange(DAYS[-3], DAYS[-1])

    result = materialise(duckdb_warehouse, asked)

    shown = result.asset_materializations_for_node("features")[-1].metadata
    assert shown["dagster/row_count"].value == len(duckdb_warehouse.read("features", asked))
    lineage = features.metadata_by_key[features.key]["dagster/column_lineage"].deps_by_column
    assert list(lineage) == list(FEATURES.column_names)
    dividend = dg.TableColumnDep(asset_key=dg.AssetKey(["prices"]), column_name="dividend")
    assert dividend in lineage["sma_200d"]


def test_what_cash_earned_is_stored_and_stays_in_what_an_account_has_lived_through(filled: Warehouse) -> None:
    symbol = str(filled.read("prices", columns=["symbol"])["symbol"][0])
    part = SessionRange(DAYS[600], DAYS[609])
    store(filled, SessionRange(DAYS[0], DAYS[599]))
    materialise(filled, part)
    before = filled.read("cash_returns").to_pylist()
    assert [row["session"] for row in before] == list(part)
    assert {row["origin"] for row in before} == {"0.02 a year, for the days to the next session"}
    account = dict.fromkeys(ACCOUNT.column_names, 0.0) | {"book": "account"}
    lived = SessionRange(DAYS[602], DAYS[605])
    filled.replace("account", lived, pd.DataFrame([account | {"session": day} for day in lived]))
    materialise(filled, part, rate=symbol)
    after = filled.read("cash_returns").to_pylist()
    assert after[:5] == before[:5]
    assert {row["origin"] for row in after[5:]} == {f"the return of {symbol} over the session"}
    materialise(filled, part, rate="NONE")
    assert [row["cash_return"] for row in filled.read("cash_returns").to_pylist()[5:]] == [0.0] * 5
