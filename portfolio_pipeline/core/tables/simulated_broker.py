"""The simulated broker's own records, an independent system's."""

from __future__ import annotations

from portfolio_pipeline.core.tables.declare import SIDE, SYMBOL, Column, Table, number, session, text
from portfolio_pipeline.core.tables.execution import FILLS, OUTCOME

SIM_ACCOUNT = Table(
    "sim_account",
    "one row per session",
    "The simulated broker's own record of cash and equity at each close.",
    ("session",),
    (session(), number("cash", "cash", "currency"), number("equity", "cash plus market value", "currency")),
    lived=True,
)
SIM_POSITIONS = Table(
    "sim_positions",
    "one row per session and symbol",
    "The simulated broker's own record of holdings at each close.",
    ("session", "symbol"),
    (
        session(),
        SYMBOL,
        number("quantity", "shares", "shares"),
        number("price", "last close, split-adjusted while there is no bar", "currency per share"),
        Column("sessions_without_bar", "bigint", "sessions since the symbol last traded"),
        number("average_cost", "average price paid, split-adjusted", "currency per share", nullable=True),
    ),
    lived=True,
)
SIM_ORDERS = Table(
    "sim_orders",
    "one row per session and order",
    "Orders the simulated broker has received.",
    ("session", "client_order_id"),
    (
        session("the session after whose close it was received"),
        text("client_order_id", "the sender's identifier"),
        text("broker_order_id", "the simulated broker's identifier"),
        SYMBOL,
        SIDE,
        number("quantity", "shares", "shares", minimum=0),
        text("order_type", "how it is to be filled", "market", "limit"),
        number("limit_price", "for limit orders", "currency per share", nullable=True),
        text("time_in_force", "for the day, or for one of its auctions", "day", "opg", "cls"),
        text("state", "whether it was taken, or taken back", "accepted", "refused", "canceled"),
        text("error", "why it is not accepted", nullable=True),
    ),
    lived=True,
)
SIM_OUTCOMES = Table(
    "sim_outcomes",
    "one row per session and order that came to its end in it",
    "What became of the simulated broker's orders.",
    ("session", "client_order_id"),
    OUTCOME,
    lived=True,
)
SIM_FILLS = Table(
    "sim_fills",
    "one row per session and execution",
    "Executions the simulated broker has made.",
    ("session", "fill_id"),
    FILLS.columns,
    lived=True,
)
