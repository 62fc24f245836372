"""Processes that send orders and are killed on the way, as hard as a process can be: at a step of their own, or by the
server in the middle of a request.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from multiprocessing.context import ForkServerProcess
from typing import Any

from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.adapters.broker.alpaca.broker import AlpacaBroker
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.tickets import Order
from portfolio_pipeline_tests import forked
from portfolio_pipeline_tests.adapters.alpaca.desk import HASTY
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer, Asked
from portfolio_pipeline_tests.fakes.clock import FixedClock

DIED = -signal.SIGKILL


@dataclass(frozen=True)
class Death:
    """Killed around the nth of its own writes, or by the server around the nth request that writes or asks."""

    around: str  # "write" or "request"
    number: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.around} {self.number}"


def send(
    server: AlpacaServer, database: str, orders: Sequence[Order], session: date, death: Death | None = None
) -> int:
    """A process that submits the orders: 0 when it has come to its end, 1 when it was refused, or how it died."""
    process: list[ForkServerProcess] = []
    counted = 0

    def strike(asked: Asked, after: bool) -> None:
        nonlocal counted
        if death is None or death.around != "request" or death.after != after:
            return
        counted += 1
        if counted == death.number:
            pid = process[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

    server.before_each = lambda asked: strike(asked, False)
    server.after_each = lambda asked: strike(asked, True)
    own = death if death is not None and death.around == "write" else None
    given = (server.url, server.key, server.secret, database, list(orders), session, server.clock.now(), own)
    process.append(forked.context().Process(target=_submit, args=given))
    process[0].start()
    process[0].join(60)
    server.before_each = server.after_each = lambda asked: None
    code = process[0].exitcode
    assert code is not None
    return code


def _submit(
    url: str,
    key: str,
    secret: str,
    database: str,
    orders: list[Order],
    session: date,
    moment: datetime,
    death: Death | None,
) -> None:
    warehouse: Any = open_warehouse(database)
    if death is not None:
        warehouse = _Deadly(warehouse, death)
    broker = AlpacaBroker("PAPER", AlpacaAccess(key, secret, url), warehouse, FixedClock(moment), HASTY)
    try:
        broker.submit(SessionRange.single(session), orders)
    except PortfolioError as refusal:
        print(refusal)
        raise SystemExit(1) from None


class _Deadly:
    """A warehouse whose process is killed right before or right after its nth write is there for good."""

    def __init__(self, warehouse: Any, death: Death) -> None:
        self._warehouse, self._death, self._writes = warehouse, death, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        self._writes += 1
        mine = self._writes == self._death.number
        with self._warehouse.transaction() as tx:
            yield tx
            if mine and not self._death.after:
                os.kill(os.getpid(), signal.SIGKILL)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)


def all_deaths(writes: int, requests: int) -> list[Death]:
    """Around every write and every request of a life that makes so many of them."""
    return [
        Death(around, number, after)
        for around, count in (("write", writes), ("request", requests))
        for number in range(1, count + 1)
        for after in (False, True)
    ]
