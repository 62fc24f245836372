"""Rows of reconciliation and reconciliation_decisions, and what they stand for, and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import TYPE_CHECKING

import pyarrow as pa

from portfolio_pipeline.core.books.book import to_cents, to_currency, to_shares, to_units
from portfolio_pipeline.core.books.reconciliation import Decision, Difference, Kind
from portfolio_pipeline.core.calendar.sessions import session_to_decide
from portfolio_pipeline.core.tables import RECONCILIATION

if TYPE_CHECKING:
    import pandas as pd


def difference_rows(differences: Iterable[Difference]) -> pd.DataFrame:
    import pandas as pd  # who only looks does without

    rows = [
        {
            "session": one.session,
            "item": one.item,
            "kind": str(one.kind),
            "subject": one.subject,
            "quantity": to_shares(one.quantity),
            "amount": to_currency(one.amount),
            "price": one.price,
            "average_cost": one.average_cost,
            "ratio": one.ratio,
            "told": one.told,
        }
        for one in differences
    ]
    return pd.DataFrame(rows, columns=list(RECONCILIATION.column_names))


def differences_of(rows: pa.Table) -> list[Difference]:
    found = [
        Difference(
            session=row["session"],
            item=row["item"],
            kind=Kind(row["kind"]),
            subject=row["subject"],
            quantity=to_units(row["quantity"]),
            amount=to_cents(row["amount"]),
            price=row["price"],
            average_cost=row["average_cost"],
            ratio=row["ratio"],
            told=row["told"],
        )
        for row in rows.to_pylist()
    ]
    return sorted(found, key=lambda one: (one.session, one.item))


def decisions_of(rows: pa.Table) -> list[Decision]:
    """In the order in which they were made."""
    return [
        Decision(
            *(row["session"], row["subject"], row["action"] == "accept", row["reason"], row["who"], row["made_at"]),
            since=session_to_decide(row["made_at"].replace(tzinfo=UTC)),
        )
        for row in sorted(rows.to_pylist(), key=lambda row: row["decision_id"])
    ]
