"""How orders at a real broker stand, as it was noted last: nobody is asked. Nothing heavy is imported here."""

from __future__ import annotations

from datetime import UTC

from portfolio_pipeline.core.books.book import to_shares
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.attempts import Attempt, newest
from portfolio_pipeline.core.execution.tickets import OrderState
from portfolio_pipeline.core.tables import ORDER_ATTEMPTS
from portfolio_pipeline.ports import Reader


def noted_orders(reader: Reader, sessions: SessionRange) -> list[Attempt]:
    """How the orders decided in the sessions stand, as it was noted last; those that were never sent are not among
    them.
    """
    rows = reader.read(ORDER_ATTEMPTS.name, sessions)
    if not len(rows):  # as in every home where trading is simulated
        return []
    from portfolio_pipeline.core.execution.rows import attempts_of

    noted = newest(attempts_of(rows))
    return [one for one in noted.values() if one.state is not OrderState.PLANNED]


def order_document(one: Attempt) -> dict[str, object]:
    """An order as `portfolio status --json` gives it."""
    return {
        "client_order_id": one.order.client_order_id,
        "symbol": one.order.symbol,
        "side": str(one.order.side),
        "quantity": to_shares(abs(one.order.quantity)),
        "filled_quantity": to_shares(one.filled_quantity),
        "state": str(one.state),
        "at": one.happened_at.replace(tzinfo=UTC),
    }
