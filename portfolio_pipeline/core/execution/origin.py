"""What a session was computed with: source, account, settings, strategies, code. So that "why did it change" has an
answer, and one account is never continued with the prices or the money of another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date
from itertools import pairwise

import pyarrow as pa

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.market.made_up import OTHER_MODEL, any_made_up, of_this_model


@dataclass(frozen=True)
class Origin:
    """Names as they are; of settings, strategies and code a fingerprint, which is another one as soon as they are."""

    market_data: str
    market_data_place: str
    broker: str
    initial_cash: float
    settings: str
    strategies: str
    code: str

    @classmethod
    def of_row(cls, row: dict[str, object]) -> Origin:
        return cls(**{field.name: row[field.name] for field in fields(cls)})  # type: ignore[arg-type]

    def rows(self, sessions: Iterable[date]) -> pa.Table:
        return pa.Table.from_pylist([{"session": session, **asdict(self)} for session in sessions])

    def changes(self, before: Origin) -> tuple[str, ...]:
        """What is another one than before, in words."""
        then, now = asdict(before), asdict(self)
        return tuple(
            f"{name.replace('_', ' ')}: {then[name]} -> {now[name]}" for name in now if then[name] != now[name]
        )


def changes_by_session(rows: pa.Table) -> dict[date, str]:
    """At which sessions something was another thing than at the one before, and what; `rows` in their order."""
    found = [(row["session"], Origin.of_row(row)) for row in rows.to_pylist()]
    changes = {session: "; ".join(now.changes(before)) for (_, before), (session, now) in pairwise(found)}
    return {session: told for session, told in changes.items() if told}


# What an account cannot change in the middle of its life.
_FOR_LIFE = {
    "market_data": "MARKET_DATA",
    "broker": "TRADING_MODE",
    "initial_cash": "simulated_broker.initial_cash in the settings",
}


def require_same_account(stored: Origin, now: Origin) -> None:
    """One database is one account with one source of prices: refuse to go on with another."""
    for name, where in _FOR_LIFE.items():
        if getattr(stored, name) != getattr(now, name):
            raise _another(f"{name.replace('_', ' ')} {getattr(now, name)}", getattr(stored, name), _as_it_was(where))


AND = ", "
"""Between the sources of several vendors, in their order."""


def require_same_source(stored: Collection[str], now: str) -> None:
    """What stands on the newest bars: a made-up market of another seed or model has other prices, too."""
    if not stored or set(stored) & set(now.split(AND)):
        return
    found, expected = f"prices of {now}", "prices of " + ", ".join(sorted(stored))
    if not (any_made_up([now]) and any_made_up(stored)):
        raise _another(found, expected, _as_it_was("MARKET_DATA"))
    if any(map(of_this_model, stored)):
        raise _another(found, expected, _as_it_was("simulated_market.seed in the settings"))
    raise _another(found, expected, OTHER_MODEL)


def _as_it_was(where: str) -> str:
    return f"Set {where} as it was"


def _another(found: str, expected: str, to_go_on: str) -> ConfigurationError:
    return ConfigurationError(
        "ACCOUNT_OF_ANOTHER_KIND",
        found=found,
        expected=f"{expected}, as in what is stored so far",
        remedy=f"Nothing was changed. {to_go_on}, or begin another account: with another DAGSTER_HOME, and another"
        " DATABASE_URL if it is set.",
    )
