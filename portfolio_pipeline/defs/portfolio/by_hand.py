"""The job allocate_by_hand: the commands `portfolio allocate set`, `lock`, `unlock`, `pause`, `activate` and `now`, in
the web UI.

An op, not an asset: what people say belongs to no session. It is in force from the next session on.
"""

import dagster as dg
from pydantic import Field

from portfolio_pipeline.adapters.acts.shares_by_hand import say_by_hand
from portfolio_pipeline.adapters.card_files import card_names
from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.calendar.sessions import day_of
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import ACTIONS, Word
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.ports import Clock, Warehouse


class ByHandConfig(dg.Config):
    """What is said of one strategy's share of the capital."""

    action: str = Field(
        default="set",
        description=f"One of {', '.join(ACTIONS)}. set: to a share; lock: keep what it has; unlock: the method rules"
        " again; pause: its share stays in cash; activate: end a pause; now: share out anew at the next close.",
    )
    strategy: str = Field(default="", description=f"One of {', '.join(card_names())}; empty for now.")
    share: float = Field(default=0.0, description="For set: a fraction of the capital, as 0.25.")
    first: str = Field(default="", description="First session, as 2026-11-23. Empty: the next one.")
    last: str = Field(default="", description="Last session; then the method rules again. Empty: until said otherwise.")
    reason: str = Field(default="", description="Why. It has to be given, and stays beside what was done.")
    who: str = Field(default="web UI", description="Who says it.")


@dg.op(out=dg.Out(dg.Nothing), description="Write down what is said, or refuse it with what can be.")
def by_hand(
    context: dg.OpExecutionContext,
    config: ByHandConfig,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
    clock: dg.ResourceParam[Clock],
) -> None:
    with refusals_as_failures():
        share = config.share if config.action == "set" else None
        word = Word(
            config.action,
            config.strategy,
            config.reason,
            config.who,
            share,
            day_of(config.first),
            day_of(config.last),
        )
        stages = {card.name: card.stage for card in strategies}
        said = say_by_hand(warehouse, settings.allocation, stages, word, clock.now())
    context.log.info(said.in_words(settings.allocation.daily_change))


allocate_by_hand = asked_job(
    "allocate_by_hand",
    by_hand,
    ByHandConfig(),
    "Set, lock or pause a strategy's share by hand, from the next session on.",
)
