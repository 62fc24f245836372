"""Computing an account anew from some session on: one explicit act, after a copy of everything, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg

from portfolio_pipeline.adapters.warehouse.lived import rebuilding
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.tables import ACCOUNT, FILLS, ORDERS, POSITIONS, SUBMISSIONS
from portfolio_pipeline.dagster_home.run_tags import FIRST_OF_RANGE, LAST_OF_RANGE, ONE_SESSION
from portfolio_pipeline.ports import Warehouse

_OF_THE_ACCOUNT = {dg.AssetKey([table.name]) for table in (ORDERS, SUBMISSIONS, FILLS, POSITIONS)}
_BROKEN_OFF = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.STEP_SKIPPED}
_FIRST = (ONE_SESSION, FIRST_OF_RANGE)
_LAST = (ONE_SESSION, LAST_OF_RANGE)


@contextmanager
def rebuilt(
    warehouse: Warehouse, instance: dg.DagsterInstance, run: dg.DagsterRun, first: date, tell: Callable[[str], None]
) -> Iterator[None]:
    """What the run does until the end may rewrite the account from `first` on; if it breaks off, nothing was done."""
    _require_everything(warehouse, run, first)
    tell(f"The account is computed anew from {first} on. Everything as it was: {warehouse.begin_rebuild(first)}")
    try:
        with rebuilding(warehouse.location, first):
            yield
        whole = not instance.all_logs(run.run_id, of_type=_BROKEN_OFF)
    except BaseException:
        tell(_undone(warehouse))
        raise
    if whole:
        warehouse.end_rebuild()
    else:
        tell(_undone(warehouse))


def undo_unfinished(warehouse: Warehouse, tell: Callable[[str], None]) -> None:
    """Put things back that a killed rebuild has left half done; the caller is alone with the account."""
    kept = warehouse.undo_rebuild()
    if kept is not None:
        tell(f"A rebuild was broken off before: everything is as it was before it, from {kept}.")


def _undone(warehouse: Warehouse) -> str:
    return f"The rebuild broke off: everything is as it was, from {warehouse.undo_rebuild()}."


def _require_everything(warehouse: Warehouse, run: dg.DagsterRun, first: date) -> None:
    """A rebuild goes through to the newest session and leaves nothing of the account out."""
    oldest, newest = warehouse.oldest(ACCOUNT.name) or first, warehouse.newest(ACCOUNT.name) or first
    asked = [next((run.tags[tag] for tag in tags if tag in run.tags), "") for tags in (_FIRST, _LAST)]
    missing = _OF_THE_ACCOUNT - set(run.asset_selection) if run.asset_selection is not None else set()
    if first < oldest or asked[0] > first.isoformat() or asked[1] < newest.isoformat() or missing:
        raise SessionError(
            "REBUILD_INCOMPLETE",
            found=f"sessions {asked[0]} to {asked[1]}"
            + (f" without {', '.join(sorted(key.to_user_string() for key in missing))}" if missing else ""),
            expected=f"the whole chain from {max(first, oldest)} to {newest}",
            remedy=f"Nothing was changed. Run all of it: portfolio run --rebuild-from {max(first, oldest)}.",
        )
