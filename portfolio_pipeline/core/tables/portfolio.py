"""The one book: capital per strategy, netted targets, risk, holdings and performance."""

from __future__ import annotations

from portfolio_pipeline.core.tables.declare import BOOK, STRATEGY, SYMBOL, Column, Table, number, session, text

STRATEGY_WEIGHTS = Table(
    "strategy_weights",
    "one row per session and strategy",
    "Share of the account's capital that each strategy is given.",
    ("session", "strategy"),
    (
        session(),
        STRATEGY,
        number("weight", "share of capital from the next session on", "fraction", minimum=0).made_of(
            "strategy_returns.net_return",
            "strategy_targets.weight",
            "strategy_stages.takes_new_capital",
            "strategy_stages.capital",
        ),
        number("previous_weight", "share at the previous session; NULL on the first", "fraction", nullable=True),
        text("method", "how it was found"),
        Column("locked", "boolean", "whether a lock of the settings keeps this share"),
        number("requested_weight", "share the method asks for, before limits", "fraction", minimum=0).made_of(
            "strategy_returns.net_return", "strategy_targets.weight"
        ),
        text("reason", "which limit moved the share away from what was asked; empty when none did"),
        number(
            "kept_weight",
            "the most it may have while it gets no new capital: what it had when that began; else NULL",
            "fraction",
            nullable=True,
            minimum=0,
        ).made_of("strategy_stages.takes_new_capital"),
        number(
            "decided_weight",
            "share that the last decision leads to, while it is on its way there; else NULL",
            "fraction",
            nullable=True,
            minimum=0,
        ).made_of("strategy_returns.net_return", "strategy_targets.weight"),
        number(
            "drifted_weight",
            "what its paper returns would have made of the share since capital was last moved, without cash between"
            " the books",
            "fraction",
            nullable=True,
        ).made_of("strategy_returns.net_return"),
        number("unresponded_weight", "what was decided, as if no breach had been answered", "fraction").made_of(
            "strategy_returns.net_return"
        ),
    ),
)
AGGREGATED_TARGETS = Table(
    "aggregated_targets",
    "one row per session and symbol",
    "The strategies' targets netted into one book, as asked for and after limits.",
    ("session", "symbol"),
    (
        session(),
        SYMBOL,
        number(
            "requested_weight", "what the strategies ask for, times the scale, and the sleeve", "fraction of equity"
        ).made_of("strategy_weights.weight", "strategy_targets.weight"),
        number("weight", "what is left after limits and responses", "fraction of equity").made_of(
            "strategy_weights.weight", "strategy_targets.weight"
        ),
        text("reason", "which limits or states cut it; empty when nothing was cut"),
        number("scale", "what their wishes are multiplied with so that the book has its volatility", minimum=0).made_of(
            "features.adjusted_close", "strategy_weights.weight", "strategy_targets.weight"
        ),
        number(
            "aim", "the scale that this session's book alone would have; NULL when nothing is asked", nullable=True
        ).made_of("features.adjusted_close", "strategy_weights.weight", "strategy_targets.weight"),
        number("sleeve", "part of what is asked for that holds idle cash: no strategy wants it", "fraction of equity"),
        number(
            "unresponded_weight", "what limits alone leave, as if no breach had been answered", "fraction of equity"
        ).made_of("strategy_weights.weight", "strategy_targets.weight"),
    ),
)
RISK_STATES = Table(
    "risk_states",
    "one row per session and scope",
    "Where the portfolio, each strategy and the account stand after breaches of risk limits, and what leads on.",
    ("session", "scope"),
    (
        session(),
        text(
            "scope",
            "`portfolio`, `strategy:<name>`, `account` (its real equity), or `symbol:<ticker>` while a position is"
            " stopped",
        ),
        text("level", "who decides it", "strategies", "portfolio", "account"),
        text("state", "where it stands", "normal", "reduced", "paused", "liquidated", "cooling", "re_entering"),
        number("factor", "part of the full risk that is allowed", "fraction", minimum=0),
        Column("may_add", "boolean", "whether anything may grow"),
        Column("since", "date", "first session in this state"),
        Column("sessions_in_state", "bigint", "sessions in this state, this one included"),
        Column("step", "bigint", "step of the re-entry, 0 outside of one"),
        number("equity", "what its drawdown is measured on: on paper 1 at the beginning", minimum=0).made_of(
            "strategy_returns.net_return", "aggregated_targets.unresponded_weight", "features.adjusted_close"
        ),
        number("peak", "the highest equity that counts", minimum=0),
        number("drawdown", "below the peak, positive", "fraction"),
        text("rule", "the limit that broke; empty when normal"),
        number("found", "the figure that broke it", nullable=True),
        number("limit_value", "the limit then", nullable=True),
        Column("reviewed", "boolean", "whether a review was recorded since"),
        text("release", "what would lead on from here; empty when normal"),
        text("reason", "what a person gave as the reason of deciding otherwise; empty when nobody did"),
    ),
)
STATE_SEALS = Table(
    "state_seals",
    "one row per session and level of risk states",
    "The rows of risk_states as they were written, as digests keyed with the secret of the home; asked by whoever goes"
    " on from them.",
    ("session", "level"),
    (
        session(),
        text("level", "as in risk_states", "strategies", "portfolio", "account"),
        text("seal", "digest of the session's rows of the level, and of the newest decision in force by then").made_of(
            "risk_states.state", "risk_states.factor", "risk_states.peak"
        ),
    ),
)
RISK_OVERRIDES = Table(
    "risk_overrides",
    "one row per decision by hand",
    "Releases, overrides and reviews of risk states, each with who, when and why. Rows are only added.",
    ("override_id",),
    (
        Column("override_id", "bigint", "1, 2, 3 …"),
        text("action", "what was decided", "override", "release", "review"),
        text("scope", "as in risk_states"),
        Column("from_session", "date", "the first session that it is in force for"),
        Column("until_session", "date", "the last one; NULL: no end", nullable=True),
        number("factor", "part of the full risk, of overrides", "fraction", nullable=True, minimum=0),
        text("reason", "why, in the person's words"),
        text("cause", "of reviews: what caused the breach"),
        text("changed", "of reviews: which parameters were changed since"),
        text("decided_by", "who"),
        Column("decided_at", "timestamp", "when"),
        text("seal", "digest of the row and of the seal before it, keyed with the secret of the home", nullable=True),
    ),
)
RISK_METRICS = Table(
    "risk_metrics",
    "one row per session, scope and metric",
    "Exposures and risk figures of the targets, with the limit where there is one.",
    ("session", "scope", "metric"),
    (
        session(),
        text(
            "scope",
            "`portfolio`, `asset_class:<name>`, `sector:<group>`, `symbol:<ticker>`, `strategy:<name>`,"
            " `pair:<strategy>|<strategy>` or `stress:<scenario>`",
        ),
        text(
            "metric",
            "what was measured: `_63d` ends what is of so many sessions, `_95` or `_99` stands for confidence,"
            " `_ex_ante` for a year in which newer sessions count more, `paper_` for what was held on paper;"
            " component_risk adds up to volatility_ex_ante over symbols, and over strategies",
        ),
        number(
            "value", "the figure; losses at risk are positive, returns and drawdowns as they are", nullable=True
        ).made_of(
            "aggregated_targets.weight",
            "aggregated_targets.requested_weight",
            "aggregated_targets.scale",
            "strategy_weights.weight",
            "strategy_targets.weight",
            "strategy_returns.net_return",
            "strategy_returns.cash_return",
            "prices.close",
            "prices.dividend",
            "prices.split_ratio",
        ),
        number("limit_value", "its limit, when it has one: the most, of drawdowns and ratios the least", nullable=True),
    ),
)
_FROM_TARGETS = ("aggregated_targets.weight", "prices.close", "prices.dividend", "prices.split_ratio")
RISK_FUTURES = Table(
    "risk_futures",
    "one row per horizon, of the newest session alone",
    "What the next year may bring to the session's targets: bands of a thousand paths, and how many fall how deep.",
    ("session", "horizon_sessions"),
    (
        session("the trading session whose targets these are"),
        Column("horizon_sessions", "bigint", "how many sessions later", "sessions"),
        *(
            number(f"return_p{band}", f"return since then that {band} % of the paths stay below", "fraction").made_of(
                *_FROM_TARGETS
            )
            for band in ("05", "25", "50", "75", "95")
        ),
        *(
            number(
                f"drawdown_{depth}",
                f"part of the paths that have been {depth} % or more below their highest by then, today's drawdown"
                " included",
                "fraction",
                minimum=0,
                maximum=1,
            ).made_of(*_FROM_TARGETS)
            for depth in ("05", "10", "15", "20", "25")
        ),
        number("drawdown_limit", "the limit of the settings, when there is one; negative", "fraction", nullable=True),
        number(
            "probability_of_limit", "part of the paths that have reached it by then", "fraction", nullable=True
        ).made_of(*_FROM_TARGETS),
    ),
)
RISK_BREACHES = Table(
    "risk_breaches",
    "one row per session, level, subject and rule",
    "Limits that were hit, and what was done about it.",
    ("session", "level", "subject", "rule"),
    (
        session(),
        text("level", "where in the chain it was found", "strategies", "targets", "orders", "submission"),
        text("subject", "symbol, asset class, strategy, `portfolio` or `account`"),
        text("rule", "the limit"),
        text(
            "severity",
            "`cut`: mitigated; `warning`: reported, getting smaller; `block`: stopped",
            "cut",
            "warning",
            "block",
        ),
        number("found", "the figure before any action", nullable=True).made_of("aggregated_targets.requested_weight"),
        number("limit_value", "the limit", nullable=True),
        text("action", "what was done"),
        Column("resolved_session", "date", "session at which it no longer held", nullable=True),
        text("gravity", "how grave the rule's breach is", "low", "medium", "high", "critical"),
    ),
)
POSITIONS = Table(
    "positions",
    "one row per session, book and symbol held",
    "Holdings at the close: of the account, and each strategy's share of them.",
    ("session", "book", "symbol"),
    (
        session(),
        BOOK,
        SYMBOL,
        number("quantity", "shares held; negative when short", "shares").made_of(
            "fills.quantity", "prices.split_ratio"
        ),
        number("average_cost", "average price paid, split-adjusted", "currency per share").made_of(
            "fills.price", "prices.split_ratio"
        ),
        number(
            "price", "last close, as printed and split-adjusted while there is no bar", "currency per share", minimum=0
        ).made_of("prices.close"),
        number("market_value", "quantity times price", "currency").made_of("fills.quantity", "prices.close"),
        number("unrealized_pnl", "market value less cost", "currency").made_of(
            "fills.quantity", "fills.price", "prices.close"
        ),
        Column("sessions_without_bar", "bigint", "sessions since the symbol last traded"),
    ),
    lived=True,
)
ACCOUNT = Table(
    "account",
    "one row per session and book",
    "Equity and cash of the account and of each strategy's book at the close.",
    ("session", "book"),
    (
        session(),
        BOOK,
        number("equity", "cash plus market value", "currency").made_of(
            "fills.quantity", "fills.price", "fills.commission", "prices.close", "prices.dividend"
        ),
        number("cash", "cash", "currency").made_of(
            "fills.quantity", "fills.price", "fills.commission", "prices.dividend"
        ),
        number("gross_exposure", "absolute market value over equity", "fraction of equity").made_of(
            "fills.quantity", "prices.close"
        ),
        number("net_exposure", "market value over equity", "fraction of equity").made_of(
            "fills.quantity", "prices.close"
        ),
        number(
            "profit_and_loss", "change of equity over the session without capital moved between books", "currency"
        ).made_of("fills.price", "prices.close"),
        number("transfer", "capital moved into the book at the close", "currency").made_of("strategy_weights.weight"),
    ),
    lived=True,
)
PAPER_GAPS = Table(
    "paper_gaps",
    "one row per session and strategy with a book",
    "A strategy's return over the session on paper, in its book, and what stands between: each step is a cause.",
    ("session", "strategy"),
    (
        session(),
        STRATEGY,
        number("paper_return", "on paper", "fraction").made_of("strategy_returns.net_return"),
        number(
            "scaled_return", "of what the scaled portfolio asks for on its behalf, traded exactly", "fraction"
        ).made_of("strategy_targets.weight", "aggregated_targets.scale", "features.adjusted_close"),
        number(
            "limited_return", "of what limits and the cash buffer leave of that, traded exactly", "fraction"
        ).made_of("strategy_targets.weight", "aggregated_targets.weight", "features.adjusted_close"),
        number("book_return", "of its book", "fraction").made_of("account.profit_and_loss", "account.equity"),
    ),
)
METRICS = Table(
    "metrics",
    "one row per session, scope and metric",
    "Performance up to the close of the account, of each strategy's book and of the benchmark.",
    ("session", "scope", "metric"),
    (
        session(),
        text("scope", "`account`, `benchmark`, `strategy:<name>` (its book) or `paper:<name>` (its paper returns)"),
        text("metric", "what was measured"),
        number("value", "the figure", nullable=True).made_of(
            "account.equity",
            "account.profit_and_loss",
            "fills.quantity",
            "fills.price",
            "strategy_returns.net_return",
            "prices.close",
            "cash_returns.cash_return",
        ),
    ),
)
