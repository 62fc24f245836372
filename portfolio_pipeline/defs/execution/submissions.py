"""The asset submissions and its check: what was sent to the broker, after a last look of its own.

A blocking check binds only the run it is in. Whoever materialises this asset alone comes through the same limits
again, on the tickets as they are stored and on the account as the broker has it now (`core.execution.gate`), and
through the halt. What is not sent is recorded, and the asset has done its work: fills and positions of the day go on.
That orders were held back or refused is what the check says. Planning belongs to orders, executions to fills.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg

from portfolio_pipeline.adapters.acts.shrinking import shrink_refused
from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.books.reconciliation import undecided
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session, session_close
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.by_hand.instructions import Instructions
from portfolio_pipeline.core.execution.gate import Gate, judge_submission
from portfolio_pipeline.core.execution.halt import either, refusal, trading_state
from portfolio_pipeline.core.execution.order_verdicts import NO_QUOTES, Quotes
from portfolio_pipeline.core.execution.rows import know_assets, submission_rows, tickets_of
from portfolio_pipeline.core.execution.seals import Sealed, Sealer, seals_of
from portfolio_pipeline.core.execution.tickets import SENT_AS_DAY, TAKEN, OrderReport, OrderState
from portfolio_pipeline.core.market.quotes import fresh_prices
from portfolio_pipeline.core.risk.breaches import breach_rows
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
    HALT_EVENTS,
    ORDER_INSTRUCTIONS,
    ORDER_SEALS,
    ORDERS,
    POSITIONS,
    PRICES,
    RECONCILIATION,
    RECONCILIATION_DECISIONS,
    REGIME_TABLE,
    RISK_BREACHES,
    RISK_OVERRIDES,
    RISK_STATES,
    SESSION_ORIGINS,
    STATE_SEALS,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
    SUBMISSIONS,
)
from portfolio_pipeline.defs.execution.sent import sent_orders
from portfolio_pipeline.ports import Broker, Clock, HaltSwitch, MarketData, TellsQuotes, Warehouse
from portfolio_pipeline.reads.account_watch import account_watch
from portfolio_pipeline.reads.hands import hands_for
from portfolio_pipeline.reads.reconciled import reconciled, refusal_of, stored_differences
from portfolio_pipeline.reads.trading import trading_inputs

NOTHING_TO_SEND = Gate((), (), {}, None)


@session_check()
def every_order_was_sent(
    sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse], halt_switch: dg.ResourceParam[HaltSwitch]
) -> dg.AssetCheckResult:
    """Every order was sent and taken: none was held back by a halt, none refused, and of none the state is unknown.

    What the planner itself had refused further back in a range is history: it is shown as a warning. So is what waits
    for a person's approval, or was canceled by one; and what was refused and has a smaller order in its place.
    """
    with warehouse.reading() as reader:
        said = Instructions.of_rows(reader.read(ORDER_INSTRUCTIONS.name).to_pylist())
        shrunk = {name for session in sessions for name in said.shrunk(session)} if said.said else set()
        planned = {row["client_order_id"]: row for row in reader.read(ORDERS.name, sessions).to_pylist()}
        told = {row["client_order_id"]: row for row in reader.read(SUBMISSIONS.name, sessions).to_pylist()}
        halt = refusal(either(halt_switch.state(), trading_state(reader.read(HALT_EVENTS.name))))
        open_ = refusal_of(undecided(*stored_differences(reader)))
    held_back = (
        str(halt or open_)
        if halt or open_
        else "NOT_SENT: nobody has tried since it was planned. Materialise submissions."
    )
    offending: list[dict[str, object]] = []
    warnings: list[dict[str, object]] = []
    for name in {**planned, **told}:
        state = told[name]["state"] if name in told else "not sent"
        if state in TAKEN:
            continue
        order = planned.get(name) or told[name]
        why = told[name]["error"] if name in told else held_back
        row: dict[str, object] = {"session": order["session"], "client_order_id": name, "state": state, "why": why}
        history = state == OrderState.HELD or (order.get("verdict") == "refused" and order["session"] < sessions.last)
        if name not in planned and name in shrunk:  # a smaller one is planned in its place
            history = True
        (warnings if history else offending).append(row)
    return check_result(offending, warnings=warnings, checked=len({**planned, **told}), remedy=_told(offending))


@session_asset(
    table=SUBMISSIONS,
    group="execution",
    reads=(
        ORDERS,
        ORDER_SEALS,
        BROKER_ASSETS,
        AGGREGATED_TARGETS,
        STRATEGY_TARGETS,
        STRATEGY_WEIGHTS,
        PRICES,
        CORPORATE_ACTIONS,
        CASH_RETURNS,
        REGIME_TABLE,
        HALT_EVENTS,
        RISK_STATES,
        STATE_SEALS,
        SESSION_ORIGINS,
        RISK_OVERRIDES,
        APPROVALS,
        BEGINNINGS,
        CASH_FLOWS,
        RECONCILIATION,
        RECONCILIATION_DECISIONS,
    ),
    goes_on_from=(POSITIONS, ACCOUNT),
    also_fills=(ORDER_INSTRUCTIONS, RISK_BREACHES),
    checks=(every_order_was_sent,),
)
def submissions(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
    settings: dg.ResourceParam[Settings],
    halt_switch: dg.ResourceParam[HaltSwitch],
    plan_key: dg.ResourceParam[bytes],
    market_data: dg.ResourceParam[MarketData],
    clock: dg.ResourceParam[Clock],
) -> Stored:
    tradable = broker.tradable(sessions)
    if tradable is None:
        stands = len(warehouse.read(SUBMISSIONS.name, sessions, columns=["session"]))
        return Stored(stands, {"broker": broker.mode, "states": "what was sent before the market opened stands"})
    sessions = tradable
    quoted = "not asked for"
    halted = either(halt_switch.state(), trading_state(warehouse.read(HALT_EVENTS.name))).halted
    account = None if halted else reconciled(warehouse, broker, sessions.first)
    if account is None or account.open:
        gate = NOTHING_TO_SEND
    else:
        with warehouse.reading() as reader:
            inputs, tickets = trading_inputs(reader, sessions), tickets_of(reader.read(ORDERS.name, sessions))
            know_assets(inputs.bars, reader.read(BROKER_ASSETS.name, sessions))
            sealed = Sealed(Sealer(plan_key, settings), seals_of(reader.read(ORDER_SEALS.name, sessions)))
            watch = account_watch(reader, sessions, settings, plan_key)
            hands = hands_for(reader, broker, settings, sessions, inputs, plan_key)
        quotes, quoted = _fresh_quotes(broker, market_data, [ticket.symbol for ticket in tickets], clock.now())
        sent = sent_orders(broker, warehouse, sessions, plan_key)
        gate = judge_submission(
            *(broker.mode, sessions, tickets, account.book, inputs.targets, inputs.bars, settings, sent),
            quotes=quotes,
            sealed=sealed,
            watch=watch,
            hands=hands(account),
        )
        _send(broker, sessions, gate)
    told = broker.reports(sessions)
    shrunk: Sequence[str] = ()
    if broker.mode != "SIMULATED":
        sent_tickets = {ticket.client_order_id: ticket for ticket in gate.sendable}
        shrunk = shrink_refused(warehouse, settings.orders, sessions.last, sent_tickets, told, clock.now(), plan_key)
    rows = submission_rows(_known_at_the_close(gate, told))
    with warehouse.transaction() as tx:
        count = tx.replace(SUBMISSIONS.name, sessions, rows)
        breaches = breach_rows(gate.findings, "submission")
        tx.replace(RISK_BREACHES.name, sessions, breaches, where={"level": "submission"})
    newest = rows[rows["session"] == sessions.last]  # dates, as submission_rows gives them
    states = newest["state"].value_counts().sort_index()
    metadata = {
        "sent for the newest session": int((~newest["state"].isin(["refused", "held"])).sum()),
        "held for the newest session": int((newest["state"] == "held").sum()),
        "refused in all sessions": len(gate.refused),
        "states": ", ".join(f"{count} {state}" for state, count in states.items()) or "nothing to send",
        "broker": broker.mode,
        "quotes": quoted,
        "refused, to be planned smaller": len(shrunk),
        "trading": "halted: nothing was sent" if account is None else str(refusal_of(account.open) or "allowed"),
    }
    return Stored(
        count, metadata, came_in=len(gate.sendable) + len(gate.refused), dropped={"refused": len(gate.refused)}
    )


def _fresh_quotes(broker: Broker, market_data: MarketData, symbols: Sequence[str], now: datetime) -> tuple[Quotes, str]:
    """Prices of this moment for the gate, and how many there are; closes do where there are none."""
    if broker.mode == "SIMULATED" or not symbols or not isinstance(market_data, TellsQuotes):
        return NO_QUOTES, "none: the closes do"
    try:
        found = fresh_prices(market_data.quotes(sorted(set(symbols))), now.astimezone(UTC).replace(tzinfo=None))
    except PortfolioError as refusal:
        return NO_QUOTES, f"none: the closes do. {refusal}"
    return found, f"fresh ones of {len(found)} of {len(set(symbols))} symbols"


def _told(offending: list[dict[str, object]]) -> str:
    """Each reason once, with the first session it stands for."""
    first = {row["why"]: row for row in reversed(offending)}
    said = [
        str(why)
        if row["state"] == "not sent"
        else f"ORDERS_{str(row['state']).upper()}: session={row['session']}, why={why}"
        for why, row in reversed(first.items())
    ]
    if any(row["state"] != "not sent" for row in offending):
        said.append("Look at risk_breaches, then materialise aggregated_targets, orders and submissions again.")
    return " ".join(said)


def _send(broker: Broker, sessions: SessionRange, gate: Gate) -> None:
    """One call for all sessions, in order, up to the one where what is stored is no longer what was planned."""
    last = sessions.last
    if gate.stopped_at is not None:
        if gate.stopped_at == sessions.first:
            return
        last = previous_session(gate.stopped_at) or sessions.first
    broker.submit(SessionRange(sessions.first, last), [ticket.order for ticket in gate.sendable])


def _known_at_the_close(gate: Gate, told: Iterable[OrderReport]) -> list[OrderReport]:
    """What the broker has taken, as it stood at the close, and the refused tickets that it does not know.

    Asked about a session long past, the broker also tells what became of its orders. That was not known at the
    close; it is written to order_outcomes, in the session in which it happened.
    """
    reports = {report.client_order_id: _at_close(report) for report in told}
    for ticket in gate.refused:
        name, why = ticket.client_order_id, gate.why(ticket.session)
        refused = OrderReport(ticket.session, name, OrderState.REFUSED, None, 0, _close(ticket.session), why)
        reports.setdefault(name, refused)
    for ticket, why in gate.held_back:
        held = OrderReport(
            ticket.session, ticket.client_order_id, OrderState.HELD, None, 0, _close(ticket.session), why
        )
        reports.setdefault(ticket.client_order_id, held)
    return list(reports.values())


def _at_close(report: OrderReport) -> OrderReport:
    if report.state in TAKEN:
        told = (report.error or "").partition("; ")[0]  # what became of it is written after that
        otherwise = told if told.startswith(SENT_AS_DAY) else None
        report = replace(report, state=OrderState.ACCEPTED, error=otherwise)
    return replace(report, filled_quantity=0, updated_at=_close(report.session))


def _close(session: date) -> datetime:
    return session_close(session).replace(tzinfo=None)
