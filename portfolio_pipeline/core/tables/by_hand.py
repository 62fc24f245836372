"""What people order, approve and take back by hand. Rows are only added; shares of capital by hand are in `capital`."""

from __future__ import annotations

from portfolio_pipeline.core.tables.declare import Column, Table, number, session, text

ORDER_INSTRUCTIONS = Table(
    "order_instructions",
    "one row per word of a person about orders",
    "What a person wants bought, sold, kept, canceled or changed, with who and why; planner and gate read it.",
    ("instruction_id",),
    (
        Column("instruction_id", "bigint", "1, 2, 3 …"),
        text(
            "kind",
            "`order`: so many shares, which then stay; `sell_all`: all that the strategy has of the symbol; `close`:"
            " the strategy has nothing; `flatten`: nobody has anything; `withdraw`: ends another one; `cancel`,"
            " `modify`: of an order that was planned",
            *("order", "sell_all", "close", "flatten", "withdraw", "cancel", "modify"),
        ),
        session("the session at whose close it is first in force"),
        text("strategy", "in whose book; empty for all"),
        text("symbol", "which instrument; empty for all"),
        number("quantity", "shares, negative to sell; of `modify` without sign", "shares", nullable=True),
        number("limit_price", "the worst price that is taken", "currency per share", nullable=True),
        text("client_order_id", "of `cancel` and `modify`: the order; else empty"),
        Column("withdraws", "bigint", "of `withdraw`: the instruction that it ends", nullable=True),
        text("reason", "why, in the person's words"),
        text("who", "who said it"),
        Column("recorded_at", "timestamp", "when"),
        text(
            "seal",
            "digest of the row and of the seal before it, keyed with the secret of the home; asked by planner and gate",
            nullable=True,
        ),
    ),
)
ORDER_PLANS = Table(
    "order_plans",
    "one row per session for which a person had said something",
    "What people had said when the session's orders were planned: what was said later may change them once more.",
    ("session",),
    (
        session("the session at whose close the orders were decided"),
        Column("newest_instruction", "bigint", "the newest one that was for it").made_of(
            "order_instructions.instruction_id"
        ),
    ),
)
APPROVALS = Table(
    "approvals",
    "one row per decision on an order that waits for one",
    "Orders that a person let pass or rejected: an order that is changed has another identifier, and is not approved.",
    ("approval_id",),
    (
        Column("approval_id", "bigint", "1, 2, 3 …"),
        session("the session at whose close the order was decided"),
        text("client_order_id", "the order").made_of("orders.client_order_id"),
        text("decision", "what was decided", "approved", "rejected"),
        text("seal", "keyed with the secret of the home: the row was written here, and not in the database alone"),
        text("note", "why, in the person's words"),
        text("who", "who decided"),
        Column("decided_at", "timestamp", "when"),
    ),
)
