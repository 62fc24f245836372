"""Evaluate once: each parameter set is back-tested over the whole history, one time for all sessions that ask.

What counts is what it earned above cash, which a set that holds nothing earns, too.

Decisions are causal, so one run of a parameter set gives its returns on every session; what a session may see of them
is the business of whoever reads them. Which sets are tried, and how returns become scores, does not belong here.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.market.cash import above_cash
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.simulation.segments import SegmentedMarket, play_selections, play_weights
from portfolio_pipeline.core.simulation.selections import Selections
from portfolio_pipeline.core.simulation.simulation import TradePrices, simulate
from portfolio_pipeline.core.strategies.base import Selecting, Strategy
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.exposure import decides_between_schedules, decision_rows, decisions
from portfolio_pipeline.core.strategies.parameters import Parameters
from portfolio_pipeline.core.strategies.sizing import capped_only, sized

Progress = Callable[[int, int], None]
FanOut = Callable[[Callable[[int], None], Iterable[int]], Iterator[None]]
"""Does the work for each of the parts, in whatever order and wherever; results come in the order of the parts."""

_TOLD = 0.1  # share of the parameter sets between two messages
_AT_ONCE = 40  # parameter sets between two reports of progress, in one thread
_REMEMBERED = 400e6  # bytes of returns that are kept for sets that may be asked for again


def told_in_tenths(say: Callable[[str], None]) -> Progress:
    """Progress in words, about a message for each tenth."""
    told = [0]

    def tell(done: int, total: int) -> None:
        if done < told[0]:
            told[0] = 0
        if done == total or done - told[0] >= _TOLD * total:
            told[0] = done
            say(f"{done:,} of {total:,} parameter sets")

    return tell


class Backtests:
    """Daily net returns above cash and turnover of parameter sets of one card.

    Nothing is computed twice while it is remembered.

    Sets that decide at the same rows share one segmented market; with a stop each has rows of its own, and is played
    by the day loop. Sets whose decisions have a compact form are played from the tables that they share, which gives
    the same to the bit.
    """

    def __init__(
        self,
        strategy: Strategy,
        inputs: Inputs,
        card: StrategyCard,
        cost_rate: float,
        *,
        cash_return: Array | None = None,
        delist_after: int = 10,
        workers: int = 1,
        fan_out: FanOut = map,
        progress: Progress | None = None,
    ) -> None:
        self.strategy, self.inputs, self.card, self.cost_rate, self.workers = strategy, inputs, card, cost_rate, workers
        self.sessions = inputs.sessions
        self.evaluated = self.expected = 0
        self._delist_after, self._fan_out, self._progress = delist_after, fan_out, progress
        self._prices = TradePrices.of(inputs.panel, cash_return)
        self._rows = np.flatnonzero(due(inputs.sessions, card.rebalance))
        # Asked once: a protocol is looked up name by name.
        compact = (
            card.direction == "long_only" and not decides_between_schedules(card.sizing) and capped_only(card.sizing)
        )
        self._selecting = strategy if compact and isinstance(strategy, Selecting) else None
        self._memory: OrderedDict[Parameters, tuple[Array, Array]] = OrderedDict()
        self._tried: set[Parameters] = set()

    @property
    def terms(self) -> dict[str, object]:
        """What trading costs, what cash earns, and when a symbol without a bar is taken to be gone."""
        cash = hashlib.sha256(self._prices.cash_return.tobytes()).hexdigest()
        return {"cost_rate": self.cost_rate, "delist_after": self._delist_after, "cash": cash}

    @cached_property
    def traded_at(self) -> Array:
        """The sessions at which a set may trade: every one where stops decide, otherwise those of the executions."""
        if self.card.sizing.stop is not None:
            return np.arange(len(self.sessions))
        rows = decision_rows(self.inputs, self.card.sizing, self._rows)
        return rows[rows + 1 < len(self.sessions)] + 1

    @property
    def tried(self) -> int:
        """How many sets were ever asked for. More may be evaluated: what is no longer remembered is evaluated anew."""
        return len(self._tried)

    def expect(self, more: int) -> None:
        """So many more sets are likely to be asked for; said in advance, progress knows its end."""
        self.expected = self.evaluated + more

    def of(self, candidates: Sequence[Parameters]) -> tuple[Array, Array]:
        """Net returns above cash [candidates, sessions], and turnover [candidates, `traded_at`]."""
        unknown = [one for one in dict.fromkeys(candidates) if one not in self._memory]
        net, turnover = self._evaluate(unknown)
        self._tried.update(unknown)
        if len(unknown) < len(candidates):
            for one in candidates:
                if one in self._memory:
                    self._memory.move_to_end(one)
            fresh = {one: (net[c], turnover[c]) for c, one in enumerate(unknown)}
            found = [fresh[one] if one in fresh else self._memory[one] for one in candidates]
            known = np.stack([one for one, _ in found]), np.stack([one for _, one in found])
        else:
            known = net, turnover
        self._remember(unknown, net, turnover)
        return known

    def exchanged(self, row: int, one: Parameters, other: Parameters) -> float:
        """What is bought and sold, as a fraction of equity, when targets at a session change from one set's to the
        other's."""
        rows = np.array([row])
        return float(np.abs(self._weights(one, rows) - self._weights(other, rows)).sum())

    def _weights(self, parameters: Parameters, rows: Array) -> Array:
        return sized(self.inputs, self._raw(parameters, rows), rows, self.card.sizing)

    def _raw(self, parameters: Parameters, rows: Array) -> Array:
        return self.strategy.target_weights(
            self.inputs, parameters, rows, long_short=self.card.direction == "long_short"
        )

    def _evaluate(self, candidates: Sequence[Parameters]) -> tuple[Array, Array]:
        net = np.empty((len(candidates), len(self.sessions)))
        turnover = np.empty((len(candidates), len(self.traded_at)))

        def play(first: int) -> None:
            part = slice(first, first + _AT_ONCE)
            self._play(candidates[part], net[part], turnover[part])

        starts = range(0, len(candidates), _AT_ONCE)
        for first, _ in zip(starts, self._fan_out(play, starts), strict=True):
            self.evaluated += min(_AT_ONCE, len(candidates) - first)
            if self._progress is not None:
                self._progress(self.evaluated, max(self.evaluated, self.expected))
        return net, turnover

    def _play(self, candidates: Sequence[Parameters], net: Array, turnover: Array) -> None:
        selections = self._selections(candidates)
        if selections is not None:
            play_selections(self._segmented(self._rows), selections, self.cost_rate, net, turnover)
            return
        for c, parameters in enumerate(candidates):
            decided = decisions(self.inputs, self.card.sizing, self._rows, self._raw(parameters, self._rows))
            if self.card.sizing.stop is None:
                mine = slice(c, c + 1)
                market = self._segmented(decided.rows)
                play_weights(market, decided.weights[None], self.cost_rate, net[mine], turnover[mine])
            else:
                result = simulate(
                    self._prices, decided, self.cost_rate, delist_after=self._delist_after, keep_weights=False
                )
                net[c] = above_cash(result.net_return, self._prices.cash_return)
                turnover[c] = result.turnover

    def _selections(self, candidates: Sequence[Parameters]) -> Selections | None:
        """The sized decisions in their compact form, where the card and its type have one."""
        sizing = self.card.sizing
        if self._selecting is None:
            return None
        raw = self._selecting.selections(self.inputs, candidates, self._rows)
        found = raw._replace(share=np.minimum(raw.share, sizing.maximum_weight))
        return found if found.most_gross <= sizing.maximum_gross else None

    def _segmented(self, rows: Array) -> SegmentedMarket:
        return self.inputs.at(rows).shared(
            ("segmented", self._delist_after, self._prices.cash_return.tobytes()),
            lambda: SegmentedMarket.of(self._prices, rows, delist_after=self._delist_after),
        )

    def _remember(self, candidates: Sequence[Parameters], net: Array, turnover: Array) -> None:
        for c, parameters in enumerate(candidates):
            self._memory[parameters] = net[c], turnover[c]
        most = max(1, int(_REMEMBERED / (16 * max(1, len(self.sessions)))))
        while len(self._memory) > most:
            self._memory.popitem(last=False)
