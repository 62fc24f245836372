"""What was asked of the search by hand, and what it came to. No session: nothing of the chain reads it."""

from __future__ import annotations

from portfolio_pipeline.core.tables.declare import STRATEGY, Column, Table, number, text

_REQUEST = text("request", "name of the request: the same question about the same data has the same one")
_OF_SEARCHED = "above cash on the searched sessions, JSON"
_OF_HELD_OUT = "above cash on the sessions held out, JSON; NULL without any"

SEARCH_REQUESTS = Table(
    "search_requests",
    "one row per search on request",
    "Searches that somebody asked for: what was asked, what would be chosen, and what that was worth afterwards.",
    ("request",),
    (
        _REQUEST,
        Column("asked_at", "timestamp", "when it was asked for the first time"),
        STRATEGY,
        Column("first", "date", "first session that was asked for"),
        Column("last", "date", "last session that was asked for"),
        Column("searched_from", "date", "first session that counts: every set has its indicators"),
        Column("searched_through", "date", "last session that the search saw"),
        Column("sessions", "bigint", "sessions that were searched"),
        Column("held_out_sessions", "bigint", "sessions after them, up to the last"),
        text("objective", "what was maximised"),
        text("space", "the values of each parameter, JSON"),
        text("rule", "how sets are judged and chosen"),
        text("method", "which sets are compared"),
        Column("trials", "bigint", "sets that a draw may compare"),
        Column("compared", "bigint", "sets that were compared"),
        text("parameters", "the best set, JSON with sorted keys"),
        number("score", "the best set's own score"),
        number("plateau_score", "what sets are compared by: their own and others' scores"),
        text("reason", "what the rule would use, and why"),
        text("metrics", f"of what the rule would use, {_OF_SEARCHED}"),
        text("held_out_metrics", f"of what the rule would use, {_OF_HELD_OUT}", nullable=True),
        number("best_difference", "held out: the best set's Sharpe ratio less the default's", "a year", nullable=True),
        number("best_difference_error", "standard error of that paired difference", "a year", nullable=True),
        number("mixture_difference", "the same of what the rule would use", "a year", nullable=True),
        number("mixture_difference_error", "standard error of that paired difference", "a year", nullable=True),
        number(
            "rank_correlation",
            "how alike the sets' order by Sharpe ratio is, searched and held out; 0 is chance",
            nullable=True,
            minimum=-1.000001,
            maximum=1.000001,
        ),
        number("effective_trials", "how many independent sets they amount to", nullable=True, minimum=0),
        number(
            "deflated_sharpe",
            "probability that the best set's ratio is above zero, after so many trials",
            nullable=True,
        ),
        number("overfitting", "how likely the best of one half is below the median in the other", nullable=True),
        number("loss", "share of halves in which the chosen set lost", nullable=True),
        text("source", "where the prices came from"),
    ),
)
SEARCH_REQUEST_TRIALS = Table(
    "search_request_trials",
    "one row per search on request and parameter set",
    "Every parameter set that a search on request compared.",
    ("request", "rank"),
    (
        _REQUEST,
        Column("rank", "bigint", "1 is the best by plateau_score"),
        text("parameters", "JSON with sorted keys"),
        number("score", "the objective's score", nullable=True),
        number("plateau_score", "what ranks it: its own and others' scores", nullable=True),
        number("share", "its part of what the rule would use", "fraction", minimum=0),
        Column("is_default", "boolean", "whether it is the default"),
        text("metrics", f"the set's metrics {_OF_SEARCHED}"),
        text("held_out_metrics", f"the set's metrics {_OF_HELD_OUT}", nullable=True),
    ),
)
