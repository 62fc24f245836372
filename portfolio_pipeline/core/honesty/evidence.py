"""How much the returns out of sample speak for a strategy, and against it: evidence that may be looked at every day.

Evidence is what one unit of money would have become that was bet on the strategy session by session: the part `bet` of
it gains or loses with the return, `1 + bet * return`. If the returns, which are above cash, are worth nothing
(zero on average, whatever came before) no way of betting makes money on average, so that the money reaches
20 in at most one of 20 such strategies, ever, however often one looks (Ville's inequality). No distribution is assumed:
neither tails nor skew nor changing volatility break this, since a bet is fixed before its session and is never so large
that a loss of `LARGEST_LOSS` could take more than all of it. Only a larger loss in one session is charged too little.

The unit is spread over bets that are best for different Sharpe ratios (a half-normal prior over positive drifts, as
`gain`; the same on the negative returns, as `loss`). Volatility only sets their size: it is estimated from the sessions
before, so that a wrong one costs power and not validity.

`gain` remembers everything and is bounded over the whole path. `loss` is about the present: it begins anew whenever it
falls below 1, so that a good past does not hide a bad year; it bounds nothing over the whole path, and how often it
errs is measured (`core.strategies.card.Honesty`).

Not here: what follows from it (`judgement`, `promotion`).

NaN policy: a session without a return, or an idle one (a return of zero), says nothing: evidence stays, and volatility
is that of the other sessions. Time: the entry of session D sees the returns up to D; the returns have to begin with the
strategy's first one, and what is said of a session does not depend on how many follow, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR

LARGEST_LOSS = 0.10  # in one session, that no bet may be ruined by
LEARNING = 20  # active sessions before the first bet, which volatility is learnt from
HALF_LIFE = 63  # active sessions after which a return counts half in the volatility
LIKELY_SHARPE, LARGEST_SHARPE, BETS = 1.0, 2.0, 8  # a year: scale and end of the prior, and how finely it is cut
MOST = 1_000.0  # money won beyond this is put aside: more certainty would only take longer to lose
IDLE = 1e-9  # a return as small as this is the rounding of none


@dataclass(frozen=True, eq=False)
class Evidence:
    """One entry a session."""

    gain: Array  # that returns are above cash; 1 at the beginning
    loss: Array  # that they have lately been below it; never under 1
    active: Array  # sessions with a return other than zero so far


def evidence_of(returns: Array) -> Evidence:
    """Evidence at every session, from net returns on paper ([sessions], from the strategy's first one on)."""
    series = np.ascontiguousarray(returns, dtype=np.float64)
    sharpes, shares = prior()
    gain, active = _betting(series, sharpes, shares, 1.0, False)
    loss, _ = _betting(series, sharpes, shares, -1.0, True)
    return Evidence(gain, loss, active)


def prior() -> tuple[Array, Array]:
    """The Sharpe ratios a session that are bet on, and the shares of the money."""
    yearly = (np.arange(BETS) + 0.5) / BETS * LARGEST_SHARPE
    density = np.exp(-0.5 * (yearly / LIKELY_SHARPE) ** 2)
    return yearly / np.sqrt(SESSIONS_PER_YEAR), density / density.sum()


@njit(cache=True, nogil=True)
def _betting(returns: Array, sharpes: Array, shares: Array, side: float, begins_anew: bool) -> tuple[Array, Array]:
    money, wealth = shares.copy(), np.empty(len(returns))
    active = np.zeros(len(returns), np.int64)
    fading = 0.5 ** (1.0 / HALF_LIFE)
    squares, weights, total, count = 0.0, 0.0, 1.0, 0
    for t in range(len(returns)):
        found = returns[t]
        if abs(found) > IDLE:  # False for NaN
            if count >= LEARNING:
                volatility = np.sqrt(squares / weights)
                total = 0.0
                for k in range(len(money)):
                    bet = min(sharpes[k] / volatility, 1.0 / LARGEST_LOSS)
                    money[k] *= max(1.0 + side * bet * found, 0.0)
                    total += money[k]
                if begins_anew and total < 1.0:
                    money[:] = shares
                    total = 1.0
                elif total > MOST:
                    money *= MOST / total
                    total = MOST
            squares, weights, count = squares * fading + found * found, weights * fading + 1.0, count + 1
        wealth[t], active[t] = total, count
    return wealth, active
