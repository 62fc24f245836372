"""Several vendors in an order: who answers, what is compared, and what of a changed past concerns what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd
import pytest

from portfolio_pipeline.adapters.market_data.several import SeveralVendors
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import DataError, PortfolioError
from portfolio_pipeline.core.tables import PRICES, VENDOR_DIFFERENCES
from portfolio_pipeline.core.tables.rows import checked
from portfolio_pipeline.ports import ChangedPast
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData, quiet_bars

RANGE = SessionRange(date(2024, 6, 24), date(2024, 7, 12))
SYMBOLS = ("GLD", "SPY", "TLT")


class Failing(ScriptedMarketData):
    """Refuses as long as it has a reason."""

    reason: str = "ALPACA_DATA_UNREACHABLE"

    def bars(self, symbols: Sequence[str], sessions: SessionRange) -> pd.DataFrame:
        if self.reason:
            raise DataError(self.reason, found="nothing", remedy="Wait.")
        return super().bars(symbols, sessions)

    def changed_past(self, symbols: Sequence[str], before: date) -> ChangedPast:
        rows = self.frame.iloc[:2]
        return ChangedPast(rows[:1], rows[1:][["session", "symbol"]])

    def past_is_recorded(self) -> None:
        self.reason = "recorded"


def vendor(source: str) -> ScriptedMarketData:
    return ScriptedMarketData(quiet_bars(SYMBOLS, RANGE), source)


def whose(rows: pd.DataFrame) -> dict[tuple[date, str], str]:
    return {(row.session.date(), row.symbol): row.source for row in rows.itertuples()}


def test_the_first_answers_and_where_it_has_no_bar_the_next() -> None:
    first, second, third = vendor("ONE"), vendor("TWO"), vendor("THREE")
    day, other = date(2024, 7, 3), date(2024, 7, 8)
    for one in (first, second):
        one.drop(day, "GLD")
    first.drop(other)
    several = SeveralVendors([first, second, third], 0.005)
    rows = several.bars(SYMBOLS, RANGE)
    expected = {(session, symbol): "ONE" for session in RANGE for symbol in SYMBOLS}
    expected |= {(day, "GLD"): "THREE", **{(other, symbol): "TWO" for symbol in SYMBOLS}}
    assert whose(rows) == expected
    assert checked(PRICES, rows, RANGE).num_rows == len(expected)
    assert several.source == "ONE, TWO, THREE"
    assert several.differences().empty


def test_a_row_without_prices_gives_way_to_a_bar_as_a_whole() -> None:
    first, second = vendor("ONE"), vendor("TWO")
    nothing = dict.fromkeys(("open", "high", "low", "close", "volume"), float("nan"))
    first.restate(RANGE.last, "SPY", **nothing, split_ratio=2.0)
    first.restate(RANGE.last, "GLD", **nothing, split_ratio=3.0)
    second.drop(RANGE.last, "GLD")
    rows = SeveralVendors([first, second], 0.005).bars(SYMBOLS, SessionRange.single(RANGE.last)).set_index("symbol")
    assert (rows.loc["SPY", "source"], rows.loc["SPY", "split_ratio"]) == ("TWO", 1.0)
    assert (rows.loc["GLD", "source"], rows.loc["GLD", "split_ratio"]) == ("ONE", 3.0)


@pytest.mark.parametrize("factor", [0.9949, 0.9951, 1.0049, 1.0051])
def test_closes_that_lie_apart_by_more_than_the_limit_are_told(factor: float) -> None:
    first, second = vendor("ONE"), vendor("TWO")
    close = first.frame.loc[0, "close"]
    day, symbol = first.frame.loc[0, "session"].date(), str(first.frame.loc[0, "symbol"])
    second.restate(day, symbol, close=close * factor)
    several = SeveralVendors([first, second], 0.005)
    rows = several.bars(SYMBOLS, RANGE)
    assert set(rows["source"]) == {"ONE"}
    found = several.differences()
    assert checked(VENDOR_DIFFERENCES, found, RANGE).num_rows == int(abs(factor - 1) > 0.005)
    if len(found):
        [row] = found.to_dict("records")
        assert (row["field"], row["first_source"], row["second_source"]) == ("close", "ONE", "TWO")
        assert row["difference"] == pytest.approx(factor - 1)


def test_a_split_that_one_of_them_does_not_know_is_told() -> None:
    first, second = vendor("ONE"), vendor("TWO")
    first.restate(RANGE.last, "TLT", split_ratio=4.0)
    several = SeveralVendors([first, second], 0.005)
    several.bars(SYMBOLS, RANGE)
    [row] = several.differences().to_dict("records")
    assert (row["symbol"], row["field"], row["first"], row["second"]) == ("TLT", "split_ratio", 4.0, 1.0)


def test_when_the_first_fails_the_next_answers_and_it_is_told() -> None:
    several = SeveralVendors([Failing(quiet_bars(SYMBOLS, RANGE), "ONE"), vendor("TWO")], 0.005)
    assert set(several.bars(SYMBOLS, RANGE)["source"]) == {"TWO"}
    [refusal] = several.refusals()
    assert str(refusal).startswith("VENDOR_FAILED: found=ONE, why=ALPACA_DATA_UNREACHABLE")


def test_when_all_fail_the_first_says_why() -> None:
    one, two = Failing(quiet_bars(SYMBOLS, RANGE), "ONE"), Failing(quiet_bars(SYMBOLS, RANGE), "TWO")
    two.reason = "PRICE_FOLDER_MISSING"
    with pytest.raises(PortfolioError, match="ALPACA_DATA_UNREACHABLE"):
        SeveralVendors([one, two], 0.005).bars(SYMBOLS, RANGE)


def test_a_bar_that_is_not_final_yet_is_waited_for_and_not_taken_from_another() -> None:
    first = Failing(quiet_bars(SYMBOLS, RANGE), "ONE")
    first.reason = "BARS_NOT_FINAL"
    with pytest.raises(PortfolioError, match="BARS_NOT_FINAL"):
        SeveralVendors([first, vendor("TWO")], 0.005).bars(SYMBOLS, RANGE)


def test_a_changed_past_says_whose_it_is() -> None:
    remembering = Failing(quiet_bars(SYMBOLS, RANGE), "TWO")
    several = SeveralVendors([vendor("ONE"), remembering], 0.005)
    changed = several.changed_past(SYMBOLS, RANGE.last)
    assert [rows["source"].tolist() for rows in (changed.bars, changed.gone)] == [["TWO"], ["TWO"]]
    several.past_is_recorded()
    assert remembering.reason == "recorded"
