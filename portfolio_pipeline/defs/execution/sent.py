"""Which orders the broker already has, as planning and sending ask: what was sent for a session stands.

Other orders in their place are a revision. At the simulated broker that is a rebuild, which a person asks for by name;
a real one would have to cancel first. Judging is done in `core.execution.gate`.
"""

from collections.abc import Mapping
from datetime import date

from portfolio_pipeline.adapters.warehouse.lived import rebuilt_from
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.tickets import TAKEN, OrderState
from portfolio_pipeline.ports import Broker, Warehouse

# Of these it is not proved that the broker does not have them.
AT_THE_BROKER = TAKEN | {OrderState.SUBMITTING, OrderState.UNKNOWN}

REVISION = (
    "What was sent stands. To compute the account anew from there on, with a backup: portfolio run --rebuild-from"
)


def sent_orders(broker: Broker, warehouse: Warehouse, sessions: SessionRange) -> Mapping[date, set[str]]:
    """The identifiers by session; without those that a rebuild under way puts others in place of."""
    opened = rebuilt_from(warehouse.location)
    sent: dict[date, set[str]] = {}
    for report in broker.reports(sessions):
        if report.state in AT_THE_BROKER and (opened is None or report.session < opened):
            sent.setdefault(report.session, set()).add(report.client_order_id)
    return sent
