"""The doors of the house: what the inside asks of the outside, and nothing about how it is done.

Each port has its real adapters under `adapters/` and one tested fake under `portfolio_pipeline_tests/fakes/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol, TypeAlias

import pandas as pd
import pyarrow as pa

from portfolio_pipeline.core.sessions import SessionRange

Rows: TypeAlias = pa.Table | pd.DataFrame


class Reader(Protocol):
    """Reading declared tables: rows come ordered by the table's key, `where` maps a column to a value or to several."""

    def read(
        self,
        table: str,
        sessions: SessionRange | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pa.Table: ...

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table: ...


class Transaction(Reader, Protocol):
    """Reads and writes that happen together or not at all. Keep it short: other processes wait meanwhile."""

    def replace(
        self, table: str, sessions: SessionRange, rows: Rows, *, where: Mapping[str, object] | None = None
    ) -> int:
        """Delete the rows of the range (that match `where`), insert `rows`, and say how many those were."""
        ...

    def delete(self, table: str, sessions: SessionRange | None, *, where: Mapping[str, object] | None = None) -> None:
        """Delete the rows of the range (all sessions if None) that match `where`."""
        ...

    def insert(self, table: str, rows: Rows) -> int: ...

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None: ...


class Warehouse(Reader, Protocol):
    """The database. Tables are the ones declared in `core.schemas`; SQL parameters are written $1, $2, …

    A connection is held only inside a call (or inside the `with` block of `reading` or `transaction`), never while
    computing. To open one costs more than a small read: what is read together is read in one `reading` block.
    """

    @property
    def engine(self) -> Literal["duckdb", "postgres"]: ...

    @property
    def location(self) -> str:
        """Where the data is, without secrets, for messages and the UI."""
        ...

    def prepare(self) -> None:
        """Create missing tables and carry older ones forward to this version of the schema."""
        ...

    def reading(self) -> AbstractContextManager[Reader]:
        """Several reads over one connection."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]: ...

    def replace(
        self, table: str, sessions: SessionRange, rows: Rows, *, where: Mapping[str, object] | None = None
    ) -> int:
        """One `Transaction.replace` in a transaction of its own."""
        ...


class MarketData(Protocol):
    """Where bars come from. It hands over what the source says, right or wrong: judging it is `core.quality`'s work."""

    @property
    def source(self) -> str:
        """Written on every row; SIMULATED for made-up markets."""
        ...

    def bars(self, symbols: Sequence[str], sessions: SessionRange) -> pd.DataFrame:
        """Rows with the columns of the prices table; a symbol without a bar has no row.

        Rows outside `symbols` or `sessions` may be among them when the source delivered them: they are judged too.
        """
        ...


@dataclass(frozen=True)
class Holding:
    """Shares of one symbol, with the price they were last marked at."""

    quantity: float
    price: float
    sessions_without_bar: int = 0


@dataclass(frozen=True)
class AccountSnapshot:
    """The broker's view of the account at the close of a session."""

    session: date
    cash: float
    holdings: Mapping[str, Holding] = field(default_factory=dict)

    @property
    def equity(self) -> float:
        return self.cash + sum(holding.quantity * holding.price for holding in self.holdings.values())


class Broker(Protocol):
    """Who holds the account. Orders decided at the close of D are executed in the session after D.

    Frames carry the columns of the tables of the same name (`orders`, `submissions`, `fills`).
    """

    @property
    def mode(self) -> Literal["SIMULATED", "PAPER", "LIVE"]: ...

    def account(self, session: date) -> AccountSnapshot:
        """The account as it was at the close of `session`. A real broker answers for the current session only."""
        ...

    def submit(self, sessions: SessionRange, orders: pd.DataFrame) -> pd.DataFrame:
        """Send the orders decided in `sessions` (a session may have none) and give back rows of `submissions`.

        An order whose client_order_id is already known is not sent again. A real broker refuses any session but the
        current one. The simulated broker plays the sessions one after the other; when a session's orders differ from
        what it has already played, it forgets that session's orders and everything after, and plays them anew.
        """
        ...

    def submissions(self, sessions: SessionRange) -> pd.DataFrame:
        """The state of the orders decided in `sessions`."""
        ...

    def fills(self, sessions: SessionRange) -> pd.DataFrame:
        """The executions that happened in `sessions`."""
        ...


@dataclass(frozen=True)
class Alert:
    """Something a person should know."""

    severity: Literal["info", "warning", "critical"]
    title: str
    message: str


class Alerts(Protocol):
    def send(self, alert: Alert) -> None: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The current moment, aware, in UTC."""
        ...


Progress = Callable[[int, int, str], None]
