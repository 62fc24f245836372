"""What every broker promises, and what a broker with a made-up market promises beyond that.

A new adapter inherits `BrokerContract`: nothing is asked there that a real broker could not answer. Sessions come one
after the other, and none is asked for twice. `ReplayingBrokerContract` adds that the past can be asked about and
played anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pandas as pd
import pytest

from portfolio_pipeline.adapters.broker.simulated import SimulatedBroker
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.core.execution.tickets import TAKEN, OrderReport, OrderState, TimeInForce
from portfolio_pipeline.ports import Broker, Warehouse
from portfolio_pipeline_tests.adapters.alpaca.desk import alpaca
from portfolio_pipeline_tests.adapters.broker_orders import DAYS, HOUSE, PRICES, RANGE, order, some_orders
from portfolio_pipeline_tests.fakes.alpaca.ledger import Quote
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer
from portfolio_pipeline_tests.fakes.broker import FakeBroker
from portfolio_pipeline_tests.trading import SYMBOLS

OPENED, TRADED = (SessionRange.single(day) for day in DAYS[:2])


def states(reports: tuple[OrderReport, ...]) -> dict[str, OrderState]:
    return {report.client_order_id: report.state for report in reports}


class BrokerContract:
    """A subclass brings the fixture `broker`: a new account with the initial cash, in the market of PRICES."""

    expired = not_reached = "EXPIRED"
    """How the reason begins for which nothing of an order was executed; a made-up market knows more of it."""

    def until_the_auctions(self, broker: Broker, session: date) -> None:
        """Wait for the hour, after a close, at which orders for the next auctions are taken."""

    def close(self, broker: Broker, session: date) -> None:
        """Bring the broker's market to the close of a session; made-up markets are played when they are asked."""

    def test_an_account_opens_with_the_initial_cash(self, broker: Broker) -> None:
        account = broker.account(DAYS[0])
        assert (account.session, account.cash, dict(account.holdings)) == (DAYS[0], 1_000_000_00, {})
        assert account.equity == account.cash

    def test_orders_decided_at_a_close_are_executed_in_the_next_session(self, broker: Broker) -> None:
        sent = broker.submit(OPENED, [order(DAYS[0], "AAA", 10)])
        assert [report.state for report in sent] == [OrderState.ACCEPTED]
        assert dict(broker.account(DAYS[0]).holdings) == {}
        self.close(broker, DAYS[1])
        [fill] = broker.fills(TRADED)
        assert (fill.session, fill.symbol, fill.quantity) == (DAYS[1], "AAA", 10 * SHARE)
        assert fill.client_order_id == sent[0].client_order_id
        after = broker.account(DAYS[1])
        assert after.holdings["AAA"].quantity == 10 * SHARE
        assert after.cash == 1_000_000_00 + fill.cash
        [report] = broker.reports(OPENED)
        assert (report.state, report.filled_quantity) == (OrderState.FILLED, 10 * SHARE)
        assert report.broker_order_id == sent[0].broker_order_id

    def test_an_order_that_is_known_is_not_sent_again(self, broker: Broker) -> None:
        orders = [order(DAYS[0], "AAA", 10), order(DAYS[0], "BBB", 5)]
        assert broker.submit(OPENED, orders) == broker.submit(OPENED, orders[::-1])
        self.close(broker, DAYS[1])
        broker.fills(TRADED)
        held = {symbol: holding.quantity for symbol, holding in broker.account(DAYS[1]).holdings.items()}
        assert held == {"AAA": 10 * SHARE, "BBB": 5 * SHARE}

    def test_a_limit_is_never_passed_and_one_that_is_not_reached_expires(self, broker: Broker) -> None:
        """Prices of the first session stand around the open: far beyond, just there, and far away."""
        opened = price(DAYS[1], "AAA", "open")
        generous, far = round(opened * 1.3, 2), round(opened * 0.5, 2)
        sent = [
            order(DAYS[0], "AAA", 3, limit=generous, name="1"),
            order(DAYS[0], "AAA", 4, limit=far, name="2"),
        ]
        broker.submit(OPENED, sent)
        self.close(broker, DAYS[1])
        [fill] = broker.fills(TRADED)
        assert (fill.client_order_id, fill.quantity) == ("1", 3 * SHARE)
        assert fill.price == pytest.approx(opened, rel=0.01)
        told = {one.client_order_id: one for one in broker.reports(OPENED)}
        assert [told[name].state for name in ("1", "2")] == [OrderState.FILLED, OrderState.EXPIRED]
        assert str(told["2"].error).startswith(self.not_reached)

    def test_a_limit_within_the_session_is_filled_at_itself(self, broker: Broker) -> None:
        limit = round(price(DAYS[1], "AAA", "low") + 0.01, 2)
        assert limit < price(DAYS[1], "AAA", "open") - 0.01
        broker.submit(OPENED, [order(DAYS[0], "AAA", 3, limit=limit)])
        self.close(broker, DAYS[1])
        [fill] = broker.fills(TRADED)
        assert fill.price == limit

    def test_orders_for_the_auctions_are_filled_at_their_prices(self, broker: Broker) -> None:
        self.until_the_auctions(broker, DAYS[0])
        sent = [
            order(DAYS[0], "AAA", 3, name="1", kind=TimeInForce.OPENING),
            order(DAYS[0], "BBB", 3, name="2", kind=TimeInForce.CLOSING),
        ]
        assert [report.error for report in broker.submit(OPENED, sent)] == [None, None]
        self.close(broker, DAYS[1])
        first, last = broker.fills(TRADED)
        assert first.price == pytest.approx(price(DAYS[1], "AAA", "open"), rel=0.003)
        assert last.price == pytest.approx(price(DAYS[1], "BBB", "close"), rel=0.003)
        assert first.filled_at < last.filled_at
        assert set(broker.account(DAYS[1]).holdings) == {"AAA", "BBB"}

    def test_of_symbols_that_are_not_known_nothing_is_said(self, broker: Broker) -> None:
        assert {one.symbol for one in broker.assets(["AAA", "XYZ"])} <= {"AAA"}
        assert broker.assets([]) == ()

    def test_a_session_may_have_no_orders(self, broker: Broker) -> None:
        assert broker.submit(OPENED, []) == broker.reports(OPENED) == ()
        self.close(broker, DAYS[1])
        assert broker.fills(TRADED) == ()

    def test_an_unknown_symbol_is_refused_with_the_reason_and_the_others_go_on(self, broker: Broker) -> None:
        sent = broker.submit(OPENED, [order(DAYS[0], "XYZ", 5), order(DAYS[0], "AAA", 5)])
        stranger, known = f"{DAYS[0]}-XYZ-5", f"{DAYS[0]}-AAA-5"
        assert states(sent) == {stranger: OrderState.REFUSED, known: OrderState.ACCEPTED}
        [error] = [str(report.error) for report in sent if report.client_order_id == stranger]
        assert "UNKNOWN_SYMBOL" in error
        self.close(broker, DAYS[1])
        assert [fill.symbol for fill in broker.fills(TRADED)] == ["AAA"]

    def test_an_order_for_a_symbol_that_does_not_trade_expires_with_the_reason(self, broker: Broker) -> None:
        late = PRICES[PRICES["symbol"] == "EEE"]["session"].min()
        decided, missed = [day for day in DAYS if day < late][-2:]
        self.close(broker, decided)
        broker.submit(SessionRange.single(decided), [order(decided, "EEE", 5)])
        self.close(broker, missed)
        assert broker.fills(SessionRange.single(missed)) == ()
        [report] = broker.reports(SessionRange.single(decided))
        assert (report.state, report.filled_quantity) == (OrderState.EXPIRED, 0)
        assert str(report.error).startswith(self.expired)

    def test_the_executions_of_an_order_are_what_its_report_calls_filled(self, broker: Broker) -> None:
        for before, day in pairwise(DAYS):
            sent = [one for one in some_orders() if one.session == before]
            broker.submit(SessionRange.single(before), sent)
            self.close(broker, day)
            fills = broker.fills(SessionRange.single(day))
            reports = broker.reports(SessionRange.single(before))
            assert {one.client_order_id for one in sent} == set(states(reports))
            assert len({fill.fill_id for fill in fills}) == len(fills)
            for report in reports:
                executed = [fill for fill in fills if fill.client_order_id == report.client_order_id]
                assert sum(abs(fill.quantity) for fill in executed) == report.filled_quantity
                assert report.state in TAKEN or (report.state, executed) == (OrderState.REFUSED, [])

    def test_reports_come_in_the_order_of_sessions_and_identifiers(self, broker: Broker) -> None:
        names = ["b", "c", "a"]
        sent = [order(DAYS[0], symbol, 5, name=name) for symbol, name in zip(("AAA", "BBB", "CCC"), names, strict=True)]
        assert list(states(broker.submit(OPENED, sent))) == sorted(names)
        assert list(states(broker.reports(OPENED))) == sorted(names)

    def test_a_session_without_orders_is_tradable_at_its_close(self, broker: Broker) -> None:
        assert broker.tradable(OPENED) == OPENED
        self.close(broker, DAYS[1])
        assert broker.tradable(TRADED) == TRADED
        assert broker.cash_flows(TRADED) == ()

    def test_an_identifier_is_never_given_to_another_order(self, broker: Broker) -> None:
        broker.submit(OPENED, [order(DAYS[0], "AAA", 10, name="one")])
        with pytest.raises(BrokerError, match="CLIENT_ORDER_ID_REUSED: found=one"):
            broker.submit(OPENED, [order(DAYS[0], "AAA", 11, name="one")])
        assert [report.client_order_id for report in broker.reports(OPENED)] == ["one"]

    def test_cash_never_comes_from_nothing(self, broker: Broker) -> None:
        """Today's cash is yesterday's, plus dividends on what was held, plus what the fills say, plus delistings."""
        bars = PRICES.set_index(["session", "symbol"])
        yesterday = broker.account(DAYS[0])
        for before, day in pairwise(DAYS):
            broker.submit(SessionRange.single(before), [one for one in some_orders() if one.session == before])
            self.close(broker, day)
            fills, today = broker.fills(SessionRange.single(day)), broker.account(day)
            cents = float(yesterday.cash)
            for symbol, held in yesterday.holdings.items():
                shares = held.quantity / SHARE
                if (day, symbol) in bars.index:
                    bar = bars.loc[(day, symbol)]
                    cents += shares * bar["split_ratio"] * bar["dividend"] * 100
                elif symbol not in today.holdings:
                    cents += shares * held.price * 100
            for fill in fills:
                cents -= fill.quantity / SHARE * fill.price * 100 + fill.commission
            assert today.cash == pytest.approx(cents, abs=2 * (1 + len(SYMBOLS)))
            yesterday = today


class ReplayingBrokerContract(BrokerContract):
    """The broker plays a market that is written down already, as often as it is asked to."""

    expired, not_reached = "NO_BAR", "LIMIT_NOT_REACHED"

    def test_a_range_that_is_known_is_not_played_twice(self, broker: Broker) -> None:
        first = broker.submit(RANGE, some_orders())
        account, fills = broker.account(DAYS[-1]), broker.fills(RANGE)
        assert broker.submit(RANGE, some_orders()[::-1]) == first
        assert broker.fills(RANGE) == fills
        assert broker.account(DAYS[-1]) == account

    def test_other_orders_for_a_session_already_played_are_played_anew(self, broker: Broker) -> None:
        broker.submit(RANGE, some_orders())
        middle = DAYS[10]
        broker.submit(SessionRange.single(middle), [order(middle, "AAA", 7)])
        kept = broker.reports(RANGE)
        assert max(report.session for report in kept) == middle
        assert [report.client_order_id for report in kept if report.session == middle] == [f"{middle}-AAA-7"]

    def test_a_range_of_sessions_is_the_same_as_one_after_the_other(self, broker: Broker) -> None:
        for day in DAYS:
            broker.submit(SessionRange.single(day), [one for one in some_orders() if one.session == day])
        fresh = FakeBroker(HOUSE, PRICES)
        fresh.submit(RANGE, some_orders())
        assert broker.account(DAYS[-1]) == fresh.account(DAYS[-1])
        assert broker.fills(RANGE) == fresh.fills(RANGE)
        assert broker.reports(RANGE) == fresh.reports(RANGE)


class TestTheFake(ReplayingBrokerContract):
    @pytest.fixture
    def broker(self) -> Broker:
        return FakeBroker(HOUSE, PRICES)


class TestTheSimulatedBroker(ReplayingBrokerContract):
    @pytest.fixture
    def broker(self, duckdb_warehouse: Warehouse) -> Broker:
        duckdb_warehouse.replace("prices", RANGE, PRICES)
        return SimulatedBroker(HOUSE, duckdb_warehouse)


class TestAlpaca(BrokerContract):
    """Against the server, which plays the opens of PRICES, and pays its dividends, when a session closes."""

    @pytest.fixture
    def broker(self, duckdb_warehouse: Warehouse) -> Iterator[Broker]:
        duckdb_warehouse.replace("prices", RANGE, PRICES)
        with AlpacaServer(evening(DAYS[0])) as self.server:
            self.server.ledger.prices |= dict.fromkeys(SYMBOLS, Decimal(100))
            yield alpaca(self.server, duckdb_warehouse)

    def until_the_auctions(self, broker: Broker, session: date) -> None:
        self.server.clock.set(evening(session) + timedelta(hours=2))

    def close(self, broker: Broker, session: date) -> None:
        bars = PRICES[PRICES["session"] == session].set_index("symbol")
        self.server.ledger.play(session, {symbol: quote(bar) for symbol, bar in bars.iterrows()})


def quote(bar: pd.Series) -> Quote:
    names = ("open", "close", "dividend", "split_ratio", "low", "high")
    return Quote(*(Decimal(f"{bar[name]:.4f}") for name in names))


def price(session: date, symbol: str, name: str) -> float:
    found = PRICES[(PRICES["session"] == session) & (PRICES["symbol"] == symbol)]
    return float(found[name].iloc[0])
