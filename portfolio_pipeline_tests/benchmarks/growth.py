"""How a search's cost grows: `python -m portfolio_pipeline_tests.benchmarks.growth [--json]`.

One momentum strategy, searched daily, in one thread: over more symbols, more sessions, more parameter sets, the others
held fixed. An exponent is that of the power law that fits best (1 is linear, less is cheaper than linear), once over
all sizes and once over the two largest, where fixed costs count least. Scores do not depend on the number of symbols,
so back-tests are shown alone as well. With --json the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline_tests.benchmarks.walk_forward import BEFORE, PHASES, Search, card_of, market, searched

SYMBOLS, SESSIONS, SETS = (30, 60, 125, 250, 500), (315, 630, 1_260, 2_520), (125, 250, 500, 1_000, 2_000)
FEWEST, WALKED, TRIED = 30, 1_260, 500  # what is held fixed


@cache
def made_up(symbols: int, sessions: int) -> PricePanel:
    universe = tuple(
        Instrument(symbol=f"S{n}", asset_class="equity", group=f"group{n % 20}", name="made up") for n in range(symbols)
    )
    return market(Settings(benchmark="S0", universe=universe), sessions)


def seconds(sets: int, symbols: int, sessions: int, repetitions: int) -> Search:
    """The quickest of some searches."""
    shipped = card_of("momentum_equities", sets)
    card = shipped.model_copy(update={"search": shipped.search.model_copy(update={"regime_share": 0.0})})
    panel = made_up(symbols, sessions + BEFORE)
    return min((searched(card, panel, sessions) for _ in range(repetitions)), key=lambda one: sum(one.seconds.values()))


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()

    seconds(10, FEWEST, 63, 1)
    axes: dict[str, tuple[Sequence[int], Callable[[int], Search]]] = {
        "symbols": (SYMBOLS, lambda size: seconds(TRIED, size, WALKED, options.repetitions)),
        "sessions": (SESSIONS, lambda size: seconds(TRIED, FEWEST, size, options.repetitions)),
        "parameter_sets": (SETS, lambda size: seconds(size, FEWEST, WALKED, options.repetitions)),
    }
    figures: dict[str, Any] = {}
    for name, (sizes, measure) in axes.items():
        found = [measure(size) for size in sizes]
        whole = [sum(one.seconds.values()) for one in found]
        played = [one.seconds[PHASES[1]] for one in found]
        figures[name] = {"sizes": list(sizes)}
        print(f"{name.replace('_', ' '):20}" + "".join(f"{size:>10,}" for size in sizes) + "  exponent  at the end")
        for label, costs in (("seconds", whole), ("back_test_seconds", played)):
            powers = exponent(sizes, costs), exponent(sizes[-2:], costs[-2:])
            figures[name] |= {label: costs, label.replace("seconds", "exponent"): powers[0]}
            figures[name][label.replace("seconds", "exponent_at_the_end")] = powers[1]
            shown = "".join(f"{cost:10.3f}" for cost in costs)
            print(f"  {label.replace('_', ' '):18}" + shown + f"{powers[0]:8.2f}{powers[1]:12.2f}")
        each = [1e6 * cost / size for cost, size in zip(whole, sizes, strict=True)]
        print(f"  {'us for each':18}" + "".join(f"{cost:10.1f}" for cost in each))
    if options.json:
        print(json.dumps(figures, sort_keys=True))


if __name__ == "__main__":
    main()
