"""What instructions do to a session's targets: planner, gate and books ask the same function.

What a person orders for a strategy is `pinned` in its book, in shares, beside the targets: no wish of the strategy, no
band and no cash buffer touches it. The strategy's own wishes for that symbol are left out, and the others of its wishes
are made smaller where they would not fit beside it any more. The wishes of everybody else stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from portfolio_pipeline.core.books.book import Book, value
from portfolio_pipeline.core.books.strategy_books import Ledger
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction, Instructions
from portfolio_pipeline.core.market.bars import Bars
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.exposures import EPSILON


def instructed(
    session: date,
    targets: SessionTargets,
    said: Instructions,
    ledger: Ledger,
    shares: Mapping[str, float],
    bars: Bars,
) -> SessionTargets:
    """The session's targets with what people have said; `ledger` are the books at its close."""
    if not said.in_force(session):
        return targets
    flat = said.flattened(session)
    if flat is not None:
        nothing = dict.fromkeys(targets.weights, 0.0)
        told = dict.fromkeys((s for s, weight in targets.weights.items() if weight), flat.told)
        reasons = {symbol: _both(targets.reasons.get(symbol), told.get(symbol)) for symbol in targets.weights}
        return replace(
            targets,
            weights=nothing,
            requested=dict(nothing),
            reasons={symbol: why for symbol, why in reasons.items() if why},
            contributions={},
            eased=True,
        )
    pinned, ordered, by_hand, limit_prices = _pinned(session, said, ledger)
    if not pinned:
        return targets
    closed = said.closed(session)
    equity = max(ledger.capital, 1)
    contributions = {name: dict(weights) for name, weights in targets.contributions.items()}
    for name, pins in pinned.items():
        own = contributions.get(name, {})
        if name in closed:
            contributions.pop(name, None)
            continue
        worth = sum(abs(value(units, _price(ledger.account, bars, symbol))) for symbol, units in pins.items()) / equity
        room = max(shares.get(name, 0.0), math.fsum(map(abs, own.values()))) - worth
        others = {symbol: weight for symbol, weight in own.items() if symbol not in pins}
        asked = math.fsum(map(abs, others.values()))
        fits = min(1.0, max(room, 0.0) / asked) if asked else 1.0
        contributions[name] = {symbol: weight * fits for symbol, weight in others.items()}
    weights, requested = _without(targets, contributions)
    return replace(
        targets,
        weights=weights,
        requested=requested,
        contributions={name: own for name, own in contributions.items() if own},
        pinned=pinned,
        ordered=ordered,
        by_hand=by_hand,
        limit_prices=limit_prices,
        eased=targets.eased or bool(closed),
    )


def _pinned(
    session: date, said: Instructions, ledger: Ledger
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]], dict[str, str], dict[str, float]]:
    """By strategy and symbol, units that stay in books and units that are ordered; by symbol, why and at what price."""
    pinned: dict[str, dict[str, int]] = {}
    ordered: dict[str, dict[str, int]] = {}
    told: dict[str, list[str]] = {}
    limit_prices: dict[str, float] = {}

    def pin(name: str, symbol: str, units: int, one: Instruction | None) -> None:
        pinned.setdefault(name, {})[symbol] = units
        change = units - _held(ledger, name, symbol)
        ordered.setdefault(name, {})[symbol] = change
        if one is not None and change:
            told.setdefault(symbol, []).append(f"{name} {one.told}")

    closed = said.closed(session)
    for (name, symbol), _ in said.locked(session).items():
        pin(name, symbol, _held(ledger, name, symbol), None)
    for one in said.given_at(session):
        if one.strategy in closed:
            continue
        now = pinned.get(one.strategy, {}).get(one.symbol, _held(ledger, one.strategy, one.symbol))
        pin(one.strategy, one.symbol, 0 if one.kind == "sell_all" else now + (one.quantity or 0), one)
        if one.limit_price is not None:
            limit_prices[one.symbol] = one.limit_price
    for name, one in closed.items():
        pinned[name], ordered[name] = {}, {}
        for symbol in sorted(ledger.books[name].positions if name in ledger.books else ()):
            pin(name, symbol, 0, one)
    return pinned, ordered, {symbol: "; ".join(whys) for symbol, whys in told.items()}, limit_prices


def _held(ledger: Ledger, name: str, symbol: str) -> int:
    return ledger.books[name].quantity(symbol) if name in ledger.books else 0


def _price(account: Book, bars: Bars, symbol: str) -> float:
    if symbol in bars:
        return bars[symbol].close
    return account.positions[symbol].price if symbol in account.positions else 0.0


def _without(
    targets: SessionTargets, contributions: Mapping[str, Mapping[str, float]]
) -> tuple[dict[str, float], dict[str, float]]:
    """Weights and what was requested, less the wishes that are not in `contributions` any more."""
    weights, requested = dict(targets.weights), dict(targets.requested)
    for symbol, weight in targets.weights.items():
        was = math.fsum(own.get(symbol, 0.0) for own in targets.contributions.values())
        left = [own[symbol] for own in contributions.values() if own.get(symbol)]
        gone = was - math.fsum(left)
        if not gone:
            continue
        cut = targets.cut(symbol)
        weights[symbol] = weight - cut * gone
        requested[symbol] = requested.get(symbol, 0.0) - gone
        if not left and abs(weights[symbol]) < EPSILON:
            weights[symbol] = requested[symbol] = 0.0
    return weights, requested


def _both(one: str | None, other: str | None) -> str:
    return "; ".join(filter(None, (one, other)))
