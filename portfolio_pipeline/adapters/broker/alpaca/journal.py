"""What was tried: the table order_attempts, to which notes are only added. What they mean is in `core.execution`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, previous_session
from portfolio_pipeline.core.execution.attempts import Attempt, newest
from portfolio_pipeline.core.execution.rows import attempt_rows, attempts_of
from portfolio_pipeline.core.tables import ORDER_ATTEMPTS
from portfolio_pipeline.ports import Clock, Warehouse

_LOOKS_BACK = 20


class Journal:
    """Notes wait until the next thing that must be written down before it is done, and go with it: `add`, `flush`."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse, self._clock = warehouse, clock
        self._waiting: list[Attempt] = []

    def now(self) -> datetime:
        """In UTC without zone, as tables hold it."""
        return self._clock.now().astimezone(UTC).replace(tzinfo=None)

    def of_sessions(self, sessions: SessionRange) -> dict[str, Attempt]:
        """The newest note on each order decided in the sessions."""
        return newest(attempts_of(self._warehouse.read(ORDER_ATTEMPTS.name, sessions)))

    def of_orders(self, names: Sequence[str]) -> dict[str, Attempt]:
        if not names:
            return {}
        return newest(attempts_of(self._warehouse.read(ORDER_ATTEMPTS.name, where={"client_order_id": list(names)})))

    def of_late(self, session: date) -> dict[str, Attempt]:
        """Of the session and those before it, as far as anything of them may still be open."""
        return self.of_sessions(SessionRange(previous_session(session, _LOOKS_BACK) or FIRST_SESSION, session))

    def add(self, attempts: Iterable[Attempt], *, at_once: bool = True) -> None:
        """Write notes down, in one transaction with those that wait; or let them wait for it."""
        self._waiting += attempts
        if at_once:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        with self._warehouse.transaction() as tx:
            tx.insert(ORDER_ATTEMPTS.name, attempt_rows(self._waiting))
        self._waiting.clear()
