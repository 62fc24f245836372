"""What is odd about settings and cards though it is allowed: limits that can never be reached or that leave most of the
capital idle, and what is switched off. Told, never refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portfolio_pipeline.core.risk import presets
from portfolio_pipeline.core.risk.limits.of_concentration import FEW
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard

_ENOUGH = 0.999


@dataclass(frozen=True)
class Oddity:
    entry: str
    told: str


def oddities(settings: Settings, cards: Sequence[StrategyCard]) -> list[Oddity]:
    """In the order of the settings."""
    return [*_of_limits(settings), *_of_shares(settings, cards), *_of_cards(settings, cards)]


def _of_limits(settings: Settings) -> Iterator[Oddity]:
    value = {name: _number(settings.limits.value(name)) for name in _limits()}
    for name, found in value.items():
        if found is None:
            yield Oddity(f"limits.{name}", "is switched off: nothing is limited")
    for low, high, told in (
        ("symbol", "top_five", "one symbol alone may be as large as five together: symbol is never reached"),
        ("symbol", "sector", "one symbol may be larger than its sector: symbol is never reached"),
        ("strategy_drawdown", "drawdown", "the whole portfolio is stopped before any of its strategies is"),
        ("correlation_alert", "correlation", "the alert comes after what it warns of"),
    ):
        one, other = value[low], value[high]
        if one is not None and other is not None and one > other:
            yield Oddity(f"limits.{low}", f"{one:g} is above limits.{high}, {other:g}: {told}")
    symbol, few = value["symbol"], value["top_five"]
    if symbol is not None and few is not None and few > FEW * symbol:
        yield Oddity("limits.top_five", f"{few:g} is more than {FEW} x limits.symbol, {symbol:g}: it is never reached")
    for name, count in (("symbol", len(settings.symbols)), ("sector", len(set(settings.sectors.values())))):
        most = value[name]
        if most is not None and count * most < _ENOUGH:
            yield Oddity(f"limits.{name}", f"{count} of at most {most:g}: {1 - count * most:.0%} stays in cash")
    target, limit = settings.allocation.volatility_target, value["volatility"]
    if target is not None and limit is not None and target > limit:
        told = f"{target:g} is above limits.volatility, {limit:g}: what is scaled up is cut again"
        yield Oddity("allocation.volatility_target", told)
    if settings.costs.total == 0.0:
        yield Oddity("costs", "trading costs nothing: searches will prefer what trades most")


def _of_shares(settings: Settings, cards: Sequence[StrategyCard]) -> Iterator[Oddity]:
    active = [card.name for card in cards if card.stage == "active"]
    most = sum(settings.allocation.bounds_of(name)[1] for name in active)
    if active and most < _ENOUGH:
        told = f"the largest shares of {len(active)} active strategies add up to {most:g}: the rest stays in cash"
        yield Oddity("allocation.maximum", told)
    if "static" in (method.name for method in settings.allocation.methods_used):
        left_out = [name for name in active if name not in settings.allocation.static]
        if left_out:
            yield Oddity(
                "allocation.static", f"does not name {', '.join(left_out)}, active: a share of 0 is wanted there"
            )


def _of_cards(settings: Settings, cards: Sequence[StrategyCard]) -> Iterator[Oddity]:
    stop = _number(settings.limits.value("position_stop"))
    for card in cards:
        held = min(len(card.universe(settings)), card.sizing.maximum_positions or len(settings.symbols))
        most = held * card.sizing.maximum_weight
        if most < _ENOUGH:
            told = f"{held} symbols of at most {card.sizing.maximum_weight:g}: {1 - most:.0%} of its capital stays idle"
            yield Oddity(f"{card.name}.sizing.maximum_weight", told)
        if card.sizing.stop is not None and stop is not None and card.sizing.stop > stop:
            told = f"{card.sizing.stop:g} is wider than limits.position_stop, {stop:g}, which comes first"
            yield Oddity(f"{card.name}.sizing.stop", told)


def _limits() -> list[str]:
    """Those that are one number."""
    names = (key.removeprefix("limits.") for key in presets.TABLE if key.startswith("limits."))
    return [name for name in names if "." not in name]


def _number(value: object) -> float | None:
    return value if isinstance(value, float | int) else None
