"""Parameter search: every candidate is back-tested once over the whole history, then scored at every session.

Decisions are causal, so one run of a parameter set gives its returns on every session, and its score on the trailing
window of any session follows from running sums that start at the first stored session. The choice at session D uses
returns up to D and nothing later; a range of sessions costs about what one session costs, and gives the same.

Here: proposing candidates (Optuna draws them), evaluating, choosing. Not here: what a strategy does with its
parameters, and statistics that judge a search as a whole.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import optuna
import pandas as pd

from portfolio_pipeline.core.backtest import Decisions, TradePrices, simulate
from portfolio_pipeline.core.kernels import METRICS, window_metrics
from portfolio_pipeline.core.panel import Array
from portfolio_pipeline.core.strategies.base import Strategy
from portfolio_pipeline.core.strategies.card import Search, StrategyCard
from portfolio_pipeline.core.strategies.inputs import Inputs
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
from portfolio_pipeline.core.strategies.rebalancing import due
from portfolio_pipeline.core.strategies.sizing import sized

MINIMUM_SESSIONS = 126
BEST_KEPT = 10


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Daily net returns and turnover of each candidate over the whole history, [sessions, candidates]."""

    sessions: Array
    candidates: tuple[Parameters, ...]  # in the order of the grid, which decides ties
    default: int  # which of them is used before there are scores
    net_return: Array
    turnover: Array
    begin: int  # the first session that every candidate has the history for


@dataclass(frozen=True, eq=False)
class Choices:
    """What would be chosen at each session of the history; `score` is NaN and `chosen` the default before scores."""

    evaluation: Evaluation
    objective: str
    metrics: Array  # [METRICS, sessions, candidates], on the trailing window
    scores: Array  # [sessions, candidates], NaN before there are enough sessions
    searched: Array  # [sessions]: whether the choice was made anew
    chosen: Array  # [sessions], positions among the candidates

    @cached_property
    def parameters_json(self) -> list[str]:
        return [parameters.to_json() for parameters in self.evaluation.candidates]

    def parameters(self, row: int) -> Parameters:
        return self.evaluation.candidates[int(self.chosen[row])]


def propose(space: ParameterSpace, trials: int, seed_name: str) -> tuple[Parameters, ...]:
    """The default and other distinct parameter sets, `trials` in all: the whole grid if it fits, else a Sobol draw."""
    distinct = {space.order(space.default): space.default}
    everything = space.size <= trials

    def visit(trial: optuna.Trial) -> float:
        """Optuna is only asked where to look: neither sampler minds values, and nothing is evaluated yet."""
        drawn = {name: values[trial.suggest_int(name, 0, len(values) - 1)] for name, values in space.values.items()}
        parameters = space.parameters(drawn)
        if parameters is not None:
            distinct.setdefault(space.order(parameters), parameters)
        if len(distinct) >= trials and not everything:
            trial.study.stop()
        return 0.0

    if trials > 1:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=_exhaustive(space) if everything else _sobol(seed_name))
        study.optimize(visit, n_trials=space.size if everything else 10 * trials)
    return tuple(distinct[order] for order in sorted(distinct))


def _exhaustive(space: ParameterSpace) -> optuna.samplers.BaseSampler:
    return optuna.samplers.GridSampler(
        {name: list(range(len(values))) for name, values in space.values.items()}, seed=0
    )


def _sobol(seed_name: str) -> optuna.samplers.BaseSampler:
    seed = int.from_bytes(hashlib.sha256(seed_name.encode()).digest()[:4], "big")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.QMCSampler(qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False)


def evaluate(
    strategy: Strategy,
    inputs: Inputs,
    card: StrategyCard,
    candidates: Sequence[Parameters],
    default: Parameters,
    cost_rate: float,
    *,
    delist_after: int = 10,
    workers: int = 1,
) -> Evaluation:
    """Back-test each candidate over the whole history, at the sessions at which the card rebalances."""
    prices = TradePrices.of(inputs.panel)
    rows = np.flatnonzero(due(inputs.sessions, card.rebalance))

    def run(parameters: Parameters) -> tuple[Array, Array]:
        weights = strategy.target_weights(inputs, parameters, rows, long_short=card.direction == "long_short")
        decisions = Decisions(rows, sized(inputs, weights, rows, card.sizing))
        result = simulate(prices, decisions, cost_rate, delist_after=delist_after, keep_weights=False)
        return result.net_return, result.turnover

    with ThreadPoolExecutor(max_workers=workers) as pool:
        results = list(pool.map(run, candidates))
    return Evaluation(
        inputs.sessions,
        tuple(candidates),
        list(candidates).index(default),
        np.stack([net for net, _ in results], axis=1),
        np.stack([turnover for _, turnover in results], axis=1),
        max(strategy.window(parameters) for parameters in candidates),
    )


def choose(evaluation: Evaluation, search: Search) -> Choices:
    """Score every candidate on the window up to each session, and choose when the card's cadence says so.

    From MINIMUM_SESSIONS on, the window is what there is; before, the default is used. The best score wins, the earlier
    candidate on a tie; but the one in use stays unless the best beats it by the card's margin.
    """
    metrics = window_metrics(
        np.ascontiguousarray(evaluation.net_return),
        np.ascontiguousarray(evaluation.turnover),
        evaluation.begin,
        search.window_sessions,
    )
    scores = (
        -metrics[METRICS.index("max_drawdown")]
        if search.objective == "drawdown"
        else metrics[METRICS.index(search.objective)]
    )
    scores = scores.copy()
    first = evaluation.begin + min(MINIMUM_SESSIONS, search.window_sessions) - 1
    scores[:first] = np.nan
    searched = due(evaluation.sessions, search.cadence) & (np.arange(len(scores)) >= first)
    chosen = np.full(len(scores), evaluation.default, np.int64)
    current, settled = evaluation.default, False
    for row in range(len(scores)):
        if searched[row]:
            best = int(np.argmax(scores[row]))
            gain = scores[row, best] - scores[row, current]
            if not settled or gain > search.switch_margin * abs(scores[row, best]):
                current, settled = best, True
        chosen[row] = current
    return Choices(evaluation, search.objective, metrics, scores, searched, chosen)


def chosen_rows(choices: Choices, strategy: str, start: int, stop: int, previous_json: str | None) -> pd.DataFrame:
    """Rows of optimized_parameters for the sessions at positions start to stop; `previous_json` was in use before."""
    rows = np.arange(start, stop)
    texts = [choices.parameters_json[index] for index in choices.chosen[start:stop]]
    scores = choices.scores[rows, choices.chosen[start:stop]]
    return pd.DataFrame(
        {
            "session": choices.evaluation.sessions[start:stop].astype("datetime64[s]"),
            "strategy": strategy,
            "parameters": texts,
            "objective": choices.objective,
            "score": scores,
            "trials": np.where(np.isnan(scores), 0, len(choices.evaluation.candidates)).astype(np.int64),
            "changed": [text != before for text, before in zip(texts, [previous_json, *texts[:-1]], strict=True)],
        }
    )


def result_rows(choices: Choices, strategy: str, start: int, stop: int) -> pd.DataFrame:
    """Rows of optimization_results: the best candidates of every search, with their metrics on the window."""
    rows = start + np.flatnonzero(choices.searched[start:stop])
    scores = choices.scores[rows]
    count = min(BEST_KEPT, scores.shape[1])
    ranking = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    pareto = _undominated(choices.metrics[:, rows], ranking)
    kept = np.take_along_axis(choices.metrics[:, rows], ranking[None], axis=2)
    texts = choices.parameters_json
    return pd.DataFrame(
        {
            "session": np.repeat(choices.evaluation.sessions[rows].astype("datetime64[s]"), count),
            "strategy": strategy,
            "rank": np.tile(np.arange(1, count + 1), len(rows)),
            "parameters": [texts[index] for index in ranking.ravel()],
            "metrics": [
                json.dumps(dict(zip(METRICS, values, strict=True)), sort_keys=True)
                for values in kept.reshape(len(METRICS), -1).T.tolist()
            ],
            "is_pareto": pareto.ravel(),
        }
    )


def _undominated(metrics: Array, ranking: Array) -> Array:
    """Whether no candidate is as good as the ranked one in return, volatility and drawdown, and better in one."""
    goods = np.stack(
        [
            metrics[METRICS.index("return")],
            -metrics[METRICS.index("volatility")],
            -metrics[METRICS.index("max_drawdown")],
        ]
    )
    undominated = np.ones(ranking.shape, dtype=bool)
    for place in range(ranking.shape[1]):
        mine = np.take_along_axis(goods, ranking[None, :, place : place + 1], axis=2)
        undominated[:, place] = ~(np.all(goods >= mine, axis=0) & np.any(goods > mine, axis=0)).any(axis=1)
    return undominated
