"""Files that were parsed before give the rows that parsing them all again would give, whatever happened to them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portfolio_pipeline.adapters.market_data import parsed_files, price_file
from portfolio_pipeline.adapters.market_data.files import FileMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.core.errors import DataError

RANGE = SessionRange(date(2024, 7, 1), date(2024, 7, 9))
LATER = SessionRange.single(date(2024, 7, 9))
DAYS = tuple(RANGE)


def closes(symbol: str, first: float, days: int = len(DAYS)) -> str:
    rows = "".join(f"{DAYS[number]},{symbol},{first + number}\n" for number in range(days))
    return f"session,symbol,close\n{rows}"


def parsed_anew(folder: Path, sessions: SessionRange) -> pd.DataFrame:
    """The oracle: every file read whole, one after the other, and what is not wanted left out."""
    parts = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in price_file.SUFFIXES):
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
        parts.append(price_file.read(path).rows.assign(source="FILES", retrieved_at=np.datetime64(changed, "us")))
    rows = pd.concat(parts, ignore_index=True)
    day = rows["session"].to_numpy()
    wanted = (day > np.datetime64(previous_session(sessions.first))) & (day <= np.datetime64(sessions.last))
    columns = ["session", "symbol", "open", "high", "low", "close", "volume", "dividend", "split_ratio"]
    return rows.loc[wanted, [*columns, "source", "retrieved_at"]].reset_index(drop=True)


def agree(source: FileMarketData) -> None:
    for sessions in (RANGE, LATER):
        expected = parsed_anew(source.folder, sessions)
        pd.testing.assert_frame_equal(source.bars((), sessions), expected, check_exact=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prices = tmp_path / "prices"
    prices.mkdir()
    (prices / "AAA.csv").write_text(closes("AAA", 10))
    (prices / "BBB.csv").write_text(closes("BBB", 20))
    return prices


@pytest.fixture
def source(folder: Path, tmp_path: Path) -> FileMarketData:
    looked = FileMarketData(folder, tmp_path / "home" / "price_files")
    agree(looked)
    return looked


def _edit_the_past(folder: Path) -> None:
    text = (folder / "AAA.csv").read_text()
    (folder / "AAA.csv").write_text(text.replace("10.0", "99.0").replace(",10\n", ",99\n"))


def _append(folder: Path) -> None:
    (folder / "AAA.csv").write_text(closes("AAA", 10, 3))
    with (folder / "AAA.csv").open("a") as file:
        file.write(f"{DAYS[-1]},AAA,5\n")


def _add(folder: Path) -> None:
    (folder / "sub").mkdir()
    pd.DataFrame({"session": DAYS, "CCC": 3.5, "DDD": np.nan}).to_parquet(folder / "sub" / "wide.parquet")


def _delete(folder: Path) -> None:
    (folder / "AAA.csv").unlink()


def _rename(folder: Path) -> None:
    (folder / "AAA.csv").rename(folder / "ZZZ.csv")


def _one_more_file_of_a_symbol(folder: Path) -> None:
    (folder / "again.csv").write_text(closes("AAA", 70)[::1])


def _rows_of_a_symbol_in_no_order(folder: Path) -> None:
    heading, *rows = closes("AAA", 10).splitlines(keepends=True)
    (folder / "AAA.csv").write_text(heading + "".join(rows[::-1] + rows[:2]))


def _swap(folder: Path) -> None:
    (folder / "AAA.csv").rename(folder / "other")
    (folder / "BBB.csv").rename(folder / "AAA.csv")
    (folder / "other").rename(folder / "BBB.csv")


def _touch(folder: Path) -> None:
    os.utime(folder / "AAA.csv", (1_700_000_000, 1_700_000_000))


CHANGES: tuple[Callable[[Path], None], ...] = (
    _edit_the_past,
    _append,
    _add,
    _delete,
    _rename,
    _one_more_file_of_a_symbol,
    _rows_of_a_symbol_in_no_order,
    _swap,
    _touch,
)


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_the_rows_are_those_of_the_files_as_they_are(
    change: Callable[[Path], None], source: FileMarketData
) -> None:
    change(source.folder)
    agree(source)


contents = st.dictionaries(
    st.sampled_from(["a.csv", "b.csv", "c/d.csv"]),
    st.tuples(st.sampled_from(["AAA", "BBB"]), st.integers(1, 99), st.integers(1, len(DAYS))),
    min_size=1,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(contents, min_size=2, max_size=4))
def test_after_any_changes_the_rows_are_those_of_the_files_as_they_are(
    states: list[dict[str, tuple[str, int, int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("prices")
    source = FileMarketData(place / "prices", place / "parsed")
    (place / "prices" / "c").mkdir(parents=True)
    for state in states:
        for name in ("a.csv", "b.csv", "c/d.csv"):
            path = place / "prices" / name
            if name in state:
                path.write_text(closes(*state[name]))
            else:
                path.unlink(missing_ok=True)
        agree(source)


def test_only_what_is_new_is_parsed(source: FileMarketData, tmp_path: Path) -> None:
    kept = {path: path.stat().st_ino for path in (tmp_path / "home" / "price_files").glob("*.parquet")}
    agree(source)
    assert {path: path.stat().st_ino for path in kept} == kept
    _edit_the_past(source.folder)
    agree(source)
    still = [path for path in kept if path.exists() and path.stat().st_ino == kept[path]]
    assert len(still) == 1
    assert len(list((tmp_path / "home" / "price_files").glob("*.parquet"))) == 2


def noticed(source: FileMarketData) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Session, symbol and close of the bars that are said otherwise now; session and symbol of those that are gone."""
    past = source.changed_past(("AAA", "BBB", "CCC"), DAYS[-1])
    bars = past.bars.assign(session=pd.to_datetime(past.bars["session"]).dt.date) if len(past.bars) else past.bars
    return (
        list(bars[["session", "symbol", "close"]].itertuples(index=False, name=None)) if len(bars) else [],
        [(pd.Timestamp(row.session).date(), row.symbol) for row in past.gone.itertuples()],
    )


def test_the_first_look_at_a_folder_notices_nothing(source: FileMarketData) -> None:
    assert noticed(source) == ([], [])


def test_a_changed_past_is_noticed_whichever_sessions_are_asked_for_until_it_is_recorded(
    source: FileMarketData, tmp_path: Path
) -> None:
    text = (source.folder / "AAA.csv").read_text()
    (source.folder / "AAA.csv").write_text(text.replace(f"{DAYS[1]},AAA,11\n", f"{DAYS[1]},AAA,99\n"))
    source.bars((), LATER)
    expected = [(DAYS[1], "AAA", 99.0)]
    assert noticed(source) == (expected, [])
    another = FileMarketData(source.folder, tmp_path / "home" / "price_files")  # as after a run that was cut off
    another.bars((), LATER)
    assert noticed(another) == (expected, [])
    another.past_is_recorded()
    another.bars((), LATER)
    assert noticed(another) == ([], [])


def test_rows_that_are_taken_away_are_noticed_and_rows_that_move_to_another_file_are_not_gone(
    source: FileMarketData,
) -> None:
    text = (source.folder / "AAA.csv").read_text()
    (source.folder / "AAA.csv").write_text(text.replace(f"{DAYS[1]},AAA,11\n", ""))
    (source.folder / "BBB.csv").rename(source.folder / "moved.csv")
    source.bars((), LATER)
    bars, gone = noticed(source)
    assert gone == [(DAYS[1], "AAA")]
    assert bars == [(day, "BBB", 20.0 + number) for number, day in enumerate(DAYS[:-1])]  # the judge finds them equal


def test_a_file_with_one_more_session_at_its_end_says_nothing_new_of_the_past(folder: Path, tmp_path: Path) -> None:
    (folder / "AAA.csv").write_text(closes("AAA", 10, len(DAYS) - 1))
    source = FileMarketData(folder, tmp_path / "home" / "price_files")
    source.bars((), SessionRange(DAYS[0], DAYS[-2]))
    (folder / "AAA.csv").write_text(closes("AAA", 10))
    source.bars((), LATER)
    assert noticed(source) == ([], [])


def test_a_file_that_is_added_later_is_new_as_a_whole(source: FileMarketData) -> None:
    (source.folder / "correction.csv").write_text(f"session,symbol,close\n{DAYS[2]},AAA,50\n")
    source.bars((), LATER)
    assert noticed(source) == ([(DAYS[2], "AAA", 12.0), (DAYS[2], "AAA", 50.0)], [])


@pytest.mark.parametrize("damage", [b"", b"no table", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_damaged_parsed_file_is_made_again(source: FileMarketData, tmp_path: Path, damage: bytes) -> None:
    for path in (tmp_path / "home" / "price_files").glob("*.parquet"):
        path.write_bytes(damage)
    agree(source)


def test_what_another_reader_made_of_the_files_is_not_used(
    source: FileMarketData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set((tmp_path / "home" / "price_files").glob("*.parquet"))
    monkeypatch.setattr(parsed_files, "_reader", lambda: "another")
    agree(source)
    assert not before & set((tmp_path / "home" / "price_files").glob("*.parquet"))


def test_a_home_that_cannot_keep_them_is_one_clear_message(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match="PRICE_FILES_NOT_KEPT"):
        FileMarketData(folder, tmp_path / "file" / "price_files").bars((), RANGE)
