"""Homes of earlier versions: what their event log knows of assets is filed under the keys of today.

The noun once came first in the keys of a strategy's assets (`optimized_parameters/momentum_equities`); now
it comes last. Every materialisation and check evaluation is kept, under its new key. The logs of runs that are over
stay as they were written, with the old names in them.
"""

from __future__ import annotations

import json

import dagster as dg
from sqlalchemy import Table, func, select
from sqlalchemy.engine import Connection

from portfolio_pipeline.dagster_home.private.storages import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
)

_NOUNS_ONCE_FIRST = ("optimized_parameters", "strategy_targets", "strategy_honesty")
# Each table with a column of asset keys, and its column of event texts, if it has one.
_FILED = (
    (SqlEventLogStorageTable, "event"),
    (AssetEventTagsTable, None),
    (AssetCheckExecutionsTable, "evaluation_event"),
    (AssetKeyTable, "last_materialization"),
)


def carry_over_keys(instance: dg.DagsterInstance) -> int:
    """File what stands under old keys under the new ones, all or nothing; says how many assets that were."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    with storage.index_connection() as connection:
        known = set(connection.execute(select(AssetKeyTable.c.asset_key)).scalars())
        renamed = {old: new for old in known if (new := _new_key(old)) is not None}
        for old, new in renamed.items():
            if new in known:  # made anew since: the newest row is the one to keep
                connection.execute(AssetKeyTable.delete().where(AssetKeyTable.c.asset_key == old))
            for table, text in _FILED:
                _file(connection, table, text, old, new)
    return len(renamed)


def _file(connection: Connection, table: Table, text: str | None, old: str, new: str) -> None:
    changed: dict[str, object] = {"asset_key": new}
    if text is not None:
        changed[text] = table.c[text]
        for was, becomes in zip(_in_an_event(old), _in_an_event(new), strict=True):
            changed[text] = func.replace(changed[text], was, becomes)
    if "cached_status_data" in table.c:
        changed["cached_status_data"] = None
    connection.execute(table.update().where(table.c.asset_key == old).values(changed))


def _new_key(old: str) -> str | None:
    path = json.loads(old)
    return json.dumps([path[1], path[0]]) if len(path) == 2 and path[0] in _NOUNS_ONCE_FIRST else None


def _in_an_event(key: str) -> tuple[str, str]:
    """A key as it stands in the text of an event: as Dagster writes it, and as our event log does."""
    return f'"path": {key}', f'"path":{key.replace(", ", ",")}'
