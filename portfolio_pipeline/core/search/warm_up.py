"""How many sessions cards need before the first trading session, so that nothing is decided blindly on it.

A card's search looks at a window of sessions, and each of its parameter sets needs history of its own in front of it.
What arrived on paper, for verdicts and shares of capital, needs sessions that were traded with parameters so found.
Which sessions these are is in `core.calendar.beginnings`.
"""

from __future__ import annotations

from collections.abc import Sequence

from portfolio_pipeline.core.calendar.beginnings import WarmUp
from portfolio_pipeline.core.calendar.cadence import longest_wait
from portfolio_pipeline.core.market.regimes.state import SESSIONS_NEEDED
from portfolio_pipeline.core.search.candidates import pool_for_all_sessions
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.strategies.sizing import capped_only


def warm_up_needed(cards: Sequence[StrategyCard], allocation_window: int) -> WarmUp:
    """The greatest need over the cards, and the paper sessions after which verdicts and shares know something.

    What a set promised is known from the card's first search on.
    """
    on_paper = max(
        [allocation_window, *(card.honesty.fewest_sessions + longest_wait(card.search.cadence) for card in cards)]
    )
    return WarmUp(max(map(sessions_to_choose, cards), default=0) + on_paper, on_paper)


def sessions_to_choose(card: StrategyCard) -> int:
    """Sessions after which the sets that the card compares are scored as they would be after any number of them.

    Each has to trade before its window begins: with full indicators, decided at a rebalancing, at the open after it.
    """
    strategy = STRATEGY_TYPES[card.type]
    space = ParameterSpace.of(strategy.Parameters, card.parameters, card.constraints)
    sets = pool_for_all_sessions(space, card.search, card.name)
    indicators = max(strategy.window(one) for one in sets)
    if not capped_only(card.sizing):
        indicators = max(indicators, card.sizing.volatility_window + 1)
    if card.search.regime_share > 0.0:
        indicators = max(indicators, SESSIONS_NEEDED)
    traded = indicators + longest_wait(card.rebalance) + 1
    return traded + card.search.window_sessions + card.search.holdout_sessions
