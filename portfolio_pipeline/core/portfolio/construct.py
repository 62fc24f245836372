"""Positions for some money: an allocation method applied to symbols, in whole shares, costs included.

The methods are those that share capital out between strategies; here the returns are those of symbols. Bounds, locks
and budgets of strategies mean nothing here. Which limits would cut the result is not asked here (`core.risk`).

All money is in cents. A position is first the whole shares below what is asked; then, one by one, whoever lacks most
gets a share more, as long as that brings it nearer to what is asked and there is money for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS, Known
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.allocation.wishes import requested_shares
from portfolio_pipeline.core.registry import one_of
from portfolio_pipeline.core.weighing.covariances import FEWEST

WINDOW = 252
_OF_STRATEGIES = ("static", "black_litterman")
"""Methods that need what only strategies have: shares by their names, or signals of their own."""


@dataclass(frozen=True)
class Position:
    """Whole shares of one symbol; `asked` is a fraction of the capital, money is in cents."""

    symbol: str
    asked: float
    quantity: int
    price: int
    cost: int

    @property
    def value(self) -> int:
        return self.quantity * self.price


def rules_for_symbols(method: str, window: int = WINDOW) -> Allocation:
    """What a method looks at where it weighs symbols; refused where it can weigh strategies alone."""
    known = tuple(name for name in ALLOCATION_METHODS if name not in _OF_STRATEGIES)
    if method not in known:
        why = "it needs what only strategies have" if method in _OF_STRATEGIES else "nobody knows it"
        raise ConfigurationError(
            "METHOD_UNKNOWN", found=method, why=why, expected=one_of(method, known), remedy="Give it with --method."
        )
    return Allocation(method=method, window_sessions=window)


def symbol_weights(symbols: Sequence[str], returns: Array, classes: Sequence[str], rules: Allocation) -> Array:
    """The weight of each symbol, after returns [sessions, symbols] (NaN where there is none); the rest is cash.

    Who has hardly any returns gets nothing: it cannot be weighed.
    """
    returns = returns[-rules.sessions_of_method :]
    weighed = np.flatnonzero((~np.isnan(returns)).sum(axis=0) >= FEWEST).tolist()
    weights = np.zeros(len(symbols))
    if len(weighed):
        seen = np.ascontiguousarray(returns[:, weighed])
        known = Known(
            tuple(symbols[place] for place in weighed),
            seen,
            np.full_like(seen, np.nan),
            np.zeros(len(weighed)),
            tuple(classes[place] for place in weighed),
        )
        weights[weighed] = requested_shares(known, rules)
    return weights


def whole_shares(
    capital: int, symbols: Sequence[str], weights: Sequence[float], prices: Sequence[int], cost: float
) -> tuple[Position, ...]:
    """What can be had for the capital. `prices` of a share, in cents; `cost` of trading, a fraction of the value."""
    asked = [weight * capital for weight in weights]
    # The costs of all are kept back at first, a cent each for rounding; what is left of them goes round again.
    quantities = [
        max(0, int((money - 1.0) / (1.0 + cost) // price)) for money, price in zip(asked, prices, strict=True)
    ]
    left = capital - sum(_whole(quantity * price, cost) for quantity, price in zip(quantities, prices, strict=True))
    while True:
        lacks = [money - number * price for money, number, price in zip(asked, quantities, prices, strict=True)]
        nearer = [
            place
            for place, price in enumerate(prices)
            if 2 * lacks[place] > price and _dearer(quantities[place], price, cost) <= left
        ]
        if not nearer:
            break
        place = max(nearer, key=lambda one: (lacks[one], -one))
        left -= _dearer(quantities[place], prices[place], cost)
        quantities[place] += 1
    return tuple(
        Position(symbol, weight, number, price, _whole(number * price, cost) - number * price)
        for symbol, weight, number, price in zip(symbols, weights, quantities, prices, strict=True)
    )


def cash_left(capital: int, positions: Sequence[Position]) -> int:
    return capital - sum(one.value + one.cost for one in positions)


def _whole(value: int, cost: float) -> int:
    """With its costs, which are rounded up to the cent."""
    return value + math.ceil(value * cost - 1e-9)


def _dearer(quantity: int, price: int, cost: float) -> int:
    """What one share more costs."""
    return _whole((quantity + 1) * price, cost) - _whole(quantity * price, cost)
