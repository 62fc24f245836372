"""The judge of bars: what it takes, what it refuses and why, and that a range is its sessions one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.calendar.sessions import SessionRange, sessions_between
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.market.quality.bar_sequence import StoredBars, memory_start
from portfolio_pipeline.core.market.quality.judge import Judgement, coverage, judge
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import CORPORATE_ACTIONS, PRICE_RESTATEMENTS, PRICES, QUARANTINE, Table
from portfolio_pipeline.core.tables.rows import checked, frame
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData, quiet_bars

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
SETTINGS = Settings(
    benchmark="AAA",
    universe=tuple(Instrument(symbol=s, asset_class="equity", group="any", name=s) for s in SYMBOLS),
)
DAYS = sessions_between(date(2024, 6, 3), date(2024, 7, 31))
ALL = SessionRange(DAYS[0], DAYS[-1])
TABLES = (PRICES, QUARANTINE, PRICE_RESTATEMENTS, CORPORATE_ACTIONS)


@dataclass
class Tables:
    """The four tables, filled as the asset does: judge, check (unless told not to), replace the range."""

    checks: bool = True
    held: dict[str, pd.DataFrame] = field(
        default_factory=lambda: {table.name: frame(checked(table, _nothing(table))) for table in TABLES}
    )

    def run(self, source: ScriptedMarketData, sessions: SessionRange = ALL, *, accept: bool = False) -> Judgement:
        known = SessionRange(memory_start(sessions.first, SETTINGS), sessions.last)
        prices = self.held["prices"]
        stored = StoredBars(
            prices=_within(prices, known),
            quarantine=_within(self.held["quarantine"], known),
            restatements=_within(self.held["price_restatements"], sessions),
            first_sessions={str(s): day.date() for s, day in prices.groupby("symbol")["session"].min().items()},
            actions=_within(self.held["corporate_actions"], known),
        )
        judgement = judge(
            source.bars(SYMBOLS, sessions),
            sessions=sessions,
            stored=stored,
            source=source.source,
            terms=SETTINGS,
            accept_restatements=accept,
        )
        judged = (judgement.prices, judgement.quarantine, judgement.restatements, judgement.actions)
        for table, rows in zip(TABLES, judged, strict=True):
            old = self.held[table.name]
            outside = old[~old.index.isin(_within(old, sessions).index)]
            new = frame(checked(table, rows, sessions)) if self.checks else rows
            joined = pd.concat([part for part in (outside, new) if len(part)] or [new])
            self.held[table.name] = joined.sort_values(list(table.key), ignore_index=True)
        return judgement

    def close(self, session: date, symbol: str) -> float | None:
        rows = self.held["prices"]
        found = rows[(rows["session"] == pd.Timestamp(session)) & (rows["symbol"] == symbol)]["close"]
        return None if found.empty else float(found.iloc[0])

    def reasons(self, *columns: str) -> list[tuple[object, ...]]:
        rows = self.held["quarantine"].assign(session=lambda r: r["session"].dt.date)
        return [tuple(row) for row in rows[list(columns or ("session", "symbol", "rule"))].itertuples(index=False)]

    def restatements(self) -> list[tuple[object, ...]]:
        rows = self.held["price_restatements"].assign(session=lambda r: r["session"].dt.date)
        columns = ["session", "symbol", "version", "kind", "accepted", "close"]
        return [tuple(row) for row in rows[columns].itertuples(index=False)]


def _nothing(table: Table) -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in table.column_names})


def _within(rows: pd.DataFrame, sessions: SessionRange) -> pd.DataFrame:
    return rows[rows["session"].between(pd.Timestamp(sessions.first), pd.Timestamp(sessions.last))]


@pytest.fixture
def source() -> ScriptedMarketData:
    return ScriptedMarketData(quiet_bars(SYMBOLS, ALL))


def test_healthy_bars_are_taken_as_they_are(source: ScriptedMarketData) -> None:
    tables = Tables()
    tables.run(source)
    expected = source.frame.sort_values(["session", "symbol"], ignore_index=True)
    pd.testing.assert_frame_equal(tables.held["prices"], expected, check_exact=True, check_dtype=False)
    assert tables.reasons() == []
    assert tables.restatements() == []


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"close": np.nan}, "missing_value"),
        ({"high": np.inf}, "missing_value"),
        ({"low": 0.0}, "not_positive"),
        ({"open": -1.0, "low": -1.0}, "not_positive"),
        ({"high": 99.0}, "inconsistent"),
        ({"low": 105.0}, "inconsistent"),
        ({"volume": -1.0}, "wrong_volume"),
        ({"volume": np.nan}, "wrong_volume"),
        ({"dividend": -0.1}, "wrong_corporate_action"),
        ({"split_ratio": 0.0}, "wrong_corporate_action"),
    ],
)
def test_a_bar_wrong_in_itself_is_quarantined_and_stops_no_other(
    source: ScriptedMarketData, values: dict[str, float], rule: str
) -> None:
    source.restate(DAYS[5], "BBB", **values)
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == [(DAYS[5], "BBB", rule)]
    assert tables.close(DAYS[5], "BBB") is None
    assert len(tables.held["prices"]) == len(SYMBOLS) * len(DAYS) - 1
    row = tables.held["quarantine"].iloc[0]
    name, value = next(iter(values.items()))
    assert f"{name}={value:.10g}" in row["found"]
    assert row["expected"]
    assert row["remedy"]
    if name in row and np.isfinite(value):
        assert row[name] == value


def test_unknown_symbols_and_closed_days_are_quarantined_with_their_names(source: ScriptedMarketData) -> None:
    saturday = quiet_bars(["AAA", "ZZZ"], SessionRange.single(DAYS[0])).assign(session=date(2024, 6, 8))
    holiday = quiet_bars(["AAA"], SessionRange.single(DAYS[0])).assign(session=date(2024, 7, 4))
    source.add(pd.concat([saturday, holiday, quiet_bars(["ZZZ"], SessionRange.single(DAYS[3]))]))
    tables = Tables()
    tables.run(source)
    monday, friday = date(2024, 6, 10), date(2024, 7, 5)
    assert tables.reasons("session", "symbol", "rule", "found") == [
        (DAYS[3], "ZZZ", "unknown_symbol", "symbol ZZZ"),
        (monday, "AAA", "not_a_session", "2024-06-08 (weekend)"),
        (monday, "ZZZ", "not_a_session", "2024-06-08 (weekend)"),
        (friday, "AAA", "not_a_session", "2024-07-04 (July 4th)"),
    ]
    assert len(tables.held["prices"]) == len(SYMBOLS) * len(DAYS)


def test_equal_rows_collapse_and_conflicting_rows_are_all_refused(source: ScriptedMarketData) -> None:
    again = quiet_bars(["AAA", "BBB"], SessionRange.single(DAYS[0]))
    source.add(again.assign(close=[100.0, 100.5]))
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == [(DAYS[0], "AAA", "repeated_row"), (DAYS[0], "BBB", "conflicting_rows")]
    assert tables.close(DAYS[0], "AAA") == 100.0
    assert tables.close(DAYS[0], "BBB") is None
    assert "close=101" in tables.held["quarantine"]["found"][1]
    assert "close=100.5" in tables.held["quarantine"]["found"][1]


def _scale_from(source: ScriptedMarketData, first: int, symbol: str, factor: float) -> None:
    for session in DAYS[first:]:
        bar = source.frame[(source.frame["session"] == pd.Timestamp(session)) & (source.frame["symbol"] == symbol)]
        names = ("open", "high", "low", "close")
        source.restate(session, symbol, **{name: float(bar[name].iloc[0]) * factor for name in names})


@pytest.mark.parametrize("factor", [0.5, 1.4, 0.69])
def test_a_jump_is_refused_until_the_next_bar_confirms_the_level(source: ScriptedMarketData, factor: float) -> None:
    _scale_from(source, 5, "CCC", factor)
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == [(DAYS[5], "CCC", "unexplained_jump")]
    assert tables.close(DAYS[6], "CCC") == pytest.approx(102 * 1.001**6 * factor)


def test_a_single_wrong_price_is_refused_and_the_return_to_the_old_level_is_not(source: ScriptedMarketData) -> None:
    source.restate(DAYS[5], "CCC", open=10.0, high=10.0, low=10.0, close=10.0)
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == [(DAYS[5], "CCC", "unexplained_jump")]
    assert f"{10 / (102 * 1.001**4) - 1:+.1%}" in tables.held["quarantine"]["found"][0]


@pytest.mark.parametrize(("action", "factor"), [({"split_ratio": 2.0}, 0.5), ({"split_ratio": 0.1}, 10.0)])
def test_a_split_explains_a_jump(source: ScriptedMarketData, action: dict[str, float], factor: float) -> None:
    _scale_from(source, 5, "CCC", factor)
    source.restate(DAYS[5], "CCC", **action)
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == []


def test_a_large_dividend_explains_a_jump(source: ScriptedMarketData) -> None:
    _scale_from(source, 5, "CCC", 0.5)
    source.restate(DAYS[5], "CCC", dividend=50.0)
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == []


def test_a_bar_repeated_too_often_is_refused_until_it_changes(source: ScriptedMarketData) -> None:
    same = {"open": 101.0, "high": 102.0, "low": 100.0, "close": 101.0, "volume": 7.0}
    for session in DAYS[4:10]:
        source.restate(session, "BBB", **same)
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == [(session, "BBB", "stale_repeat") for session in DAYS[7:10]]
    assert tables.close(DAYS[10], "BBB") is not None


def test_a_gap_is_reported_for_ten_sessions_and_then_counts_as_delisted(source: ScriptedMarketData) -> None:
    for session in DAYS[6:]:
        source.drop(session, "DDD")
    source.drop(DAYS[0], "AAA")  # nothing is missed before the first bar
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == [(session, "DDD", "gap") for session in DAYS[6:16]]
    assert "1 session ago" in tables.held["quarantine"]["found"][0]
    assert "10 sessions ago" in tables.held["quarantine"]["found"][9]


def test_a_session_that_most_of_the_universe_lacks_stops_everything(source: ScriptedMarketData) -> None:
    for symbol in SYMBOLS[:3]:
        source.drop(DAYS[7], symbol)
    source.drop(DAYS[9])
    tables = Tables()
    with pytest.raises(DataError) as refusal:
        tables.run(source)
    assert refusal.value.reason == "SESSION_MISSING"
    assert refusal.value.figures["found"] == f"{DAYS[7]} (1 of 4 bars), {DAYS[9]} (0 of 4 bars)"
    assert "gap" in str(refusal.value.figures["reasons"])
    assert tables.held["prices"].empty


def test_half_of_the_universe_is_enough(source: ScriptedMarketData) -> None:
    for symbol in SYMBOLS[:2]:
        source.drop(DAYS[7], symbol)
    Tables().run(source)


def test_a_market_without_any_bar_is_refused(source: ScriptedMarketData) -> None:
    source.frame = source.frame.iloc[:0]
    with pytest.raises(DataError, match=r"SESSION_MISSING: found=2024-06-03 \(no bar\)"):
        Tables().run(source)


def test_a_symbol_that_is_never_delivered_stops_no_other(source: ScriptedMarketData) -> None:
    source.frame = source.frame[source.frame["symbol"] != "DDD"]
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == []
    assert set(tables.held["prices"]["symbol"]) == {"AAA", "BBB", "CCC"}


def test_delivering_the_same_again_changes_nothing_not_even_the_time_of_retrieval(source: ScriptedMarketData) -> None:
    tables = Tables()
    tables.run(source)
    before = {name: rows.copy() for name, rows in tables.held.items()}
    source.frame["retrieved_at"] += pd.Timedelta(days=3)
    tables.run(source)
    for name, rows in before.items():
        pd.testing.assert_frame_equal(tables.held[name], rows, check_exact=True)


def test_a_restated_bar_is_recorded_once_and_changes_nothing(source: ScriptedMarketData) -> None:
    tables = Tables()
    tables.run(source)
    stored = tables.held["prices"].copy()
    source.restate(DAYS[8], "AAA", close=100.5)
    tables.run(source)
    tables.run(source, SessionRange(DAYS[5], DAYS[9]))
    assert tables.restatements() == [(DAYS[8], "AAA", 2, "changed", False, 100.5)]
    source.restate(DAYS[8], "AAA", close=100.75)
    tables.run(source)
    assert [row[2:] for row in tables.restatements()] == [(2, "changed", False, 100.5), (3, "changed", False, 100.75)]
    pd.testing.assert_frame_equal(tables.held["prices"], stored, check_exact=True)


def test_accepting_restatements_takes_the_newest_version(source: ScriptedMarketData) -> None:
    tables = Tables()
    tables.run(source)
    for close in (100.5, 100.75):
        source.restate(DAYS[8], "AAA", close=close)
        tables.run(source)
    tables.run(source, accept=True)
    assert tables.close(DAYS[8], "AAA") == 100.75
    assert [row[2:] for row in tables.restatements()] == [(2, "changed", False, 100.5), (3, "changed", True, 100.75)]
    tables.run(source)
    assert tables.close(DAYS[8], "AAA") == 100.75
    assert len(tables.restatements()) == 2


def test_a_recorded_version_can_be_accepted_after_the_source_has_dropped_the_bar(source: ScriptedMarketData) -> None:
    tables = Tables()
    tables.run(source)
    source.restate(DAYS[8], "AAA", close=100.5)
    tables.run(source)
    source.drop(DAYS[8], "AAA")
    tables.run(source, accept=True)
    assert tables.close(DAYS[8], "AAA") == 100.5
    assert [row[2:] for row in tables.restatements()] == [(2, "changed", True, 100.5)]


def test_a_stored_bar_stays_when_the_source_breaks_or_drops_it(source: ScriptedMarketData) -> None:
    tables = Tables()
    tables.run(source)
    stored = tables.held["prices"].copy()
    source.restate(DAYS[8], "AAA", close=np.nan)
    source.drop(DAYS[9], "BBB")
    tables.run(source)
    pd.testing.assert_frame_equal(tables.held["prices"], stored, check_exact=True)
    assert tables.reasons() == [(DAYS[8], "AAA", "missing_value")]
    assert tables.restatements() == []


def test_a_late_bar_is_recorded_and_waits_to_be_accepted(source: ScriptedMarketData) -> None:
    late = source.frame[(source.frame["session"] == pd.Timestamp(DAYS[8])) & (source.frame["symbol"] == "AAA")]
    source.drop(DAYS[8], "AAA")
    tables = Tables()
    tables.run(source)
    assert tables.reasons() == [(DAYS[8], "AAA", "gap")]
    source.add(late)
    for _ in range(2):
        tables.run(source)
        assert tables.close(DAYS[8], "AAA") is None
        assert tables.reasons() == [(DAYS[8], "AAA", "late_bar")]
        assert [row[:5] for row in tables.restatements()] == [(DAYS[8], "AAA", 2, "late", False)]
    tables.run(source, accept=True)
    assert tables.close(DAYS[8], "AAA") == float(late["close"].iloc[0])
    assert tables.reasons() == []
    assert [row[:5] for row in tables.restatements()] == [(DAYS[8], "AAA", 2, "late", True)]


def test_bars_that_fill_a_long_silence_come_late_too(source: ScriptedMarketData) -> None:
    whole = source.frame.copy()
    for session in DAYS[5:30]:
        source.drop(session, "AAA")
    tables = Tables()
    tables.run(source)
    source.frame = whole
    tables.run(source)
    assert [row[0] for row in tables.restatements()] == list(DAYS[5:30])
    assert tables.close(DAYS[20], "AAA") is None


@pytest.mark.parametrize("one_by_one", [False, True])
def test_history_may_be_extended_backwards(source: ScriptedMarketData, one_by_one: bool) -> None:
    tables, fresh = Tables(), Tables()
    fresh.run(source)
    whole = source.frame.copy()
    source.frame = whole[(whole["symbol"] != "DDD") | (whole["session"] >= pd.Timestamp(DAYS[20]))]
    tables.run(source, SessionRange(DAYS[10], DAYS[-1]))
    source.frame = whole
    for session in DAYS if one_by_one else ():
        tables.run(source, SessionRange.single(session))
    if not one_by_one:
        tables.run(source)
    pd.testing.assert_frame_equal(tables.held["prices"], fresh.held["prices"], check_exact=True)
    assert tables.restatements() == []


BREAKAGE = st.tuples(
    st.integers(0, len(DAYS) - 1),
    st.sampled_from(SYMBOLS),
    st.sampled_from(["drop", "nan", "jump", "level", "stale", "repeat", "conflict", "weekend", "silence", "split"]),
)


SHORT = SessionRange(DAYS[0], DAYS[23])  # longer than a symbol is remembered


def _break(source: ScriptedMarketData, place: int, symbol: str, how: str) -> None:
    here = (source.frame["session"] == pd.Timestamp(DAYS[place])) & (source.frame["symbol"] == symbol)
    if not here.any() or here.sum() > 1:
        return
    bar = source.frame[here]
    names = ["open", "high", "low", "close"]
    if how == "drop":
        source.drop(DAYS[place], symbol)
    elif how == "nan":
        source.restate(DAYS[place], symbol, close=np.nan)
    elif how == "jump":
        source.frame.loc[here, names] = bar[names] * 3
    elif how == "level":
        later = (source.frame["session"] >= pd.Timestamp(DAYS[place])) & (source.frame["symbol"] == symbol)
        source.frame.loc[later, names] = source.frame.loc[later, names] * 2
    elif how == "stale":
        values = {name: float(bar[name].iloc[0]) for name in [*names, "volume"]}
        for session in DAYS[place : place + 6]:
            if ((source.frame["session"] == pd.Timestamp(session)) & (source.frame["symbol"] == symbol)).any():
                source.restate(session, symbol, **values)
    elif how == "repeat":
        source.add(bar)
    elif how == "conflict":
        source.add(bar.assign(volume=5.0))
    elif how == "weekend":
        source.add(bar.assign(session=pd.Timestamp("2024-06-15")))
    elif how == "silence":
        for session in DAYS[place : place + 13]:
            source.drop(session, symbol)
    else:
        source.restate(DAYS[place], symbol, split_ratio=2.0)


@given(
    before=st.lists(BREAKAGE, max_size=8),
    after=st.lists(BREAKAGE, max_size=8),
    cut=st.integers(1, len(SHORT) - 1),
    rerun=st.tuples(st.integers(0, len(SHORT) - 1), st.integers(0, len(SHORT) - 1)),
    accept=st.booleans(),
)
@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_a_range_gives_what_its_sessions_one_by_one_give(
    before: list[tuple[int, str, str]],
    after: list[tuple[int, str, str]],
    cut: int,
    rerun: tuple[int, int],
    accept: bool,
) -> None:
    """First everything is loaded, then the source changes and a part is run again: at once, and session by session."""
    days = tuple(SHORT)
    source = ScriptedMarketData(quiet_bars(SYMBOLS, SHORT))
    for breakage in before:
        _break(source, *breakage)
    parts = _all_of(source, [SessionRange(days[0], days[cut - 1]), SessionRange(days[cut], days[-1])])
    one_by_one = _all_of(source, [SessionRange.single(session) for session in days])
    _assert_equal(_all_of(source, [SHORT]), one_by_one)
    _assert_equal(parts, one_by_one)
    for breakage in after:
        _break(source, *breakage)
    first, last = sorted(rerun)
    again = [SessionRange.single(session) for session in days[first : last + 1]]
    at_once = _all_of(source, [SessionRange(days[first], days[last])], accept, parts)
    _assert_equal(at_once, _all_of(source, again, accept, one_by_one))


def _all_of(
    source: ScriptedMarketData, ranges: list[SessionRange], accept: bool = False, tables: Tables | None = None
) -> Tables:
    tables = tables or Tables(checks=False)
    try:
        for sessions in ranges:
            tables.run(source, sessions, accept=accept)
    except DataError:
        # One range is refused as a whole; its sessions one by one stop at the one that is missing.
        return Tables(checks=False)
    return tables


def _assert_equal(one: Tables, other: Tables) -> None:
    for table in TABLES:
        found, expected = (frame(checked(table, tables.held[table.name])) for tables in (one, other))
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


@given(
    last=st.integers(0, len(DAYS) - 1),
    changes=st.lists(BREAKAGE, min_size=1, max_size=6),
)
@settings(max_examples=8, deadline=None)
def test_what_comes_later_changes_no_verdict(last: int, changes: list[tuple[int, str, str]]) -> None:
    past = SessionRange(DAYS[0], DAYS[last])
    source, other = (ScriptedMarketData(quiet_bars(SYMBOLS, ALL)) for _ in range(2))
    for place, symbol, how in changes:
        if place > last and how != "weekend":
            _break(other, place, symbol, how)
    one, two = Tables(checks=False), Tables(checks=False)
    one.run(source, past)
    two.run(other, past)
    _assert_equal(one, two)


def test_coverage_counts_the_symbols_that_traded_lately(source: ScriptedMarketData) -> None:
    source.drop(DAYS[12], "AAA")
    source.drop(DAYS[13])
    sessions = SessionRange(DAYS[10], DAYS[14])
    rows = coverage(source.frame[["session", "symbol"]], sessions, SETTINGS)
    assert rows["found"].tolist() == [4, 4, 3, 0, 4]
    assert rows["expected"].tolist() == [4] * 5
    assert rows["share"].tolist() == [1, 1, 0.75, 0, 1]
