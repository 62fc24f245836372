"""The account marked at quotes: what it is worth and has gained is what its trades and prices come to, recounted."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline.core.books.book import SHARE, Book, Position
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.intraday import MarkedAccount, marked_account
from portfolio_pipeline.core.market.quality.settings import Quality
from portfolio_pipeline.core.market.quotes import FRESH_FOR, Quote, fresh_prices, state_of
from portfolio_pipeline.core.settings import Settings, load_settings
from portfolio_pipeline.core.tables import INTRADAY_MARKS
from portfolio_pipeline.core.tables.rows import checked

TODAY, NOW = date(2026, 3, 6), datetime.fromisoformat("2026-03-06T17:00")
SETTINGS: Settings = load_settings(SHIPPED_SETTINGS)


def fill(symbol: str, shares: int, price: float, commission: int = 0) -> Fill:
    name = f"{symbol}{shares}{price}"
    return Fill(TODAY, name, name, symbol, shares * SHARE, price, commission, NOW)


def book(cash: int, **held: tuple[int, float]) -> Book:
    return Book(cash, {s: Position(shares * SHARE, price, price) for s, (shares, price) in held.items()})


def quote(price: float, spread: float = 0.02, age: timedelta = timedelta()) -> Quote:
    return Quote(price - spread / 2, price + spread / 2, NOW - age)


def marked(account: Book, fills: list[Fill], quotes: dict[str, Quote], peak: int = 0) -> MarkedAccount:
    return marked_account(TODAY, NOW, account, {"SPY": 500.0, "TLT": 90.0}, fills, quotes, Quality(), peak)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (quote(100), "fresh"),
        (quote(100, age=FRESH_FOR), "fresh"),
        (quote(100, age=FRESH_FOR + timedelta(seconds=1)), "stale"),
        (quote(100, age=-FRESH_FOR - timedelta(seconds=1)), "stale"),
        (quote(100, spread=-0.01), "crossed"),
        (quote(100, spread=5.1), "wide"),
        (quote(25), "jump"),
        (Quote(0.0, 101.0, NOW), "missing"),
        (Quote(100.0, 0.0, NOW), "missing"),
        (Quote(float("nan"), 100.0, NOW), "missing"),
        (Quote(100.0, float("inf"), NOW), "missing"),
        (None, "missing"),
    ],
)
def test_only_a_quote_that_can_be_relied_on_is_used(found: Quote | None, state: str) -> None:
    assert state_of(found, NOW, 100.0, 0.35) == state
    one = marked(book(0, SPY=(10, 100.0)), [], {} if found is None else {"SPY": found}).symbols["SPY"]
    assert one.state == state
    assert one.price == (found.mid if found is not None and state == "fresh" else 100.0)
    without_close = "fresh" if state in ("fresh", "jump") else state
    assert ("X" in fresh_prices({} if found is None else {"X": found}, NOW)) == (without_close == "fresh")


shares = st.integers(-500, 500)
prices = st.integers(1_000, 60_000).map(lambda cents: cents / 100)


@given(
    cash=st.integers(0, 10**9),
    held=st.dictionaries(st.sampled_from(("SPY", "TLT", "GLD")), st.tuples(shares.filter(bool), prices)),
    trades=st.lists(st.tuples(st.sampled_from(("SPY", "TLT", "GLD", "IEF")), shares.filter(bool), prices), max_size=6),
    moved=st.floats(0.8, 1.2),
)
def test_equity_and_gain_are_those_of_a_recount(
    cash: int, held: dict[str, tuple[int, float]], trades: list[tuple[str, int, float]], moved: float
) -> None:
    """In decimals: cash after the trades, and shares at the price they are marked at."""
    fills = [fill(symbol, count, price, 7) for symbol, count, price in trades]
    account = book(cash, **held)
    quotes = {symbol: quote(round(price * moved, 2)) for symbol, (_, price) in held.items()}
    found = marked(account, fills, quotes)
    own = Decimal(cash) / 100
    counts = {symbol: Decimal(count) for symbol, (count, _) in held.items()}
    for symbol, count, price in trades:
        own -= count * Decimal(str(price)) + Decimal("0.07")
        counts[symbol] = counts.get(symbol, Decimal(0)) + count
    worth = sum((count * Decimal(found.symbols[symbol].price) for symbol, count in counts.items()), Decimal(0))
    close = Decimal(cash) / 100 + sum((c * Decimal(str(p)) for c, p in held.values()), Decimal(0))
    assert found.equity / 100 == pytest.approx(float(own + worth), abs=0.06)
    assert found.gain / 100 == pytest.approx(float(own + worth - close), abs=0.06)
    assert found.equity == found.gain + account.equity
    rows = found.rows()
    assert checked(INTRADAY_MARKS, rows, SessionRange.single(TODAY)).num_rows == len(counts) + 1
    assert sum(rows["day_pnl"][:-1]) == pytest.approx(rows["day_pnl"].iloc[-1], abs=0.01)


def test_a_limit_that_held_at_the_close_and_does_not_at_quotes_is_told() -> None:
    """SPY at 20 % of the account, the most that is allowed; it doubles in a day, and everything else falls."""
    account = book(60_000_00, SPY=(40, 500.0), TLT=(200, 90.0))
    assert marked(account, [], {"SPY": quote(501), "TLT": quote(90)}).breaches(SETTINGS) == ()
    found = marked(account, [], {"SPY": quote(670), "TLT": quote(90)}).breaches(SETTINGS)
    assert [(one.rule, one.subject) for one in found] == [("symbol", "SPY")]


def test_what_was_past_its_limit_at_the_close_and_is_no_further_is_no_news() -> None:
    account = book(10_000_00, SPY=(40, 500.0))
    assert marked(account, [], {"SPY": quote(490)}).breaches(SETTINGS) == ()


def test_the_drawdown_is_below_the_peak_that_counts() -> None:
    account = book(90_000_00, SPY=(20, 500.0))
    found = marked(account, [], {"SPY": quote(400)}, peak=150_000_00)
    assert found.drawdown == pytest.approx(98_000 / 150_000 - 1)
    limit = SETTINGS.limits.value("drawdown")
    assert isinstance(limit, float)
    assert [one.rule for one in found.breaches(SETTINGS)] == ["drawdown"]
    assert marked(account, [], {"SPY": quote(600)}).drawdown == 0.0
