"""Bars from files: each layout gives the same rows, and what cannot be read is said once, with the file's name."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest

from portfolio_pipeline.adapters.market_data.files import FileMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline_tests.fakes.market_data import quiet_bars

SYMBOLS = ("AAA", "NA")  # NA is also how pandas spells a missing value
RANGE = SessionRange(date(2024, 7, 1), date(2024, 7, 9))
BARS = quiet_bars(SYMBOLS, RANGE)
VALUES = ["session", "symbol", "open", "high", "low", "close", "volume", "dividend", "split_ratio"]


def _bars(folder: Path, sessions: SessionRange = RANGE) -> pd.DataFrame:
    """What a folder holds for somebody who never looked into it before."""
    with TemporaryDirectory() as parsed:
        return FileMarketData(folder, Path(parsed)).bars(SYMBOLS, sessions)


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[VALUES].sort_values(["session", "symbol"], ignore_index=True)


def _in_files(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=["source", "retrieved_at"])


def _one_parquet_file(folder: Path) -> None:
    _in_files(BARS).to_parquet(folder / "bars.parquet")


def _one_csv_file(folder: Path) -> None:
    _in_files(BARS).to_csv(folder / "bars.csv", index=False)


def _dates_without_actions(folder: Path) -> None:
    rows = _in_files(BARS).drop(columns=["dividend", "split_ratio"]).rename(columns={"session": "Date"})
    rows.to_csv(folder / "bars.CSV", index=False)


def _a_file_per_symbol_in_folders(folder: Path) -> None:
    for symbol in SYMBOLS:
        (folder / symbol).mkdir()
        _in_files(BARS[BARS["symbol"] == symbol]).to_csv(folder / symbol / "bars.csv", index=False)


def _timestamps(folder: Path) -> None:
    days = pd.to_datetime(BARS["session"]).dt.tz_localize("America/New_York")
    _in_files(BARS).assign(session=days).to_parquet(folder / "bars.parquet")


@pytest.mark.parametrize(
    "write",
    [_one_parquet_file, _one_csv_file, _dates_without_actions, _a_file_per_symbol_in_folders, _timestamps],
)
def test_each_layout_of_bars_gives_the_same_rows(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    rows = _bars(tmp_path)
    expected = BARS.assign(session=pd.to_datetime(BARS["session"]).astype("datetime64[s]"))
    pd.testing.assert_frame_equal(_plain(rows), _plain(expected), check_exact=True, check_dtype=False)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_closes_alone_become_bars_of_unknown_volume(wide: bool, suffix: str, tmp_path: Path) -> None:
    closes = BARS[["session", "symbol", "close"]].drop(index=3)
    if wide:
        closes = closes.pivot_table("close", "session", "symbol")
        closes = closes if suffix == "parquet" else closes.reset_index()
    path = tmp_path / f"closes.{suffix}"
    closes.to_csv(path, index=False) if suffix == "csv" else closes.to_parquet(path)
    rows = _plain(_bars(tmp_path))
    expected = BARS.drop(index=3).sort_values(["session", "symbol"])["close"].tolist()
    for name in ("open", "high", "low", "close"):
        assert rows[name].tolist() == expected
    assert set(rows["volume"]) == {0.0}


def test_rows_carry_the_time_their_file_was_written(tmp_path: Path) -> None:
    _one_csv_file(tmp_path)
    moment = datetime(2024, 7, 9, 22, 30, tzinfo=UTC)
    os.utime(tmp_path / "bars.csv", (moment.timestamp(), moment.timestamp()))
    rows = _bars(tmp_path)
    assert set(rows["retrieved_at"]) == {pd.Timestamp("2024-07-09 22:30")}


def test_strange_symbols_and_days_are_handed_over_with_the_next_session(tmp_path: Path) -> None:
    strange = pd.DataFrame({"session": ["2024-07-04", "2024-07-06"], "symbol": ["AAA", "ZZZ"], "close": [1.0, None]})
    strange.to_csv(tmp_path / "strange.csv", index=False)
    friday = _bars(tmp_path, SessionRange.single(date(2024, 7, 5)))
    monday = _bars(tmp_path, SessionRange.single(date(2024, 7, 8)))
    assert friday[["symbol", "close"]].to_numpy().tolist() == [["AAA", 1.0]]
    assert monday["symbol"].tolist() == ["ZZZ"]
    assert monday["close"].isna().all()


def _write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "an empty folder": (lambda folder: None, "PRICE_FOLDER_EMPTY", "Parquet or CSV"),
    "no symbol": (_write("a.csv", "date,open,high,low,close,volume\n"), "PRICE_COLUMNS_MISSING", "missing=symbol"),
    "no session": (_write("a.csv", "symbol,close\nAAA,1\n"), "PRICE_COLUMNS_MISSING", "missing=session"),
    "no high": (_write("a.csv", "session,symbol,open,low,close,volume\n"), "PRICE_COLUMNS_MISSING", "missing=high"),
    "no close": (_write("a.csv", "session,symbol,adjusted\n"), "PRICE_COLUMNS_MISSING", "missing=open"),
    "only sessions": (_write("a.csv", "session\n2024-07-01\n"), "PRICE_COLUMNS_MISSING", "a column per symbol"),
    "no table": (_write("a.parquet", "not a table"), "PRICE_FILE_UNREADABLE", "a.parquet"),
    "nothing": (_write("a.csv", ""), "PRICE_FILE_UNREADABLE", "a.csv"),
    "binary": (lambda f: (f / "a.csv").write_bytes(b"\xff\xfe\x00session"), "PRICE_COLUMNS_MISSING", "a.csv"),
    "no date": (_write("a.csv", "session,symbol,close\n,AAA,1\n"), "PRICE_DATE_UNREADABLE", "row=1"),
    "words for numbers": (
        _write("a.csv", "session,symbol,close\n2024-07-01,AAA,n/a\n"),
        "PRICE_NUMBER_UNREADABLE",
        "row=1",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_is_one_refusal_with_cause_and_remedy(case: str, tmp_path: Path) -> None:
    write, reason, said = BROKEN[case]
    write(tmp_path)
    with pytest.raises(DataError) as refusal:
        _bars(tmp_path)
    assert refusal.value.reason == reason
    assert said in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)
    assert refusal.value.remedy


def test_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"PRICE_FOLDER_MISSING: found=.*nowhere"):
        _bars(tmp_path / "nowhere")
