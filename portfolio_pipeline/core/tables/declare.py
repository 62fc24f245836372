"""How a table is declared: its columns, their types and units, and its key. The tables are beside this module."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

ColumnType = Literal["date", "text", "double", "bigint", "boolean", "timestamp"]


@dataclass(frozen=True)
class Column:
    """One column. `timestamp` is UTC without a zone, in microseconds. NaN counts as NULL.

    `comes_from` names the columns of other tables, as `table.column`, that its values are made of.
    """

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str, ...] = ()
    comes_from: tuple[str, ...] = ()

    def made_of(self, *columns: str) -> Column:
        """The same column, made of these columns of other tables."""
        return replace(self, comes_from=columns)


@dataclass(frozen=True)
class Table:
    """One table; `key` is its primary key. `by_session` tables are replaced by session range.

    A `lived` one is what the account has lived through: rows of sessions before the account's newest one stay as they
    are, unless the account is rebuilt from there on. Others in their place are refused, or left out if `first_stays`.
    """

    name: str
    grain: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    lived: bool = False
    first_stays: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def by_session(self) -> bool:
        return self.key[0] == "session"

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def session(description: str = "the trading session this row belongs to") -> Column:
    return Column("session", "date", description)


def text(name: str, description: str, *one_of: str, nullable: bool = False) -> Column:
    return Column(name, "text", description, nullable=nullable, one_of=one_of)


def number(
    name: str,
    description: str,
    unit: str = "",
    *,
    nullable: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Column:
    return Column(name, "double", description, unit, nullable, minimum, maximum)


# The books that belong to no strategy.
ACCOUNT_BOOK = "account"
RESERVE = "reserve"
UNCLAIMED = "unclaimed"

SYMBOL = text("symbol", "ticker of the instrument")
STRATEGY = text("strategy", "name of the strategy card")
BOOK = text(
    "book",
    "`account`, a strategy's name, `reserve` for capital given to none, or `unclaimed` for what others put there",
)
SIDE = text("side", "direction of the trade", "buy", "sell")
