"""Processes that send orders and are killed on the way, as hard as a process can be: at a step of their own, or by the
server in the middle of a request.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
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
from portfolio_pipeline.ports import Warehouse
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
    server: AlpacaServer,
    database: str,
    orders: Sequence[Order],
    session: date,
    death: Death | None = None,
    *,
    times: int = 1,
) -> int:
    """A process that submits the orders, or several at once: 0 when the first has come to its end, 1 when it was
    refused, or how it died.
    """
    given = (server.url, server.key, server.secret, database, list(orders), session, server.clock.now())
    return lived(server, _submit, given, death, times=times)


def lived(
    server: AlpacaServer, target: Callable[..., None], given: tuple[Any, ...], death: Death | None, *, times: int = 1
) -> int:
    """Processes that do the same at once, of which the first may be killed: its exit code.

    The target is also given the death that it has to die by its own writes.
    """
    processes: list[ForkServerProcess] = []
    counted = 0

    def strike(asked: Asked, after: bool) -> None:
        nonlocal counted
        if death is None or death.around != "request" or death.after != after:
            return
        counted += 1
        if counted == death.number:
            pid = processes[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

    server.before_each = lambda asked: strike(asked, False)
    server.after_each = lambda asked: strike(asked, True)
    own = death if death is not None and death.around == "write" else None
    for number in range(times):
        dies = own if number == 0 else None
        processes.append(forked.context().Process(target=target, args=(*given, dies)))
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
    server.before_each = server.after_each = lambda asked: None
    code = processes[0].exitcode
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
    opened = open_warehouse(database)
    warehouse = opened if death is None else deadly(opened, death)
    broker = AlpacaBroker("PAPER", AlpacaAccess(key, secret, url), warehouse, FixedClock(moment), HASTY)
    try:
        broker.submit(SessionRange.single(session), orders)
    except PortfolioError as refusal:
        print(refusal)
        raise SystemExit(1) from None


def deadly(warehouse: Warehouse, death: Death) -> Warehouse:
    """A warehouse whose process is killed right before or right after its nth write is there for good."""
    found: Any = _Deadly(warehouse, death)
    return found  # type: ignore[no-any-return]


class _Deadly:
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
