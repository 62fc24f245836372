"""Following up what was sent: how orders stand, what of them was executed so far, and who has to be told.

One look at a time: the broker is asked for what is still open, what has changed is noted in order_attempts (the
broker's adapter does that), and executions of the session under way are written to fills and, shared out to the books,
to trades. Nothing is planned or sent here. These rows are of a session that the account does not hold yet: how far the
account goes is what its own tables say, and whoever computes the session in the evening replaces them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from portfolio_pipeline.adapters.entries import entries_at
from portfolio_pipeline.adapters.noted_orders import noted_orders
from portfolio_pipeline.core.alerting.alert import Alert
from portfolio_pipeline.core.books.book import Book
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.positions import hold, stored_ledger
from portfolio_pipeline.core.books.unclaimed import Outside
from portfolio_pipeline.core.calendar.sessions import (
    NEW_YORK,
    OPENS,
    SessionRange,
    is_session,
    last_closed_session,
    next_session,
    previous_session,
    session_close,
)
from portfolio_pipeline.core.execution.attempts import OVER, Attempt
from portfolio_pipeline.core.execution.by_hand.instructions import HOUSE, Instructions
from portfolio_pipeline.core.execution.orders import session_of
from portfolio_pipeline.core.execution.rejects import PREFIX, not_carried_out, still_open
from portfolio_pipeline.core.execution.rows import fill_rows, fills_of
from portfolio_pipeline.core.execution.tickets import OrderState
from portfolio_pipeline.core.market.bars import ACTION_COLUMNS, BAR_COLUMNS, bars_by_session
from portfolio_pipeline.core.portfolio.session_targets import session_targets
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    ACCOUNT,
    AGGREGATED_TARGETS,
    ALERTS,
    CORPORATE_ACTIONS,
    FILLS,
    ORDER_INSTRUCTIONS,
    POSITIONS,
    PRICES,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
    TRADES,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Alerts, Broker, Clock, Warehouse

AFTER_THE_CLOSE = timedelta(minutes=15)  # until then the last executions and the ends of day orders come in
_LOOKS_BACK = 20  # sessions, for orders that stand although they were good for a day


@dataclass(frozen=True)
class Followed:
    """How the orders stand that are executed in `session`, and what this look has found."""

    session: date
    orders: tuple[Attempt, ...]
    noted: int
    """How many orders stand otherwise than before."""
    executions: int
    new_executions: int
    told: tuple[Alert, ...]

    @property
    def open(self) -> tuple[Attempt, ...]:
        return tuple(one for one in self.orders if one.state not in OVER)

    def in_words(self) -> str:
        states = Counter(str(one.state) for one in self.orders)
        how = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(states.items())) or "none"
        new = f", {self.new_executions} of them new" if self.new_executions else ""
        return f"{self.session}: orders: {how}; {self.executions} executions{new}"


def market_hours(now: datetime) -> date | None:
    """The session under way by the exchange's calendar, until its last executions are in; None when there is none."""
    here = now.astimezone(NEW_YORK)
    today = here.date()
    if not is_session(today) or here.time() < OPENS or now > session_close(today) + AFTER_THE_CLOSE:
        return None
    return today


def follow(broker: Broker, warehouse: Warehouse, clock: Clock, alerts: Alerts, settings: Settings) -> Followed:
    """Look once. Whoever calls has the account to themselves."""
    now = clock.now()
    closed = last_closed_session(now)
    with warehouse.reading() as reader:
        recorded = reader.newest(ACCOUNT.name)
        # Until the evening has recorded a session, it is the orders executed in it that are followed.
        decided = previous_session(closed) or closed if recorded is not None and recorded < closed else closed
        known = SessionRange(previous_session(decided, _LOOKS_BACK) or decided, closed)
        before = {one.order.client_order_id: one for one in noted_orders(reader, known)}
    if any(one.state not in OVER for one in before.values()):
        broker.reports(known)
    with warehouse.reading() as reader:
        orders = noted_orders(reader, known)
        said = Instructions.of_rows(reader.read(ORDER_INSTRUCTIONS.name).to_pylist())
    shrunk = {one.order for one in said.said if one.who == HOUSE}
    changed = [one for one in orders if one != before.get(one.order.client_order_id)]
    mine = [one for one in orders if one.order.session == decided]
    executions, new = _executions(broker, warehouse, settings, decided, mine) if recorded == decided else (0, 0)
    recent = [one for one in orders if one.order.session >= (previous_session(decided) or decided)]
    wanted = [
        *not_carried_out(recent, settings.orders.rejects, shrunk),
        *still_open(one for one in orders if _is_late(one, now)),
    ]
    told = _tell(warehouse, alerts, decided, wanted)
    return Followed(next_session(decided), tuple(mine), len(changed), executions, new, told)


def _is_late(one: Attempt, now: datetime) -> bool:
    return session_close(next_session(one.order.session)) + AFTER_THE_CLOSE < now and one.state in (
        OrderState.ACCEPTED,
        OrderState.PARTIALLY_FILLED,
    )


def _executions(
    broker: Broker, warehouse: Warehouse, settings: Settings, decided: date, orders: Sequence[Attempt]
) -> tuple[int, int]:
    """What was executed of the orders so far, and how much of it was new, after it was written down."""
    single = SessionRange.single(next_session(decided))
    stored = fills_of(warehouse.read(FILLS.name, single))
    filled = sum(one.filled_quantity for one in orders)
    own = {one.order.client_order_id for one in orders}
    known = sum(abs(fill.quantity) for fill in stored if fill.client_order_id in own)
    if filled == known:
        return len(stored), 0
    executed = broker.fills(single, so_far=True)
    new = len({fill.fill_id for fill in executed} - {fill.fill_id for fill in stored})
    if list(executed) != stored:
        foreign = [fill for fill in executed if session_of(broker.mode, fill.client_order_id) is None]
        _write(warehouse, settings, decided, executed, foreign)
    return len(executed), new


def _write(
    warehouse: Warehouse, settings: Settings, decided: date, executed: Sequence[Fill], foreign: Sequence[Fill]
) -> None:
    """The executions of a session under way, and what of them is whose. There are no closes yet to hold books at."""
    single, before = SessionRange.single(next_session(decided)), SessionRange.single(decided)
    with warehouse.reading() as reader:
        ledger = stored_ledger(frame(reader.read(POSITIONS.name, before)), frame(reader.read(ACCOUNT.name, before)))
        bars = bars_by_session(
            reader.read(PRICES.name, before, columns=BAR_COLUMNS),
            reader.read(CORPORATE_ACTIONS.name, before, columns=ACTION_COLUMNS),
        )
        targets = session_targets(
            reader.read(AGGREGATED_TARGETS.name, before),
            reader.read(STRATEGY_TARGETS.name, before, columns=["session", "strategy", "symbol", "weight"]),
            reader.read(STRATEGY_WEIGHTS.name, before, columns=["session", "strategy", "weight"]),
        )
        entries = entries_at(reader, decided)
    held = hold(
        single,
        ledger,
        decided,
        {single.first: [fill for fill in executed if fill not in foreign]},
        bars,
        targets,
        {},
        opening=Book(),
        cash_buffer=settings.orders.cash_buffer,
        delist_after_sessions=sys.maxsize,
        outside={single.first: Outside(foreign)} if foreign else {},
        entries=entries,
    )
    with warehouse.transaction() as tx:
        if tx.newest(ACCOUNT.name) == decided:
            tx.replace(FILLS.name, single, fill_rows(executed))
            tx.replace(TRADES.name, single, held.trades)


def _tell(warehouse: Warehouse, alerts: Alerts, decided: date, wanted: Sequence[Alert]) -> tuple[Alert, ...]:
    """Each of them once; and what was told of orders of earlier sessions is over."""
    rows = [row for row in warehouse.read(ALERTS.name).to_pylist() if row["about"].startswith(PREFIX)]
    said = {(row["about"], row["title"], row["message"]) for row in rows}
    told = tuple(one for one in wanted if (one.matter, one.title, one.message) not in said)
    for alert in told:
        alerts.send(alert)
    matters = {one.matter for one in wanted}
    for row in rows:
        if row["over_at"] is None and row["about"] not in matters:
            alerts.over(row["about"], f"It is settled: the account goes on from how it was at the close of {decided}.")
    return told
