"""What has to hold when an evening is over, whatever went wrong in it: asked of the tables and the server's ledger."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pandas as pd

from portfolio_pipeline.core.books.positions import books_that_do_not_add_up
from portfolio_pipeline.core.calendar.sessions import session_close
from portfolio_pipeline.core.execution.tickets import TAKEN
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.fakes.alpaca.ledger import Activity, Ledger, Taken

PART = Decimal("0.000002")  # of a share: what splits leave that do not come out
OURS = "PAPER-account-"
TABLES = ("orders", "order_attempts", "submissions", "risk_breaches", "fills", "trades", "positions", "account")


def proved(warehouse: Warehouse, ledger: Ledger, session: date, theirs: dict[str, Decimal]) -> None:
    """`theirs` is what others have in the account, as it was reckoned beside."""
    tables = {
        name: warehouse.read(name).to_pandas()
        for name in (
            "orders",
            "submissions",
            "fills",
            "trades",
            "positions",
            "account",
            "order_attempts",
            "risk_breaches",
        )
    }
    _each_intent_is_one_order(tables, ledger)
    _the_account_is_the_ledgers(tables, ledger, session)
    _executions_are_the_ledgers(tables, ledger, session)
    _others_have_what_is_theirs(tables, session, theirs)
    apart = books_that_do_not_add_up(tables["positions"], tables["account"])
    assert apart.empty, apart.to_dict("records")


def _each_intent_is_one_order(tables: dict[str, pd.DataFrame], ledger: Ledger) -> None:
    there = {one.client_order_id: one for one in ledger.orders.values() if one.client_order_id.startswith(OURS)}
    names = Counter(one.client_order_id for one in ledger.orders.values())
    assert max(names.values(), default=1) == 1, names.most_common(1)
    planned = {row["client_order_id"]: row for row in tables["orders"].to_dict("records")}
    noted = {row["client_order_id"]: row for row in tables["order_attempts"].to_dict("records")}
    for name, order in there.items():
        meant = noted[name]
        signed = _exact(meant["quantity"]) * (1 if meant["side"] == "buy" else -1)
        assert (order.symbol, order.quantity * order.sign) == (meant["symbol"], signed), name
        assert name in planned, f"{name} was never planned"
    told = {row["client_order_id"]: row["state"] for row in tables["submissions"].to_dict("records")}
    taken = {name for name, state in told.items() if state in TAKEN}
    assert taken == there.keys() & told.keys(), taken ^ (there.keys() & told.keys())
    unknown = tables["submissions"].loc[tables["submissions"]["state"] == "unknown", "session"]
    # Where the account has moved since the orders were planned, none is sent again: what is not there waits for the
    # end of its session, which proves that it never arrived.
    stands = tables["risk_breaches"].loc[tables["risk_breaches"]["rule"] == "sealed_account", "session"]
    assert set(unknown) <= set(stands), set(unknown) - set(stands)
    last = tables["orders"][tables["orders"]["session"] == tables["orders"]["session"].max()]
    assert not {(row["symbol"], row["side"]) for row in last.to_dict("records")} & {
        (row["symbol"], "sell" if row["side"] == "buy" else "buy") for row in last.to_dict("records")
    }


def _the_account_is_the_ledgers(tables: dict[str, pd.DataFrame], ledger: Ledger, session: date) -> None:
    held, account = tables["positions"], tables["account"]
    mine = held[(held["session"] == session) & (held["book"] == "account")]
    found = {row["symbol"]: _exact(row["quantity"]) for row in mine.to_dict("records")}
    later = [one for one in _executions(ledger) if one.at > session_close(session)]
    shares, there = ledger.shares(), ledger.cash
    for one in later:
        order = _order(one)
        shares[order.symbol] = shares.get(order.symbol, Decimal(0)) - one.quantity * order.sign
        there += one.quantity * order.sign * one.price
    shares = {symbol: quantity for symbol, quantity in shares.items() if quantity}
    assert found == shares, {key: (found.get(key), shares.get(key)) for key in found | shares}
    [cash] = account.loc[(account["session"] == session) & (account["book"] == "account"), "cash"]
    assert abs(_exact(cash) - there) <= Decimal("0.005") * (1 + len(later)), (cash, there)


def _executions(ledger: Ledger) -> list[Activity]:
    return [one for one in ledger.activities if one.kind == "FILL"]


def _executions_are_the_ledgers(tables: dict[str, pd.DataFrame], ledger: Ledger, session: date) -> None:
    told = {one.id: one for one in _executions(ledger) if one.at <= session_close(session)}
    rows = tables["fills"].to_dict("records")
    assert sorted(row["fill_id"] for row in rows) == sorted(told)
    for row in rows:
        one = told[row["fill_id"]]
        order = _order(one)
        signed = _exact(row["quantity"]) * (1 if row["side"] == "buy" else -1)
        assert abs(signed - one.quantity * order.sign) < PART
        assert (_exact(row["price"]), row["client_order_id"], row["symbol"]) == (
            *(one.price, order.client_order_id, one.symbol),
        )
    by_order = _by_order(list(told.values()))
    trades = tables["trades"][tables["trades"]["client_order_id"].notna()]
    for mine in (True, False):
        part = trades[(trades["book"] == "account") == mine]
        found = {
            str(name): _exact(amount) for name, amount in part.groupby("client_order_id")["quantity"].sum().items()
        }
        nothing = Decimal(0)
        apart = {one for one in found | by_order if abs(found.get(one, nothing) - by_order.get(one, nothing)) > PART}
        assert not apart, (mine, apart)


def _order(one: Activity) -> Taken:
    assert one.order is not None
    return one.order


def _by_order(told: list[Activity]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for one in told:
        name = _order(one).client_order_id
        found[name] = found.get(name, Decimal(0)) + one.quantity
    return found


def _others_have_what_is_theirs(tables: dict[str, pd.DataFrame], session: date, theirs: dict[str, Decimal]) -> None:
    held = tables["positions"]
    rows = held[(held["session"] == session) & (held["book"] == "unclaimed")].to_dict("records")
    found = {row["symbol"]: _exact(row["quantity"]) for row in rows}
    apart = {name: (found.get(name), theirs.get(name)) for name in found | theirs
             if abs(found.get(name, Decimal(0)) - theirs.get(name, Decimal(0))) > PART}  # fmt: skip
    assert not apart, apart


def _exact(amount: float) -> Decimal:
    return round(Decimal(repr(float(amount))), 6)
