"""The commands `portfolio order …`, `close-strategy`, `flatten`, `approve` and `reject` in the web UI, and the sensor
that carries out what was said about orders that are planned already.

Ops, not assets: what people say belongs to no session's computation. Each writes the rows that the command writes.
"""

from typing import Literal, cast, get_args

import dagster as dg
from pydantic import Field

from portfolio_pipeline.adapters.acts.approving import decide, waiting_orders
from portfolio_pipeline.adapters.acts.orders_by_hand import cancel_orders, say_about_orders
from portfolio_pipeline.adapters.card_files import card_names
from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.books.book import to_units
from portfolio_pipeline.core.calendar.sessions import SessionRange, day_of, session_to_decide
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.by_hand.approvals import Verdict
from portfolio_pipeline.core.execution.by_hand.instructions import Kind
from portfolio_pipeline.core.execution.by_hand.saying import Asked
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import SESSION_ORIGINS
from portfolio_pipeline.defs.execution.sent import revisions
from portfolio_pipeline.ports import Broker, Clock, Warehouse
from portfolio_pipeline.reads.hands import stored_approvals

Action = Literal["buy_all", "sell_all", "buy", "sell", "close", "flatten", "withdraw", "modify"]
ACTIONS: tuple[str, ...] = get_args(Action)
_KINDS: dict[str, Kind] = {"buy_all": "order", "buy": "order", "sell": "order"}


class OrderConfig(dg.Config):
    """What is to be ordered, kept or changed by hand."""

    action: str = Field(
        default="buy",
        description=f"One of {', '.join(ACTIONS)}. buy_all: what the strategy's money buys at the price; sell_all: all"
        " it has of the symbol; close: all it has; flatten: everything that anybody has; withdraw: ends the order of"
        " that number; modify: another quantity or limit for an order that was planned.",
    )
    strategy: str = Field(default="", description=f"One of {', '.join(card_names())}; empty for flatten and withdraw.")
    symbol: str = Field(default="", description="A symbol of the universe, for buy_all, sell_all, buy and sell.")
    quantity: float = Field(default=0.0, description="Shares, for buy, sell and modify.")
    price: float = Field(default=0.0, description="The worst price that is taken; 0: any. buy_all is sized at it.")
    order: str = Field(default="", description="For modify: the order's identifier.")
    number: int = Field(default=0, description="For withdraw: the number of what it ends.")
    session: str = Field(default="", description="At whose close, as 2026-11-23. Empty: the one that is open to it.")
    sure: bool = Field(default=False, description="Has to be true for flatten.")
    why: str = Field(default="", description="Why. It has to be given, and stays beside what is done.")
    who: str = Field(default="web UI", description="Who says it.")


@dg.op(out=dg.Out(dg.Nothing), description="Write down what is ordered, or refuse it with what can be.")
def order(
    context: dg.OpExecutionContext,
    config: OrderConfig,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
    clock: dg.ResourceParam[Clock],
    plan_key: dg.ResourceParam[bytes],
) -> None:
    with refusals_as_failures():
        asked = _asked(config)
        names = [card.name for card in strategies]
        noted = say_about_orders(warehouse, settings, names, asked, clock.now(), plan_key)
    context.log.info(noted.told)
    if noted.planned_already:
        context.log.info(f"Orders of {noted.row.session} are planned already: a sensor plans them once more.")


def _asked(config: OrderConfig) -> Asked:
    if config.action not in ACTIONS:
        raise dg.Failure(f"ACTION_UNKNOWN: found={config.action}, expected={', '.join(ACTIONS)}.", allow_retries=False)
    if config.action == "flatten" and not config.sure:
        raise dg.Failure("NOT_SURE: set `sure` to true to sell everything.", allow_retries=False)
    if config.action in ("buy", "sell") and not config.quantity > 0:
        raise dg.Failure("QUANTITY_MISSING: expected=more than 0 shares.", allow_retries=False)
    if config.action == "buy_all" and not config.price > 0:
        raise dg.Failure("PRICE_MISSING: expected=the price that it is sized at.", allow_retries=False)
    units = to_units(-config.quantity if config.action == "sell" else config.quantity)
    return Asked(
        _KINDS.get(config.action) or cast("Kind", config.action),
        config.why,
        config.who,
        config.strategy,
        config.symbol.upper(),
        units if config.action in ("buy", "sell", "modify") and units else None,
        config.price or None,
        config.order,
        config.number or None,
        day_of(config.session),
    )


class CancelConfig(dg.Config):
    """Which orders are to be canceled."""

    orders: list[str] = Field(default=[], description="Their identifiers; none: everything that is open.")
    why: str = Field(default="", description="Why. It has to be given, and stays beside what is done.")
    who: str = Field(default="web UI", description="Who says it.")


@dg.op(out=dg.Out(dg.Nothing), description="Ask the broker to cancel, and say how the orders stand then.")
def cancel(
    context: dg.OpExecutionContext,
    config: CancelConfig,
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
    clock: dg.ResourceParam[Clock],
    plan_key: dg.ResourceParam[bytes],
) -> None:
    with refusals_as_failures():
        asked = (config.orders, config.why, config.who, clock.now())
        reports = cancel_orders(warehouse, broker, *asked, plan_key)
    for report in reports:
        context.log.info(f"{report.client_order_id}: {report.state} {report.error or ''}")


class ApprovalConfig(dg.Config):
    """What is decided on orders that wait for approval."""

    decision: str = Field(default="approved", description="approved or rejected.")
    orders: list[str] = Field(default=[], description="Their identifiers; none: all that wait.")
    why: str = Field(default="", description="Why. It has to be given, and stays beside what is done.")
    who: str = Field(default="web UI", description="Who decides.")


@dg.op(out=dg.Out(dg.Nothing), description="Write down what is decided; a sensor sends what is approved.")
def approve(
    context: dg.OpExecutionContext,
    config: ApprovalConfig,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
    plan_key: dg.ResourceParam[bytes],
) -> None:
    if config.decision not in get_args(Verdict):
        raise dg.Failure(f"DECISION_UNKNOWN: found={config.decision}, expected=approved or rejected.")
    verdict = cast("Verdict", config.decision)
    with refusals_as_failures():
        said = (config.orders, verdict, config.why, config.who)
        decided = decide(warehouse, settings.approval, *said, clock.now(), plan_key)
    for one in decided:
        context.log.info(f"{one.order}: {one.decision}")


order_by_hand = asked_job(
    "order_by_hand",
    order,
    OrderConfig(),
    "Buy, sell, close, flatten, withdraw or change orders by hand; planned through all limits.",
)


cancel_by_hand = asked_job(
    "cancel_by_hand",
    cancel,
    CancelConfig(),
    "Ask the broker to cancel open orders. They may still be filled before the request arrives.",
    reads_only=False,
)


approve_orders = asked_job(
    "approve_orders",
    approve,
    ApprovalConfig(),
    "Let orders pass that wait for approval, or reject them.",
)


plan_and_send = dg.define_asset_job(
    "plan_and_send",
    selection=dg.AssetSelection.assets("orders", "submissions"),
    description="The newest session's orders planned once more, and sent, as people have changed or approved them.",
)


@dg.sensor(
    job=plan_and_send,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Plans and sends once more when somebody has said something of orders that are planned already.",
)
def said_by_hand(
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
    plan_key: dg.ResourceParam[bytes],
) -> dg.RunRequest | dg.SkipReason:
    session = session_to_decide(clock.now())
    with warehouse.reading() as reader:
        if not reader.sessions(SESSION_ORIGINS.name, SessionRange.single(session)):
            return dg.SkipReason(f"{session} is not planned yet.")
        try:
            word = revisions(reader, SessionRange.single(session), plan_key).get(session)
        except PortfolioError as refusal:
            return dg.SkipReason(str(refusal))
        waiting = {name for name, day in waiting_orders(reader).items() if day == session}
        approved = [one for one in stored_approvals(reader, settings, plan_key).decided if one.order in waiting]
    if word is None and not approved:
        return dg.SkipReason("Nothing was said since the orders were planned.")
    newest = f"{word.number if word else 0}-{approved[-1].number if approved else 0}"
    return dg.RunRequest(run_key=f"{session}-{newest}", partition_key=session.isoformat())
