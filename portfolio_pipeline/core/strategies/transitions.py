"""What a strategy wants to hold: the mean of what the parameter sets of its mixture want, by their shares, while those
that were left fade out over some sessions.

With `transition_sessions: n`, the weights wanted at session D are the mean, over the n newest sessions up to D, of what
the mixture chosen at each of these wants at D: after a change, the new one counts 1/n at first and all after n
sessions. Where fewer sessions than n have been chosen for, the oldest choice stands for those before it.

A session decides where the card does by itself (its rebalancing, and `exposure`), where its parameters changed, and
while a change is being phased in. Looks at chosen parameters and prices only, and at each session for itself: a range
wants what its sessions want one by one. Trading it is not done here (`paper`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.strategies.base import Strategy
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.exposure import decides_between_schedules, last_scheduled, wanted_at
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.parameters import Parameters
from portfolio_pipeline.core.strategies.sizing import keep_largest, sized


def wanted(
    strategy: Strategy,
    card: StrategyCard,
    inputs: Inputs,
    mixtures: Sequence[Mixture],
    changed: Sequence[bool],
    earlier: Sequence[Mixture] = (),
) -> tuple[Array, Array]:
    """The weights wanted at the last len(mixtures) sessions of `inputs`, and whether each of them is a decision.

    `earlier` are the mixtures of the sessions before these, oldest first: `sessions_looked_back` of them, or all that
    there are. Weights of a session that decides nothing mean nothing.
    """
    rows = np.arange(len(inputs.sessions) - len(mixtures), len(inputs.sessions))
    scheduled = last_scheduled(due(inputs.sessions, card.rebalance))[rows]
    shares, changing = _shares(mixtures, earlier, card.transition_sessions)
    decided = (scheduled == rows) | np.asarray(changed, dtype=bool) | changing
    looked_at = decided | decides_between_schedules(card.sizing)
    weights = np.zeros((len(rows), len(inputs.panel.symbols)))
    for chosen, share in shares.items():
        mine = np.flatnonzero(looked_at & (share > 0.0))
        own, between = _wanted_by_one(strategy, card, inputs, chosen, rows[mine], scheduled[mine])
        weights[mine] += share[mine, None] * own
        decided[mine] |= between
    if card.sizing.maximum_positions is not None:
        keep_largest(weights, card.sizing.maximum_positions)
    return weights, decided


def sessions_looked_back(card: StrategyCard) -> int:
    """How many earlier sessions' parameters a session needs: those phased out, and the one they may differ from."""
    return card.transition_sessions if card.transition_sessions > 1 else 0


def _shares(
    mixtures: Sequence[Mixture], earlier: Sequence[Mixture], count: int
) -> tuple[dict[Parameters, Array], Array]:
    """The share of each parameter set at each session, and whether a change is being phased in."""
    known = [*earlier, *mixtures]
    distinct = {mixture: k for k, mixture in enumerate(dict.fromkeys(known))}
    windows = sliding_window_view(np.array([distinct[one] for one in [known[0]] * count + known]), count + 1)
    windows = windows[-len(mixtures) :]
    present = [np.count_nonzero(windows[:, 1:] == k, axis=1) for k in range(len(distinct))]
    # In an order of their own, so that a session's sum has the same bits whatever else is in the range.
    sets = sorted({one for mixture in distinct for one in mixture.members}, key=lambda one: one.to_json())
    shares = {one: np.zeros(len(mixtures)) for one in sets}
    for mixture in sorted(distinct, key=_text):
        for one, share in zip(mixture.members, mixture.shares, strict=True):
            shares[one] += share * present[distinct[mixture]]
    return {one: share / count for one, share in shares.items()}, (windows != windows[:, :1]).any(axis=1) & (count > 1)


def _text(mixture: Mixture) -> tuple[object, ...]:
    return tuple(one.to_json() for one in mixture.members), mixture.shares


def _wanted_by_one(
    strategy: Strategy, card: StrategyCard, inputs: Inputs, chosen: Parameters, rows: Array, scheduled: Array
) -> tuple[Array, Array]:
    """What one parameter set wants at some rows, and whether the card decides there between its schedules."""
    long_short = card.direction == "long_short"
    if not decides_between_schedules(card.sizing):
        raw = strategy.target_weights(inputs, chosen, rows, long_short=long_short)
        return sized(inputs, raw, rows, card.sizing), np.zeros(len(rows), dtype=bool)
    # Before the first scheduled session of the history, a session stands for itself, and the card decides nothing.
    since = np.where(scheduled < 0, rows, scheduled)
    sources, place = np.unique(since, return_inverse=True)
    raw = strategy.target_weights(inputs, chosen, sources, long_short=long_short)[place]
    weights, between = wanted_at(inputs, card.sizing, rows, since, raw)
    return weights, between & (scheduled >= 0)
