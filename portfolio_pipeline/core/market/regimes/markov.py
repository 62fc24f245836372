"""How volatile the market is by a Markov-switching model: hidden states, each with its own mean and variance.

At the first session of each period (`refit`) the model is fitted to the benchmark's daily returns from the first stored
session up to that one, from start values that depend on these returns alone. Until the next such session, the
probability of each state is filtered with these parameters from the first return on: it sees the past only. (Smoothed
probabilities, which see the whole history, are never used.) So a session needs the fit of its own period and no other.

Where a model cannot be fitted there is no answer, and a note says why: too little history, no convergence, states that
explain no more than one alone or do not last. Sessions without a bar of the benchmark are no observations: they keep
the probabilities of the session before. Making regimes of states is not done here (`rules.tree`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.regimes.settings import Regimes

PERCENT = 100.0  # the optimiser works on returns in percent, whose variances are near 1
STAY = 0.98  # chance of staying in a state, to start from
SPREADS = {2: (0.4, 2.5), 3: (0.3, 1.0, 3.0)}  # variances to start from, in variances of all returns
LEAST_STAY = 0.5  # a state that is left sooner than it lasts is a handful of outliers
DIGITS = 10  # an optimiser's last digits mean nothing


@dataclass(frozen=True, eq=False)
class SwitchingModel:
    """Parameters by state, the calmest first, of returns in percent."""

    transition: Array  # [from, to]
    mean: Array
    variance: Array

    @property
    def stationary(self) -> Array:
        """How often each state is visited in the long run: the probabilities before the first return."""
        count = len(self.mean)
        equations = np.vstack([(self.transition.T - np.eye(count))[:-1], np.ones(count)])
        return np.linalg.solve(equations, np.eye(count)[-1])


class NoModelError(ValueError):
    """Why returns could not be fitted, in words for the reader of the notes."""


def hidden_states(
    inputs: Inputs, benchmark: int, rows: Array, how: Regimes
) -> tuple[list[tuple[Array, Array | None]], tuple[str, ...]]:
    """For each period: the places of its sessions among `rows`, and what its model says; and notes.

    That is the filtered probability of each state, the calmest first, at every session from the first one on [sessions,
    states], for whoever looks back from the period; NaN before the first return. None where there is no model.
    """
    returns = inputs.returns[:, benchmark]
    observed = ~np.isnan(returns) & inputs.traded[:, benchmark]
    observations, seen = PERCENT * returns[observed], np.cumsum(observed)
    epochs = np.maximum.accumulate(np.where(due(inputs.sessions, how.refit), np.arange(len(returns)), -1))[rows]
    periods: list[tuple[Array, Array | None]] = []
    notes = []
    for epoch in np.unique(epochs):
        hidden, count = None, int(seen[epoch]) if epoch >= 0 else 0
        try:
            if count < how.fewest_sessions:
                raise NoModelError(f"{count} returns, fewer than {how.fewest_sessions}")
            chances = filtered(observations, fitted(observations[:count], how.states))
            hidden = np.where((seen > 0)[:, None], chances[seen - 1], np.nan)
        except NoModelError as problem:
            notes.append(f"{inputs.sessions[max(epoch, 0)]}: {problem}")
        periods.append((np.flatnonzero(epochs == epoch), hidden))
    return periods, tuple(notes)


def fitted(observations: Array, states: int) -> SwitchingModel:
    """The most likely model of the returns, or NoModelError."""
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    centre, spread = observations.mean(), observations.var()
    if not spread > 1e-10:
        raise NoModelError("the benchmark did not move")
    leave = (1.0 - STAY) / (states - 1)
    stay = np.full((states, states), leave) + np.eye(states) * (STAY - leave)
    # statsmodels' order: the chances to come to state 0 from each state, to state 1, … but the last; means; variances.
    start = [*stay[:, :-1].T.ravel(), *[centre] * states, *(np.array(SPREADS[states]) * spread)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asked = MarkovRegression(observations, k_regimes=states, switching_variance=True)
            answer = asked.fit(
                start_params=np.array(start), em_iter=20, search_reps=0, maxiter=200, cov_type="none", disp=False
            )
    except (ValueError, ArithmeticError) as problem:
        raise NoModelError(f"the fit failed ({type(problem).__name__})") from None
    if not answer.mle_retvals["converged"] or not np.isfinite(answer.params).all():
        raise NoModelError("the fit did not converge")
    values = np.array([float(f"{value:.{DIGITS}g}") for value in answer.params])
    arrivals = values[: states * (states - 1)].reshape(states - 1, states).T
    # No way is closed for ever: whatever return comes, some state has a chance.
    transition = np.maximum(np.column_stack([arrivals, 1.0 - arrivals.sum(axis=1)]), 1e-9)
    transition /= transition.sum(axis=1, keepdims=True)
    mean, variance = values[-2 * states : -states], values[-states:]
    one_state = -0.5 * len(observations) * (np.log(2.0 * np.pi * spread) + 1.0)
    if answer.llf - one_state < 0.5 * (len(values) - 2) * np.log(len(observations)):  # Bayesian information criterion
        raise NoModelError("one state explains as much")
    if np.diag(transition).min() < LEAST_STAY:
        raise NoModelError("a state does not last")
    order = np.argsort(variance, kind="stable")
    return SwitchingModel(np.ascontiguousarray(transition[np.ix_(order, order)]), mean[order], variance[order])


def filtered(observations: Array, model: SwitchingModel) -> Array:
    """Probability of each state given the returns up to each, [returns, states]."""
    chances: Array = _filter(observations, model.transition, model.mean, model.variance, model.stationary)
    return chances


@njit(cache=True, nogil=True)
def _filter(
    observations: Array, transition: Array, mean: Array, variance: Array, start: Array
) -> Array:  # pragma: no cover
    """Hamilton's filter, one return after the other: a longer series only adds rows."""
    states = len(mean)
    result = np.empty((len(observations), states))
    before, now = start.copy(), np.empty(states)
    for t in range(len(observations)):
        highest = -np.inf
        for j in range(states):
            away = observations[t] - mean[j]
            now[j] = -0.5 * (np.log(variance[j]) + away * away / variance[j])
            highest = max(highest, now[j])
        total = 0.0
        for j in range(states):
            expected = 0.0
            for i in range(states):
                expected += before[i] * transition[i, j]
            now[j] = expected * np.exp(now[j] - highest)
            total += now[j]
        for j in range(states):
            before[j] = result[t, j] = now[j] / total
    return result
