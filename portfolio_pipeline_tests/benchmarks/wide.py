"""What a session costs with many strategies or symbols: `python -m portfolio_pipeline_tests.benchmarks.wide`.

Strategies of all types, each with its own card and 100 parameter sets, over three years of a made-up market: 20 of 500
symbols, and 60 of 30. Each is searched for the last session and followed through it; the core alone, in one thread,
without Dagster and without a database. `--json` puts the figures on the last line.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict

from portfolio_pipeline.core.market.indicators import inputs_of
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.search import Backtests, Walk, chosen_rows, result_rows, statistics_rows
from portfolio_pipeline.core.strategies.card import Search, StrategyCard, Symbols
from portfolio_pipeline.core.strategies.paper import follow
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline_tests.benchmarks.growth import made_up
from portfolio_pipeline_tests.benchmarks.walk_forward import peak_mib

SESSIONS, SETS, COST_RATE = 756, 100, 0.0003
SHAPES = ((60, 30), (20, 500))


def cards(count: int) -> list[StrategyCard]:
    """Strategies that differ in name, and so in the sets that are drawn; the types take turns."""
    types = list(STRATEGY_TYPES)
    return [
        StrategyCard(
            name=f"strategy_{k}",
            type=types[k % len(types)],
            description="made up",
            symbols=Symbols(asset_classes=("equity",)),
            search=Search(trials=SETS),
        )
        for k in range(count)
    ]


def one_session(card: StrategyCard, panel: PricePanel) -> tuple[float, float]:
    """Processor seconds of the search at the last session, and of following the strategy through it."""
    strategy, stop = STRATEGY_TYPES[card.type], len(panel.sessions)
    begun = time.process_time()
    space = ParameterSpace.of(strategy.Parameters, card.parameters, card.constraints)
    walk = Walk(space, Backtests(strategy, inputs_of(panel, card.type), card, COST_RATE))
    stretches = walk.run(stop - 1, stop)
    chosen_rows(stretches, walk.sessions, card.name, str(walk.objective), None)
    result_rows(stretches, walk.sessions, card.name)
    statistics_rows(stretches, walk.sessions, card)
    searched = time.process_time()
    follow(strategy, card, panel, panel.symbols, [stretches[-1].in_use.mixture], [True], None, COST_RATE)
    return searched - begun, time.process_time() - searched


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    options = parser.parse_args()

    for card in cards(len(STRATEGY_TYPES)):
        one_session(card, made_up(SHAPES[0][1], SESSIONS))
    figures: dict[str, float] = {}
    for count, symbols in SHAPES:
        panel, costs = made_up(symbols, SESSIONS), defaultdict(list)
        for card in cards(count):
            costs[card.type].append(one_session(card, panel))
        everything = [cost for found in costs.values() for cost in found]
        print(f"{count} strategies x {symbols} symbols x {SESSIONS} sessions; milliseconds of processor time for each")
        for name, found in [*costs.items(), ("all", everything)]:
            search, paper = (1e3 * sum(cost) / len(found) for cost in zip(*found, strict=True))
            print(f"  {name:20} search {search:9.1f}   follow {paper:9.1f}")
        figures[f"{count}_strategies_{symbols}_symbols_seconds"] = sum(map(sum, everything))
        print(f"  {sum(map(sum, everything)):.2f} s for all, at most {peak_mib():,.0f} MiB")
    if options.json:
        print(json.dumps(figures, sort_keys=True))


if __name__ == "__main__":
    main()
