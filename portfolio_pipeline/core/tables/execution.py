"""Orders and what became of them."""

from __future__ import annotations

from portfolio_pipeline.core.calendar.beginnings import PARTS
from portfolio_pipeline.core.tables.declare import BOOK, SIDE, SYMBOL, Column, Table, number, session, text

ORDERS = Table(
    "orders",
    "one row per session and order ticket",
    "Order tickets planned at the close for the next session, with the risk verdict on them.",
    ("session", "client_order_id"),
    (
        session("the session at whose close the order was decided"),
        text("client_order_id", "unique for good; a pure function of the plan"),
        SYMBOL,
        SIDE,
        number("quantity", "shares to trade", "shares", minimum=0).made_of("aggregated_targets.weight", "prices.close"),
        text("order_type", "how it is to be filled", "market", "limit"),
        number("limit_price", "for limit orders", "currency per share", nullable=True),
        text("time_in_force", "for the day, or for one of its auctions", "day", "opg", "cls"),
        text("reason", "why it is traded").made_of(
            "aggregated_targets.weight", "strategy_targets.weight", "strategy_weights.weight"
        ),
        text("verdict", "`accepted`, or `refused` when a limit forbids the session's orders", "accepted", "refused"),
        number("reference_price", "close it was sized at, as printed", "currency per share", minimum=0).made_of(
            "prices.close"
        ),
        number("target_weight", "target of the symbol", "fraction of equity").made_of("aggregated_targets.weight"),
    ),
    lived=True,
)
ORDER_SEALS = Table(
    "order_seals",
    "one row per session and order ticket",
    "What each ticket was planned on, as digests keyed with the secret of the home; asked before it is sent.",
    ("session", "client_order_id"),
    (
        session("the session at whose close the order was decided"),
        text("client_order_id", "the order").made_of("orders.client_order_id"),
        text("targets", "digest of the session's targets").made_of("aggregated_targets.weight"),
        text("settings", "digest of limits, costs and the other terms of trading"),
        text("account", "digest of the account at the close"),
        text("prices", "digest of the bars of what is traded or held").made_of("prices.close", "prices.volume"),
        text("ticket", "digest of the ticket, of the digests before, and of the session's other tickets").made_of(
            "orders.quantity", "orders.limit_price", "orders.verdict"
        ),
    ),
)
EXPECTED_COSTS = Table(
    "expected_costs",
    "one row per session and order ticket",
    "What each ticket was expected to cost when it was planned, as the settings have it; the mart execution_costs holds"
    " it against what it did.",
    ("session", "client_order_id"),
    (
        session("the session at whose close the order was decided"),
        text("client_order_id", "the order").made_of("orders.client_order_id"),
        number("half_spread_bps", "half the spread; none in an auction", "hundredths of a percent", minimum=0),
        number("slippage_bps", "slippage", "hundredths of a percent", minimum=0),
        number(
            "impact_bps",
            "impact, by its share of the average volume of 20 sessions",
            "hundredths of a percent",
            minimum=0,
        ).made_of("orders.quantity", "prices.volume"),
        number("commission_bps", "commission", "hundredths of a percent", minimum=0),
    ),
)
SUBMISSIONS = Table(
    "submissions",
    "one row per session and order ticket",
    "What was sent to the broker, and the state of each order at that close; what became of it is in order_outcomes.",
    ("session", "client_order_id"),
    (
        session("the session at whose close the order was decided"),
        text("client_order_id", "the order").made_of("orders.client_order_id"),
        text(
            "state",
            "state of the order; `held` was not sent: it waits for approval, or was canceled by hand",
            *("accepted", "filled", "partially_filled", "expired", "refused", "unknown", "held"),
        ).made_of("orders.verdict"),
        text("broker_order_id", "the broker's own identifier", nullable=True),
        number("filled_quantity", "shares filled so far", "shares", minimum=0),
        Column("updated_at", "timestamp", "when the state was last changed (simulated: the market's time)"),
        text("error", "why it was refused, is held, or was sent for the day instead of an auction", nullable=True),
    ),
    lived=True,
)
ORDER_ATTEMPTS = Table(
    "order_attempts",
    "one row per order and thing that happened to it",
    "What happened to orders on their way to a broker out in the world, written down before and after each step; rows"
    " are only added. Empty while trading is simulated.",
    ("session", "client_order_id", "number"),
    (
        session("the session at whose close the order was decided"),
        text("client_order_id", "the order").made_of("orders.client_order_id"),
        Column("number", "bigint", "1, 2, 3 … of the order"),
        SYMBOL,
        SIDE,
        number("quantity", "shares to trade", "shares", minimum=0),
        text("order_type", "how it is to be filled", "market", "limit"),
        number("limit_price", "for limit orders", "currency per share", nullable=True),
        text("time_in_force", "for the day, or for one of its auctions", "day", "opg", "cls"),
        text(
            "state",
            "how it stood from then on: `submitting` was written before it was sent, `unknown` if nobody can say",
            *("planned", "submitting", "accepted", "partially_filled", "filled", "canceled", "expired", "rejected"),
            *("refused", "replaced", "unknown"),
        ),
        text("broker_order_id", "the broker's own identifier", nullable=True),
        number("filled_quantity", "shares filled by then", "shares", minimum=0),
        Column("happened_at", "timestamp", "when; as the broker says it where it has answered"),
        text("error", "why, where something went wrong", nullable=True),
    ),
)
BROKER_ASSETS = Table(
    "broker_assets",
    "one row per session and symbol",
    "What a broker out in the world said may be done with symbols when a session was planned; asked once, and what both"
    " the plan and the last gate go by. Empty while trading is simulated.",
    ("session", "symbol"),
    (
        session("the session at whose close it was asked"),
        SYMBOL,
        Column("tradable", "boolean", "whether it takes orders for it"),
        Column("fractionable", "boolean", "whether in parts of shares"),
        Column("shortable", "boolean", "whether it may be sold short, and is easy to borrow"),
    ),
)
BROKER_ACCOUNTS = Table(
    "broker_accounts",
    "one row: the account that this database belongs to",
    "The account at a broker out in the world that orders are sent to. Empty while trading is simulated.",
    ("account_number",),
    (
        text("account_number", "as the broker calls it"),
        text("mode", "trading mode", "PAPER", "LIVE"),
        Column("first_seen", "timestamp", "when it was asked for the first time"),
    ),
)
OUTCOME = (
    session("the session in which it was executed or expired"),
    text("client_order_id", "the order, decided at the close before"),
    text("state", "what became of it", *("filled", "partially_filled", "expired", "canceled", "rejected", "replaced")),
    number("filled_quantity", "shares filled, of the split then in force", "shares", minimum=0),
    Column("updated_at", "timestamp", "when it was filled or expired (simulated: the market's time)"),
    text("error", "why it was not filled in full", nullable=True),
)
ORDER_OUTCOMES = Table(
    "order_outcomes",
    "one row per session and order that came to its end in it",
    "What became of the orders decided at the previous close.",
    ("session", "client_order_id"),
    OUTCOME,
    lived=True,
)
FILLS = Table(
    "fills",
    "one row per session and execution",
    "Executions that happened in the session, of orders decided at the previous close.",
    ("session", "fill_id"),
    (
        session("the session in which it was executed"),
        text("fill_id", "the broker's identifier of the execution"),
        text("client_order_id", "the order it belongs to").made_of("submissions.client_order_id"),
        SYMBOL,
        SIDE,
        number("quantity", "shares", "shares", minimum=0),
        number("price", "price per share, spread and slippage included", "currency per share", minimum=0),
        number("commission", "commission", "currency", minimum=0),
        Column("filled_at", "timestamp", "when it was executed"),
    ),
    lived=True,
)
TRADES = Table(
    "trades",
    "one row per session, book, symbol and number",
    "What the account and every book traded: their parts of each order's executions, what crossed inside between books,"
    " and what was turned into cash as it is no longer traded. A trade from one side to the other is two rows.",
    ("session", "book", "symbol", "number"),
    (
        session("the session in which it was traded"),
        BOOK,
        SYMBOL,
        Column("number", "bigint", "1, 2, 3 … of the book and symbol in the session"),
        SIDE,
        number("quantity", "shares, of the split then in force", "shares", minimum=0).made_of("fills.quantity"),
        number(
            "price",
            "average price of the executions it is a part of, or the open at which it crossed inside",
            "currency per share",
            minimum=0,
        ).made_of("fills.price", "prices.open"),
        number("value", "what was paid or received for it, without cost", "currency").made_of(
            "fills.quantity", "fills.price", "prices.open"
        ),
        number("cost", "its part of the commissions", "currency", minimum=0).made_of("fills.commission"),
        number(
            "realised_pnl", "value against what the shares had cost on average; cost is not taken off", "currency"
        ).made_of("fills.price", "prices.split_ratio"),
        Column("crossed", "boolean", "whether it was traded inside, between books, and not by the account"),
        text("client_order_id", "the order it is a part of; none inside", nullable=True).made_of(
            "fills.client_order_id"
        ),
        Column("traded_at", "timestamp", "when the order was last executed", nullable=True),
        text(
            "effect",
            "what it did to the book's position; `closes` if the position was not held at the close any more",
            *("opens", "adds", "reduces", "closes"),
        ),
        Column("entry_session", "date", "the first session at whose close the position was held; its own if it opens"),
        Column("sessions_held", "bigint", "if it closes the position: how many sessions it was held", nullable=True),
        text("reason", "why it was traded, as it was sized at the close before").made_of(
            "aggregated_targets.weight", "strategy_targets.weight", "strategy_weights.weight"
        ),
    ),
    first_stays=True,
)
CASH_FLOWS = Table(
    "cash_flows",
    "one row per session and booking",
    "Cash that came or went beside executions, as the broker booked it: dividends, fees, interest, deposits. Empty"
    " while trading is simulated: there dividends and interest come with the bars.",
    ("session", "flow_id"),
    (
        session("the session in whose books it is: its own, or the one in which it was first seen"),
        text("flow_id", "the broker's identifier of the booking"),
        text(
            "kind",
            "the broker's word for it; ROUNDING: parts of a cent that the broker counts and the books do not;"
            " UNEXPLAINED: cash that the broker has and nothing explains, negative when it lacks",
        ),
        text("symbol", "for which holding", nullable=True),
        number("amount", "what the account received; negative when it paid", "currency"),
        number("quantity", "shares that came, negative that went, in mergers and the like", "shares", nullable=True),
        text("origin", "who booked it", "broker", "books"),
        text("note", "what else is told of it"),
    ),
    lived=True,
)
SHARE_EXCHANGES = Table(
    "share_exchanges",
    "one row per session and symbol",
    "Holdings that became others, or cash, as the broker has booked it: other names, mergers. What the old shares had"
    " cost is what the new ones have. Empty while trading is simulated.",
    ("session", "symbol"),
    (
        session("the session in whose books it is"),
        SYMBOL,
        text("kind", "the broker's word for it"),
        number("quantity", "shares that the account had; negative if short", "shares").made_of("cash_flows.quantity"),
        text("into_symbol", "what they became; none: cash alone", nullable=True).made_of("cash_flows.symbol"),
        number("into_quantity", "how many of it", "shares").made_of("cash_flows.quantity"),
        number("amount", "cash that came with it, or for it", "currency").made_of("cash_flows.amount"),
    ),
    lived=True,
)
RECONCILIATION = Table(
    "reconciliation",
    "one row per session and difference",
    "What the broker's account is and the books do not make it: what others did there, shares and cash that nothing"
    " explains. Each blocks orders until it is decided on. Empty while trading is simulated.",
    ("session", "item"),
    (
        session("the session at whose close it was found; an execution: in which it happened"),
        text("item", "identifier: of the execution, of the order, or subject and session"),
        text(
            "kind",
            "what it looks like",
            *("foreign_order", "foreign_execution", "foreign_position", "missing_shares", "corporate_action", "cash"),
        ),
        text("subject", "the symbol, or `cash`"),
        number("quantity", "shares the broker has and the books do not; negative when it lacks them", "shares"),
        number("amount", "what they are worth, or what their trade brought; for cash what the broker has more"),
        number("price", "at which", "currency per share", nullable=True),
        number("average_cost", "what was paid for them, as the broker says", "currency per share", nullable=True),
        number("ratio", "of the split that it looks like", nullable=True),
        text("told", "what was found"),
    ),
    lived=True,
)
RECONCILIATION_DECISIONS = Table(
    "reconciliation_decisions",
    "one row per decision",
    "What people said of differences between broker and books; rows are only added.",
    ("decision_id",),
    (
        Column("decision_id", "bigint", "1, 2, 3 …"),
        session("the session up to which it speaks of"),
        text("subject", "symbol, `cash`, or identifier of an order"),
        text(
            "action", "accept: it is the house's; ignore: it stays unclaimed, and is never traded", "accept", "ignore"
        ),
        text("reason", "why, in the person's words"),
        text("who", "who said it"),
        Column("made_at", "timestamp", "when"),
    ),
)
SESSION_ORIGINS = Table(
    "session_origins",
    "one row per session",
    "What each session's orders were planned with: source of prices, account, settings, strategies, code.",
    ("session",),
    (
        session(),
        text("market_data", "source of prices, as MARKET_DATA names it"),
        text("market_data_place", "the folder, for a source that has one"),
        text("broker", "trading mode"),
        number("initial_cash", "what the simulated account began with", "currency"),
        text("settings", "fingerprint of the settings"),
        text("strategies", "fingerprint of the strategy cards"),
        text("code", "fingerprint of the package's code"),
    ),
    first_stays=True,
)
BEGINNINGS = Table(
    "beginnings",
    "one row per part of the home",
    "The first session of each part of the home, as decided when it was begun: the market, strategies on paper, and the"
    " account. Empty in a home that was begun without.",
    ("part",),
    (
        text("part", "what begins", *PARTS),
        session("its first session; what would be computed for one before is refused"),
    ),
)
HALT_EVENTS = Table(
    "halt_events",
    "one row per event",
    "Every halt and resume of trading; the latest event is the state.",
    ("event_id",),
    (
        Column("event_id", "bigint", "1, 2, 3 …"),
        text("action", "what was done", "halt", "resume"),
        text("reason", "why, in the person's words"),
        Column("happened_at", "timestamp", "when"),
    ),
)
INTRADAY_MARKS = Table(
    "intraday_marks",
    "one row per moment and symbol held or traded, and one of the whole account",
    "The account while the market is open, marked at quotes: for looking and for warning, nothing is decided on it. "
    "Rows are only added. Empty while trading is simulated.",
    ("session", "marked_at", "scope"),
    (
        session("the session that is under way"),
        Column("marked_at", "timestamp", "when it was marked"),
        text("scope", "the symbol, or ACCOUNT"),
        number("quantity", "shares held now", "shares", nullable=True),
        number("bid", "as quoted", "currency per share", nullable=True),
        number("ask", "as quoted", "currency per share", nullable=True),
        number("mid", "between the two", "currency per share", nullable=True),
        Column("quoted_at", "timestamp", "when the quote was given", nullable=True),
        text(
            "quote",
            "whether it was used: only a fresh one is; `jump`: too far from the close to be believed",
            *("fresh", "stale", "crossed", "wide", "jump", "missing"),
            nullable=True,
        ),
        number("price", "what it is marked at: the middle of a fresh quote, or the last close", nullable=True),
        number("market_value", "quantity times price; of the account its equity", "currency"),
        number("day_pnl", "gained since the last stored close", "currency"),
        number("exposure", "absolute market value over equity", "fraction of equity", minimum=0),
        number("drawdown", "of the account, below its peak", "fraction", nullable=True),
    ),
)
