"""The marts of execution costs on an account that has lived through splits, gaps and partial fills, on both engines:
against sums done in plain Python, order by order; and the simulated broker's own settings found again from them.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from portfolio_pipeline.core.books.book import Book, to_cents, to_shares
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.execution.costs import calibrate, expected_cost_rows
from portfolio_pipeline.core.execution.orders import plan
from portfolio_pipeline.core.execution.rows import fill_rows, outcome_rows, submission_rows, ticket_rows
from portfolio_pipeline.core.execution.settings import Costs, Orders
from portfolio_pipeline.core.market.bars import bars_by_session
from portfolio_pipeline.core.portfolio.session_targets import session_targets
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.costs import order_costs
from portfolio_pipeline.reports.costs import calibrated, found_costs
from portfolio_pipeline.sql_models.run import create_views, project_library
from portfolio_pipeline_tests.fakes.broker import FakeBroker
from portfolio_pipeline_tests.trading import ROOMY, first_sessions, market, settings, wanted

SESSIONS = first_sessions(80)
PRICES = market(5, SESSIONS)
KINDS = ("market", "limit", "opening", "closing")


def house(kind: Any, **costs: float) -> Settings:
    orders = Orders(type=kind, minimum_share=0.0, band=0.0)
    rules = settings(orders=orders, limits=Limits(symbol=0.6, turnover=1.0, asset_class=ROOMY), impact_bps=80.0)
    return rules.model_copy(update={"costs": Costs(commission_bps=0.7, half_spread_bps=1.5, slippage_bps=2.5, **costs)})


def lived(warehouse: Warehouse, kind: Any) -> Settings:
    """An account that has traded, as the chain would have stored it."""
    rules = house(kind)
    arrow = {n: pa.Table.from_pandas(r, preserve_index=False) for n, r in wanted(5, SESSIONS, rules).items()}
    targets = session_targets(arrow["aggregated_targets"], arrow["strategy_targets"], arrow["strategy_weights"])
    bars = bars_by_session(pa.Table.from_pandas(PRICES, preserve_index=False))
    planned = plan("SIMULATED", tuple(SESSIONS), Book(to_cents(1e6)), targets, bars, rules)
    broker = FakeBroker(rules, PRICES)
    broker.submit(SESSIONS, [one.order for one in planned.tickets if one.verdict == "accepted"])
    told = broker.reports(SESSIONS)
    ended = [(next_session(one.session), one) for one in told if one.session < SESSIONS.last]
    warehouse.replace("prices", SESSIONS, PRICES)
    warehouse.replace("orders", SESSIONS, ticket_rows(planned.tickets))
    warehouse.replace("expected_costs", SESSIONS, expected_cost_rows(planned.expected))
    accepted = submission_rows(told).assign(state="accepted", error=None, filled_quantity=0.0)
    warehouse.replace("submissions", SESSIONS, accepted)
    warehouse.replace("fills", SESSIONS, fill_rows(broker.fills(SESSIONS)))
    warehouse.replace("order_outcomes", SESSIONS, outcome_rows(ended))
    return rules


@pytest.mark.parametrize("kind", KINDS)
def test_every_order_is_split_into_what_a_person_would_sum_up(kind: Any, warehouse: Warehouse) -> None:
    rules = lived(warehouse, kind)
    bars = {(row["session"], row["symbol"]): row for row in PRICES.to_dict("records")}
    planned = {row["client_order_id"]: row for row in warehouse.read("orders").to_pylist()}
    fills = {row["client_order_id"]: row for row in warehouse.read("fills").to_pylist()}
    with warehouse.reading() as reader:
        found = order_costs(reader).to_dict("records")
    assert len(found) == len(warehouse.read("order_outcomes")) > 100
    assert sum(one["client_order_id"] in fills for one in found) > 50
    for one in found:
        order, fill = planned[one["client_order_id"]], fills.get(one["client_order_id"])
        side = 1 if order["side"] == "buy" else -1
        bar = bars.get((pd.Timestamp(one["session"]).date(), order["symbol"]))
        split = bar["split_ratio"] if bar else 1.0
        decided = order["reference_price"] / split
        shares = fill["quantity"] if fill else 0.0
        assert one["shares"] == shares
        assert one["unfilled"] == pytest.approx(order["quantity"] * split - shares, abs=1e-5)
        assert one["shortfall"] == one["delay"] + one["spread"] + one["slippage"] + one["fees"]
        if fill is None or bar is None:
            assert (one["shortfall"], one["traded"]) == (0.0, 0.0)
            continue
        whole = side * shares * (fill["price"] - decided) + fill["commission"]
        assert one["shortfall"] == pytest.approx(whole, abs=1e-6)
        arrived = bar["close"] if kind == "closing" and order["time_in_force"] == "cls" else bar["open"]
        assert one["delay"] == pytest.approx(side * shares * (arrived - decided), abs=1e-6)
        spread = 1.5 if order["time_in_force"] == "day" else 0.0
        assert one["spread"] == pytest.approx(shares * arrived * spread / 1e4, abs=1e-6)
        assert one["missed"] == pytest.approx(side * one["unfilled"] * (bar["close"] - decided), abs=1e-6)
        if kind != "limit":
            impact = 80 * math.sqrt(shares / bar["volume"]) if bar["volume"] else 0.0
            assert one["slippage"] == pytest.approx(shares * arrived * (2.5 + impact) / 1e4, abs=0.01 + 1e-6 * shares)
    assert rules.costs.half_spread_bps == 1.5


def test_sums_by_session_and_by_symbol_are_sums(duckdb_warehouse: Warehouse) -> None:
    lived(duckdb_warehouse, "market")
    create_views(duckdb_warehouse, project_library(), ["execution_costs_by_session", "execution_costs_by_symbol"])
    with duckdb_warehouse.reading() as reader:
        orders = order_costs(reader)
    by_session = duckdb_warehouse.query("select * from execution_costs_by_session order by session").to_pandas()
    assert by_session["orders"].sum() == len(orders)
    for name in ("traded", "delay", "spread", "slippage", "fees", "shortfall", "expected"):
        expected = orders.groupby("session")[name].sum()
        assert by_session[name].tolist() == pytest.approx(expected.tolist())
    assert by_session["actual_so_far"].iloc[-1] == pytest.approx(orders[["spread", "slippage", "fees"]].sum().sum())
    by_symbol = duckdb_warehouse.query("select * from execution_costs_by_symbol order by symbol").to_pandas()
    groups = orders.groupby("symbol")
    bps = 1e4 * groups["shortfall"].sum() / groups["traded"].sum()
    assert by_symbol["shortfall_bps"].tolist() == pytest.approx(bps.tolist())


def test_the_parameters_of_the_simulated_broker_are_found_again(duckdb_warehouse: Warehouse) -> None:
    rules = lived(duckdb_warehouse, "market")
    market = rules.simulated_broker.model_copy(update={"impact_bps": 20})
    others = rules.model_copy(update={"costs": Costs(half_spread_bps=0.6), "simulated_broker": market})
    found = calibrated(duckdb_warehouse, others)
    assert found.costs.commission_bps == pytest.approx(0.7, abs=0.01)
    assert found.costs.half_spread_bps + found.costs.slippage_bps == pytest.approx(4.0, abs=0.02)
    assert found.costs.half_spread_bps / found.costs.slippage_bps == pytest.approx(0.6, abs=0.02)  # as they are set
    assert found.impact_bps == pytest.approx(80.0, rel=0.01)
    assert "  impact_bps: 80\n" in found.lines
    assert (found.now, found.impact_now) == (others.costs, 20)
    whole = found_costs(duckdb_warehouse)
    assert whole.sums["shortfall"] == pytest.approx(whole.actual + whole.sums["delay"])
    assert whole.bps(whole.expected) == pytest.approx(
        whole.bps(whole.actual), rel=0.3
    )  # volumes are drawn anew each day


def test_a_few_orders_gone_wild_change_next_to_nothing(duckdb_warehouse: Warehouse) -> None:
    rules = lived(duckdb_warehouse, "market")
    with duckdb_warehouse.reading() as reader:
        rows = order_costs(reader)
    rows.loc[rows.index[::25], "slippage"] += 0.05 * rows["traded"]
    found = calibrate(rows, rules.costs, rules.simulated_broker)
    assert found.costs.half_spread_bps + found.costs.slippage_bps == pytest.approx(4.0, abs=0.5)
    assert found.impact_bps == pytest.approx(80.0, rel=0.1)


def test_an_impact_that_cannot_be_told_stays_as_it_is_set(duckdb_warehouse: Warehouse) -> None:
    rules = lived(duckdb_warehouse, "market")
    with duckdb_warehouse.reading() as reader:
        rows = order_costs(reader).assign(volume_share=float("nan"))
    found = calibrate(rows, rules.costs, rules.simulated_broker)
    assert found.impact_bps == 80.0
    assert found.notes[0] == "The impact cannot be told from these orders: it stays as it is set."


def test_too_few_orders_are_refused_with_their_number(duckdb_warehouse: Warehouse) -> None:
    rules = lived(duckdb_warehouse, "market")
    with duckdb_warehouse.reading() as reader:
        rows = order_costs(reader)
    executed = rows[rows["shares"] > 0]
    with pytest.raises(DataError, match="TOO_FEW_ORDERS: found=29 orders at market that were executed, expected=30"):
        calibrate(executed.head(29), rules.costs, rules.simulated_broker)
    assert calibrate(executed.head(30), rules.costs, rules.simulated_broker).orders == 30


def test_no_orders_yet_are_one_message(duckdb_warehouse: Warehouse) -> None:
    with pytest.raises(DataError, match="NO_ORDERS_YET: found=no order that came to its end since 2020-02-03"):
        found_costs(duckdb_warehouse, date(2020, 2, 3))


def test_what_a_range_expects_its_sessions_expect_one_by_one(duckdb_warehouse: Warehouse) -> None:
    """Expected costs look at the sessions before alone: of a shorter range they are the same."""
    rules = lived(duckdb_warehouse, "market")
    whole = duckdb_warehouse.read("expected_costs").to_pandas()
    half = SessionRange(SESSIONS.first, tuple(SESSIONS)[40])
    arrow = {n: pa.Table.from_pandas(r, preserve_index=False) for n, r in wanted(5, SESSIONS, rules).items()}
    targets = session_targets(arrow["aggregated_targets"], arrow["strategy_targets"], arrow["strategy_weights"])
    seen = PRICES[PRICES["session"] <= half.last]
    bars = bars_by_session(pa.Table.from_pandas(seen, preserve_index=False))
    planned = plan("SIMULATED", tuple(half), Book(to_cents(1e6)), targets, bars, rules)
    first = expected_cost_rows(planned.expected).set_index("client_order_id")
    again = whole.set_index("client_order_id").loc[first.index]
    assert (again.drop(columns="session") == first.drop(columns="session")).all().all()
    assert to_shares(planned.tickets[0].quantity) != 0
