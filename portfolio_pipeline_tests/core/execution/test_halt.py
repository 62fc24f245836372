"""Halting: the latest event decides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import pyarrow as pa
import pytest

from portfolio_pipeline.core.errors import LimitError
from portfolio_pipeline.core.execution.halt import TradingState, either, next_event, require_trading, trading_state
from portfolio_pipeline.core.tables import HALT_EVENTS
from portfolio_pipeline.core.tables.rows import arrow_schema, checked

NOON = datetime(2024, 1, 3, 12)  # noqa: DTZ001


def after(*actions: Literal["halt", "resume"]) -> pa.Table:
    rows = arrow_schema(HALT_EVENTS).empty_table()
    for action in actions:
        rows = pa.concat_tables([checked(HALT_EVENTS, next_event(rows, action, f"why {action}", NOON)), rows])
    return rows


def test_nothing_is_halted_before_the_first_event() -> None:
    assert trading_state(after()) == TradingState()
    require_trading(trading_state(after()))


@pytest.mark.parametrize(
    ("actions", "halted"),
    [(("halt",), True), (("halt", "resume"), False), (("halt", "resume", "halt"), True), (("halt", "halt"), True)],
)
def test_the_latest_event_is_the_state_whatever_the_order_of_rows(
    actions: tuple[Literal["halt", "resume"], ...], halted: bool
) -> None:
    state = trading_state(after(*actions))
    assert (state.halted, state.reason, state.since) == (halted, f"why {actions[-1]}", NOON)


def test_the_latest_event_is_the_one_with_the_highest_number_whatever_the_clock_said() -> None:
    """A clock that was set back must not bring trading back to life."""
    resumed = next_event(after("halt"), "resume", "all clear", NOON)
    both = pa.concat_tables([after("halt"), checked(HALT_EVENTS, resumed)])
    again = checked(HALT_EVENTS, next_event(both, "halt", "fire", NOON - timedelta(hours=3)))
    for rows in ([both, again], [again, both]):
        state = trading_state(pa.concat_tables(rows))
        assert (state.halted, state.reason, state.since) == (True, "fire", NOON - timedelta(hours=3))


def test_events_are_numbered_from_one_on() -> None:
    assert after("halt", "resume", "halt").column("event_id").to_pylist() == [3, 2, 1]


def test_one_of_several_places_is_enough_to_halt_and_the_first_is_told() -> None:
    free, fire, smoke = TradingState(), TradingState(True, "fire", NOON), TradingState(True, "smoke", NOON)
    assert either(free, fire, smoke) == fire
    assert either(fire, free) == fire
    assert either(free, TradingState(False, "resumed", NOON)) == TradingState()


def test_the_refusal_says_since_when_why_and_what_to_do() -> None:
    with pytest.raises(
        LimitError, match=r"TRADING_HALTED: since=2024-01-03 12:00 UTC, why=why halt\. .*portfolio resume"
    ):
        require_trading(trading_state(after("halt")))
