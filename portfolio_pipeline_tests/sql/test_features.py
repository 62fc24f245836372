"""The features are what pandas says they are, and have the same bits whatever range they are computed in."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days, sessions_between
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.sql_models.run import fill_range, project_library
from portfolio_pipeline_tests.sql.bars import random_bars, session_range

SESSIONS = session_range(date(2018, 1, 1), date(2021, 6, 30))
DAYS = sessions_between(SESSIONS.first, SESSIONS.last)
SYMBOLS = 6


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A warehouse with three and a half years of bars and no features."""
    warehouse.replace("prices", SESSIONS, random_bars(SESSIONS, SYMBOLS))
    return warehouse


def features(warehouse: Warehouse, sessions: SessionRange) -> pa.Table:
    fill_range(warehouse, project_library(), "features", sessions)
    return warehouse.read("features", sessions)


def by_hand(bars: pd.DataFrame) -> pd.DataFrame:
    """The features of one symbol's bars, by pandas."""
    panel = PricePanel.from_prices(bars, as_days(DAYS), (bars["symbol"].iloc[0],))
    x = pd.Series(panel.adjusted_close[panel.traded[:, 0], 0])
    r, change = x.pct_change(), x.diff()
    gain, loss = (change.clip(lower=0).rolling(14).mean(), (-change).clip(lower=0).rolling(14).mean())
    return pd.DataFrame(
        {
            "session": bars["session"].to_numpy(),
            "symbol": bars["symbol"].to_numpy(),
            "adjusted_close": x,
            "return_1d": r,
            **{f"momentum_{n}d": x / x.shift(n) - 1 for n in (20, 60, 120, 252)},
            **{
                f"volatility_{n}d": r.rolling(n).apply(np.std, raw=True, kwargs={"ddof": 1}) * 252**0.5
                for n in (20, 60)
            },
            **{f"sma_{n}d": x.rolling(n).apply(np.mean, raw=True) for n in (50, 200)},
            "rsi_14d": 100 * gain / (gain + loss),
            "zscore_20d": (x - x.rolling(20).mean()) / x.rolling(20).apply(np.std, raw=True, kwargs={"ddof": 1}),
        }
    )


def test_features_are_what_pandas_computes(filled: Warehouse) -> None:
    found = frame(features(filled, SESSIONS))

    bars = random_bars(SESSIONS, SYMBOLS)
    expected = pd.concat([by_hand(rows) for _, rows in bars.groupby("symbol")])
    expected["session"] = expected["session"].to_numpy().astype("datetime64[s]")
    expected = expected.sort_values(["session", "symbol"], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-9, atol=1e-9)


def test_features_have_the_same_bits_in_any_range(filled: Warehouse) -> None:
    whole = features(filled, SESSIONS)
    random = np.random.default_rng(7)

    for _ in range(12):
        start = int(random.integers(0, len(DAYS) - 1))
        sessions = SessionRange(DAYS[start], DAYS[min(start + int(random.integers(0, 40)), len(DAYS) - 1)])
        features(filled, sessions)
        assert filled.read("features").equals(whole)


def test_day_by_day_gives_the_bits_of_the_range(filled: Warehouse) -> None:
    # Begins in the pause of symbol S01, so that its look-back reaches across it.
    sessions = SessionRange(DAYS[410], DAYS[440])
    whole = features(filled, sessions)

    with filled.transaction() as transaction:
        transaction.delete("features", None)
    for day in sessions:
        fill_range(filled, project_library(), "features", SessionRange.single(day))

    assert filled.read("features").equals(whole)


def test_a_look_back_that_sees_more_changes_no_bit(filled: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    library, sessions = project_library(), SessionRange(DAYS[600], DAYS[605])
    expected = features(filled, sessions)

    for rows in (253, 271, 300, 450, 10_000):
        monkeypatch.setitem(library.models["features"].header.look_back, "prices", rows)
        assert features(filled, sessions).equals(expected)


def test_a_look_back_that_sees_less_is_noticed_by_these_tests(
    filled: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = SessionRange(DAYS[600], DAYS[605])
    expected = features(filled, sessions)

    monkeypatch.setitem(project_library().models["features"].header.look_back, "prices", 251)

    assert not features(filled, sessions).equals(expected)


def test_bars_after_a_session_change_nothing_up_to_it(filled: Warehouse) -> None:
    middle = DAYS[500]
    before = features(filled, SessionRange(SESSIONS.first, middle))

    later = SessionRange(DAYS[501], SESSIONS.last)
    changed = random_bars(SESSIONS, SYMBOLS, seed=99)
    filled.replace("prices", later, changed[changed["session"] > middle])

    assert features(filled, SessionRange(SESSIONS.first, middle)).equals(before)


def test_a_session_without_bars_is_refused_and_nothing_is_stored(filled: Warehouse) -> None:
    with filled.transaction() as transaction:
        transaction.delete("prices", SessionRange(DAYS[20], DAYS[21]))

    with pytest.raises(DataError, match=f"SOURCE_SESSIONS_MISSING.*missing_sessions=2, first_missing={DAYS[20]}"):
        features(filled, SessionRange(DAYS[10], DAYS[30]))
    assert len(filled.read("features")) == 0


def test_both_engines_agree(tmp_path: Path, postgres_url: str) -> None:
    sessions = session_range(SESSIONS.first, SESSIONS.first + timedelta(days=500))
    found = []
    for url in (f"duckdb:///{tmp_path / 'portfolio.duckdb'}", postgres_url):
        warehouse = open_warehouse(url)
        warehouse.prepare()
        warehouse.replace("prices", sessions, random_bars(sessions, SYMBOLS))
        found.append(frame(features(warehouse, sessions)))

    pd.testing.assert_frame_equal(found[0], found[1], rtol=1e-9, atol=1e-12)
