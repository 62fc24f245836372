"""What only the simulated broker promises: records that survive, die with their call, and agree with the fake.

What every broker promises is in `test_broker_contract`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.adapters.broker.simulated import SimulatedBroker
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.adapters.broker_orders import DAYS, HOUSE, PRICES, RANGE, order, some_orders
from portfolio_pipeline_tests.fakes.broker import FakeBroker

SIM_TABLES = ("sim_account", "sim_positions", "sim_orders", "sim_outcomes", "sim_fills")


def with_prices(warehouse: Warehouse, prices: pd.DataFrame = PRICES) -> Warehouse:
    warehouse.replace("prices", RANGE, prices)
    return warehouse


def tables(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    return {name: warehouse.read(name).to_pandas() for name in SIM_TABLES}


def assert_same(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    for name in SIM_TABLES:
        pd.testing.assert_frame_equal(found[name], expected[name], check_exact=True, obj=name)


def test_it_agrees_with_the_fake_on_both_engines(warehouse: Warehouse) -> None:
    simulated, fake = SimulatedBroker(HOUSE, with_prices(warehouse)), FakeBroker(HOUSE, PRICES)
    for part in (SessionRange(DAYS[2], DAYS[9]), SessionRange(DAYS[5], DAYS[20]), SessionRange(DAYS[0], DAYS[28])):
        sent = some_orders(list(part))
        expected = fake.submit(part, sent)
        assert simulated.submit(part, sent) == expected
        assert simulated.account(part.last) == fake.account(part.last)
    assert simulated.fills(RANGE) == fake.fills(RANGE)


@examples(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 28), max_size=4), questions=st.sets(st.integers(0, 28), max_size=3))
def test_however_the_sessions_are_cut_the_tables_are_the_same(
    duckdb_warehouse: Warehouse, cuts: list[int], questions: set[int]
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
            mine = [one for one in everything if part.first <= one.session <= part.last]
            broker.submit(part, mine)
            if start in questions:
                broker.account(part.last)
                broker.fills(part)
        return tables(duckdb_warehouse)

    assert_same(played([0, *sorted(set(cuts)), len(DAYS)]), played([0, len(DAYS)]))


def test_it_remembers_everything_over_a_restart(duckdb_warehouse: Warehouse) -> None:
    first = SimulatedBroker(HOUSE, with_prices(duckdb_warehouse))
    first.submit(RANGE, some_orders())
    second = SimulatedBroker(HOUSE, duckdb_warehouse)
    assert second.account(DAYS[12]) == first.account(DAYS[12])
    assert second.reports(RANGE) == first.reports(RANGE)


def test_a_call_that_dies_half_way_has_not_happened(duckdb_warehouse: Warehouse) -> None:
    broker = SimulatedBroker(HOUSE, with_prices(duckdb_warehouse))
    half = SessionRange(DAYS[0], DAYS[14])
    broker.submit(half, some_orders(list(half)))
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


def test_a_session_without_prices_is_not_played(duckdb_warehouse: Warehouse) -> None:
    gone = DAYS[5]
    broker = SimulatedBroker(HOUSE, with_prices(duckdb_warehouse, PRICES[PRICES["session"] != gone]))
    with pytest.raises(BrokerError, match=f"SESSION_HAS_NO_PRICES: session={gone}"):
        broker.submit(RANGE, some_orders())
    assert tables(duckdb_warehouse)["sim_orders"].empty


def test_an_identifier_never_names_another_order(duckdb_warehouse: Warehouse) -> None:
    broker = SimulatedBroker(HOUSE, with_prices(duckdb_warehouse))
    single = SessionRange.single(DAYS[0])
    broker.submit(single, [order(DAYS[0], "AAA", 5, name="x")])
    with pytest.raises(BrokerError, match="CLIENT_ORDER_ID_REUSED: found=x"):
        broker.submit(single, [order(DAYS[0], "AAA", 6, name="x")])
    with pytest.raises(BrokerError, match="CLIENT_ORDER_ID_REUSED: found=x"):
        broker.submit(SessionRange.single(DAYS[3]), [order(DAYS[3], "AAA", 5, name="x")])
    with pytest.raises(BrokerError, match="CLIENT_ORDER_ID_REUSED: found=y"):
        broker.submit(single, [order(DAYS[0], "AAA", 5, name="y")] * 2)


def test_orders_of_another_session_are_not_taken(duckdb_warehouse: Warehouse) -> None:
    broker = SimulatedBroker(HOUSE, with_prices(duckdb_warehouse))
    with pytest.raises(BrokerError, match="ORDER_OUTSIDE_RANGE"):
        broker.submit(SessionRange.single(DAYS[0]), [order(DAYS[1], "AAA", 5)])


def test_later_prices_change_nothing_that_was_played_before(duckdb_warehouse: Warehouse) -> None:
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


class _DyingWarehouse:
    """A warehouse whose process is interrupted at the nth write of a transaction."""

    def __init__(self, warehouse: Warehouse, dies_at: int) -> None:
        self._warehouse = warehouse
        self._writes_left = dies_at

    @contextmanager
    def transaction(self) -> Iterator[Any]:
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
