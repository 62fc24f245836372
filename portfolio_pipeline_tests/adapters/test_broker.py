"""The contract of a broker, over the simulated one and the fake; and what only the simulated one promises."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from datetime import date
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.adapters.broker import open_broker
from portfolio_pipeline.adapters.broker.simulated import SimulatedBroker
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.core.tables import ORDERS
from portfolio_pipeline.ports import Broker, Warehouse
from portfolio_pipeline_tests.fakes.broker import FakeBroker
from portfolio_pipeline_tests.trading import SYMBOLS, first_sessions, market, settings

RANGE = first_sessions(30)
DAYS = tuple(RANGE)
HOUSE = settings()
PRICES = market(3, RANGE)
SIM_TABLES = ("sim_account", "sim_positions", "sim_orders", "sim_outcomes", "sim_fills")


def order(session: date, symbol: str, quantity: float, **changes: object) -> dict[str, object]:
    side = "buy" if quantity > 0 else "sell"
    return {
        "session": session,
        "client_order_id": f"{session}-{symbol}-{quantity:g}",
        "symbol": symbol,
        "side": side,
        "quantity": abs(quantity),
        "order_type": "market",
        "limit_price": None,
        "time_in_force": "day",
        "reason": "test",
        "verdict": "accepted",
        "reference_price": 1.0,
        "target_weight": 0.0,
        **changes,
    }


def orders(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(ORDERS.column_names))


def some_orders(days: tuple[date, ...] = DAYS) -> pd.DataFrame:
    """Buys and sells of every symbol, larger than some volumes, some for more than is held."""
    rows = [
        order(day, symbol, (-1) ** (number // 2) * 900.0 * (place + 1 + number % 7))
        for number, day in enumerate(days)
        for place, symbol in enumerate(SYMBOLS)
        if (number + place) % 3
    ]
    return orders(*rows)


def with_prices(warehouse: Warehouse, prices: pd.DataFrame = PRICES) -> Warehouse:
    warehouse.replace("prices", RANGE, prices)
    return warehouse


@pytest.fixture(params=["simulated", "fake"])
def broker(request: pytest.FixtureRequest) -> Broker:
    if request.param == "fake":
        return FakeBroker(HOUSE, PRICES)
    return SimulatedBroker(HOUSE, with_prices(request.getfixturevalue("duckdb_warehouse")))


def tables(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    return {name: warehouse.read(name).to_pandas() for name in SIM_TABLES}


def assert_same(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    for name in SIM_TABLES:
        pd.testing.assert_frame_equal(found[name], expected[name], check_exact=True, obj=name)


class TestEveryBroker:
    def test_an_account_opens_with_the_initial_cash(self, broker: Broker) -> None:
        account = broker.account(DAYS[0])
        assert (account.session, account.cash, dict(account.holdings)) == (DAYS[0], 1_000_000.0, {})

    def test_orders_decided_at_a_close_are_executed_in_the_next_session(self, broker: Broker) -> None:
        sent = broker.submit(SessionRange.single(DAYS[0]), orders(order(DAYS[0], "AAA", 10)))
        assert sent["state"].tolist() == ["accepted"]
        assert dict(broker.account(DAYS[0]).holdings) == {}
        executed = broker.fills(SessionRange.single(DAYS[1]))
        assert executed[["symbol", "side", "quantity"]].values.tolist() == [["AAA", "buy", 10.0]]
        assert broker.account(DAYS[1]).holdings["AAA"].quantity == 10.0
        assert broker.submissions(SessionRange.single(DAYS[0]))["state"].tolist() == ["filled"]

    def test_an_order_that_is_known_is_not_executed_twice(self, broker: Broker) -> None:
        first = broker.submit(RANGE, some_orders())
        account, fills = broker.account(DAYS[-1]), broker.fills(RANGE)
        again = broker.submit(RANGE, some_orders())
        pd.testing.assert_frame_equal(first, again)
        pd.testing.assert_frame_equal(fills, broker.fills(RANGE))
        assert broker.account(DAYS[-1]) == account

    def test_other_orders_for_a_session_already_played_are_played_anew(self, broker: Broker) -> None:
        broker.submit(RANGE, some_orders())
        middle = DAYS[10]
        broker.submit(SessionRange.single(middle), orders(order(middle, "AAA", 7)))
        kept = broker.submissions(RANGE)
        assert kept["session"].max() == pd.Timestamp(middle)
        assert kept.loc[kept["session"] == pd.Timestamp(middle), "client_order_id"].tolist() == [f"{middle}-AAA-7"]

    def test_an_unknown_symbol_is_refused_with_the_reason(self, broker: Broker) -> None:
        sent = broker.submit(SessionRange.single(DAYS[0]), orders(order(DAYS[0], "XYZ", 5), order(DAYS[0], "AAA", 5)))
        states = dict(zip(sent["client_order_id"], sent["state"], strict=True))
        assert states == {f"{DAYS[0]}-XYZ-5": "refused", f"{DAYS[0]}-AAA-5": "accepted"}
        assert "UNKNOWN_SYMBOL" in sent.set_index("client_order_id").loc[f"{DAYS[0]}-XYZ-5", "error"]
        broker.account(DAYS[1])
        assert "XYZ" not in broker.account(DAYS[1]).holdings

    def test_an_order_for_a_symbol_without_a_bar_expires_with_the_reason(self, broker: Broker) -> None:
        late = PRICES[PRICES["symbol"] == "EEE"]["session"].min()
        decided = [day for day in DAYS if day < late][-2]
        broker.submit(SessionRange.single(decided), orders(order(decided, "EEE", 5)))
        broker.account(late)
        sent = broker.submissions(SessionRange.single(decided))
        assert sent["state"].tolist() == ["expired"]
        assert sent["error"].iloc[0].startswith("NO_BAR")

    def test_a_range_of_sessions_is_the_same_as_one_after_the_other(self, broker: Broker) -> None:
        everything = some_orders()
        for day in DAYS:
            broker.submit(SessionRange.single(day), everything[everything["session"] == day])
        fresh = FakeBroker(HOUSE, PRICES)
        fresh.submit(RANGE, everything)
        assert broker.account(DAYS[-1]) == fresh.account(DAYS[-1])
        pd.testing.assert_frame_equal(broker.fills(RANGE), fresh.fills(RANGE), check_dtype=False)
        pd.testing.assert_frame_equal(broker.submissions(RANGE), fresh.submissions(RANGE), check_dtype=False)

    def test_cash_never_comes_from_nothing(self, broker: Broker) -> None:
        """Today's cash is yesterday's, plus dividends on what was held, plus what the fills say, plus delistings."""
        broker.submit(RANGE, some_orders())
        fills = broker.fills(RANGE)
        bars = PRICES.set_index(["session", "symbol"])
        for day in DAYS[1:]:
            yesterday, today = broker.account(DAYS[DAYS.index(day) - 1]), broker.account(day)
            cash = yesterday.cash
            for symbol, held in yesterday.holdings.items():
                if (day, symbol) in bars.index:
                    bar = bars.loc[(day, symbol)]
                    cash += held.quantity * bar["split_ratio"] * bar["dividend"]
                elif symbol not in today.holdings:
                    cash += held.quantity * held.price
            for _, fill in fills[fills["session"] == pd.Timestamp(day)].iterrows():
                cash += fill["quantity"] * fill["price"] * (1 if fill["side"] == "sell" else -1) - fill["commission"]
            assert today.cash == pytest.approx(cash, abs=0.02 * (1 + len(SYMBOLS)))


class TestTheSimulatedBroker:
    def test_it_agrees_with_the_fake_on_both_engines(self, warehouse: Warehouse) -> None:
        simulated, fake = SimulatedBroker(HOUSE, with_prices(warehouse)), FakeBroker(HOUSE, PRICES)
        for part in (SessionRange(DAYS[2], DAYS[9]), SessionRange(DAYS[5], DAYS[20]), SessionRange(DAYS[0], DAYS[28])):
            sent = some_orders(tuple(part))
            expected = fake.submit(part, sent)
            pd.testing.assert_frame_equal(simulated.submit(part, sent), expected, check_dtype=False)
            assert simulated.account(part.last) == fake.account(part.last)
        pd.testing.assert_frame_equal(simulated.fills(RANGE), fake.fills(RANGE), check_dtype=False)

    @examples(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(cuts=st.lists(st.integers(1, 28), max_size=4), questions=st.sets(st.integers(0, 28), max_size=3))
    def test_however_the_sessions_are_cut_the_tables_are_the_same(
        self, duckdb_warehouse: Warehouse, cuts: list[int], questions: set[int]
    ) -> None:
        everything = some_orders()
        with_prices(duckdb_warehouse)

        def played(bounds: list[int]) -> dict[str, pd.DataFrame]:
            with duckdb_warehouse.transaction() as tx:
                for name in SIM_TABLES:
                    tx.delete(name, None)
            broker = SimulatedBroker(HOUSE, duckdb_warehouse)
            for start, stop in pairwise(bounds):
                part = SessionRange(DAYS[start], DAYS[stop - 1])
                mine = everything[(everything["session"] >= part.first) & (everything["session"] <= part.last)]
                broker.submit(part, mine)
                if start in questions:
                    broker.account(part.last)
                    broker.fills(part)
            return tables(duckdb_warehouse)

        assert_same(played([0, *sorted(set(cuts)), len(DAYS)]), played([0, len(DAYS)]))

    def test_it_remembers_everything_over_a_restart(self, duckdb_warehouse: Warehouse) -> None:
        first = SimulatedBroker(HOUSE, with_prices(duckdb_warehouse))
        first.submit(RANGE, some_orders())
        second = SimulatedBroker(HOUSE, duckdb_warehouse)
        assert second.account(DAYS[12]) == first.account(DAYS[12])
        pd.testing.assert_frame_equal(second.submissions(RANGE), first.submissions(RANGE))

    def test_a_call_that_dies_half_way_has_not_happened(
        self, duckdb_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broker = SimulatedBroker(HOUSE, with_prices(duckdb_warehouse))
        half = SessionRange(DAYS[0], DAYS[14])
        broker.submit(half, some_orders(tuple(half)))
        before = tables(duckdb_warehouse)
        for dies_at in range(5):
            dying = SimulatedBroker(HOUSE, _DyingWarehouse(duckdb_warehouse, dies_at))  # type: ignore[arg-type]
            with pytest.raises(KeyboardInterrupt):
                dying.submit(RANGE, some_orders())
            assert_same(tables(duckdb_warehouse), before)
        broker.submit(RANGE, some_orders())
        repeated = tables(duckdb_warehouse)
        with duckdb_warehouse.transaction() as tx:
            for name in SIM_TABLES:
                tx.delete(name, None)
        broker.submit(RANGE, some_orders())
        assert_same(repeated, tables(duckdb_warehouse))

    def test_a_session_without_prices_is_not_played(self, duckdb_warehouse: Warehouse) -> None:
        gone = DAYS[5]
        broker = SimulatedBroker(HOUSE, with_prices(duckdb_warehouse, PRICES[PRICES["session"] != gone]))
        with pytest.raises(BrokerError, match=f"SESSION_HAS_NO_PRICES: session={gone}"):
            broker.submit(RANGE, some_orders())
        assert tables(duckdb_warehouse)["sim_orders"].empty

    def test_an_identifier_never_names_another_order(self, duckdb_warehouse: Warehouse) -> None:
        broker = SimulatedBroker(HOUSE, with_prices(duckdb_warehouse))
        single = SessionRange.single(DAYS[0])
        broker.submit(single, orders(order(DAYS[0], "AAA", 5, client_order_id="x")))
        with pytest.raises(BrokerError, match="CLIENT_ORDER_ID_REUSED: found=x"):
            broker.submit(single, orders(order(DAYS[0], "AAA", 6, client_order_id="x")))
        with pytest.raises(BrokerError, match="CLIENT_ORDER_ID_REUSED: found=x"):
            broker.submit(SessionRange.single(DAYS[3]), orders(order(DAYS[3], "AAA", 5, client_order_id="x")))
        with pytest.raises(BrokerError, match="CLIENT_ORDER_ID_REUSED: found=y"):
            broker.submit(single, orders(*[order(DAYS[0], "AAA", 5, client_order_id="y")] * 2))

    def test_orders_of_another_session_are_not_taken(self, duckdb_warehouse: Warehouse) -> None:
        broker = SimulatedBroker(HOUSE, with_prices(duckdb_warehouse))
        with pytest.raises(BrokerError, match="ORDER_OUTSIDE_RANGE"):
            broker.submit(SessionRange.single(DAYS[0]), orders(order(DAYS[1], "AAA", 5)))

    def test_later_prices_change_nothing_that_was_played_before(self, duckdb_warehouse: Warehouse) -> None:
        def played(prices: pd.DataFrame) -> dict[str, pd.DataFrame]:
            with duckdb_warehouse.transaction() as tx:
                for name in SIM_TABLES:
                    tx.delete(name, None)
            SimulatedBroker(HOUSE, with_prices(duckdb_warehouse, prices)).submit(RANGE, some_orders())
            return tables(duckdb_warehouse)

        changed = PRICES.copy()
        later = changed["session"] > DAYS[15]
        changed.loc[later, ["open", "high", "low", "close"]] *= 1.5
        changed.loc[later, "volume"] = 1.0
        found, expected = played(changed), played(PRICES)
        for name in SIM_TABLES:
            known, before = (every[name][every[name]["session"] <= DAYS[15]] for every in (found, expected))
            pd.testing.assert_frame_equal(known, before, check_exact=True, obj=name)
        assert not found["sim_outcomes"].equals(expected["sim_outcomes"])


@pytest.mark.parametrize("mode", ["PAPER", "LIVE"])
def test_paper_and_live_are_refused_in_one_readable_message(duckdb_warehouse: Warehouse, mode: str) -> None:
    broker = open_broker(mode, HOUSE, duckdb_warehouse)
    single = SessionRange.single(DAYS[0])
    calls: list[Callable[[], object]] = [
        lambda: broker.account(DAYS[0]),
        lambda: broker.submit(single, orders()),
        lambda: broker.submissions(single),
        lambda: broker.fills(single),
    ]
    for call in calls:
        with pytest.raises(BrokerError, match=f"TRADING_MODE_NOT_AVAILABLE: found={mode}, expected=SIMULATED"):
            call()


class _DyingWarehouse:
    """A warehouse whose process is interrupted at the nth write of a transaction."""

    def __init__(self, warehouse: Warehouse, dies_at: int) -> None:
        self._warehouse = warehouse
        self._writes_left = dies_at

    @contextmanager
    def transaction(self):
        with self._warehouse.transaction() as tx:
            outer = self

            class Dying:
                def __getattr__(self, name: str) -> object:
                    return getattr(tx, name)

                def replace(self, *arguments: object, **named: object) -> int:
                    if not outer._writes_left:
                        raise KeyboardInterrupt
                    outer._writes_left -= 1
                    return tx.replace(*arguments, **named)  # type: ignore[arg-type]

            yield Dying()
