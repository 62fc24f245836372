"""PAPER mode with other orders than of whole shares at market: what was planned, what was sent, and what is said."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline_tests.cli.paper_house import SETTINGS, PaperHouse, tables, ties
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

DAY = date(2026, 3, 5)
WHOLE = ("SHY", "IEF", "TLT")
OPENING = SETTINGS.replace("type: market", "type: opening").replace("fractional: false", "fractional: true")

pytestmark = pytest.mark.timeout(600)


def test_orders_for_the_opening_go_out_for_the_day_at_five_and_for_the_auction_at_half_past_seven(
    tmp_path: Path,
) -> None:
    """Of assets that the broker does not break whole shares are traded, of others fractions, which no auction takes."""
    with AlpacaServer(evening(DAY)) as server:
        house = PaperHouse(tmp_path / "home", server, DAY, OPENING)
        server.ledger.cash = Decimal("200000.37")
        server.ledger.not_fractionable = frozenset(WHOLE)
        code, said = house.does("up", "--no-ui", "--sessions", "300")
        assert code == 0, said
        for hours, kind in ((0.0, "day"), (2.5, "opg")):
            if hours:
                house.next_day()
                house.set_clock(evening(house.session) + timedelta(hours=hours))
                code, said = house.does("run")
                assert code == 0, said
                ties(house)
            single, warehouse = SessionRange.single(house.session), tables(house)
            planned = {row["client_order_id"]: row for row in warehouse.read("orders", single).to_pylist()}
            sent = {row["client_order_id"]: row for row in warehouse.read("submissions", single).to_pylist()}
            there = {one.client_order_id: one for one in server.ledger.orders.values()}
            assert planned.keys() == sent.keys() <= there.keys()
            assert planned
            for name, row in planned.items():
                whole = row["quantity"] % 1 == 0
                assert whole or row["symbol"] not in WHOLE
                assert row["time_in_force"] == ("opg" if whole else "day")
                assert ("takes whole shares only" in row["reason"]) != whole
                assert there[name].time_in_force == (kind if whole else "day")
                late = whole and kind == "day"
                told = "SENT_AS_DAY: planned for the opening auction, which took no orders then"
                assert (sent[name]["state"], sent[name]["error"]) == ("accepted", told if late else None)
            assets = warehouse.read("broker_assets", single).to_pylist()
            assert {row["symbol"] for row in assets} >= {row["symbol"] for row in planned.values()}
            assert {row["symbol"] for row in assets if not row["fractionable"]} <= set(WHOLE)
