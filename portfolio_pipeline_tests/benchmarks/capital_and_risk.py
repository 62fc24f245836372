"""What capital, limits and risk measures cost: `python -m portfolio_pipeline_tests.benchmarks.capital_and_risk`.

Processor seconds of the core in one thread, without Dagster and without a database, on made-up prices and targets that
wander: one session of 20 strategies and 500 symbols, ten years of 5 strategies and 31 symbols, by every method.
The limits are those of the preset `moderate`. The first of two turns is not counted: it compiles.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.market.past import WINDOW, Pasts
from portfolio_pipeline.core.portfolio.allocation.allocate import allocate
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS
from portfolio_pipeline.core.portfolio.netting import net
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.portfolio.rebalancing.triggers import signals_of
from portfolio_pipeline.core.portfolio.volatility_target import aims, scales
from portfolio_pipeline.core.risk.cutting import limit_path
from portfolio_pipeline.core.risk.futures import risk_futures
from portfolio_pipeline.core.risk.limits.of_exposure import GROSS, NET
from portfolio_pipeline.core.risk.measures.history import TargetHistory
from portfolio_pipeline.core.risk.measures.parts import parts_of
from portfolio_pipeline.core.risk.measures.rows import metric_rows, seen_range
from portfolio_pipeline.core.risk.states.of_portfolio import paper_returns, portfolio_path, portfolio_rule
from portfolio_pipeline.core.risk.states.of_strategies import WINDOW as PAIRS_SEEN
from portfolio_pipeline.core.risk.states.of_strategies import strategies_path, strategy_rule
from portfolio_pipeline.core.sections import AssetClass
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline_tests.benchmarks.walk_forward import market

TEN_YEARS = 10 * SESSIONS_PER_YEAR
EARLIER = 2 * SESSIONS_PER_YEAR
CLASSES: tuple[AssetClass, ...] = ("equity", "bond", "commodity", "real_estate")
METHODS = tuple(name for name in ALLOCATION_METHODS if name != "static")
Found = TypeVar("Found")


@dataclass(frozen=True)
class House:
    """So many strategies and symbols; the last `count` sessions are computed."""

    strategies: int
    symbols: int
    count: int

    @cached_property
    def settings(self) -> Settings:
        universe = [
            Instrument(symbol=f"S{n}", asset_class=CLASSES[n % 4], group=f"group{n % 20}", name="made up")
            for n in range(self.symbols)
        ]
        bounds = {"minimum": 0.0, "maximum": 1.0}
        return Settings.model_validate({"benchmark": "S0", "universe": universe, "allocation": bounds})

    @cached_property
    def panel(self) -> PricePanel:
        return market(self.settings, self.count + EARLIER)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(f"strategy_{place}" for place in range(self.strategies))

    @cached_property
    def own(self) -> Array:
        """Targets [strategies, sessions, symbols], a third of them nothing."""
        steps = np.random.default_rng(3).normal(0.0, 0.05, (self.strategies, self.count + EARLIER, self.symbols))
        wish = np.maximum(np.cumsum(steps, axis=1) + 0.2, 0.0)
        own: Array = wish / np.maximum(wish.sum(axis=2, keepdims=True), 1.0)
        return own

    @cached_property
    def paper(self) -> Array:
        """Returns [sessions, strategies] of these, close to close."""
        closes = self.panel.close
        moved = np.nan_to_num(closes[1:] / closes[:-1] - 1.0)
        earned = np.einsum("ktn,tn->tk", self.own[:, :-1], moved)
        return np.vstack([np.zeros(self.strategies), earned])

    def shares(self, method: str) -> Array:
        allocation = self.settings.allocation.model_copy(update={"method": method})
        rules = Rebalancing()
        return allocate(
            self.paper,
            self.count,
            self.names,
            allocation,
            None,
            exposure=self.own.sum(axis=2).T,
            classes=tuple(CLASSES[place % 4] for place in range(self.strategies)),
            rebalancing=rules,
            signals=signals_of(self._days[-self.count :], rules, self.paper),
            cost=self.settings.costs.total,
        ).weight

    def book(self, shares: Array) -> TargetHistory:
        """States of the strategies, scale, limits, the portfolio's state: from shares to targets."""
        settings, days = self.settings, self._days
        limits, responses = settings.limits, settings.responses
        seen = self.paper[-(self.count + PAIRS_SEEN - 1) :]
        rules = dict.fromkeys(self.names, strategy_rule(limits, responses))
        strategies_path({}, days[-self.count :], seen, seen, self.names, rules, limits, responses)
        own, closes = self.own[:, -self.count :], self.panel.close
        wished = net(shares, own)
        allocation = settings.allocation
        aimed = aims(wished, closes, allocation.volatility_target, GROSS.cap(limits), NET.cap(limits))
        scale = scales(aimed, np.empty(0), allocation.scale_memory)
        requested = wished * scale[:, None]
        pasts = Pasts.of_closes(closes, days, settings.symbols, settings.asset_classes)
        path = limit_path(
            requested,
            settings.symbols,
            settings.asset_classes,
            limits,
            {},
            sectors=settings.sectors,
            pasts=[pasts.at(day) for day in days[-self.count :]],
        )
        weights = np.zeros((len(days), self.symbols))
        weights[-self.count :] = [[one.weights[symbol] for symbol in settings.symbols] for one in path]
        cash = np.zeros(len(days))
        earned = paper_returns(weights, self.panel.open, closes, cash, settings.costs.total)
        portfolio_path(None, days[-self.count :], earned[-self.count :], portfolio_rule(limits, responses))
        parts = parts_of(self.names, shares, own, scale, requested, weights[-self.count :], self.paper)
        return TargetHistory(self.panel, weights, parts, settings.sectors, settings.benchmark)

    def measured(self, book: TargetHistory) -> int:
        seen = seen_range(book, self.count, self.settings.asset_classes, self.settings.limits)
        return len(metric_rows(seen))

    def ahead(self, book: TargetHistory) -> int:
        return len(risk_futures(seen_range(book, self.count, self.settings.asset_classes, self.settings.limits)))

    @cached_property
    def _days(self) -> tuple:  # type: ignore[type-arg]
        return tuple(self.panel.sessions.astype("datetime64[D]").tolist())


def spent(work: Callable[[], Found]) -> tuple[float, Found]:
    work()
    begun = time.process_time()
    found = work()
    return time.process_time() - begun, found


def told(name: str, house: House) -> None:
    by_method = {method: spent(lambda method=method: house.shares(method)) for method in METHODS}  # type: ignore[misc]
    default = house.settings.allocation.method
    shared, shares = by_method[default]
    limited, book = spent(lambda: house.book(shares))
    measured, rows = spent(lambda: house.measured(book))
    ahead, _ = spent(lambda: house.ahead(book))
    rest = limited + measured + ahead
    slowest = max(METHODS, key=lambda method: by_method[method][0])
    print(f"{name}: {shared + rest:.2f} s by {default}, {by_method[slowest][0] + rest:.2f} s by {slowest}, the slowest")
    print(
        f"  shares {shared:.3f}, states and limits {limited:.3f}, {rows:,} figures {measured:.3f}, futures {ahead:.3f}"
    )
    print(f"  shares by all {len(METHODS)} methods {sum(cost for cost, _ in by_method.values()):.2f} s", flush=True)


def main() -> None:
    assert EARLIER > WINDOW
    told("one session, 20 strategies x 500 symbols", House(20, 500, 1))
    told("ten years, 5 strategies x 31 symbols", House(5, 31, TEN_YEARS))


if __name__ == "__main__":
    main()
