"""One run of the whole chain in this process, with a progress bar, recorded as any run that the web UI starts.

Not here: which sessions to run, and what a session's run does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg

from portfolio_pipeline.adapters.environment import PROJECT_ROOT
from portfolio_pipeline.adapters.said import stored_instructions
from portfolio_pipeline.adapters.wiring import Wiring
from portfolio_pipeline.cli.progress import shown_progress
from portfolio_pipeline.cli.terminal import say
from portfolio_pipeline.components.session_asset import BEGINS
from portfolio_pipeline.core.calendar.beginnings import Beginnings
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import PortfolioError, Several
from portfolio_pipeline.core.tables import ORDERS, SUBMISSIONS
from portfolio_pipeline.dagster_home.at_work import close_dead_runs, living_already, living_tags
from portfolio_pipeline.dagster_home.carry_over import carry_over_keys
from portfolio_pipeline.dagster_home.private.execution import (
    InMemoryJob,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
    execute_run_iterator,
    make_new_run_id,
)
from portfolio_pipeline.dagster_home.range_events import DEFERS_EVENTS, RangeStorage
from portfolio_pipeline.dagster_home.run_tags import CODE_LOCATION, FIRST_OF_RANGE, LAST_OF_RANGE, ONE_SESSION
from portfolio_pipeline.reads.beginnings import stored_beginnings

JOB = "daily"
_PLANS = (ORDERS.name, SUBMISSIONS.name)
_LOOK_AT_THE_CHECK = (
    "What was computed is stored; the rows are on the page of the check in the web UI (`portfolio up`)."
)
_UNDONE = "the rebuild was undone, everything is as it was"
_WITHOUT_PRICES = {"ops": {"prices": {"config": {"without_prices": True}}}}
# The terminal shows the progress bar; what is logged is in the web UI.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Outcome:
    """What a run that did its work has to say: checks that failed, by their weight, and orders that were not sent."""

    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> Sequence[str]:
        return *self.unsent, *self.failed_checks

    def refusal(self, sessions: SessionRange) -> PortfolioError | None:
        """What the command ends with; None when all is well."""
        if self.unsent:
            return PortfolioError("ORDERS_NOT_SENT", sessions=sessions, why=Several(self.unsent))
        if self.failed_checks:
            return PortfolioError(
                "CHECKS_FAILED", sessions=sessions, found=Several(self.failed_checks), remedy=_LOOK_AT_THE_CHECK
            )
        return None


def run_chain(
    wired: Wiring,
    sessions: SessionRange,
    only: Sequence[str] = (),
    *,
    rebuild: bool = False,
    without_prices: bool = False,
) -> Outcome:
    """Materialise everything, or `only` some assets, for `sessions` in one run; the caller is `at_work`.

    With `rebuild` the account is computed anew from the first of the sessions on; `without_prices` goes on over a
    session that nobody has bars for. A run that broke off is a refusal. Orders that the broker has refused, and that
    the settings make smaller, are planned and sent at once.
    """
    outcome = _run_once(wired, sessions, only, rebuild=rebuild, without_prices=without_prices)
    before: Set[str] = frozenset()
    while wired.is_real and (not only or SUBMISSIONS.name in only):
        names = _to_be_smaller(wired, sessions.last)
        if not names - before:  # none, or the market has opened meanwhile
            break
        before |= names
        say("The broker has refused orders that are to be smaller: they are planned once more.", "yellow")
        again = _run_once(wired, SessionRange.single(sessions.last), _PLANS)
        kept = [told for told in outcome.failed_checks if told.split()[0] not in _PLANS]
        outcome = Outcome([], outcome.warnings + again.warnings, kept + again.failed_checks, again.unsent)
    return outcome


def _to_be_smaller(wired: Wiring, session: date) -> Set[str]:
    """The orders of the newest plan that were refused, and are to be smaller."""
    with wired.warehouse.reading() as reader:
        shrunk = stored_instructions(reader, wired.plan_key).shrunk(session)
        rows = reader.read(ORDERS.name, SessionRange.single(session), columns=["client_order_id"]) if shrunk else None
    return frozenset(shrunk) & frozenset(rows["client_order_id"].to_pylist() if rows is not None else ())


def _run_once(
    wired: Wiring, sessions: SessionRange, only: Sequence[str], *, rebuild: bool = False, without_prices: bool = False
) -> Outcome:
    outcome, run_id = Outcome(), make_new_run_id()
    config = {**_QUIET, **(_rebuild_from(sessions) if rebuild else {}), **(_WITHOUT_PRICES if without_prices else {})}
    with dg.DagsterInstance.get() as instance, living_already(wired.locks, run_id):
        carry_over_keys(instance)
        for dead in close_dead_runs(instance, wired.locks):
            say(dead, "yellow")
        run, job = _created(instance, run_id, sessions, only, config)
        counted = _counted(job, run.asset_selection, sessions, stored_beginnings(wired.warehouse))
        # One session is done in seconds; during a range others shall get in between.
        kept_open = wired.warehouse.kept_open() if len(sessions) == 1 and not rebuild else nullcontext()
        with shown_progress(counted) as progress, kept_open:
            for event in execute_run_iterator(InMemoryJob(job), run, instance):
                if event.event_type == dg.DagsterEventType.STEP_START:
                    progress.begin(_shown(event.step_key))
                elif event.is_step_success or event.is_step_failure or event.is_step_skipped:
                    progress.end(_shown(event.step_key))
                _remember(outcome, event)
    if outcome.failures:
        raise PortfolioError(
            "RUN_FAILED",
            sessions=sessions,
            why=Several([*outcome.failures, *outcome.failed_checks, *([_UNDONE] if rebuild else [])]),
            remedy="Mend the cause and give the same command again; `portfolio up` shows the run in the web UI.",
        )
    return outcome


def _created(
    instance: dg.DagsterInstance, run_id: str, sessions: SessionRange, only: Sequence[str], config: dict[str, Any]
) -> tuple[dg.DagsterRun, dg.JobDefinition]:
    from portfolio_pipeline.definitions import defs

    job = defs().resolve_job_def(JOB)
    chosen = _chosen(job, only)
    if chosen is not None:
        job = job.get_subset(asset_selection=chosen)
    run = instance.create_run_for_job(
        job_def=job,
        run_id=run_id,
        run_config=config,
        asset_selection=chosen,
        tags={**_partition_tags(sessions, instance), **living_tags()},
        remote_job_origin=_origin(),
    )
    return run, job


def _chosen(job: dg.JobDefinition, names: Sequence[str]) -> Set[dg.AssetKey] | None:
    known = {key.to_user_string(): key for key in job.asset_layer.executable_asset_keys}
    for name in names:
        if name not in known:
            raise PortfolioError(
                "ASSET_UNKNOWN", found=name, expected=", ".join(sorted(known)), remedy="Choose of these."
            )
    return {known[name] for name in names} or None


def _counted(
    job: dg.JobDefinition, chosen: Set[dg.AssetKey] | None, sessions: SessionRange, begun: Beginnings | None
) -> dict[str, int]:
    """How many of the sessions each step is about to compute."""
    counted: dict[str, int] = {}
    for key in chosen or job.asset_layer.executable_asset_keys:
        kept = begun.kept(job.asset_layer.get(key).metadata[BEGINS], sessions) if begun is not None else sessions
        step = _shown(str(job.asset_layer.get_op_output_handle(key).node_handle))
        counted[step] = max(counted.get(step, 0), 0 if kept is None else len(kept))
    return counted


def _shown(step: str | None) -> str:
    """A step by the name of its asset."""
    return str(step).replace("__", "/")


def _rebuild_from(sessions: SessionRange) -> dict[str, Any]:
    return {"resources": {"warehouse": {"config": {"rebuild_from": sessions.first.isoformat()}}}}


def _partition_tags(sessions: SessionRange, instance: dg.DagsterInstance) -> dict[str, str]:
    ours = {DEFERS_EVENTS: "true"} if isinstance(instance.event_log_storage, RangeStorage) else {}
    if sessions.first == sessions.last:
        return {ONE_SESSION: sessions.first.isoformat(), **ours}
    return {FIRST_OF_RANGE: sessions.first.isoformat(), LAST_OF_RANGE: sessions.last.isoformat(), **ours}


def _origin() -> RemoteJobOrigin:
    """Where the web UI finds the job, so that it shows the run under its own and can start it again."""
    target = LoadableTargetOrigin(
        executable_path=sys.executable,
        module_name="portfolio_pipeline.definitions",
        working_directory=str(PROJECT_ROOT),
    )
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, CODE_LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), JOB)


def _remember(outcome: Outcome, event: dg.DagsterEvent) -> None:
    if event.is_step_failure:
        failure = event.step_failure_data
        told = failure.user_failure_data.description if failure.user_failure_data else None
        cause = failure.error.cause or failure.error if failure.error else None
        message = told or (cause.to_exception_message_only().message.strip() if cause else event.message)
        outcome.failures.append(f"{event.step_key}: {message}")
    elif event.event_type == dg.DagsterEventType.RUN_FAILURE and not outcome.failures:
        outcome.failures.append(event.message or "the run failed before its first step")
    elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            why = f": {evaluation.description}" if evaluation.description else ""
            asset = evaluation.asset_key.to_user_string()
            if evaluation.severity == dg.AssetCheckSeverity.WARN:
                kept = outcome.warnings
            else:
                kept = outcome.unsent if asset == SUBMISSIONS.name else outcome.failed_checks
            kept.append(f"{asset} {evaluation.check_name}{why}")
