"""Positions and account: books that add up on every session, the same in one range and session by session."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents, to_currency, to_shares
from portfolio_pipeline.core.books.positions import (
    Holdings,
    books_that_do_not_add_up,
    hold,
    stored_ledger,
)
from portfolio_pipeline.core.books.strategy_books import Ledger
from portfolio_pipeline.core.calendar.sessions import previous_session
from portfolio_pipeline.core.execution.orders import plan
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.tickets import by_session
from portfolio_pipeline.core.market.bars import Bar, bars_by_session, pay_cash
from portfolio_pipeline.core.portfolio.session_targets import session_targets, shares_by_session
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.tables import ACCOUNT, POSITIONS, TRADES
from portfolio_pipeline.core.tables.declare import RESERVE
from portfolio_pipeline.core.tables.rows import checked, frame
from portfolio_pipeline_tests.fakes.broker import FakeBroker
from portfolio_pipeline_tests.trading import ROOMY, STRATEGIES, first_sessions, market, settings, wanted

CENT = 0.005


class Year:
    """Some sessions that were planned, sent to a broker and filled."""

    def __init__(self, seed: int, *, short: bool = False, fractional: bool = False, count: int = 25) -> None:
        limits = Limits(
            symbol=0.6, turnover=1.0, short=float(short), net_minimum=-0.5 if short else 0.0, asset_class=ROOMY
        )
        self.settings = settings(orders=Orders(fractional=fractional), limits=limits, initial_cash=200_000.0)
        self.range = first_sessions(count)
        self.days = tuple(self.range)
        self.prices = market(seed, self.range)
        tables = wanted(seed, self.range, self.settings, short=short)
        arrow = {name: pa.Table.from_pandas(rows, preserve_index=False) for name, rows in tables.items()}
        self.bars = bars_by_session(pa.Table.from_pandas(self.prices, preserve_index=False))
        earned = np.random.default_rng(seed).normal(0.0002, 0.0003, count)
        cash = pa.table({"session": [previous_session(day) for day in self.days], "cash_return": earned})
        pay_cash(self.bars, cash)
        self.targets = session_targets(
            arrow["aggregated_targets"], arrow["strategy_targets"], arrow["strategy_weights"]
        )
        self.shares = shares_by_session(arrow["strategy_weights"])
        self.broker = FakeBroker(self.settings, self.prices, cash)
        opened = Book.of(self.broker.account(self.days[0]))
        planned = plan("SIMULATED", self.days, opened, self.targets, self.bars, self.settings)
        accepted = [ticket.order for ticket in planned.tickets if ticket.verdict == "accepted"]
        self.broker.submit(self.range, accepted)
        self.fills = by_session(self.broker.fills(self.range))

    def held(self, days: tuple[date, ...], before: Holdings | None = None, last: date | None = None) -> Holdings:
        ledger = None if before is None else stored_ledger(_of(before.positions, last), _of(before.account, last))
        return hold(
            days,
            ledger,
            last,
            self.fills,
            self.bars,
            self.targets,
            self.shares,
            opening=Book(to_cents(self.settings.simulated_broker.initial_cash)),
            cash_buffer=self.settings.orders.cash_buffer,
            delist_after_sessions=self.settings.delist_after_sessions,
            entries={} if before is None else entries(before),
        )


def entries(held: Holdings) -> dict[tuple[str, str], date]:
    """By book and symbol held at the last close, the first of the closes in a row at which it was, on that side."""
    positions, days = held.positions, sorted(held.account["session"].unique())
    found: dict[tuple[str, str], date] = {}
    for row in positions[positions["session"] == days[-1]].to_dict("records"):
        own = positions[(positions["book"] == row["book"]) & (positions["symbol"] == row["symbol"])]
        sides = {one["session"]: one["quantity"] > 0 for one in own.to_dict("records")}
        first = days[-1]
        for day in reversed(days):
            if sides.get(day) != (row["quantity"] > 0):
                break
            first = day
        found[row["book"], row["symbol"]] = first
    return found


def joined(parts: list[Holdings]) -> Holdings:
    names = ("positions", "account", "trades", "exchanges")
    return Holdings(*(pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in names))


def _of(rows: pd.DataFrame, session: date | None) -> pd.DataFrame:
    """The rows of a session, as they come back from the warehouse."""
    table = POSITIONS if "symbol" in rows else ACCOUNT
    return frame(checked(table, rows[rows["session"] == session]))


@examples(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), short=st.booleans(), fractional=st.booleans())
def test_on_every_session_the_books_are_the_account_and_the_account_is_the_brokers(
    seed: int, short: bool, fractional: bool
) -> None:
    year = Year(seed, short=short, fractional=fractional)
    held = year.held(year.days)
    assert books_that_do_not_add_up(held.positions, held.account).empty
    for day in year.days[:: len(year.days) // 4]:
        told = year.broker.account(day)
        mine = held.positions[(held.positions["session"] == day) & (held.positions["book"] == "account")]
        assert dict(zip(mine["symbol"], mine["quantity"], strict=True)) == {
            symbol: to_shares(holding.quantity) for symbol, holding in told.holdings.items()
        }
        row = held.account[(held.account["session"] == day) & (held.account["book"] == "account")].iloc[0]
        assert row["cash"] == to_currency(told.cash)
        assert row["equity"] == pytest.approx(to_currency(told.equity), abs=CENT * (1 + len(mine)))


@examples(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), short=st.booleans(), cut=st.integers(1, 13))
def test_a_range_in_two_parts_and_session_by_session_gives_the_same_bits(seed: int, short: bool, cut: int) -> None:
    year = Year(seed, short=short, count=15)
    whole = year.held(year.days)
    first = year.held(year.days[:cut])
    assert_same([first, year.held(year.days[cut:], first, year.days[cut - 1])], whole)
    day_by_day = [year.held(year.days[:1])]
    for before, day in zip(year.days, year.days[1:], strict=False):
        day_by_day.append(year.held((day,), joined(day_by_day), before))
    assert_same(day_by_day, whole)


def assert_same(parts: list[Holdings], whole: Holdings) -> None:
    """To the bit, as the warehouse would store it."""
    assert pa.concat_tables([checked(POSITIONS, part.positions) for part in parts]) == checked(
        POSITIONS, whole.positions
    )
    assert pa.concat_tables([checked(ACCOUNT, part.account) for part in parts]) == checked(ACCOUNT, whole.account)
    assert pa.concat_tables([checked(TRADES, part.trades) for part in parts]) == checked(TRADES, whole.trades)


def test_profit_is_the_change_of_equity_without_moved_capital() -> None:
    year = Year(5)
    held = year.held(year.days).account
    for _, rows in held.groupby("book"):
        change = rows["equity"].diff() - rows["transfer"]
        later = change.notna()
        assert (change[later] - rows["profit_and_loss"][later]).abs().max() < CENT


def test_the_strategies_have_their_share_of_the_equity_at_every_close() -> None:
    year = Year(6)
    account = year.held(year.days).account.set_index(["session", "book"])["equity"]
    for day in year.days:
        for name in STRATEGIES:
            share = year.shares[day][name] * account[day, "account"]
            assert account[day, name] == pytest.approx(share, abs=2 * CENT)


def test_the_initial_cash_comes_in_once_and_all_of_it_is_somewhere() -> None:
    year = Year(7)
    account = year.held(year.days).account
    first = account[account["session"] == year.days[0]].set_index("book")["transfer"]
    assert first["account"] == 200_000.0
    assert first.drop("account").sum() == pytest.approx(200_000.0)
    later = account[(account["session"] > year.days[0]) & (account["book"] == "account")]
    assert (later["transfer"] == 0).all()


def test_strategies_do_hold_what_they_want() -> None:
    """Each book's weights are near the strategy's own targets wherever no limit or minimum stood in the way."""
    year = Year(8, fractional=True)
    held = year.held(year.days)
    day, before = year.days[20], year.days[19]
    equity = held.account.set_index(["session", "book"])["equity"]
    rows = held.positions[(held.positions["session"] == day) & held.positions["book"].isin(STRATEGIES)]
    worth = rows.set_index(["book", "symbol"])["market_value"]
    for (book, symbol), value in worth.items():
        wanted_value = year.targets[before].contributions.get(book, {}).get(symbol, 0.0) * equity[before, "account"]
        traded = symbol in year.bars[before] and symbol in year.bars[day]
        if traded and year.targets[before].cut(symbol) == 1.0:
            assert value == pytest.approx(wanted_value, abs=0.02 * equity[before, "account"])


def test_rows_that_do_not_add_up_are_named() -> None:
    year = Year(9)
    held = year.held(year.days)
    positions = held.positions.copy()
    changed = positions.index[(positions["book"] == "account")][3]
    positions.loc[changed, "quantity"] += 0.001
    found = books_that_do_not_add_up(positions, held.account)
    assert found[["session", "what", "symbol"]].values.tolist() == [
        [positions.loc[changed, "session"], "quantity", positions.loc[changed, "symbol"]]
    ]
    account = held.account.copy()
    account.loc[account.index[5], "cash"] += 0.01
    assert books_that_do_not_add_up(held.positions, account)["what"].tolist() == ["cash"]


@pytest.mark.parametrize("equity", [100_000, 40_000, 2, 1, 0, -1, -410_000])
def test_exposures_are_fractions_of_equity_and_none_where_there_is_no_equity(equity: int) -> None:
    day = date(2020, 2, 3)
    bars = {day: {"AAA": Bar(10.0, 12.0, 10.0, 12.0), "BBB": Bar(10.0, 10.0, 8.0, 8.0)}}

    def opened() -> Book:
        held = {"AAA": Position(100 * SHARE, 10.0, 10.0), "BBB": Position(-100 * SHARE, 9.0, 10.0)}
        return Book(equity - 120_000 + 80_000, held)

    found = hold(
        [day],
        Ledger(opened(), {RESERVE: opened()}),
        date(2020, 1, 31),
        {},
        bars,
        {},
        {},
        opening=Book(500),
        cash_buffer=0.0,
        delist_after_sessions=3,
    )
    for _, row in found.account.iterrows():
        assert row["equity"] == to_currency(equity)
        assert row["gross_exposure"] == (pytest.approx(200_000 / equity) if equity > 0 else 0.0)
        assert row["net_exposure"] == (pytest.approx(40_000 / equity) if equity > 0 else 0.0)
        assert row["profit_and_loss"] == to_currency(20_000 + 20_000)
        assert row["transfer"] == 0.0
    own = found.positions[found.positions["book"] == "account"].set_index("symbol")
    assert own["unrealized_pnl"].to_dict() == {"AAA": 200.0, "BBB": 100.0}


def test_what_only_the_strategies_or_only_the_account_have_does_not_add_up() -> None:
    year = Year(9)
    held = year.held(year.days[:3])
    symbol = held.positions.loc[held.positions["book"] == "account", "symbol"].iloc[0]
    mine = (held.positions["book"] == "account") & (held.positions["symbol"] == symbol)
    for kept, none in (
        (held.positions[~mine], "account"),
        (held.positions[held.positions["book"] == "account"], "books"),
    ):
        found = books_that_do_not_add_up(kept, held.account)
        assert set(found["what"]) == {"quantity"}
        assert (found[none] == 0.0).all()
        assert (found[{"account": "books", "books": "account"}[none]] != 0.0).all()
    strangers = held.positions[held.positions["book"] != "account"]
    assert (books_that_do_not_add_up(strangers, held.account)["account"] == 0.0).all()


def test_all_that_does_not_add_up_is_told_in_one_list() -> None:
    year = Year(9)
    held = year.held(year.days[:3])
    positions, account = held.positions.copy(), held.account.copy()
    positions.loc[positions.index[0], "quantity"] += 1.0
    account.loc[account.index[0], "cash"] += 0.01
    found = books_that_do_not_add_up(positions, account)
    assert found["what"].tolist() == ["quantity", "cash"]
    assert found.index.tolist() == [0, 1]
    assert (found["account"] - found["books"]).tolist() == pytest.approx([1.0, 0.01])
    assert len(books_that_do_not_add_up(held.positions, held.account)) == 0
