"""The one partitions definition and the one backfill policy that every asset shares.

A partition is a trading session. It comes into being at 16:00 New York time of its own day, so nobody can materialise a
session that is still trading; on the evening of a holiday Dagster also names the next session, which is why every asset
asks `core.calendar.sessions.require_closed` as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from functools import cached_property, lru_cache
from typing import Any

import dagster as dg

from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, all_sessions, closed_days
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.dagster_home.private import partitions as dagsters


class TimeWindowPartitionsSubset(dagsters.TimeWindowPartitionsSubset):
    """Dagster's own, under Dagster's own name, for a definition's empty subset.

    A range is put into an empty one for each input and output of every step, session by session, and comes out the
    same: over ten years it took as long as searching for all strategies.
    """

    def with_partition_key_range(
        self, partitions_def: dg.PartitionsDefinition[str], partition_key_range: dg.PartitionKeyRange
    ) -> dagsters.PartitionsSubset[str]:
        if self.included_time_windows:
            return super().with_partition_key_range(partitions_def, partition_key_range)
        return _only(partitions_def, partition_key_range)


@lru_cache(maxsize=4)
def _only(definition: dg.PartitionsDefinition[str], keys: dg.PartitionKeyRange) -> dagsters.PartitionsSubset[str]:
    empty = dagsters.TimeWindowPartitionsSubset.create_empty_subset(definition)
    return empty.with_partition_key_range(definition, keys)


class TimeWindowPartitionsDefinition(dg.TimeWindowPartitionsDefinition):
    """Dagster's own, under Dagster's own name (which is what it writes down), but with its hash and keys remembered.

    The hash is asked for a dozen times a step, and spells out twenty years of holidays each time; the keys, as many
    years of days counted off, are asked for by every view that reads an asset.
    """

    @cached_property
    def _remembered(self) -> int:
        return int(super().__hash__())  # type: ignore[no-untyped-call]

    def __hash__(self) -> int:
        return self._remembered

    def get_partition_keys(self, *of_another_time: Any, **named: Any) -> Sequence[str]:
        if of_another_time or named:
            return super().get_partition_keys(*of_another_time, **named)
        return list(_keys_through(self.get_last_partition_key(), self))

    @property
    def partitions_subset_class(self) -> type[dagsters.TimeWindowPartitionsSubset]:
        return TimeWindowPartitionsSubset


@lru_cache(maxsize=2)
def _keys_through(last: str | None, definition: TimeWindowPartitionsDefinition) -> Sequence[str]:
    """All keys that there are now, `last` being the last of them: with the next session they are others."""
    return dg.TimeWindowPartitionsDefinition.get_partition_keys(definition)


SESSIONS = TimeWindowPartitionsDefinition(
    start=FIRST_SESSION.isoformat(),
    fmt="%Y-%m-%d",
    cron_schedule="0 16 * * 1-5",
    timezone="America/New_York",
    end_offset=1,
    # Naive on purpose: Dagster reads exclusions in the definition's own time zone.
    exclusions=[datetime.combine(day, time(16)) for day in closed_days(FIRST_SESSION, all_sessions()[-1])],
)

ONE_RUN = dg.BackfillPolicy.single_run()


def has_sessions(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> bool:
    """Whether a step's run is for some sessions."""
    return bool(context.has_partition_key or context.has_partition_key_range)


def sessions_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> SessionRange:
    """The sessions that a step was asked for; refused where it was asked for none, as without a partition."""
    if not has_sessions(context):
        raise SessionError("NO_SESSION_CHOSEN", remedy="Materialize the asset for a session: its checks run with it.")
    keys = context.partition_key_range
    return SessionRange(date.fromisoformat(keys.start), date.fromisoformat(keys.end))
