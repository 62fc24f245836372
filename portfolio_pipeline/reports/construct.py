"""Positions for some money from stored prices, beside what the house's limits would leave of them: a dry run.

What is adopted of it is a card: a candidate of the type `constructed`, which holds the same symbols by the same method,
weighed anew every month, and goes through every gate of the house like any other strategy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from portfolio_pipeline.core.errors import ConfigurationError, DataError
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.made_up import any_made_up
from portfolio_pipeline.core.market.past import Pasts
from portfolio_pipeline.core.portfolio.construct import (
    WINDOW,
    Position,
    cash_left,
    rules_for_symbols,
    symbol_weights,
    whole_shares,
)
from portfolio_pipeline.core.registry import near
from portfolio_pipeline.core.risk.cutting import limit_path
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.types.constructed import METHODS, ConstructedParameters
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.prices import price_history
from portfolio_pipeline.reads.state import sources
from portfolio_pipeline.reports.page import markdown
from portfolio_pipeline.reports.pictures import bar_picture

STRATEGY_SYMBOL = "strategy_symbol"
_LARGEST = 1e12
_SETTLED = 20
"""Sessions after which a book that asks for the same every day is where its limits let it be."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for: money in the currency of the account, symbols, a method and its look-back."""

    capital: float
    symbols: tuple[str, ...]
    method: str = "inverse_volatility"
    window: int = WINDOW
    session: date | None = None


@dataclass(frozen=True, eq=False)
class Construction:
    """What could be bought at the close of `session`. `left` is what limits leave of each weight, and `reasons` why."""

    wanted: Wanted
    session: date
    sources: tuple[str, ...]
    positions: tuple[Position, ...]
    left: dict[str, float]
    reasons: dict[str, str]

    @property
    def cents(self) -> int:
        return round(self.wanted.capital * 100)

    @property
    def cash(self) -> int:
        return cash_left(self.cents, self.positions)

    @property
    def title(self) -> str:
        made_up = "SIMULATED · " if any_made_up(self.sources) else ""
        return f"{made_up}{self.wanted.capital:,.2f} by {self.wanted.method}, at the closes of {self.session}"


def construct(warehouse: Warehouse, settings: Settings, wanted: Wanted) -> Construction:
    _require_sound(settings, wanted)
    rules = rules_for_symbols(wanted.method, wanted.window)
    symbols, by_class = wanted.symbols, settings.asset_classes
    with warehouse.reading() as reader:
        newest = reader.newest("prices")
        if newest is None:
            raise DataError("PRICES_MISSING", found="none", remedy="Load some first: portfolio up.")
        session = wanted.session or newest
        if session not in reader.sessions("prices"):
            raise DataError(
                "PRICES_MISSING", found=session, expected=f"a stored session up to {newest}", remedy="Choose another."
            )
        panel, origin = price_history(reader, symbols, session), sources(reader, session)
    closes = panel.close[-1]
    unpriced = [symbol for symbol, close in zip(symbols, closes, strict=True) if not close > 0.0]
    if unpriced:
        raise DataError(
            "SYMBOL_WITHOUT_PRICE",
            found=", ".join(unpriced),
            session=session,
            remedy="Choose symbols that traded at that session.",
        )
    inputs = Inputs(panel)
    weights = symbol_weights(symbols, inputs.returns, [by_class[symbol] for symbol in symbols], rules)
    cents = [round(float(close) * 100) for close in closes]
    cost = settings.costs.total
    positions = whole_shares(round(wanted.capital * 100), symbols, weights.tolist(), cents, cost)
    seen = tuple(panel.sessions.tolist())
    past = Pasts.of_closes(panel.adjusted_close, seen, symbols, by_class).at(session)
    (*_, cut) = limit_path(
        np.tile(weights, (_SETTLED, 1)),
        *(symbols, by_class, settings.limits, {}),
        sectors=settings.sectors,
        pasts=(past,) * _SETTLED,
    )
    return Construction(wanted, session, origin, positions, dict(cut.weights), dict(cut.reasons))


def figures_table(found: Construction) -> pd.DataFrame:
    rows = [
        {
            "symbol": one.symbol,
            "asked": f"{one.asked:.2%}",
            "shares": f"{one.quantity:,}",
            "price": _money(one.price),
            "value": _money(one.value),
            "costs": _money(one.cost),
            "of all": f"{one.value / found.cents:.2%}",
            "limits leave": f"{found.left.get(one.symbol, 0.0):.2%}",
            "by": found.reasons.get(one.symbol, ""),
        }
        for one in found.positions
    ]
    costs = sum(one.cost for one in found.positions)
    whole = {"symbol": "cash", "value": _money(found.cash), "costs": "", "of all": f"{found.cash / found.cents:.2%}"}
    rows += [whole, {"symbol": "together", "value": _money(found.cents - costs), "costs": _money(costs)}]
    return pd.DataFrame(rows).fillna("")


def notes(found: Construction) -> list[str]:
    told = ["A dry run: nothing is ordered, no table is touched. Weights come from returns up to that close."]
    if any(found.left.get(one.symbol, 0.0) < one.asked - 1e-9 for one in found.positions):
        told.append("Limits of the house would leave less of it, if it had all of the capital.")
    return told


def markdown_page(found: Construction) -> str:
    held = {one.symbol: one.value / found.cents for one in found.positions}
    picture = bar_picture(found.title, held | {"cash": found.cash / found.cents})
    return "\n\n".join([markdown(figures_table(found)), *(f"*{note}*" for note in notes(found)), picture])


def document(found: Construction) -> dict[str, Any]:
    """As the help of the command says it."""
    return {
        "simulated": any_made_up(found.sources),
        "session": found.session,
        "method": found.wanted.method,
        "capital": found.cents / 100,
        "cash": found.cash / 100,
        "positions": [
            {
                "symbol": one.symbol,
                "asked": one.asked,
                "shares": one.quantity,
                "price": one.price / 100,
                "value": one.value / 100,
                "costs": one.cost / 100,
                "limits_leave": found.left.get(one.symbol, 0.0),
                "reason": found.reasons.get(one.symbol, ""),
            }
            for one in found.positions
        ],
    }


def adopted_card(name: str, found: Construction, settings: Settings) -> str:
    """The text of a card that holds what was constructed, as far as limits on one symbol of a strategy allow it."""
    if found.wanted.method not in METHODS:
        raise ConfigurationError(
            "METHOD_NOT_ADOPTABLE",
            found=found.wanted.method,
            expected=f"one of {', '.join(METHODS)}",
            remedy="A strategy of one class has no budgets by class: choose risk_parity, or leave it a dry run.",
        )
    return _CARD.format(
        name=name,
        method=found.wanted.method,
        window=found.wanted.window,
        symbols=", ".join(found.wanted.symbols),
        session=found.session,
        most=min(1.0, _number(settings.limits.value(STRATEGY_SYMBOL))),
    )


def _number(limit: object) -> float:
    return float(limit) if isinstance(limit, int | float) else 1.0


def _require_sound(settings: Settings, wanted: Wanted) -> None:
    if not 0.01 <= wanted.capital <= _LARGEST:
        raise ConfigurationError(
            "CAPITAL_WRONG", found=wanted.capital, expected=f"0.01 to {_LARGEST:,.0f}", remedy="Give it with --capital."
        )
    sessions = ConstructedParameters.domains()["window"]
    if not sessions.holds(wanted.window):
        raise ConfigurationError("WINDOW_WRONG", found=wanted.window, expected=f"sessions from {sessions}")
    if not wanted.symbols:
        raise ConfigurationError("SYMBOLS_MISSING", expected="SPY,TLT,…", remedy="Give them with --universe.")
    for place, symbol in enumerate(wanted.symbols):
        if symbol not in settings.symbols:
            raise ConfigurationError(
                "SYMBOL_UNKNOWN",
                found=symbol,
                expected=f"one of {', '.join(settings.symbols)}{near(symbol, settings.symbols)}",
                remedy="Add it to the universe in portfolio.yaml first.",
            )
        if symbol in wanted.symbols[:place]:
            raise ConfigurationError("SYMBOL_TWICE", found=symbol, remedy="Name it once.")


def _money(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02d}"


_CARD = """\
# Adopted from `portfolio allocate construct` at the closes of {session}. A candidate: computed and judged, without
# capital until you make it active, or the rule of promotion does. It is weighed anew at the first session of a month.
name: {name}
type: constructed
description: Holds {symbols} in the shares that {method} gives them.
owner: portfolio
symbols: {{only: [{symbols}]}}
rebalance: monthly
stage: candidate
parameters:
  method: {method}
  window: {window}
sizing: {{maximum_weight: {most:g}}}  # of one symbol: limits.strategy_symbol
"""
