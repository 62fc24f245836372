"""How capital is shared out: what was known of the strategies, what was decided and why, and what people say by hand.

The shares themselves stand in `strategy_weights`.
"""

from __future__ import annotations

from portfolio_pipeline.core.tables.declare import STRATEGY, Column, Table, number, session, text

_RETURNS = ("strategy_returns.net_return", "strategy_returns.cash_return")
ALLOCATION_INPUTS = Table(
    "allocation_inputs",
    "one row per session and strategy",
    "What the paper returns above cash of the last 63 sessions said of a strategy when capital was shared out.",
    ("session", "strategy"),
    (
        session(),
        STRATEGY,
        number("mean_return", "mean, times 252", "fraction a year", nullable=True).made_of(*_RETURNS),
        number("volatility", "standard deviation", "fraction a year", nullable=True, minimum=0).made_of(*_RETURNS),
        number("sharpe", "mean over volatility", nullable=True).made_of(*_RETURNS),
        number("max_drawdown", "deepest fall from a height; 0 or negative", "fraction", nullable=True).made_of(
            *_RETURNS
        ),
        number(
            "win_rate", "sessions of gain of those of gain or loss", "fraction", nullable=True, minimum=0, maximum=1
        ).made_of(*_RETURNS),
    ),
)
_FROM = ("strategy_returns.net_return", "strategy_targets.weight", "strategy_stages.capital")
REBALANCE_DECISIONS = Table(
    "rebalance_decisions",
    "one row per session",
    "Whether capital was shared out anew, why, and what became of the shares.",
    ("session",),
    (
        session(),
        text(
            "trigger",
            "what called for a decision, with commas between: settings of `rebalancing`, `regime_change`, `manual`,"
            " `first`, or `limits`; empty when nothing did",
        ),
        text("method", "how shares are found"),
        text(
            "decision",
            "`moved`: shares are others than before; `kept`: the same; `refused`: not worth it",
            "moved",
            "kept",
            "refused",
        ),
        text("reason", "why; empty when the trigger says it all"),
        number(
            "expected_gain",
            "of what was wanted, over the horizon of the settings; NULL when nobody asked",
            "fraction of capital",
            nullable=True,
        ).made_of(*_FROM[:2]),
        number(
            "costs", "of this session's move, or of what was refused; nothing netted", "fraction of capital", minimum=0
        ).made_of(*_FROM),
        number("turnover", "shares bought plus sold", "fraction of capital", minimum=0).made_of(*_FROM),
        Column("steps_left", "bigint", "sessions that what was decided is still carried out in", minimum=0),
        text("shares_before", "by strategy, as JSON; NULL on the first session", nullable=True).made_of(*_FROM),
        text("shares_after", "by strategy, as JSON; before risk states take of it").made_of(*_FROM),
        text("who", "`the rule`, or who did something by hand"),
    ),
)
MANUAL_SHARES = Table(
    "manual_shares",
    "one row per event",
    "What people said of shares by hand; of those about a strategy that have begun, the newest is in force.",
    ("event_id",),
    (
        Column("event_id", "bigint", "1, 2, 3 …"),
        text(
            "action",
            "`set` a share, `lock` what it has, `unlock` either; `pause` and `activate`; `now`: decide anew",
            *("set", "lock", "unlock", "pause", "activate", "now"),
        ),
        text("strategy", "name of the strategy card; empty for `now`"),
        number("share", "what is set; else NULL", "fraction of capital", nullable=True, minimum=0, maximum=1),
        Column("effective_from", "date", "first session whose shares are decided with it"),
        Column("expires", "date", "last one; NULL: until something else is said", nullable=True),
        text("reason", "why, in the person's words"),
        text("who", "who said it"),
        Column("recorded_at", "timestamp", "when"),
    ),
)
