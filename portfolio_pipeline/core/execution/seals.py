"""Seals of tickets: what a ticket was planned on, told by digests that nobody can make who only has the database.

A seal is keyed with the secret of the home. It says of a ticket which targets, settings, account and prices it was
planned on, and binds the ticket to these and to the others of its session; so an edited row, a row put in or left out,
and a plan for another state of things are all found before anything is sent. Judging by figures is done in `verdicts`
and `order_verdicts`; keeping the secret, by an adapter. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa

from portfolio_pipeline.core.books.book import Book
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import Bars
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.sealing import digest, same
from portfolio_pipeline.core.tables import ORDER_SEALS

PLANNED_ON = ("targets", "settings", "account", "prices")
_SEALED = "sealed_"


@dataclass(frozen=True, slots=True)
class Seal:
    """The digests of one ticket; `ticket` covers the others, the whole row and the session's other tickets."""

    session: date
    client_order_id: str
    targets: str
    settings: str
    account: str
    prices: str
    ticket: str


class Sealer:
    """Makes seals with a key, for the settings that are in force."""

    def __init__(self, key: bytes, terms: TradingTerms) -> None:
        self._key = key
        parts = (terms.limits, terms.responses, terms.orders, terms.costs, terms.simulated_broker)
        self._settings = self._digest(
            "settings", [dict(terms.asset_classes), dict(terms.sectors), *(part.model_dump() for part in parts)]
        )

    def seals(
        self, session: date, tickets: Sequence[Ticket], book: Book, targets: SessionTargets, bars: Bars
    ) -> tuple[Seal, ...]:
        """The seals of a session's tickets, planned at its close on this account, these targets and these bars."""
        if not tickets:
            return ()
        held = {s: [p.quantity, p.price, p.sessions_without_bar] for s, p in book.positions.items()}
        symbols = {*held, *(ticket.symbol for ticket in tickets)}
        prices = {s: [bars[s].close, bars[s].volume, bars[s].split_ratio] for s in symbols if s in bars}
        digests = (
            self._digest("targets", [str(session), targets.weights, targets.requested, *_by_hand(targets)]),
            self._settings,
            self._digest("account", [str(session), book.cash, held]),
            self._digest("prices", [str(session), prices]),
        )
        others = sorted(ticket.client_order_id for ticket in tickets)
        return tuple(
            Seal(session, ticket.client_order_id, *digests, self._digest("ticket", [*digests, others, _row(ticket)]))
            for ticket in tickets
        )

    def _digest(self, of_what: str, content: object) -> str:
        told = json.dumps([of_what, content], sort_keys=True, separators=(",", ":"))
        return digest(self._key, told)


@dataclass(frozen=True)
class Sealed:
    """The seals that were stored with the tickets, by identifier, and who can make them again."""

    sealer: Sealer
    stored: Mapping[str, Seal]

    def judge(
        self, session: date, tickets: Sequence[Ticket], book: Book, targets: SessionTargets, bars: Bars
    ) -> tuple[Breach, ...]:
        """What has changed since the tickets were sealed."""
        found: dict[str, str] = {}
        for fresh in self.sealer.seals(session, tickets, book, targets, bars):
            seal = self.stored.get(fresh.client_order_id)
            if seal is None:
                found.setdefault("seal", f"NOT_SEALED: client_order_id={fresh.client_order_id}, nobody planned it here")
                continue
            others = [name for name in PLANNED_ON if not same(getattr(seal, name), getattr(fresh, name))]
            for name in others:
                found.setdefault(name, f"OTHER_{name.upper()}: they are not those that the orders were planned on")
            if not others and not same(seal.ticket, fresh.ticket):
                found.setdefault("seal", f"SEAL_BROKEN: client_order_id={fresh.client_order_id}, its row was edited")
        return tuple(
            Breach(PORTFOLIO, f"{_SEALED}{name}", "block", None, None, message) for name, message in found.items()
        )


def moved_accounts(then: Iterable[Seal], now: Iterable[Seal]) -> set[date]:
    """The sessions planned on the same targets and settings as then, and on another account."""
    before, after = ({seal.session: seal for seal in seals} for seals in (then, now))
    both = {session: (before[session], after[session]) for session in before.keys() & after.keys()}
    return {
        session
        for session, (one, other) in both.items()
        if same(one.targets, other.targets)
        and same(one.settings, other.settings)
        and not same(one.account, other.account)
    }


def only_the_account_moved(findings: Iterable[Breach]) -> bool:
    """Whether that is all that the seals of a session tell, beside the prices of what came into the account."""
    told = {finding.rule for finding in findings} & {f"{_SEALED}{name}" for name in (*PLANNED_ON, "seal")}
    return f"{_SEALED}account" in told and told <= {f"{_SEALED}account", f"{_SEALED}prices"}


def seal_rows(seals: Iterable[Seal]) -> pd.DataFrame:
    """Rows of the order_seals table."""
    rows = [
        (s.session, s.client_order_id, s.targets, s.settings, s.account, s.prices, s.ticket) for s in seals
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(ORDER_SEALS.column_names))


def seals_of(rows: pa.Table) -> dict[str, Seal]:
    """The seals that rows of the order_seals table hold, by the order's identifier."""
    columns = ORDER_SEALS.column_names
    return {row["client_order_id"]: Seal(*(row[column] for column in columns)) for row in rows.to_pylist()}


def _by_hand(targets: SessionTargets) -> list[object]:
    said = (targets.pinned, targets.ordered, targets.limit_prices, targets.by_hand)
    return [said] if any(said) else []


def _row(ticket: Ticket) -> list[object]:
    return [
        *(str(ticket.session), ticket.client_order_id, ticket.symbol, ticket.quantity, ticket.reference_price),
        *(ticket.target_weight, ticket.reason, ticket.verdict, ticket.limit_price, str(ticket.time_in_force)),
    ]
