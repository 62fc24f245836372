"""What a book would be after its trades: at which prices it is judged, against what equity, with what tolerance."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents
from portfolio_pipeline.core.execution.verdicts import judge_targets, judge_trades
from portfolio_pipeline.core.market.bars import Bar, Bars
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline_tests.trading import OPEN, settings

LIMITS = {"symbol": 0.4, "gross": 2.0, "net": 2.0, "turnover": 0.5, "asset_class": OPEN}


def house(**more: object) -> Settings:
    return settings(limits=Limits(**LIMITS | more))  # type: ignore[arg-type]


def bars(**closes: float) -> Bars:
    return {symbol: Bar(close, close, close, close, 1e6) for symbol, close in closes.items()}


def book(cash: float, **held: tuple[float, float]) -> Book:
    """Shares and the price that they were last marked at, by symbol."""
    return Book(to_cents(cash), {s: Position(round(n * SHARE), price, price) for s, (n, price) in held.items()})


def judged(account: Book, trades: Mapping[str, float], market: Bars, terms: Settings | None = None) -> list[str]:
    units = {symbol: round(shares * SHARE) for symbol, shares in trades.items()}
    return [told(breach) for breach in judge_trades(account, units, market, terms or house())]


def told(breach: Breach) -> str:
    figures = "" if breach.found is None else f" {breach.found:.4f} of {breach.limit:.4f}"
    return f"{breach.severity} {breach.subject} {breach.rule}{figures}"


@pytest.mark.parametrize(
    ("shares", "expected"), [(4_000, []), (4_099, []), (4_101, ["block AAA symbol 0.4101 of 0.4000"])]
)
def test_a_book_may_stand_past_a_limit_by_the_tolerance_and_no_further(shares: int, expected: list[str]) -> None:
    assert judged(book(1e6), {"AAA": shares}, bars(AAA=100.0)) == expected


@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_the_tolerance_is_the_one_of_the_settings(tolerance: float) -> None:
    terms, edge = house(tolerance=tolerance), 4_000 + round(10_000 * tolerance)
    assert judged(book(1e6), {"AAA": edge - 1}, bars(AAA=100.0), terms) == []
    assert len(judged(book(1e6), {"AAA": edge + 1}, bars(AAA=100.0), terms)) == 1


def test_what_is_traded_is_judged_at_todays_close_and_what_is_not_at_the_price_it_was_marked_at() -> None:
    account = book(500_000, AAA=(1_000, 100.0), BBB=(4_000, 100.0))
    doubled = bars(AAA=200.0, BBB=200.0)
    assert account.equity == to_cents(1e6)
    assert judged(account, {"AAA": 1_051}, doubled) == ["block AAA symbol 0.4102 of 0.4000"]
    assert judged(account, {"AAA": 1_049}, doubled) == []
    assert judged(account, {"BBB": 1}, doubled) == [
        "block BBB symbol 0.8002 of 0.4000",
    ]
    assert judged(account, {}, doubled) == []


def test_a_holding_without_a_bar_is_traded_at_the_price_it_was_marked_at() -> None:
    account = book(500_000, AAA=(5_000, 100.0))
    assert judged(account, {"AAA": 1}, {}) == ["block AAA symbol 0.5001 of 0.4000"]
    assert judged(account, {"AAA": -1}, {}) == ["warning AAA symbol 0.4999 of 0.4000"]


def test_a_trade_of_what_has_no_price_at_all_is_refused_and_nothing_else_is_said() -> None:
    assert judged(book(1e6), {"CCC": 1, "AAA": 9_000, "BBB": -1}, bars(AAA=100.0)) == [
        "block BBB price",
        "block CCC price",
    ]
    (breach,) = judge_trades(book(1e6), {"CCC": SHARE}, {}, house())
    assert str(breach) == "NO_PRICE: symbol=CCC"


@pytest.mark.parametrize("cash", [-1_000_000.0, -600_000.0, -500_000.0])
def test_an_account_that_is_worth_nothing_or_less_may_not_buy(cash: float) -> None:
    account = book(cash, AAA=(5_000, 100.0))
    assert account.equity <= 0
    found = judged(account, {"BBB": 1}, bars(BBB=100.0))
    assert "block BBB symbol 10000.0000 of 0.4000" in found  # as if the account were worth a cent
    assert not any(one.startswith("block") for one in judged(account, {"AAA": -5_000}, bars(AAA=100.0)))


def test_a_breach_that_the_trades_make_smaller_is_a_warning_and_one_they_make_larger_blocks() -> None:
    account = book(500_000, AAA=(5_000, 100.0))
    assert judged(account, {"AAA": -500}, bars(AAA=100.0)) == ["warning AAA symbol 0.4500 of 0.4000"]
    assert judged(account, {"AAA": 1}, bars(AAA=100.0)) == ["block AAA symbol 0.5001 of 0.4000"]
    assert judged(account, {"BBB": 1_000}, bars(BBB=100.0)) == ["warning AAA symbol 0.5000 of 0.4000"]


def test_what_is_not_traded_is_judged_as_it_is_to_the_last_unit() -> None:
    account = book(1e6, AAA=(1, 1e6))
    (breach,) = judge_trades(account, {"BBB": SHARE}, bars(BBB=100.0), house())
    assert (breach.subject, breach.severity, breach.found) == ("AAA", "warning", 0.5)


def test_turnover_past_its_limit_blocks_unless_it_only_shrinks_positions() -> None:
    terms = house(symbol=1.0)
    account = book(600_000, AAA=(4_000, 100.0))
    assert judged(account, {"AAA": -4_000, "BBB": 1_101}, bars(AAA=100.0, BBB=100.0), terms) == [
        "block portfolio turnover 0.5101 of 0.5000"
    ]
    selling = house(turnover=0.3)
    assert judged(account, {"AAA": -4_000}, bars(AAA=100.0), selling) == ["warning portfolio turnover 0.4000 of 0.3000"]


def test_targets_are_judged_strictly_against_those_of_the_session_before() -> None:
    terms = house()
    assert judge_targets({"AAA": 0.4}, {"AAA": 0.4}, terms) == ()
    assert [told(one) for one in judge_targets({"AAA": 0.4001}, {"AAA": 0.5}, terms)] == [
        "block AAA targets_symbol 0.4001 of 0.4000"
    ]
    assert [told(one) for one in judge_targets({"AAA": 0.3, "BBB": 0.3}, {}, terms)] == [
        "block portfolio targets_turnover 0.6000 of 0.5000"
    ]
    assert [told(one) for one in judge_targets({"AAA": 0.0}, {"AAA": 0.3, "BBB": 0.3}, terms)] == [
        "warning portfolio targets_turnover 0.6000 of 0.5000"
    ]
