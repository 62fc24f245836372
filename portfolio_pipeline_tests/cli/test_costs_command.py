"""`portfolio costs` from outside, in a home that has traded: figures that the tables give as well, and refusals."""

from __future__ import annotations

import json

import pytest
import yaml

from portfolio_pipeline_tests.cli.house import House

pytestmark = pytest.mark.timeout(300)


def test_what_orders_have_cost_is_shown_as_the_tables_have_it(lived: House) -> None:
    fills = lived.wired.warehouse.read("fills").to_pandas()
    code, said = lived.does("costs", "show", "--json")
    assert code == 0, said
    found = json.loads(said)
    assert found["last"] == str(fills["session"].max())[:10]
    assert found["filled"] == fills["client_order_id"].nunique()
    assert found["traded"] == pytest.approx((fills["quantity"] * fills["price"]).sum())
    assert found["fees"]["amount"] == pytest.approx(fills["commission"].sum())
    parts = [found[name]["amount"] for name in ("delay", "spread", "slippage", "fees")]
    assert found["shortfall"]["amount"] == pytest.approx(sum(parts))
    assert found["compared"]["expected_bps"] == pytest.approx(found["compared"]["bps"], rel=0.3)
    books = found["strategies"]
    assert {one["strategy"] for one in books} <= {*lived.wired.warehouse.read("trades").to_pandas()["book"]}
    for name, whole in (("traded", found["traded"]), ("shortfall", found["shortfall"]["amount"])):
        assert sum(one[name] for one in books) == pytest.approx(whole)
    assert sum(one["expected"] for one in books) / found["traded"] * 1e4 == pytest.approx(
        found["compared"]["expected_bps"]
    )
    code, said = lived.does("costs", "show")
    assert (code, "shortfall" in said, "By strategy" in said) == (0, True, True), said


def test_what_the_simulated_broker_was_set_to_is_found_again_as_lines_for_the_settings(lived: House) -> None:
    code, said = lived.does("costs", "calibrate")
    if code:
        assert "TOO_FEW_ORDERS" in said
        return
    lines = yaml.safe_load(said[said.index("\ncosts:") :])
    costs = lived.wired.settings.costs
    assert lines["costs"]["commission_bps"] == pytest.approx(costs.commission_bps, abs=0.02)
    fixed = lines["costs"]["half_spread_bps"] + lines["costs"]["slippage_bps"]
    assert fixed == pytest.approx(costs.half_spread_bps + costs.slippage_bps, abs=0.1)


def test_where_nothing_has_been_traded_yet_it_is_one_message(lived: House) -> None:
    code, said = lived.does("costs", "show", "--from", "2026-11-02")
    assert (code, "NO_ORDERS_YET: found=no order that came to its end since 2026-11-02" in said) == (1, True), said
    assert "Traceback" not in said
