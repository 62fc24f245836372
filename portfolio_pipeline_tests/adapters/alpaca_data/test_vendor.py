"""The vendor asks for what is missing, takes what is final, and says what it cannot say in bars."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, previous_session, session_close
from portfolio_pipeline.core.errors import ConfigurationError, DataError, PortfolioError
from portfolio_pipeline_tests.adapters.alpaca_data.desk import DAY, SYMBOLS, desk, figures, market, vendor
from portfolio_pipeline_tests.fakes.alpaca.data_server import AlpacaDataServer
from portfolio_pipeline_tests.fakes.alpaca.faults import KINDS, Fault, Kind
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening, opening

YEARS = SessionRange(date(2023, 1, 3), DAY)
BARS, ACTIONS = "/v2/stocks/bars", "/v1/corporate-actions"


@pytest.fixture
def server() -> Iterator[AlpacaDataServer]:
    with AlpacaDataServer(evening(DAY)) as server:
        server.vendor.know(market(SessionRange(YEARS.first, next_session(DAY))))
        yield server


def back(sessions: int) -> date:
    found = previous_session(DAY, sessions)
    assert found is not None
    return found


def asked_bars(server: AlpacaDataServer) -> list[tuple[date, date, int]]:
    """First day, last day and number of symbols of every question for bars."""
    return [
        (date.fromisoformat(q["start"][:10]), date.fromisoformat(q["end"][:10]), q["symbols"].count(",") + 1)
        for path, q in server.asked
        if path == BARS and "page_token" not in q
    ]


def test_bars_and_actions_are_what_happened(server: AlpacaDataServer, tmp_path: Path) -> None:
    truth = market(YEARS)
    assert (truth["dividend"] > 0).sum() > 20
    found = vendor(server, tmp_path).bars(SYMBOLS, YEARS)
    assert_frame_equal(figures(found), figures(truth), check_dtype=False)
    assert set(found["source"]) == {"ALPACA_IEX"}
    assert set(found["retrieved_at"].dt.date) == {evening(DAY).date()}


def test_a_range_is_its_sessions_one_by_one(server: AlpacaDataServer, tmp_path: Path) -> None:
    sessions = SessionRange(back(30), DAY)
    whole = vendor(server, tmp_path / "whole").bars(SYMBOLS, sessions)
    parts = []
    for session in sessions:
        server.clock.set(evening(session))
        parts.append(vendor(server, tmp_path / "daily").bars(SYMBOLS, SessionRange.single(session)))
    assert_frame_equal(figures(pd.concat(parts)), figures(whole))


def test_pages_end_anywhere(server: AlpacaDataServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all symbols together; the next one begins in the middle of a symbol."""
    for name in ("_MOST_POINTS", "_MOST_ACTIONS"):
        monkeypatch.setattr(f"portfolio_pipeline.adapters.market_data.alpaca.desk.{name}", 37)
    found = vendor(server, tmp_path).bars(SYMBOLS, YEARS)
    assert_frame_equal(figures(found), figures(market(YEARS)), check_dtype=False)
    assert any("page_token" in query for path, query in server.asked if path == ACTIONS)


def test_stored_days_are_not_fetched_again_but_the_newest_are_looked_at(
    server: AlpacaDataServer, tmp_path: Path
) -> None:
    vendor(server, tmp_path).bars(SYMBOLS, SessionRange(YEARS.first, back(1)))
    server.asked.clear()
    vendor(server, tmp_path).bars(SYMBOLS, SessionRange.single(DAY))
    assert asked_bars(server) == [(back(5), DAY, len(SYMBOLS))]
    server.asked.clear()
    vendor(server, tmp_path).bars(SYMBOLS, YEARS)
    assert asked_bars(server) == [(back(5), DAY, len(SYMBOLS))]


def test_a_symbol_that_joins_is_fetched_alone(server: AlpacaDataServer, tmp_path: Path) -> None:
    vendor(server, tmp_path).bars(SYMBOLS[1:], YEARS)
    server.asked.clear()
    vendor(server, tmp_path).bars(SYMBOLS, YEARS)
    *filling, newest = asked_bars(server)
    assert {count for _, _, count in filling} == {1}
    assert newest == (back(5), DAY, len(SYMBOLS))


def test_what_was_fetched_before_a_cut_is_kept(server: AlpacaDataServer, tmp_path: Path) -> None:
    server.faults.append(Fault("500 before", "GET", BARS, times=99, skip=2))
    with pytest.raises(DataError, match=r"ALPACA_DATA_UNREACHABLE"):
        vendor(server, tmp_path).bars(SYMBOLS, YEARS)
    server.faults.clear()
    server.asked.clear()
    found = vendor(server, tmp_path).bars(SYMBOLS, YEARS)
    assert [first.year for first, _, _ in asked_bars(server)] == [2025, 2026, 2026]
    assert_frame_equal(figures(found), figures(market(YEARS)), check_dtype=False)


def test_a_kept_file_that_was_damaged_is_fetched_again(server: AlpacaDataServer, tmp_path: Path) -> None:
    vendor(server, tmp_path).bars(SYMBOLS, YEARS)
    (tmp_path / "2024.parquet").write_bytes((tmp_path / "2024.parquet").read_bytes()[:500])
    found = vendor(server, tmp_path).bars(SYMBOLS, YEARS)
    assert_frame_equal(figures(found), figures(market(YEARS)), check_dtype=False)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("unauthorized", "latency")])
@pytest.mark.parametrize("path", [BARS, ACTIONS])
def test_a_broken_answer_is_asked_for_again(kind: Kind, path: str, server: AlpacaDataServer, tmp_path: Path) -> None:
    server.faults.append(Fault(kind, "GET", path, skip=1))
    sessions = SessionRange(back(300), DAY)
    found = vendor(server, tmp_path).bars(SYMBOLS, sessions)
    assert not server.faults[0].times
    assert_frame_equal(figures(found), figures(market(sessions)), check_dtype=False)


def test_an_answer_that_never_comes_is_one_message(server: AlpacaDataServer, tmp_path: Path) -> None:
    server.faults.append(Fault("latency", "GET", BARS, times=99, seconds=0.7))
    with pytest.raises(DataError, match=r"ALPACA_DATA_UNREACHABLE: at=http://127.0.0.1.*What was fetched is kept"):
        vendor(server, tmp_path).bars(SYMBOLS, SessionRange.single(DAY))


def test_the_bar_of_an_open_session_is_not_taken(server: AlpacaDataServer, tmp_path: Path) -> None:
    tomorrow = next_session(DAY)
    server.clock.set(opening(tomorrow) + timedelta(hours=3))
    found = vendor(server, tmp_path).bars(SYMBOLS, SessionRange(back(3), tomorrow))
    assert found["session"].max() == pd.Timestamp(DAY)
    assert vendor(server, tmp_path).bars(SYMBOLS, SessionRange.single(tomorrow)).empty


@pytest.mark.parametrize("minutes", [0, 10, 19])
def test_right_after_the_close_a_bar_is_not_final(minutes: int, server: AlpacaDataServer, tmp_path: Path) -> None:
    server.clock.set(session_close(DAY) + timedelta(minutes=minutes))
    with pytest.raises(
        DataError, match=f"BARS_NOT_FINAL: session={DAY}, found=16:{minutes:02} in New York, expected=16:20"
    ):
        vendor(server, tmp_path).bars(SYMBOLS, SessionRange.single(DAY))
    server.clock.set(session_close(DAY) + timedelta(minutes=20))
    found = vendor(server, tmp_path).bars(SYMBOLS, SessionRange.single(DAY))
    assert_frame_equal(figures(found), figures(market(SessionRange.single(DAY))), check_dtype=False)


def test_a_symbol_that_alpaca_refuses_costs_no_other(server: AlpacaDataServer, tmp_path: Path) -> None:
    server.vendor.malformed = frozenset({"NOT.A.ONE"})
    asked = vendor(server, tmp_path)
    found = asked.bars((*SYMBOLS, "NOT.A.ONE", "ZZZZZ"), YEARS)
    assert_frame_equal(figures(found), figures(market(YEARS)), check_dtype=False)
    [refusal] = asked.refusals()
    assert str(refusal).startswith("SYMBOL_NOT_AT_ALPACA: found=NOT.A.ONE, why=invalid symbol: NOT.A.ONE")


def test_a_late_bar_is_noticed_and_told_as_changed_until_it_is_recorded(
    server: AlpacaDataServer, tmp_path: Path
) -> None:
    day = back(2)
    server.vendor.late[("TLT", day)] = evening(DAY) - timedelta(hours=2)
    server.clock.set(evening(back(1)))
    before = vendor(server, tmp_path).bars(SYMBOLS, SessionRange(back(40), back(1)))
    assert len(before[before["session"] == pd.Timestamp(day)]) == len(SYMBOLS) - 1
    server.clock.set(evening(DAY))
    for _ in range(2):
        asked = vendor(server, tmp_path)
        asked.bars(SYMBOLS, SessionRange.single(DAY))
        changed = asked.changed_past(SYMBOLS, DAY)
        assert [(row.session.date(), row.symbol) for row in changed.bars.itertuples()] == [(day, "TLT")]
        assert changed.gone.empty
    asked.past_is_recorded()
    asked.bars(SYMBOLS, SessionRange.single(DAY))
    assert asked.changed_past(SYMBOLS, DAY).bars.empty


def test_a_restated_bar_one_that_is_gone_and_a_late_dividend_are_noticed(
    server: AlpacaDataServer, tmp_path: Path
) -> None:
    server.clock.set(evening(back(1)))
    vendor(server, tmp_path).bars(SYMBOLS, SessionRange(back(60), back(1)))
    server.clock.set(evening(DAY))
    server.vendor.bars["GLD"][back(3)]["close"] += 0.01
    del server.vendor.bars["SPY"][back(4)]
    server.vendor.pay("IEF", back(30), 0.25)
    asked = vendor(server, tmp_path)
    asked.bars(SYMBOLS, SessionRange.single(DAY))
    changed = asked.changed_past(SYMBOLS, DAY)
    bars = changed.bars.set_index("symbol")
    assert sorted(bars.index) == ["GLD", "IEF"]
    assert (bars.loc["IEF", "session"], bars.loc["IEF", "dividend"]) == (pd.Timestamp(back(30)), 0.25)
    assert changed.gone.to_dict("records") == [{"session": pd.Timestamp(back(4)), "symbol": "SPY"}]


def test_splits_and_dividends_of_one_day_are_one_row(server: AlpacaDataServer, tmp_path: Path) -> None:
    server.vendor.actions.clear()
    server.vendor.pay("GLD", DAY, 0.1)
    server.vendor.pay("GLD", DAY, 0.2, special=True)
    server.vendor.split("GLD", DAY, 0.125)
    server.vendor.note("stock_dividends", DAY, symbol="GLD", rate=0.05)
    found = vendor(server, tmp_path).bars(SYMBOLS, SessionRange.single(DAY))
    [row] = found[found["symbol"] == "GLD"].to_dict("records")
    assert (row["dividend"], row["split_ratio"]) == (pytest.approx(0.3), pytest.approx(0.125 * 1.05))


def test_an_action_on_a_closed_day_is_of_the_next_session(server: AlpacaDataServer, tmp_path: Path) -> None:
    server.vendor.actions.clear()
    server.vendor.pay("GLD", date(2026, 2, 16), 0.1)  # Washington's birthday
    found = vendor(server, tmp_path).bars(SYMBOLS, SessionRange(back(20), DAY))
    assert [str(day.date()) for day in found.loc[found["dividend"] > 0, "session"]] == ["2026-02-17"]


def test_a_split_of_a_symbol_without_a_bar_is_delivered_without_prices(
    server: AlpacaDataServer, tmp_path: Path
) -> None:
    del server.vendor.bars["GLD"][DAY]
    server.vendor.split("GLD", DAY, 4)
    found = vendor(server, tmp_path).bars(SYMBOLS, SessionRange.single(DAY))
    [row] = found[found["symbol"] == "GLD"].to_dict("records")
    assert row["split_ratio"] == 4
    assert pd.isna(row["close"])


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("spin_offs", {"source_symbol": "GLD", "new_symbol": "GLDX", "source_rate": 1, "new_rate": 0.25}),
        ("name_changes", {"old_symbol": "GLD", "new_symbol": "GOLD"}),
        ("cash_mergers", {"acquiree_symbol": "GLD", "acquirer_symbol": "BIG", "rate": 31.5}),
        ("worthless_removals", {"symbol": "GLD"}),
        ("something_new", {"symbol": "GLD"}),
    ],
)
def test_what_is_no_split_and_no_dividend_is_told(
    kind: str, told: dict[str, object], server: AlpacaDataServer, tmp_path: Path
) -> None:
    server.vendor.note(kind, DAY, **told)
    server.vendor.note(kind, DAY, symbol="SOMEBODY_ELSE")
    asked = vendor(server, tmp_path)
    asked.bars(SYMBOLS, SessionRange.single(DAY))
    [refusal] = asked.refusals()
    assert str(refusal).startswith(f"ACTION_NOT_APPLIED: symbol=GLD, session={DAY}")
    assert refusal.remedy


def test_an_action_that_cannot_be_read_is_told_and_costs_nothing_else(server: AlpacaDataServer, tmp_path: Path) -> None:
    server.vendor.note("forward_splits", DAY, symbol="GLD", old_rate=0, new_rate="two")
    asked = vendor(server, tmp_path)
    assert len(asked.bars(SYMBOLS, SessionRange.single(DAY))) == len(SYMBOLS)
    assert [refusal.reason for refusal in asked.refusals()] == ["ACTION_UNREADABLE"]


def test_a_feed_that_the_plan_does_not_include_is_one_message_that_says_what_to_do(
    server: AlpacaDataServer, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=r"ALPACA_DATA_FEED_NOT_PERMITTED.*Set ALPACA_DATA_FEED=iex"):
        desk(server, "sip").latest_quotes(SYMBOLS)
    # What is older than the delay is there for everybody.
    asked = vendor(server, tmp_path, "sip")
    assert len(asked.bars(SYMBOLS, SessionRange.single(DAY))) == len(SYMBOLS)
    assert asked.source == "ALPACA_SIP"


def test_wrong_keys_are_one_message_without_them(server: AlpacaDataServer, tmp_path: Path) -> None:
    asked = vendor(server, tmp_path)
    server.secret = "another"
    with pytest.raises(PortfolioError, match=r"ALPACA_REFUSES_THE_KEYS.*found=unauthorized") as refusal:
        asked.bars(SYMBOLS, SessionRange.single(DAY))
    assert server.key not in str(refusal.value)


@pytest.mark.parametrize(
    "answer", [[], "text", {}, {"bars": []}, {"bars": {"GLD": [{"c": 1}]}}, {"bars": {"GLD": [{"t": "noon", "c": 1}]}}]
)
def test_an_answer_of_another_form_is_one_message(
    answer: object, server: AlpacaDataServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_bars", lambda query: answer)
    with pytest.raises(DataError, match=r"ALPACA_ANSWER_UNREADABLE|ALPACA_DATA_UNREACHABLE"):
        vendor(server, tmp_path).bars(SYMBOLS, SessionRange.single(DAY))


def test_too_many_requests_are_waited_out_as_the_headers_say(server: AlpacaDataServer, tmp_path: Path) -> None:
    server.faults.append(Fault("rate limit", "GET", BARS, times=3))
    found = vendor(server, tmp_path).bars(SYMBOLS, SessionRange.single(DAY))
    assert len(found) == len(SYMBOLS)
    assert [asked.status for asked in server.requests if asked.path == BARS] == [429, 429, 429, 200]
