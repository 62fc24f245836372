"""What people were alerted of, and whether it reached them. No session: nothing of the chain reads it."""

from __future__ import annotations

from portfolio_pipeline.core.alerting.alert import SEVERITIES
from portfolio_pipeline.core.tables.declare import Column, Table, text

_ABOUT = text("about", "the matter, as `check:risk:figures_within_limits`")
_SINCE = Column("since", "timestamp", "when it came up")
_SEVERITY = text("severity", "how grave it is", *SEVERITIES)

ALERTS = Table(
    "alerts",
    "one row per matter and time it came up",
    "What people are alerted of: as it is now, or was when it was over.",
    ("about", "since"),
    (
        _ABOUT,
        _SINCE,
        _SEVERITY,
        text("title", "what is said first"),
        text("message", "and what then"),
        text("pointer", "where to look"),
        Column("changed_at", "timestamp", "when it last said something else"),
        Column("over_at", "timestamp", "when it was over; NULL while it is not", nullable=True),
    ),
)
ALERT_DELIVERIES = Table(
    "alert_deliveries",
    "one row per notice and recipient",
    "Who was told what, and what could not be delivered yet.",
    ("about", "since", "notice_at", "recipient"),
    (
        _ABOUT,
        _SINCE,
        Column("notice_at", "timestamp", "when there was something to tell"),
        text("recipient", "who is told"),
        text("notice", "what kind of news it is", "opened", "changed", "over"),
        _SEVERITY,
        text("title", "what is said first"),
        text("message", "and what then"),
        Column("attempts", "bigint", "how often it was tried"),
        Column("delivered_at", "timestamp", "when it was taken; NULL: not yet", nullable=True),
        Column("next_attempt_at", "timestamp", "when it is tried again; NULL: never", nullable=True),
        text("error", "why it was not taken", nullable=True),
    ),
)
