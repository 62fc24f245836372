"""Halting and resuming, for the command and the web UI: the switch in the home first, then the database's events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from portfolio_pipeline.adapters.faults import as_refusals
from portfolio_pipeline.core.errors import ConfigurationError, PortfolioError
from portfolio_pipeline.core.execution.halt import TradingState, next_event, told, trading_state
from portfolio_pipeline.core.tables import HALT_EVENTS
from portfolio_pipeline.core.words import clean
from portfolio_pipeline.ports import HaltSwitch, Warehouse


def halt(switch: HaltSwitch, reason: str, now: datetime) -> None:
    """Throw the switch. From here on nothing is sent, whatever becomes of the rest."""
    switch.throw(_told(reason), _utc(now))


def record_halt(opened: Callable[[], Warehouse], reason: str, now: datetime) -> PortfolioError | None:
    """Write the halt down as an event; gives back why that could not be done, which changes nothing of the halt."""
    try:
        with as_refusals(), opened().transaction() as tx:
            tx.insert(HALT_EVENTS.name, next_event(tx.read(HALT_EVENTS.name), "halt", _told(reason), _utc(now)))
    except PortfolioError as refusal:
        return refusal
    return None


def resume(switch: HaltSwitch, warehouse: Warehouse, reason: str, now: datetime) -> list[str]:
    """Lift both, the switch last: whatever fails on the way leaves trading halted. Says what was found."""
    if not reason.strip():
        raise ConfigurationError("REASON_MISSING", expected="why trading may go on", remedy="Give it with --reason.")
    thrown = switch.state()
    with warehouse.transaction() as tx:
        recorded = trading_state(tx.read(HALT_EVENTS.name))
        if thrown.halted and not recorded.halted:  # the database could not be reached when it was halted
            tx.insert(HALT_EVENTS.name, next_event(tx.read(HALT_EVENTS.name), "halt", thrown.reason, _utc(now)))
        if thrown.halted or recorded.halted:
            tx.insert(HALT_EVENTS.name, next_event(tx.read(HALT_EVENTS.name), "resume", _told(reason), _utc(now)))
    switch.lift()
    found = {"the switch in the home": thrown, "the database": recorded}
    return [f"{place}: halted{_since(state)}: {state.reason}" for place, state in found.items() if state.halted]


def _since(state: TradingState) -> str:
    return f" since {told(state.since)}" if state.since else ""


def _told(reason: str) -> str:
    return clean(reason) or "by hand"


def _utc(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(tzinfo=None)
