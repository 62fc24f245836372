"""What each strategy chose, aims at, earned on paper and is worth believing."""

from __future__ import annotations

from portfolio_pipeline.core.tables.declare import STRATEGY, SYMBOL, Column, Table, number, session, text

STAGES = ("candidate", "active", "watched", "paused")

OPTIMIZED_PARAMETERS = Table(
    "optimized_parameters",
    "one row per session and strategy",
    "The parameters a strategy uses from the next session on, chosen with data up to this close.",
    ("session", "strategy"),
    (
        session(),
        STRATEGY,
        text("parameters", "the set with the largest share, JSON with sorted keys").made_of(
            "features.adjusted_open", "features.adjusted_close"
        ),
        text("objective", "what was maximised"),
        number(
            "score", "the mean score of the sets in use, by their shares; NULL before there is one", nullable=True
        ).made_of("features.adjusted_open", "features.adjusted_close"),
        Column("trials", "bigint", "parameter sets that were compared"),
        Column("changed", "boolean", "whether the sets in use or their shares changed").made_of(
            "features.adjusted_close"
        ),
        number("plateau_score", "what sets are compared by: their own and others' scores", nullable=True).made_of(
            "features.adjusted_close"
        ),
        number(
            "holdout_score", "the score on the newest sessions, which the search did not see", nullable=True
        ).made_of("features.adjusted_close"),
        text("reason", "why they changed or stayed"),
        Column("members", "bigint", "parameter sets in use together; their shares are in parameter_mixtures"),
    ),
)
PARAMETER_MIXTURES = Table(
    "parameter_mixtures",
    "one row per session, strategy and parameter set in use",
    "The parameter sets that a strategy uses together from the next session on, and their shares.",
    ("session", "strategy", "member"),
    (
        session(),
        STRATEGY,
        Column("member", "bigint", "1 has the largest share"),
        text("parameters", "JSON with sorted keys").made_of("features.adjusted_open", "features.adjusted_close"),
        number("share", "part of the strategy's targets that it decides", "fraction", minimum=0).made_of(
            "features.adjusted_open", "features.adjusted_close"
        ),
    ),
)
OPTIMIZATION_RESULTS = Table(
    "optimization_results",
    "one row per session, strategy and rank",
    "The best parameter sets of each search.",
    ("session", "strategy", "rank"),
    (
        session(),
        STRATEGY,
        Column("rank", "bigint", "1 is the best score"),
        text("parameters", "JSON with sorted keys").made_of("features.adjusted_open", "features.adjusted_close"),
        text("metrics", "the set's metrics on the trailing window, JSON").made_of(
            "features.adjusted_open", "features.adjusted_close"
        ),
        Column(
            "is_pareto", "boolean", "whether no other set is as good in every goal of the card and better in one"
        ).made_of("features.adjusted_close"),
        number("score", "the objective's score on the trailing window", nullable=True).made_of(
            "features.adjusted_close"
        ),
        number("plateau_score", "the score of its neighbourhood, which ranks it", nullable=True).made_of(
            "features.adjusted_close"
        ),
    ),
)
SEARCH_STATISTICS = Table(
    "search_statistics",
    "one row per session and strategy",
    "What the search's results are worth, given how hard it searched; all Sharpe ratios are per session.",
    ("session", "strategy"),
    (
        session(),
        STRATEGY,
        Column("trials", "bigint", "parameter sets that were compared"),
        number("effective_trials", "how many independent ones they amount to", nullable=True, minimum=0),
        number("sharpe", "Sharpe ratio of the chosen set on the window", "per session", nullable=True).made_of(
            "features.adjusted_close"
        ),
        number("expected_maximum", "Sharpe ratio the best of them had if none were any good", nullable=True),
        number(
            "deflated_sharpe",
            "probability that the chosen set's ratio is above zero, after so many trials",
            nullable=True,
        ).made_of("features.adjusted_close"),
        number("deflated_sharpe_true_trials", "the same with the true number of trials", nullable=True),
        number(
            "overfitting",
            "how likely the best of one half is below the median in the other",
            nullable=True,
        ).made_of("features.adjusted_close"),
        number("loss", "share of halves in which the chosen set lost", nullable=True).made_of(
            "features.adjusted_close"
        ),
        number("path_loss", "share of losing paths in cross-validation; candidates only", nullable=True),
    ),
)
STRATEGY_TARGETS = Table(
    "strategy_targets",
    "one row per session, strategy and symbol of its universe",
    "The strategy's own target weights at the close, before capital is shared out.",
    ("session", "strategy", "symbol"),
    (
        session(),
        STRATEGY,
        SYMBOL,
        number(
            "weight", "target share of the strategy's capital; without a decision, the share held on paper", "fraction"
        ).made_of("parameter_mixtures.parameters", "features.adjusted_close"),
        Column("decided", "boolean", "whether the strategy decided at this close; else it keeps what it holds").made_of(
            "optimized_parameters.changed"
        ),
    ),
)
STRATEGY_RETURNS = Table(
    "strategy_returns",
    "one row per session and strategy",
    "Paper return of the strategy over the session, out of sample: decided at an earlier close, traded at the open.",
    ("session", "strategy"),
    (
        session(),
        STRATEGY,
        number("gross_return", "before costs", "fraction").made_of(
            "parameter_mixtures.parameters", "features.adjusted_open", "features.adjusted_close"
        ),
        number("cost", "trading costs", "fraction of equity", minimum=0).made_of(
            "parameter_mixtures.parameters", "features.adjusted_open"
        ),
        number("net_return", "after costs", "fraction").made_of(
            "parameter_mixtures.parameters", "features.adjusted_open", "features.adjusted_close"
        ),
        number("turnover", "bought plus sold", "fraction of equity", minimum=0).made_of(
            "parameter_mixtures.parameters", "features.adjusted_open"
        ),
        number("cash_return", "what cash earned in the meantime", "fraction").made_of("cash_returns.cash_return"),
    ),
)
STRATEGY_PAPER_BOOKS = Table(
    "strategy_paper_books",
    "one row per session, strategy and symbol held on paper",
    "State of each strategy's paper book at the close, from which the next session goes on.",
    ("session", "strategy", "symbol"),
    (
        session(),
        STRATEGY,
        text("symbol", "ticker, or `cash`"),
        number("quantity", "total-return units of the symbol, or cash", "units").made_of(
            "parameter_mixtures.parameters", "features.adjusted_open"
        ),
        Column("sessions_without_bar", "bigint", "sessions since the symbol last traded"),
        number("price", "last total-return close it was marked at; 1 for cash", "currency").made_of(
            "features.adjusted_close"
        ),
    ),
)
STRATEGY_HONESTY = Table(
    "strategy_honesty",
    "one row per session and strategy",
    "Whether the strategy's results are to be believed at this close, and why not.",
    ("session", "strategy"),
    (
        session(),
        STRATEGY,
        text("verdict", "what follows from the figures", "believed", "doubted", "unproven").made_of(
            "search_statistics.deflated_sharpe", "search_statistics.overfitting", "strategy_returns.net_return"
        ),
        text("reasons", "the grounds of the verdict, each with figure and limit; separated by semicolons"),
        number("deflated_sharpe", "from search_statistics", nullable=True).made_of("search_statistics.deflated_sharpe"),
        number("overfitting", "from search_statistics", nullable=True).made_of("search_statistics.overfitting"),
        number(
            "promised_sharpe",
            "mean Sharpe ratio of the sets in use when chosen",
            "per session",
            nullable=True,
        ).made_of("search_statistics.sharpe"),
        number("arrived_sharpe", "Sharpe ratio of the paper returns since", "per session", nullable=True).made_of(
            "strategy_returns.net_return"
        ),
        number("efficiency", "arrived over promised", nullable=True).made_of(
            "search_statistics.sharpe", "strategy_returns.net_return"
        ),
        Column("walked_sessions", "bigint", "sessions that were walked within the window").made_of(
            "optimized_parameters.changed"
        ),
        Column("takes_new_capital", "boolean", "whether its card lets the strategy be given more capital than it has"),
        number(
            "evidence",
            "what 1 bet on the paper returns of all sessions has become",
            "1 is none",
            nullable=True,
            minimum=0,
        ).made_of("strategy_returns.net_return"),
        number(
            "loss_evidence", "the same, bet against the returns of late", "1 is none", nullable=True, minimum=0
        ).made_of("strategy_returns.net_return"),
        Column("active_sessions", "bigint", "sessions with a return other than zero", nullable=True).made_of(
            "strategy_returns.net_return"
        ),
        text("change", "from which verdict to which and on what grounds; empty when it stayed", nullable=True),
    ),
)
STRATEGY_STAGES = Table(
    "strategy_stages",
    "one row per session and strategy",
    "Which strategies may have capital from the next session on, and what the rule of promotion says of them.",
    ("session", "strategy"),
    (
        session(),
        STRATEGY,
        text("stage", "in force: the rule's where the settings act on it, else the card's", *STAGES),
        text("card_stage", "what the card says", *STAGES),
        text("rule_stage", "what the rule of promotion says", *STAGES).made_of(
            "strategy_honesty.verdict", "strategy_honesty.evidence", "strategy_honesty.loss_evidence"
        ),
        text("previous_rule_stage", "what it went on from: the session before, or the card where it begins", *STAGES),
        Column("acted", "boolean", "whether the stage in force is the rule's"),
        text("reason", "why the rule's stage changed, with the figures; empty when it did not"),
        text("verdict", "of strategy_honesty", "believed", "doubted", "unproven").made_of("strategy_honesty.verdict"),
        number("evidence", "of strategy_honesty", nullable=True).made_of("strategy_honesty.evidence"),
        number("loss_evidence", "of strategy_honesty", nullable=True).made_of("strategy_honesty.loss_evidence"),
        Column("sessions_in_stage", "bigint", "sessions for which the rule's stage has been the same"),
        number("rule_capital", "what the rule grants", "part of the largest share", minimum=0, maximum=1),
        number("capital", "what is in force", "part of the largest share", minimum=0, maximum=1),
        Column("takes_new_capital", "boolean", "whether it may be given more than it has").made_of(
            "strategy_honesty.takes_new_capital"
        ),
    ),
)
