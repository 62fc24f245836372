"""The asset `prices` and its checks, materialised as Dagster would, on a real warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.market_data.files import FileMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.defs.market import prices as noun
from portfolio_pipeline.ports import MarketData, Warehouse
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData, quiet_bars

SYMBOLS = ("AAA", "BBB", "CCC")
SETTINGS = Settings(
    benchmark="AAA",
    universe=tuple(Instrument(symbol=s, asset_class="equity", group="any", name=s) for s in SYMBOLS),
)
WEEK = SessionRange(date(2024, 7, 1), date(2024, 7, 9))


@dataclass(frozen=True)
class Run:
    """One run of the asset with its checks."""

    result: dg.ExecuteInProcessResult

    @property
    def checks(self) -> dict[str, dg.AssetCheckEvaluation]:
        return {check.check_name: check for check in self.result.get_asset_check_evaluations()}

    def failure(self) -> str:
        failed = self.result.failure_data_for_node("prices")
        assert failed is not None
        assert failed.error is not None
        return failed.error.message


def materialize(
    warehouse: Warehouse,
    market: MarketData,
    sessions: SessionRange = WEEK,
    *,
    accept: bool = False,
    without_prices: bool = False,
) -> Run:
    asked = {"accept_restatements": accept, "without_prices": without_prices}
    config = {"ops": {"prices": {"config": asked}}}
    result = dg.materialize(
        [noun.prices],
        instance=dg.DagsterInstance.ephemeral(),
        resources={
            "warehouse": warehouse,
            "market_data": market,
            "settings": SETTINGS,
            "clock": FixedClock.after_close(WEEK.last),
        },
        run_config=config,
        tags={
            "dagster/asset_partition_range_start": sessions.first.isoformat(),
            "dagster/asset_partition_range_end": sessions.last.isoformat(),
        },
        raise_on_error=False,
    )
    return Run(result)


def shown(check: dg.AssetCheckEvaluation | dg.AssetCheckResult) -> str:
    """The offending rows as a person sees them."""
    return str(check.metadata["offending rows"].value)


def table(warehouse: Warehouse, name: str) -> pd.DataFrame:
    return frame(warehouse.read(name))


@pytest.fixture
def market() -> ScriptedMarketData:
    return ScriptedMarketData(quiet_bars(SYMBOLS, WEEK))


def test_healthy_sessions_are_stored_and_every_check_passes(warehouse: Warehouse, market: ScriptedMarketData) -> None:
    run = materialize(warehouse, market)
    assert run.result.success
    expected = market.frame.sort_values(["session", "symbol"], ignore_index=True)
    pd.testing.assert_frame_equal(table(warehouse, "prices"), expected, check_exact=True, check_dtype=False)
    assert set(run.checks) == {
        *("bars_are_healthy", "no_restatements", "the_past_is_as_it_was", "every_symbol_has_history"),
        *("most_of_the_universe_is_there", "bars_are_consistent", "the_source_can_be_read"),
        "the_session_has_prices",
        "vendors_agree",
    }
    assert all(check.passed for check in run.checks.values())


def test_a_broken_bar_is_shown_with_its_reason_and_stops_nothing(
    duckdb_warehouse: Warehouse, market: ScriptedMarketData
) -> None:
    market.restate(date(2024, 7, 3), "BBB", close=np.nan)
    run = materialize(duckdb_warehouse, market)
    assert run.result.success
    check = run.checks["bars_are_healthy"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "2024-07-03 | BBB | missing_value" in shown(check)
    assert len(table(duckdb_warehouse, "prices")) == len(WEEK) * 3 - 1


def test_a_restated_bar_is_recorded_and_changes_nothing(warehouse: Warehouse, market: ScriptedMarketData) -> None:
    materialize(warehouse, market)
    before = table(warehouse, "prices")
    market.restate(date(2024, 7, 3), "BBB", close=101.5)
    run = materialize(warehouse, market, SessionRange(date(2024, 7, 2), date(2024, 7, 5)))
    assert run.result.success
    pd.testing.assert_frame_equal(table(warehouse, "prices"), before, check_exact=True)
    check = run.checks["no_restatements"]
    assert not check.passed
    assert "101.5" in shown(check)

    accepted = materialize(warehouse, market, accept=True)
    assert accepted.checks["no_restatements"].passed
    prices = table(warehouse, "prices").set_index(["session", "symbol"])["close"]
    assert prices[(pd.Timestamp("2024-07-03"), "BBB")] == 101.5
    assert (
        prices.drop((pd.Timestamp("2024-07-03"), "BBB"))
        == before.set_index(["session", "symbol"])["close"].drop((pd.Timestamp("2024-07-03"), "BBB"))
    ).all()


def write(folder: Path, rows: pd.DataFrame) -> None:
    for symbol, of_symbol in rows.groupby("symbol"):
        bars = of_symbol[["session", "symbol", "open", "high", "low", "close", "volume"]]
        bars.to_csv(folder / f"{symbol}.csv", index=False)


def test_a_past_that_changes_in_a_file_is_recorded_and_told_when_a_later_session_is_run(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    folder, rows = tmp_path / "prices", quiet_bars(SYMBOLS, WEEK)
    folder.mkdir()
    before, after = SessionRange(WEEK.first, date(2024, 7, 8)), SessionRange.single(WEEK.last)
    day = pd.to_datetime(rows["session"]).to_numpy().astype("datetime64[D]")
    write(folder, rows[day <= np.datetime64(before.last)])
    market = FileMarketData(folder, tmp_path / "home" / "price_files")
    assert materialize(warehouse, market, before).result.success
    stored = table(warehouse, "prices")

    of_aaa = (rows["symbol"] == "AAA").to_numpy()
    rows.loc[(day == np.datetime64("2024-07-02")) & of_aaa, ["high", "close"]] = [120.0, 110.0]
    rows.loc[(day == np.datetime64("2024-07-03")) & of_aaa, "close"] = np.nan
    write(folder, rows[(day != np.datetime64("2024-07-05")) | (rows["symbol"] != "BBB")])
    run = materialize(warehouse, market, after)

    assert run.result.success
    now = table(warehouse, "prices")
    earlier = now[now["session"] < pd.Timestamp(after.first)].reset_index(drop=True)
    pd.testing.assert_frame_equal(earlier, stored, check_exact=True)
    recorded = table(warehouse, "price_restatements")
    told = [(row.session.date(), row.symbol, row.kind, row.close) for row in recorded.itertuples()]
    gone = stored[(stored["session"] == pd.Timestamp("2024-07-05")) & (stored["symbol"] == "BBB")]["close"].item()
    assert told == [(date(2024, 7, 2), "AAA", "changed", 110.0), (date(2024, 7, 5), "BBB", "gone", gone)]
    refused = table(warehouse, "quarantine")
    assert [(row.session.date(), row.symbol, row.rule) for row in refused.itertuples()] == [
        (date(2024, 7, 3), "AAA", "missing_value")
    ]
    check = run.checks["the_past_is_as_it_was"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.description is not None
    assert "2 stored bars, 2 symbols, 2024-07-02 to 2024-07-05" in check.description

    again = materialize(warehouse, market, after)
    assert not again.checks["the_past_is_as_it_was"].passed  # until somebody accepts it
    pd.testing.assert_frame_equal(table(warehouse, "price_restatements"), recorded, check_exact=True)
    assert materialize(warehouse, market, before, accept=True).result.success
    assert materialize(warehouse, market, after).checks["the_past_is_as_it_was"].passed


def test_a_file_that_only_grows_says_nothing_of_the_past(duckdb_warehouse: Warehouse, tmp_path: Path) -> None:
    folder, rows = tmp_path / "prices", quiet_bars(SYMBOLS, WEEK)
    folder.mkdir()
    market = FileMarketData(folder, tmp_path / "home" / "price_files")
    day = pd.to_datetime(rows["session"]).to_numpy().astype("datetime64[D]")
    for session in list(WEEK)[-2:]:
        write(folder, rows[day <= np.datetime64(session)])
        run = materialize(duckdb_warehouse, market, SessionRange.single(session))
        assert run.result.success
        assert run.checks["the_past_is_as_it_was"].passed
    assert table(duckdb_warehouse, "price_restatements").empty


@pytest.mark.parametrize(
    "symbol", ["B\0B", "B\ud800", "\u200bBBB", "B\nB", "B" * 10_000, "", "'; drop table prices; --"]
)
def test_a_symbol_of_characters_that_no_database_takes_is_quarantined_and_stops_no_other(
    warehouse: Warehouse, market: ScriptedMarketData, symbol: str
) -> None:
    market.frame["symbol"] = pd.Series([symbol if s == "BBB" else s for s in market.frame["symbol"]], dtype=object)
    run = materialize(warehouse, market)
    assert run.result.success
    assert len(table(warehouse, "prices")) == len(WEEK) * 2
    refused = table(warehouse, "quarantine")
    assert set(refused["rule"]) == {"unknown_symbol"}
    assert len(refused) == len(WEEK)
    assert all(shown.isprintable() for shown in refused["symbol"])
    assert not run.checks["bars_are_healthy"].passed


def test_a_file_that_cannot_be_read_is_told_and_stops_no_other_nor_changes_the_past(
    duckdb_warehouse: Warehouse, tmp_path: Path
) -> None:
    folder, rows = tmp_path / "prices", quiet_bars(SYMBOLS, WEEK)
    folder.mkdir()
    market = FileMarketData(folder, tmp_path / "home" / "price_files")
    day = pd.to_datetime(rows["session"]).to_numpy().astype("datetime64[D]")
    write(folder, rows[day < np.datetime64(WEEK.last)])
    before, last = SessionRange(WEEK.first, date(2024, 7, 8)), SessionRange.single(WEEK.last)
    assert materialize(duckdb_warehouse, market, before).checks["the_source_can_be_read"].passed

    write(folder, rows)
    (folder / "BBB.csv").write_text("<!DOCTYPE html><html>429</html>")
    for _ in range(2):
        run = materialize(duckdb_warehouse, market, last)
        assert run.result.success
        check = run.checks["the_source_can_be_read"]
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.WARN
        assert check.description is not None
        assert "PRICE_FILE_UNREADABLE" in check.description
        assert "BBB.csv" in check.description
        assert run.checks["the_past_is_as_it_was"].passed  # not to be read is not to be gone
    assert set(table(duckdb_warehouse, "quarantine")["rule"]) == {"gap"}

    rows.loc[(day == np.datetime64("2024-07-02")) & (rows["symbol"] == "BBB"), "close"] += 0.5
    write(folder, rows)
    mended = materialize(duckdb_warehouse, market, last)
    assert mended.checks["the_source_can_be_read"].passed
    recorded = table(duckdb_warehouse, "price_restatements")
    told = [(row.session.date(), row.symbol, row.kind) for row in recorded.itertuples()]
    assert told == [(date(2024, 7, 2), "BBB", "changed"), (WEEK.last, "BBB", "late")]


def test_a_session_that_is_refused_for_its_missing_bars_names_the_files_that_cannot_be_read(
    duckdb_warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = quiet_bars(SYMBOLS, WEEK)
    folder = tmp_path / "prices"
    folder.mkdir()
    write(folder, rows[pd.to_datetime(rows["session"]) < pd.Timestamp(WEEK.last)])
    (folder / "more.csv").write_text("session,symbol,Close,close\n2024-07-09,AAA,1,2\n")
    market = FileMarketData(folder, tmp_path / "home" / "price_files")
    run = materialize(duckdb_warehouse, market)
    assert "SESSION_MISSING" in run.failure()
    assert "PRICE_COLUMNS_TWICE" in run.failure()


HOLE = SessionRange.single(date(2024, 7, 5))
BEFORE, AFTER = SessionRange(WEEK.first, date(2024, 7, 3)), SessionRange(date(2024, 7, 8), WEEK.last)


def test_a_session_that_nobody_has_bars_for_is_recorded_and_the_next_one_goes_on(
    warehouse: Warehouse, market: ScriptedMarketData
) -> None:
    whole = market.frame
    market.drop(HOLE.first)
    materialize(warehouse, market, BEFORE)
    refused = materialize(warehouse, market, HOLE)
    assert "portfolio run --session 2024-07-05 --without-prices" in refused.failure()
    for _ in range(2):
        hole = materialize(warehouse, market, HOLE, without_prices=True)
        assert hole.result.success
        assert hole.checks["most_of_the_universe_is_there"].passed
        check = hole.checks["the_session_has_prices"]
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.WARN
    assert materialize(warehouse, market, HOLE).result.success  # and so does whoever runs it again
    assert materialize(warehouse, market, AFTER).result.success
    assert table(warehouse, "price_holes")["session"].tolist() == [pd.Timestamp(HOLE.first)]
    assert table(warehouse, "prices")["session"].nunique() == len(WEEK) - 1
    assert materialize(warehouse, market, WEEK).result.success

    market.frame = whole
    late = materialize(warehouse, market, HOLE)
    assert late.result.success
    assert not late.checks["no_restatements"].passed
    assert len(table(warehouse, "price_restatements")) == len(SYMBOLS)
    assert table(warehouse, "prices")["session"].nunique() == len(WEEK) - 1
    accepted = materialize(warehouse, market, HOLE, accept=True)
    assert accepted.checks["the_session_has_prices"].passed
    assert table(warehouse, "price_holes").empty
    assert len(table(warehouse, "prices")) == len(WEEK) * 3


@pytest.mark.parametrize(
    ("sessions", "reason"),
    [
        (SessionRange.single(BEFORE.last), "SESSION_HAS_PRICES"),  # stored ones
        (SessionRange.single(AFTER.first), "PREVIOUS_SESSION_MISSING"),
        (SessionRange(HOLE.first, AFTER.first), "HOLE_OF_SEVERAL_SESSIONS"),
        (HOLE, "SESSION_HAS_PRICES"),  # those that the source has
    ],
)
def test_no_other_session_is_gone_on_without_prices(
    duckdb_warehouse: Warehouse, market: ScriptedMarketData, sessions: SessionRange, reason: str
) -> None:
    materialize(duckdb_warehouse, market, BEFORE)
    run = materialize(duckdb_warehouse, market, sessions, without_prices=True)
    assert reason in run.failure()
    assert table(duckdb_warehouse, "price_holes").empty


def test_an_account_does_not_begin_with_a_session_without_prices(
    duckdb_warehouse: Warehouse, market: ScriptedMarketData
) -> None:
    run = materialize(duckdb_warehouse, market, HOLE, without_prices=True)
    assert "HOLE_BEFORE_ALL_PRICES" in run.failure()


def test_a_symbol_without_history_is_named_and_stops_no_other(
    duckdb_warehouse: Warehouse, market: ScriptedMarketData
) -> None:
    market.frame = market.frame[market.frame["symbol"] != "CCC"]
    run = materialize(duckdb_warehouse, market)
    assert run.result.success
    check = run.checks["every_symbol_has_history"]
    assert not check.passed
    assert "CCC" in shown(check)
    assert len(table(duckdb_warehouse, "prices")) == len(WEEK) * 2


def test_a_missing_session_stops_the_run_and_stores_nothing(warehouse: Warehouse, market: ScriptedMarketData) -> None:
    market.drop(date(2024, 7, 5))
    run = materialize(warehouse, market)
    assert not run.result.success
    assert "SESSION_MISSING: found=2024-07-05 (0 of 3 bars)" in run.failure()
    assert table(warehouse, "prices").empty
    assert table(warehouse, "quarantine").empty


def test_a_hole_in_the_history_is_refused(duckdb_warehouse: Warehouse, market: ScriptedMarketData) -> None:
    materialize(duckdb_warehouse, market, SessionRange.single(date(2024, 7, 1)))
    run = materialize(duckdb_warehouse, market, SessionRange.single(date(2024, 7, 3)))
    assert "PREVIOUS_SESSION_MISSING" in run.failure()
    assert len(table(duckdb_warehouse, "prices")) == 3


def test_a_session_that_has_not_closed_is_refused(duckdb_warehouse: Warehouse, market: ScriptedMarketData) -> None:
    run = materialize(duckdb_warehouse, market, SessionRange(WEEK.first, date(2024, 7, 10)))
    assert "SESSION_NOT_CLOSED" in run.failure()


def test_a_range_stores_what_its_sessions_one_by_one_store(
    duckdb_warehouse: Warehouse, postgres_url: str, market: ScriptedMarketData
) -> None:
    from portfolio_pipeline.adapters.warehouse import open_warehouse

    market.restate(date(2024, 7, 3), "BBB", close=400.0, high=400.0)
    market.drop(date(2024, 7, 5), "AAA")
    postgres = open_warehouse(postgres_url)
    postgres.prepare()
    materialize(duckdb_warehouse, market)
    for session in WEEK:
        assert materialize(postgres, market, SessionRange.single(session)).result.success
    for name in ("prices", "quarantine", "price_restatements"):
        found, expected = table(postgres, name), table(duckdb_warehouse, name)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    rules = table(postgres, "quarantine")[["session", "symbol", "rule"]]
    assert rules.astype(str).to_numpy().tolist() == [
        ["2024-07-03", "BBB", "unexplained_jump"],
        ["2024-07-05", "AAA", "gap"],
    ]


def test_the_blocking_check_finds_sessions_that_lost_their_bars(
    duckdb_warehouse: Warehouse, market: ScriptedMarketData
) -> None:
    """Somebody deletes rows behind the pipeline's back: nothing that depends on them may run."""
    materialize(duckdb_warehouse, market)
    with duckdb_warehouse.transaction() as transaction:
        lost = SessionRange.single(date(2024, 7, 5))
        transaction.delete("prices", lost, where={"symbol": ["AAA", "BBB"]})
    check = noun.most_of_the_universe_is_there
    found = check.function(SessionRange(date(2024, 7, 3), date(2024, 7, 9)), duckdb_warehouse, SETTINGS)
    assert check.blocking
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert "2024-07-05" in shown(found)
