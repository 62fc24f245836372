"""Materialisations of the sessions of a run, written at once: one row per session in the index, one event in the run.

Dagster makes, logs and stores an event for every partition of every asset: half a second an asset on ten years, and
45,000 equal lines on the run's page; and with each of them versions of the data, which nobody asks for who has more
than a hundred partitions. A run that is tagged `DEFERS_EVENTS` leaves them to us: the newest session's event carries
everything there is to see and is logged like any other; the others only say that their sessions are there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import dagster as dg
from dagster import EventLogEntry

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.dagster_home.private.execution import (
    EXTERNALLY_MANAGED_ASSETS_TAG,
    assets_are_externally_managed,
    get_current_timestamp,
)
from portfolio_pipeline.dagster_home.private.storages import DagsterEvent, DagsterEventType, StepMaterializationData

DEFERS_EVENTS = EXTERNALLY_MANAGED_ASSETS_TAG


@runtime_checkable
class RangeStorage(Protocol):
    """An event log that can store what many partitions have in common once."""

    def store_range(self, event: EventLogEntry, partitions: Sequence[str]) -> None: ...


def defers_events(context: dg.AssetExecutionContext) -> bool:
    """Whether the run was started by somebody who leaves the events to us."""
    return assets_are_externally_managed(context.run)


def record_range(
    context: dg.AssetExecutionContext, key: dg.AssetKey, sessions: SessionRange, newest: Mapping[str, Any]
) -> None:
    """Record the sessions of an asset as materialised; `newest` is what is told of the newest one."""
    storage = context.instance.event_log_storage
    *earlier, last = (session.isoformat() for session in sessions)
    if earlier:
        assert isinstance(storage, RangeStorage), "a run that defers its events needs our event log"
        materialization = dg.AssetMaterialization(key, partition=earlier[0])
        storage.store_range(_event(context, materialization), earlier)
    context.log_event(dg.AssetMaterialization(key, partition=last, metadata=newest))


def _event(context: dg.AssetExecutionContext, materialization: dg.AssetMaterialization) -> EventLogEntry:
    """As Dagster would have logged it, without what only says where in the run it came from."""
    return EventLogEntry(
        error_info=None,
        level=logging.DEBUG,
        user_message="",
        run_id=context.run.run_id,
        timestamp=get_current_timestamp(),
        step_key=context.op_execution_context.op.name,
        job_name=context.run.job_name,
        dagster_event=DagsterEvent(
            DagsterEventType.ASSET_MATERIALIZATION.value,
            context.run.job_name,
            event_specific_data=StepMaterializationData(materialization),
        ),
    )
