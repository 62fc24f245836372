"""The asset orders and its check: the tickets planned at each close for the next session, with the verdict on them.

Only reading, asking the broker for the account, calling `core.execution.orders`, and writing belong here. Nothing is
sent; what a person's word supersedes is canceled before others are planned in its place.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date
from typing import Any

import dagster as dg
import pyarrow as pa

from portfolio_pipeline.adapters.said import stored_instructions
from portfolio_pipeline.adapters.sealed_states import seal_passed_over, write_states
from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.books.book import Book, to_currency, to_shares
from portfolio_pipeline.core.books.reconciliation import Difference, undecided
from portfolio_pipeline.core.books.reconciliation_rows import difference_rows
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.core.errors import DataError, LimitError
from portfolio_pipeline.core.execution.by_hand.instructions import plan_rows
from portfolio_pipeline.core.execution.costs import expected_cost_rows
from portfolio_pipeline.core.execution.gate import judge_submission
from portfolio_pipeline.core.execution.orders import plan
from portfolio_pipeline.core.execution.origin import Origin, changes_by_session
from portfolio_pipeline.core.execution.rows import asset_rows, know_assets, ticket_rows, tickets_of
from portfolio_pipeline.core.execution.seals import (
    Sealed,
    Sealer,
    moved_accounts,
    only_the_account_moved,
    seal_rows,
    seals_of,
)
from portfolio_pipeline.core.execution.tickets import Ticket, by_session
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.breaches import Breach, breach_rows
from portfolio_pipeline.core.risk.states.rows import state_rows
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    ACCOUNT,
    AGGREGATED_TARGETS,
    APPROVALS,
    BEGINNINGS,
    BROKER_ASSETS,
    CASH_FLOWS,
    CASH_RETURNS,
    CORPORATE_ACTIONS,
    EXPECTED_COSTS,
    ORDER_INSTRUCTIONS,
    ORDER_PLANS,
    ORDER_SEALS,
    ORDERS,
    POSITIONS,
    PRICES,
    RECONCILIATION,
    RECONCILIATION_DECISIONS,
    REGIME_TABLE,
    RISK_BREACHES,
    RISK_METRICS,
    RISK_OVERRIDES,
    RISK_STATES,
    SESSION_ORIGINS,
    STATE_SEALS,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
)
from portfolio_pipeline.defs.execution.sent import REVISION, make_room, revisions, sent_orders
from portfolio_pipeline.ports import Broker, Clock, Reader, Warehouse
from portfolio_pipeline.reads.account_watch import account_watch
from portfolio_pipeline.reads.hands import hands_for
from portfolio_pipeline.reads.reconciled import reconciled, refusal_of, stored_differences
from portfolio_pipeline.reads.trading import trading_inputs
from portfolio_pipeline.reports.tables import markdown_table


@session_check(blocking=True)
def orders_within_limits(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
    settings: dg.ResourceParam[Settings],
    plan_key: dg.ResourceParam[bytes],
) -> dg.AssetCheckResult:
    """The stored tickets, done at the closes they were sized at, leave every limit of portfolio.yaml in place.

    Fails for the newest session, and for tickets that are not what was planned. What the planner refused further
    back in a range was not traded: it is shown as a warning, and so are what comes near a limit (`warn_at`), and a plan
    of which something was sent when only the account has changed since.
    """
    tradable = broker.tradable(sessions)
    if tradable is None:  # nothing of it can be sent any more
        return check_result([], checked=0)
    sessions = tradable
    with warehouse.reading() as reader:
        inputs, tickets = trading_inputs(reader, sessions), tickets_of(reader.read(ORDERS.name, sessions))
        know_assets(inputs.bars, reader.read(BROKER_ASSETS.name, sessions))
        watch = account_watch(reader, sessions, settings, plan_key)
        hands = hands_for(reader, broker, settings, sessions, inputs, plan_key)
        sealed = Sealed(Sealer(plan_key, settings), seals_of(reader.read(ORDER_SEALS.name, sessions)))
    account = reconciled(warehouse, broker, sessions.first)
    book = account.book
    gate = judge_submission(
        *(broker.mode, sessions, tickets, book, inputs.targets, inputs.bars, settings),
        sealed=sealed,
        watch=watch,
        hands=hands(account),
        near=settings.responses.warn_at,
    )
    failed_at = gate.failed_at(sessions.last)
    sent = sent_orders(broker, warehouse, sessions, plan_key) if gate.findings else {}
    offending: list[dict[str, object]] = []
    warnings = [_row(session, note) for session, notes in gate.notes.items() for note in notes]
    for session, findings in gate.findings.items():
        for finding in findings:
            row = _row(session, finding)
            fails = finding.severity == "block" and failed_at is not None and session >= failed_at
            # Of what was sent the books have to be made; what is not sent yet is refused by the last gate.
            fails = fails and not (session in sent and only_the_account_moved(findings))
            (offending if fails else warnings).append(row)
    remedy = "Nothing of these sessions is sent. Look at the targets and the limits, then materialise orders again."
    return check_result(offending, warnings=warnings, checked=len(tickets), remedy=remedy)


@session_check()
def nothing_is_open_with_the_broker(
    sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """The account is what the books make it, or a person has decided what differs. Until then nothing is sent."""
    with warehouse.reading() as reader:
        differences, decisions = stored_differences(reader)
    known = [one for one in differences if one.session <= sessions.last]
    open_ = undecided(known, decisions)
    offending: list[dict[str, object]] = [
        {"session": one.session, "kind": str(one.kind), "subject": one.subject, "found": one.told} for one in open_
    ]
    return check_result(offending, checked=len(known), remedy=str(refusal_of(open_)))


@session_check()
def planned_with_what_the_session_before_was(
    sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """Settings, strategies, code and source of prices are those of the session before; if not, here is what changed."""
    before = previous_session(sessions.first) or sessions.first
    rows = warehouse.read(SESSION_ORIGINS.name, SessionRange(before, sessions.last))
    changes = changes_by_session(rows)
    changed = [{"session": session, "changed": told} for session, told in changes.items()]
    told = "; ".join(f"{session}: {what}" for session, what in changes.items())
    result = check_result(changed, checked=len(rows))
    return result._replace(severity=dg.AssetCheckSeverity.WARN, description=told or None)


@session_asset(
    table=ORDERS,
    group="execution",
    reads=(
        AGGREGATED_TARGETS,
        RISK_METRICS,
        STRATEGY_TARGETS,
        STRATEGY_WEIGHTS,
        PRICES,
        CORPORATE_ACTIONS,
        CASH_RETURNS,
        REGIME_TABLE,
        RISK_OVERRIDES,
        APPROVALS,
        BEGINNINGS,
        CASH_FLOWS,
        RECONCILIATION_DECISIONS,
    ),
    goes_on_from=(POSITIONS, ACCOUNT),
    also_fills=(
        *(BROKER_ASSETS, ORDER_INSTRUCTIONS, ORDER_PLANS, ORDER_SEALS, EXPECTED_COSTS),
        *(RISK_BREACHES, RISK_STATES, STATE_SEALS, SESSION_ORIGINS, RECONCILIATION),
    ),
    checks=(orders_within_limits, nothing_is_open_with_the_broker, planned_with_what_the_session_before_was),
)
def orders(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
    settings: dg.ResourceParam[Settings],
    plan_key: dg.ResourceParam[bytes],
    origin: dg.ResourceParam[Origin],
    clock: dg.ResourceParam[Clock],
) -> Stored:
    asked, tradable = sessions, broker.tradable(sessions)
    with warehouse.reading() as reader:
        _refuse_unmeasured(reader, asked)
        if tradable is None:
            if reader.newest(SESSION_ORIGINS.name, where={"session": asked.last}) is None:
                broker.account(asked.last)  # nobody has planned it, and now it is too late: says why
            stands = len(reader.read(ORDERS.name, asked, columns=["session"]))
            return Stored(stands, {"orders of the newest session": "what was planned at its close stands"})
        sessions = tradable
        inputs, watch = trading_inputs(reader, sessions), account_watch(reader, sessions, settings, plan_key)
        hands = hands_for(reader, broker, settings, sessions, inputs, plan_key)
    account = reconciled(warehouse, broker, sessions.first)
    book = account.book
    know_assets(inputs.bars, _assets(warehouse, broker, sessions.last, inputs.targets, book))
    sealer = Sealer(plan_key, settings)
    planned = plan(broker.mode, sessions, book, inputs.targets, inputs.bars, settings, sealer, watch, hands(account))
    states = [(session, scope, one) for session, after in watch.path.items() for scope, one in after.items()]
    sent = sent_orders(broker, warehouse, sessions, plan_key)
    revised = _revised(broker, warehouse, planned.tickets, sent, clock, account.open, plan_key)
    sent = sent_orders(broker, warehouse, sessions, plan_key) if revised else sent
    said = stored_instructions(warehouse, plan_key)
    with warehouse.transaction() as tx:
        stored, seals = tickets_of(tx.read(ORDERS.name, sessions)), seals_of(tx.read(ORDER_SEALS.name, sessions))
        others = _other_orders(planned.tickets, stored, sent, revised)
        moved = others.keys() <= moved_accounts(seals.values(), planned.seals)
        stands = bool(others) and moved and broker.mode != "SIMULATED"
        if stands:  # what has come into the account since changes nothing of what was planned on it
            tickets, rows = stored, len(stored)
        else:
            tickets = list(planned.tickets)
            rows = tx.replace(ORDERS.name, sessions, ticket_rows(tickets))
            if others:
                raise _already_sent(others, sent)
            tx.replace(ORDER_PLANS.name, sessions, plan_rows(said, sessions))
            tx.replace(ORDER_SEALS.name, sessions, seal_rows(planned.seals))
            tx.replace(EXPECTED_COSTS.name, sessions, expected_cost_rows(planned.expected))
            breaches = breach_rows(planned.findings, "orders")
            tx.replace(RISK_BREACHES.name, sessions, breaches, where={"level": "orders"})
            write_states(tx, plan_key, sessions, "account", state_rows(states, "account"))
        tx.replace(SESSION_ORIGINS.name, asked, origin.rows(asked))
        seal_passed_over(tx, plan_key, asked)
        if account.since is not None:
            since = SessionRange(account.since, sessions.last)
            tx.replace(RECONCILIATION.name, since, difference_rows(account.differences))
    newest = [ticket for ticket in tickets if ticket.session == sessions.last]
    metadata: dict[str, Any] = {
        "orders of the newest session": len(newest),
        "verdict": newest[0].verdict if newest else "nothing to trade",
        "notional": to_currency(sum(ticket.notional for ticket in newest)),
        "turnover": planned.turnover[sessions.last],
        "sessions refused": len({ticket.session for ticket in tickets if ticket.verdict == "refused"}),
    }
    if newest:
        metadata["orders"] = dg.MetadataValue.md(_shown(newest))
    if stands:
        metadata["the plan"] = "stands as it was sent: the account has changed since"
    refused = sum(ticket.verdict == "refused" for ticket in tickets)
    return Stored(rows, metadata, came_in=len(tickets), dropped={"refused": refused})


def _assets(
    warehouse: Warehouse, broker: Broker, session: date, targets: Mapping[date, SessionTargets], book: Book
) -> pa.Table:
    """What the broker says of what is wanted or held; asked once for a session, so that its plan stays what it was."""
    single = SessionRange.single(session)
    stored = warehouse.read(BROKER_ASSETS.name, single)
    wanted = targets[session].weights if session in targets else {}
    told = () if len(stored) else broker.assets(sorted({*book.positions, *(s for s in wanted if wanted[s])}))
    if told:
        warehouse.replace(BROKER_ASSETS.name, single, asset_rows(session, told))
    return warehouse.read(BROKER_ASSETS.name, single) if told else stored


def _refuse_unmeasured(reader: Reader, sessions: SessionRange) -> None:
    """Nothing is planned on targets whose risk was not measured."""
    measured = set(reader.sessions(RISK_METRICS.name, sessions))
    missing = [session for session in sessions if session not in measured]
    if missing:
        raise DataError(
            "RISK_MISSING",
            found=f"{len(missing)} sessions, the first {missing[0]}",
            remedy="Materialise risk for them first.",
        )


def _revised(
    broker: Broker,
    warehouse: Warehouse,
    tickets: Sequence[Ticket],
    sent: Mapping[date, Collection[str]],
    clock: Clock,
    still_open: Sequence[Difference],
    key: bytes,
) -> set[date]:
    """The sessions of which a person has changed what was sent, once there is room for it at the broker.

    Nothing is canceled while nothing may be sent in its place.
    """
    if not sent:
        return set()
    refused_plans = {ticket.session for ticket in tickets if ticket.verdict == "refused"}
    planned, said = _accepted(tickets), revisions(warehouse, SessionRange(min(sent), max(sent)), key)
    for session in sorted((sent.keys() & said.keys()) - refused_plans):
        superseded = set(sent[session]) - planned.get(session, set())
        if superseded:
            refused = refusal_of(still_open)
            if refused is not None:
                raise refused
            now = clock.now().astimezone(UTC).replace(tzinfo=None)
            make_room(broker, warehouse, said[session], superseded, now, key)
    return set(said)


def _other_orders(
    tickets: Sequence[Ticket],
    stored: Sequence[Ticket],
    sent: Mapping[date, Collection[str]],
    revised: Collection[date],
) -> dict[date, list[str]]:
    """One intent is one order for its session, however often it is planned: what would be another, or beside it.

    A session of which only some orders have arrived is finished with the plan that they belong to.
    """
    now, then = _accepted(tickets), _accepted(stored)
    others = {}
    for session in sorted(sent):
        planned = now.get(session, set())
        before = planned if session in revised else then.get(session, planned)
        if found := sorted((planned ^ before) | (set(sent[session]) - planned)):
            others[session] = found
    return others


def _already_sent(others: Mapping[date, Sequence[str]], sent: Mapping[date, Collection[str]]) -> LimitError:
    session, found = next(iter(others.items()))
    return LimitError(
        "ALREADY_SENT",
        session=session,
        found=f"a plan with {len(found)} other orders, the first {found[0]}",
        sent=len(sent[session]),
        remedy=f"Nothing of the plan was changed: targets, prices, settings or code are other ones than when they were"
        f" sent. {REVISION} {session}.",
    )


def _accepted(tickets: Sequence[Ticket]) -> dict[date, set[str]]:
    accepted = [ticket for ticket in tickets if ticket.verdict == "accepted"]
    return {day: {ticket.client_order_id for ticket in own} for day, own in by_session(accepted).items()}


def _shown(tickets: Sequence[Ticket]) -> str:
    return markdown_table(
        [
            {
                "symbol": ticket.symbol,
                "side": str(ticket.order.side),
                "shares": to_shares(abs(ticket.quantity)),
                "notional": f"{to_currency(ticket.notional):,.0f}",
                "verdict": ticket.verdict,
                "why": ticket.reason,
            }
            for ticket in tickets
        ]
    )


def _row(session: date, breach: Breach) -> dict[str, object]:
    figures = {"found": breach.found, "limit": breach.limit}
    return {"session": session, "subject": breach.subject, "rule": breach.rule, **figures, "why": breach.message}
