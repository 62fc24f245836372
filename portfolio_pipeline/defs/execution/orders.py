"""The asset orders and its check: the tickets planned at each close for the next session, with the verdict on them.

Only reading, asking the broker for the account, calling `core.orders`, and writing belong here. Nothing is sent.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from portfolio_pipeline.components.check_results import check_result
from portfolio_pipeline.components.session_asset import closed_sessions, session_asset, stored
from portfolio_pipeline.core.books.book import Book, to_shares, value
from portfolio_pipeline.core.execution.gate import judge_submission
from portfolio_pipeline.core.execution.orders import Ticket, plan, ticket_rows, tickets_of
from portfolio_pipeline.core.execution.verdicts import breach_rows
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import ORDERS, RISK_BREACHES
from portfolio_pipeline.partitions import SESSIONS, sessions_of
from portfolio_pipeline.ports import Broker, Clock, Warehouse
from portfolio_pipeline.reads.trading import trading_inputs
from portfolio_pipeline.reports.tables import markdown_table


@session_asset(table=ORDERS, group="execution", kinds={"python"}, deps=["aggregated_targets", "risk"])
def orders(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    sessions = closed_sessions(context, clock)
    with warehouse.reading() as reader:
        inputs = trading_inputs(reader, sessions)
    book = Book.of(broker.account(sessions.first))
    planned = plan(broker.mode, sessions, book, inputs.targets, inputs.bars, settings)
    with warehouse.transaction() as tx:
        rows = tx.replace(ORDERS.name, sessions, ticket_rows(planned.tickets))
        breaches = breach_rows(planned.findings, "orders")
        tx.replace(RISK_BREACHES.name, sessions, breaches, where={"level": "orders"})
    newest = [ticket for ticket in planned.tickets if ticket.session == sessions.last]
    metadata: dict[str, Any] = {
        "orders of the newest session": len(newest),
        "verdict": newest[0].verdict if newest else "nothing to trade",
        "notional": sum(_notional(ticket) for ticket in newest),
        "turnover": planned.turnover[sessions.last],
        "sessions refused": len({ticket.session for ticket in planned.tickets if ticket.verdict == "refused"}),
    }
    if newest:
        metadata["orders"] = dg.MetadataValue.md(_shown(newest))
    return stored(context, sessions, rows=rows, metadata=metadata)


@dg.asset_check(asset=orders, blocking=True, partitions_def=SESSIONS)
def orders_within_limits(
    context: dg.AssetCheckExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
    settings: dg.ResourceParam[Settings],
) -> dg.AssetCheckResult:
    """The stored tickets, done at the closes they were sized at, leave every limit of portfolio.yaml in place.

    Fails for the newest session, and for tickets that are not what was planned. What the planner refused further
    back in a range was not traded: it is shown as a warning.
    """
    sessions = sessions_of(context)
    with warehouse.reading() as reader:
        inputs, tickets = trading_inputs(reader, sessions), tickets_of(reader.read(ORDERS.name, sessions))
    book = Book.of(broker.account(sessions.first))
    gate = judge_submission(broker.mode, sessions, tickets, book, inputs.targets, inputs.bars, settings)
    failed_at = gate.failed_at(sessions.last)
    offending: list[dict[str, object]] = []
    warnings: list[dict[str, object]] = []
    for session, findings in gate.findings.items():
        for finding in findings:
            row = {"session": session, "subject": finding.subject, "rule": finding.rule, "why": finding.message}
            fails = finding.severity == "block" and failed_at is not None and session >= failed_at
            (offending if fails else warnings).append(row)
    remedy = "Nothing of these sessions is sent. Look at the targets and the limits, then materialise orders again."
    return check_result(offending, warnings=warnings, checked=len(tickets), remedy=remedy)


def _notional(ticket: Ticket) -> float:
    return abs(value(ticket.quantity, ticket.reference_price)) / 100


def _shown(tickets: Sequence[Ticket]) -> str:
    return markdown_table(
        [
            {
                "symbol": ticket.symbol,
                "side": "buy" if ticket.quantity > 0 else "sell",
                "shares": to_shares(abs(ticket.quantity)),
                "notional": f"{_notional(ticket):,.0f}",
                "verdict": ticket.verdict,
                "why": ticket.reason,
            }
            for ticket in tickets
        ]
    )
