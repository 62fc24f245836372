"""Which orders the broker already has, as planning and sending ask: what was sent for a session stands.

Other orders in their place are a revision: an act of a person (`core.execution.by_hand`), for which what it supersedes
is canceled first. Without one, at the simulated broker, it is a rebuild, which a person asks for by name. Judging is
done in `core.execution.gate`.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime

from portfolio_pipeline.adapters.said import note, stored_instructions
from portfolio_pipeline.adapters.warehouse.lived import rebuilt_from
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.core.execution.attempts import OVER
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction
from portfolio_pipeline.core.execution.tickets import TAKEN, OrderReport, OrderState
from portfolio_pipeline.core.tables import ORDER_PLANS
from portfolio_pipeline.ports import Broker, Reader, Warehouse

# Of these it is not proved that the broker does not have them.
AT_THE_BROKER = TAKEN | {OrderState.SUBMITTING, OrderState.UNKNOWN}

REVISION = (
    "What was sent stands. To compute the account anew from there on, with a backup: portfolio run --rebuild-from"
)


def sent_orders(broker: Broker, warehouse: Warehouse, sessions: SessionRange, key: bytes) -> Mapping[date, set[str]]:
    """The identifiers by session; without those that a rebuild under way puts others in place of, and without what a
    person had canceled, once it is proved that nothing of it was executed.
    """
    opened, said = rebuilt_from(warehouse.location), stored_instructions(warehouse, key)
    sent: dict[date, set[str]] = {}
    for report in broker.reports(sessions):
        lifted = is_undone(report) and report.client_order_id in said.canceled(report.session)
        if report.state in AT_THE_BROKER and not lifted and (opened is None or report.session < opened):
            sent.setdefault(report.session, set()).add(report.client_order_id)
    return sent


def is_undone(report: OrderReport) -> bool:
    """Whether nothing was executed of it, and nothing will be."""
    return report.state in OVER and not report.filled_quantity


def revisions(reader: Reader, sessions: SessionRange, key: bytes) -> dict[date, Instruction]:
    """The newest of what a person has said of a session's orders since they were planned, by session."""
    said = stored_instructions(reader, key)
    if not said.said:
        return {}
    planned = reader.read(ORDER_PLANS.name, sessions).to_pylist()
    known = {row["session"]: row["newest_instruction"] for row in planned}
    newest = {session: said.newest_for(session) for session in sessions}
    return {session: one for session, one in newest.items() if one is not None and one.number > known.get(session, 0)}


def make_room(
    broker: Broker, warehouse: Warehouse, by: Instruction, superseded: Collection[str], now: datetime, key: bytes
) -> None:
    """Cancel what a person's word supersedes.

    That it is to be is written down before it is asked for; where it is not proved in time that nothing of it was
    executed, what was planned stands.
    """
    said = stored_instructions(warehouse, key)
    new = sorted(set(superseded) - said.canceled(by.session).keys())
    why = f"in favour of order {by.number}: {by.why}"
    rows = [
        Instruction(said.next_number + place, "cancel", by.session, by.who, why, now, order=name)
        for place, name in enumerate(new)
    ]
    with warehouse.transaction() as tx:
        note(tx, key, rows)
    left = [one for one in broker.cancel(by.session, sorted(superseded)) if not is_undone(one)]
    if left:
        raise BrokerError(
            "NOT_CANCELED",
            session=by.session,
            found=f"{left[0].client_order_id}, {left[0].state}",
            orders=len(left),
            remedy="What was planned stands. An order that is still open may be canceled yet: give the same command"
            " again. One that was filled stays: it is in the books after the session.",
        )
