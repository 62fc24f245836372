"""From session to session: which pool of sets is compared, what each is worth, and which is used from then on.

What happens at a session is a function of the prices up to it, of the set in use before it and, where sets are drawn
anew, of what was stored before the draw: a range of sessions gives exactly what the same sessions one by one give. Each
pool has running sums of its own, so nothing depends on which other pools a range comes across.

Not here: reading and writing tables (`rows` makes them), progress in a UI, statistics that judge a search as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.performance.fading import Fading, paired_evidence
from portfolio_pipeline.core.performance.windows import Windows
from portfolio_pipeline.core.search.adaptive import drawn
from portfolio_pipeline.core.search.candidates import method_of, ordered, pool_for_all_sessions, seed
from portfolio_pipeline.core.search.choice import (
    Choice,
    Scores,
    choose,
    choose_mixture,
    downside,
    minimum_sessions,
    yearly,
)
from portfolio_pipeline.core.search.evaluation import Backtests
from portfolio_pipeline.core.search.objectives import Objective, active_share, undominated
from portfolio_pipeline.core.search.plateau import Neighbourhoods
from portfolio_pipeline.core.search.ranking import ranked
from portfolio_pipeline.core.search.regime_scores import RegimeWindows
from portfolio_pipeline.core.search.response_surface import ResponseSurface
from portfolio_pipeline.core.search.walked import InUse, Nothing, Past, Pool, Seen, Stretch
from portfolio_pipeline.core.strategies.exposure import last_scheduled
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace

_AT_ONCE = 160_000  # scores that are held in memory together, each with its metrics
_FEWEST = 64  # sessions of them, however many sets there are: each part looks for its falls in a whole window anew


class Walk:
    """A card's search over the whole history, asked for any ranges of sessions in any order."""

    def __init__(
        self, space: ParameterSpace, backtests: Backtests, probabilities: Array | None = None, *, first: int = 0
    ) -> None:
        """`probabilities` of the regimes [sessions, regimes] are needed by cards whose scores look at them. What was
        earned before the session at position `first` counts for nothing."""
        self.space, self.backtests, self._probabilities, self._first_counted = space, backtests, probabilities, first
        if backtests.card.search.regime_share > 0.0 and probabilities is None:
            raise ValueError("scores that look at regimes need their probabilities")
        self.card, self.search = backtests.card, backtests.card.search
        self.objective = Objective.of(self.search.objective)
        self.method = method_of(self.search, space)
        self.sessions = backtests.sessions
        self._days = self.sessions.astype("datetime64[D]").tolist()
        self._due = due(self.sessions, self.search.cadence)
        adaptive = self.method in ("nsga2", "tpe")
        renewed = last_scheduled(due(self.sessions, self.search.renewal))
        self._epochs = renewed if adaptive else np.full(len(renewed), -1)
        self._drawn: tuple[object, Pool] | None = None

    def run(self, start: int, stop: int, before: InUse | None = None, past: Past | None = None) -> list[Stretch]:
        """The sessions at positions start to stop. `before` is the state at the session before, None for the first."""
        stored = past or Nothing()
        stretches: list[Stretch] = []
        state, best, row = before, tuple[Parameters, ...](), start
        while row < stop:
            epoch = int(self._epochs[row])
            end = row + int(np.searchsorted(self._epochs[row:stop], epoch, side="right"))
            if self._too_early(epoch):
                pool = self.fixed
            else:
                known = state.mixture.members if state is not None else ()
                used = known if epoch >= start else tuple(stored.in_use(self._days[epoch]))
                first = best if epoch > start and best else tuple(stored.best(self._days[min(epoch, start)]))
                pool = self._drawn_at(epoch, used, first)
            stretch = self._stretch(pool, row, end, state)
            stretches.append(stretch)
            row += len(stretch.choices)
            state, best = stretch.in_use, stretch.best or best
        return stretches

    def scores(self, pool: Pool, row: int) -> Scores:
        """What all sets of a pool are worth at the session at position `row`."""
        return self._scores(pool, np.array([row]))

    @property
    def begin(self) -> int:
        """The position of the first session that counts, for the sets that need no draw."""
        return self._fixed_begin

    @property
    def first_scored(self) -> int:
        """That of the first session with enough before it for scores."""
        return self._first(self._fixed_begin)

    @cached_property
    def _fixed_candidates(self) -> tuple[Parameters, ...]:
        return pool_for_all_sessions(self.space, self.search, self.card.name)

    @cached_property
    def _fixed_begin(self) -> int:
        return self._begin(self._fixed_candidates)

    def _begin(self, sets: Sequence[Parameters]) -> int:
        return max(self._first_counted, *map(self.backtests.strategy.window, sets))

    @cached_property
    def fixed(self) -> Pool:
        """What is compared where nothing is drawn anew."""
        self.backtests.expect(len(self._fixed_candidates))
        return self.pool(self._fixed_candidates)

    def _too_early(self, epoch: int) -> bool:
        return epoch < 0 or epoch < self._first(self._fixed_begin)

    def _first(self, begin: int) -> int:
        """The first session with enough sessions for scores."""
        return begin + minimum_sessions(self.search) - 1 + self.search.holdout_sessions

    def pool(self, candidates: Sequence[Parameters]) -> Pool:
        """Any sets beside one another, whichever the search itself compares."""
        sets = ordered(self.space, candidates)
        net, turnover = self.backtests.of(sets)
        begin = self._begin(sets)
        return Pool(
            sets,
            net,
            turnover,
            begin,
            self._seen(net, turnover, begin),
            ResponseSurface.of(self.space, sets)
            if self.search.rule == "surface_mixture"
            else Neighbourhoods.of(self.space, sets, self.search.neighbours),
        )

    def _drawn_at(self, epoch: int, used: tuple[Parameters, ...], best: tuple[Parameters, ...]) -> Pool:
        """The pool of sets that were searched for with data up to the session at `epoch`."""
        key = epoch, used, best
        if self._drawn is None or self._drawn[0] != key:
            also = [self.space.default, *used]
            self.backtests.expect(self.search.trials)
            found = drawn(
                self.space,
                self.objective,
                self.method,
                trials=self.search.trials,
                patience=self.search.patience,
                seed=seed(self.card.name, self._days[epoch].isoformat()),
                first=[*also, *best],
                goal_values=lambda sets: self._goal_values(sets, epoch),
            )
            self.backtests.expect(0)
            self._drawn = key, self.pool([*also, *found])
        return self._drawn[1]

    def _goal_values(self, sets: Sequence[Parameters], epoch: int) -> Array:
        """[goals, sets] as they were known at the session at `epoch`; NaN for sets that are idle or too young there."""
        net, turnover = self.backtests.of(sets)
        begins = np.maximum([self.backtests.strategy.window(one) for one in sets], self._fixed_begin)
        values = np.full((len(self.objective.goals), len(sets)), np.nan)
        for begin in np.unique(begins):
            mine = np.flatnonzero(begins == begin)
            if epoch >= self._first(int(begin)):
                row = np.array([epoch - self.search.holdout_sessions])
                found = self._figures(self._seen(net[mine], turnover[mine], int(begin)), row)[1][:, 0]
                values[:, mine] = np.where(self._idle(net[mine], int(begin), row)[0], np.nan, found)
        return values

    def _seen(self, net: Array, turnover: Array, begin: int) -> Seen:
        window, held, alike = self.search.window_sessions, self.search.holdout_sessions, None
        traded_at = self.backtests.traded_at
        if self._probabilities is not None and self.search.regime_share > 0.0:
            alike = RegimeWindows(net, turnover, self._probabilities, begin, window, traded_at)
        fading = None
        if self.search.rule == "surface_mixture":
            fading = Fading(net, turnover, begin, self.search.half_life_sessions, traded_at)
        held_out = Windows(net, turnover, begin, held, traded_at) if held else None
        return Seen(Windows(net, turnover, begin, window, traded_at), fading, alike, held_out)

    def _figures(self, seen: Seen, rows: Array) -> tuple[Array, Array]:
        """Metrics on the window that ends at each row, `holdout_sessions` before today, and the goals' values."""
        workers, share = self.backtests.workers, self.search.regime_share
        metrics = seen.window.metrics(rows, workers=workers)

        def weighted(found: Array) -> Array:
            # A greatest drawdown has no weights: there the window counts as it is.
            np.copyto(found, metrics, where=np.isnan(found))
            return self.objective.values(found)

        values = (
            self.objective.values(metrics)
            if seen.fading is None
            else weighted(seen.fading.metrics(rows, workers=workers))
        )
        if seen.alike is not None:
            alike = weighted(seen.alike.metrics(rows, ago=self.search.holdout_sessions, workers=workers))
            values = (1.0 - share) * values + share * alike
        return metrics, values

    def _idle(self, net: Array, begin: int, rows: Array) -> Array:
        """Sets that earned or lost anything too seldom to be judged, [rows, candidates]."""
        return active_share(net, begin, self.search.window_sessions, rows) < self.search.fewest_active

    def _scores(self, pool: Pool, rows: Array) -> Scores:
        held, workers = self.search.holdout_sessions, self.backtests.workers
        enough = rows >= self._first(pool.begin)
        metrics, values = self._figures(pool.seen, rows - held)
        worst = values.min(axis=2, keepdims=True)
        values = np.where(self._idle(pool.net_return, pool.begin, rows - held), worst, values)
        values[:, ~enough] = np.nan
        raw = self.objective.scores(values)
        newest = None
        if pool.seen.held_out is not None:
            newest = self.objective.scores(self.objective.values(pool.seen.held_out.metrics(rows, workers=workers)))
        return Scores(rows, enough, metrics, values, raw, pool.smoother.smoothed(raw, workers=workers), newest)

    def _stretch(self, pool: Pool, start: int, stop: int, before: InUse | None) -> Stretch:
        """Sessions from `start` on, at most to `stop`.

        A set in use that the pool lacks, because the card has changed, is a further candidate as long as it is used.
        """
        used: tuple[Parameters, ...] = ()
        if before is not None and before.settled:
            used = before.mixture.members if self._mixes else (before.mixture.leader,)
        guests = [one for one in used if one not in pool.places]
        if guests:
            pool = self.pool((*pool.candidates, *guests))
        foreign = {pool.places[one] for one in guests}
        in_use: tuple[tuple[int, ...], tuple[float, ...]] | None = None
        if before is not None and used:
            in_use = tuple(pool.places[one] for one in used), before.mixture.shares if self._mixes else (1.0,)
        stop = min(stop, start + max(_FEWEST, _AT_ONCE // len(pool.candidates)))
        scores = self._scores(pool, np.arange(start, stop))
        choices: list[Choice] = []
        for k, row in enumerate(range(start, stop)):
            choice = self._choice(pool, scores, k, row, in_use)
            choices.append(choice)
            in_use = (choice.places, choice.shares) if choice.settled else None
            if foreign and not foreign & set(choice.places):
                break
        return self._kept(pool, scores, choices)

    @property
    def _mixes(self) -> bool:
        return self.search.rule == "surface_mixture"

    def _choice(
        self, pool: Pool, scores: Scores, k: int, row: int, in_use: tuple[tuple[int, ...], tuple[float, ...]] | None
    ) -> Choice:
        default, due_now = pool.places[self.space.default], bool(self._due[row])
        if pool.seen.fading is not None:
            keep = pool.seen.fading.keep

            def evidence(places: Array, shares: Array) -> float:
                return paired_evidence(pool.net_return, places, shares, default, pool.begin, row, keep)

            return choose_mixture(scores, k, in_use, default, due_now, self.objective, self.search, evidence)

        def change_cost(best: int, other: int) -> tuple[float, float]:
            return self._change_cost(pool, row, best, other)

        used = None if in_use is None else in_use[0][0]
        return choose(scores, k, used, default, due_now, self.objective, self.search, change_cost)

    def _change_cost(self, pool: Pool, row: int, best: int, other: int) -> tuple[float, float]:
        last = row + 1 - self.search.holdout_sessions
        returns = pool.net_return[best, max(pool.begin, last - self.search.window_sessions) : last]
        paid = self.backtests.exchanged(row, pool.candidates[best], pool.candidates[other])
        return yearly(self.backtests.cost_rate * paid, self.search.cost_sessions), downside(returns)

    def _kept(self, pool: Pool, scores: Scores, choices: list[Choice]) -> Stretch:
        count = len(choices)
        settled = np.array([choice.settled for choice in choices])

        def of_those_used(values: Array | None) -> Array:
            """The mean over the sets in use, by their shares."""
            found = np.full(count, np.nan)
            if values is None:
                return found
            for k in np.flatnonzero(settled).tolist():
                parts = zip(choices[k].places, choices[k].shares, strict=True)
                found[k] = math.fsum(values[k, place] * share for place, share in parts)
            return found

        searched = np.flatnonzero([choice.searched for choice in choices])
        # As a rule all of them: then nothing is copied.
        those: Array | slice = searched if len(searched) < len(scores.rows) else slice(None)
        metrics = scores.metrics[:, those]
        pareto = undominated(self.objective.pareto_goals(metrics), workers=self.backtests.workers)
        return Stretch(
            pool,
            int(scores.rows[0]),
            choices,
            of_those_used(scores.raw),
            of_those_used(scores.smoothed),
            of_those_used(scores.held_out),
            ranked(scores.rows[those], metrics, scores.raw[those], scores.smoothed[those], pareto),
            scores.smoothed[count - 1].copy(),
        )
