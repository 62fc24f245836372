"""The resources of the assets: the ports' adapters, the settings and the strategy cards, as the environment asks for.

Assets get plain domain objects. Nothing is read or connected before a run needs it, so that the definitions load on any
machine. In tests, plain objects are given as resources instead.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from portfolio_pipeline.adapters.broker.guarded import GuardedBroker
from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.faults import require_room
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.calendar.sessions import require_session
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.execution.halt import require_trading
from portfolio_pipeline.dagster_home.at_work import READS_ONLY, at_work, close_dead_runs, living, require_account
from portfolio_pipeline.dagster_home.rebuild import rebuilt, undo_unfinished
from portfolio_pipeline.dagster_home.retention import forget_old_logs


class WiredResource(dg.ConfigurableResource[Any]):
    """One part of the house, built from the environment when a run starts."""

    part: str

    def create_resource(self, context: dg.InitResourceContext) -> Any:
        with refusals_as_failures():
            return getattr(wire(), self.part)


class WarehouseResource(dg.ConfigurableResource[Any]):
    """The warehouse, with its tables there and up to date.

    Who computes on it has the account to itself until the run ends, and waits for it if need be.
    """

    rebuild_from: str = Field(
        default="",
        description="A session, as 2026-11-20: what the account has lived through from there on is computed anew, after"
        " a copy of everything. The run has to go through all assets and up to the newest session.",
    )

    def create_resource(self, context: dg.InitResourceContext) -> Any:
        with refusals_as_failures():
            wired = wire()
            warehouse = wired.warehouse
            kept = warehouse.prepare()
            wired.seal_what_is_there()
            if kept is not None and context.log is not None:
                context.log.info(f"The tables were carried forward. As they were before: {kept}")
            if context.run is not None:
                wired.require_same_account()
            return warehouse

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Any]:
        run, instance, log = context.run, context.instance, context.log
        if run is None or instance is None or log is None:  # a sensor, or a test: nothing is computed
            yield self.create_resource(context)
            return
        locks = wire().locks
        with living(locks, instance, run), ExitStack() as until_the_end:
            if READS_ONLY not in run.tags:
                with refusals_as_failures():
                    require_room(wire().environment.dagster_home)
                    until_the_end.enter_context(at_work(locks, f"run {run.run_id}", wait=log.info))
                for dead in close_dead_runs(instance, locks):
                    log.warning(dead)
                with refusals_as_failures():
                    undo_unfinished(wire().warehouse, log.warning)
            warehouse = self.create_resource(context)
            if self.rebuild_from:
                with refusals_as_failures():
                    wire().require_rebuildable()
                    first = require_session(_day(self.rebuild_from))
                    until_the_end.enter_context(rebuilt(warehouse, instance, run, first, log.warning))
            yield warehouse
            if READS_ONLY not in run.tags:
                forget_old_logs(instance, wire().clock.now())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SessionError("NOT_A_DATE", found=text, remedy="Write it as 2026-11-20.") from None


class BrokerResource(dg.ConfigurableResource[Any]):
    """The broker; right before orders leave it asks once more whether this run is alone and trading is not halted."""

    def create_resource(self, context: dg.InitResourceContext) -> Any:
        with refusals_as_failures():
            wired = wire()
            return GuardedBroker(wired.broker, require_account, lambda: require_trading(wired.halt_switch.state()))


class StrategiesResource(dg.ConfigurableResource[Any]):
    """All strategy cards, in the order of their names."""

    def create_resource(self, context: dg.InitResourceContext) -> Any:
        with refusals_as_failures():
            return load_cards()


@dg.definitions
def resources() -> dg.Definitions:
    parts = ("market_data", "clock", "alerts", "settings", "halt_switch", "origin", "plan_key")
    return dg.Definitions(
        resources={
            "warehouse": WarehouseResource(),
            "broker": BrokerResource(),
            "strategies": StrategiesResource(),
            **{part: WiredResource(part=part) for part in parts},
        }
    )
