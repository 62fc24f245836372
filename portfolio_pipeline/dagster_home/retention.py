"""How long Dagster's record of runs is kept: what was said in a run for a season, what stands of a session for ever.

Of each asset and session the newest materialisation stays, and of each check its newest verdict: what the web UI shows
as the state of things. The other events of a run are its log, two thirds of them planning and steps.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy import delete, func, not_, select

from portfolio_pipeline.dagster_home.prepare import LOGS_KEPT_DAYS
from portfolio_pipeline.dagster_home.private.storages import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
)

LOGS_KEPT = timedelta(days=LOGS_KEPT_DAYS)
_ASKED_EVERY = timedelta(days=7)
_ASKED = "portfolio/logs_forgotten_at"
_MADE = (dg.DagsterEventType.ASSET_MATERIALIZATION.value, dg.DagsterEventType.ASSET_OBSERVATION.value)


def forget_old_logs(instance: dg.DagsterInstance, now: datetime) -> int | None:
    """Delete what is past its time, once a week; says how many rows that were, or None when it was not asked."""
    asked = instance.run_storage.get_cursor_values({_ASKED}).get(_ASKED)
    if asked is not None and now - datetime.fromisoformat(asked) < _ASKED_EVERY:
        return None
    instance.run_storage.set_cursor_values({_ASKED: now.isoformat()})
    storage = instance.event_log_storage
    return _forget(storage, now - LOGS_KEPT) if isinstance(storage, SqlEventLogStorage) else 0


def _forget(storage: SqlEventLogStorage, before: datetime) -> int:
    # Dagster stores times as UTC without a zone.
    past = before.astimezone(UTC).replace(tzinfo=None)
    events, checks, tags = SqlEventLogStorageTable, AssetCheckExecutionsTable, AssetEventTagsTable
    newest_made = select(func.max(events.c.id)).where(events.c.dagster_event_type.in_(_MADE))
    newest_made = newest_made.group_by(events.c.asset_key, events.c.dagster_event_type, events.c.partition)
    newest_verdicts = select(func.max(checks.c.id)).group_by(
        checks.c.asset_key, checks.c.check_name, checks.c.partition
    )
    with storage.index_connection() as connection:
        forgotten = 0
        for table, time, kept in (
            (events, events.c.timestamp, newest_made),
            (checks, checks.c.create_timestamp, newest_verdicts),
        ):
            forgotten += connection.execute(
                delete(table).where(time < past, not_(table.c.id.in_(kept.scalar_subquery())))
            ).rowcount
        connection.execute(delete(tags).where(not_(tags.c.event_id.in_(select(events.c.id).scalar_subquery()))))
    return forgotten
