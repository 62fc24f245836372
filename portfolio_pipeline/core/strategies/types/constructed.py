"""Symbols held in the shares that an allocation method gives them: what `portfolio allocate construct` adopts.

The methods are those of `core.portfolio.allocation`, with the same look-back and nothing of the settings of strategies.
A symbol without a bar, or that hardly has returns, is not weighed. Methods that need what only strategies have are not
among them, nor are budgets of risk by class.

The method is the card's to name: twelve of them over a few years are told apart by luck, and most take a millisecond or
more a session. A search chooses the window, and the method only where the card lists several.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.features.families import RETURN_1D
from portfolio_pipeline.core.features.family import Family
from portfolio_pipeline.core.market.indicators import AtRows, Inputs
from portfolio_pipeline.core.portfolio.construct import rules_for_symbols, symbol_weights
from portfolio_pipeline.core.strategies import parameters as p

METHODS = (
    *("equal", "inverse_volatility", "risk_parity", "hrp", "min_variance", "max_sharpe", "target_volatility"),
    *("kelly", "momentum", "performance", "score", "ensemble"),
)


class ConstructedParameters(p.Parameters):
    """The method, and how many sessions it looks back."""

    method: Annotated[
        Literal[
            "equal",
            "inverse_volatility",
            "risk_parity",
            "hrp",
            "min_variance",
            "max_sharpe",
            "target_volatility",
            "kelly",
            "momentum",
            "performance",
            "score",
            "ensemble",
        ],
        p.decided(*METHODS),
    ] = "inverse_volatility"
    window: Annotated[int, p.Range(42, 504, 42)] = 252


class Constructed:
    """Always invested as far as its method goes, long only: on a long-short card it holds the same."""

    name: ClassVar[str] = "constructed"
    description: ClassVar[str] = "Holds its symbols in the shares that an allocation method gives them."
    inputs: ClassVar[tuple[Family, ...]] = (RETURN_1D,)
    Parameters: ClassVar[type[p.Parameters]] = ConstructedParameters

    def window(self, parameters: ConstructedParameters) -> int:
        return rules_for_symbols(parameters.method, parameters.window).sessions_of_method + 1

    def target_weights(
        self, inputs: Inputs, parameters: ConstructedParameters, rows: Array, *, long_short: bool = False
    ) -> Array:
        at = inputs.at(rows)
        weights: Array = at.shared(("constructed", parameters), partial(_weights, inputs, at, parameters))
        return weights


def _weights(inputs: Inputs, at: AtRows, parameters: ConstructedParameters) -> Array:
    """Row by row, [rows, symbols]; 0 for all before the method has seen as much as it looks at."""
    rules = rules_for_symbols(parameters.method, parameters.window)
    seen, weights = rules.sessions_of_method, np.zeros(at.traded.shape)
    for k, row in enumerate(at.rows.tolist()):
        if row < seen:
            continue
        returns = inputs.returns[row + 1 - seen : row + 1]
        # Where a return is NaN, so is the deviation, and no comparison holds.
        held = np.flatnonzero(at.traded[k] & (returns.std(axis=0) > 1e-10))
        names = tuple(map(str, held))
        weights[k, held] = symbol_weights(names, returns[:, held], ("several",) * len(held), rules)
    return weights
