"""How many back-tests a second a search makes: `python -m portfolio_pipeline_tests.benchmarks.sweep [--json]`.

560 parameter sets of monthly momentum with an average as filter, over 5,040 sessions of 50 symbols: `sweep_rule`, as a
card of the type momentum, played by the search's own `Backtests`. A sweep starts from prices and ends in Sharpe ratios:
indicators, tables, decisions and figures count. Decisions are executed at the next close, so the market opens where it
closes. Peers are installed into an environment of their own, kept in the user's cache, and measured in the same run.
With --json the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from portfolio_pipeline.adapters.compute.threads import Threads
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.parallel import in_chunks
from portfolio_pipeline.core.search import Backtests
from portfolio_pipeline.core.simulation.segments import SegmentedMarket, play_weights
from portfolio_pipeline.core.simulation.simulation import Decisions, TradePrices, simulate_plainly
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.types.momentum import Momentum
from portfolio_pipeline_tests.benchmarks.sweep_rule import (
    COST_RATE,
    DAYS,
    FIRST,
    GRID,
    LOOKBACKS,
    ROWS,
    SESSIONS,
    SYMBOLS,
    TOPS,
    WINDOWS,
    Targets,
    closes,
)

PEERS = ("vectorbt==1.2.0", "vectorbt-rust==1.2.0", "bt==1.4.1")
# vectorbt never spends cash it does not have: a hundredth of the capital is left for costs where curves are compared.
SHARE = 0.99
SAME = 1e-9
CARD = StrategyCard.model_validate(
    {
        "name": "sweep",
        "type": "momentum",
        "description": "The rule of the sweep: ranks of the slow look-back alone decide.",
        "symbols": {"asset_classes": ["equity"]},
        "rebalance": "monthly",
        "parameters": {
            "fast": 21,
            "slow": LOOKBACKS,
            "slow_share": 1.0,
            "top": TOPS,
            "trend_window": WINDOWS,
            "trend_filter": "symbol",
        },
        "sizing": {"maximum_weight": 1.0},
    }
)


class Sweep:
    """One sweep with so many threads; what it needs of the market is made anew each time."""

    def __init__(self, close: np.ndarray, workers: int) -> None:
        nothing, names = np.zeros(close.shape), tuple(f"S{i:02d}" for i in range(SYMBOLS))
        self._panel = PricePanel(DAYS, names, close, close, close, close, nothing, nothing, nothing + 1.0)
        self._sets = tuple(ParameterSpace.of(Momentum.Parameters, CARD.parameters).grid())
        self._workers = workers
        assert [(one.slow, one.top, one.trend_window) for one in self._sets] == GRID  # type: ignore[attr-defined]

    def run(self) -> tuple[np.ndarray, np.ndarray]:
        """The daily net returns of each parameter set, and its Sharpe ratio."""
        backtests = Backtests(Momentum(), Inputs(self._panel), CARD, COST_RATE, fan_out=Threads(self._workers).map)
        net, _ = backtests.of(self._sets)
        ratios = np.empty(len(net))
        in_chunks(lambda low, high: _sharpe(net, ratios, low, high), len(net), self._workers)
        return net, ratios


@njit(cache=True, nogil=True, fastmath=True)
def _sharpe(net: np.ndarray, ratios: np.ndarray, low: int, high: int) -> None:  # pragma: no cover
    """Annual, of the sessions from FIRST on."""
    for c in range(low, high):
        returns, total, squares = net[c, FIRST:], 0.0, 0.0
        for t in range(len(returns)):
            total += returns[t]
        mean = total / len(returns)
        for t in range(len(returns)):
            squares += (returns[t] - mean) ** 2
        ratios[c] = mean / np.sqrt(squares / (len(returns) - 1)) * np.sqrt(252.0)


def rates(sweep: Sweep, repetitions: int, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Back-tests a second of each repetition."""
    sweep.run()
    found = []
    for _ in range(repetitions):
        start = clock()
        sweep.run()
        found.append(len(GRID) / (clock() - start))
    return found


def equity(close: np.ndarray, weights: list[np.ndarray], cost_rate: float) -> np.ndarray:
    """Our equity curves, [sessions, candidates]."""
    net = np.empty((len(weights), SESSIONS))
    play_weights(SegmentedMarket.of(TradePrices.made(close, close), ROWS), np.stack(weights), cost_rate, net)
    return np.cumprod(1.0 + net, axis=1).T


def peer_python() -> Path:
    """Python of the peers' environment, which is made at the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "portfolio_pipeline_benchmarks" / "-".join(peer.replace("==", "_") for peer in PEERS)
    python, done = home / "bin" / "python", home / "installed"
    if not done.exists():
        print("installing", *PEERS, "into", home, file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True, capture_output=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", *PEERS], check=True, capture_output=True, timeout=900
        )
        done.touch()
    return python


def peers() -> dict[str, np.ndarray] | str:
    """What sweep_peers measured, or why nothing could be measured."""
    script = "portfolio_pipeline_tests.benchmarks.sweep_peers"
    try:
        python = peer_python()
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "result.npz"
            command = [str(python), "-m", script, str(result), str(SHARE)]
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=900, cwd=Path(__file__).parents[2]
            )
            with np.load(result) as found:
                return dict(found)
    except subprocess.CalledProcessError as error:
        said = error.stderr if isinstance(error.stderr, str) else (error.stderr or b"").decode(errors="replace")
        return f"{Path(error.cmd[0]).name} failed: {said.strip()[-400:]}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found / expected - 1.0).max())


def compared(close: np.ndarray, ratios: np.ndarray, found: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest relative distances of equity curves (of Sharpe ratios: absolute) from those of the peers."""
    targets = Targets(close)
    full = [targets.of(*GRID[c]) for c in found["compared"]]
    part = [SHARE * weights for weights in full]
    return {
        "vectorbt": distance(equity(close, part, COST_RATE), found["vectorbt_part"]),
        "vectorbt_without_spare_cash": distance(equity(close, full, COST_RATE), found["vectorbt_full"]),
        "vectorbt_sharpe_of_the_sweep": float(np.abs(ratios - found["vectorbt_sharpe"]).max()),
        "bt_without_costs": distance(equity(close, part[:3], 0.0), found["bt_free"]),
        "bt_with_costs": distance(equity(close, part[:3], COST_RATE), found["bt_costs"]),
    }


def from_specification(close: np.ndarray, net_return: np.ndarray) -> float:
    """Largest distance of some of the sweep's returns from those that `simulate_plainly` gives for NumPy's targets."""
    targets, prices = Targets(close), TradePrices.made(close, close)
    distances = [
        np.abs(
            simulate_plainly(prices, Decisions(ROWS, targets.of(*GRID[c])), COST_RATE).net_return - net_return[c]
        ).max()
        for c in range(0, len(GRID), 67)
    ]
    return float(max(distances))


def table(figures: dict[str, Any], apart: dict[str, float] | None, problem: str | None) -> str:
    lines = [
        f"{len(GRID)} parameter sets x {SESSIONS:,} sessions x 50 symbols, {len(ROWS)} rebalances; back-tests a second",
        _row("", "best", "median"),
    ]
    for threads, name in (("one_thread", "one thread"), ("two_threads", "two threads")):
        measured = (figures[f"backtests_per_second_{threads}"], figures[f"median_{threads}"])
        lines.append(_row(f"this project, {name}", *(f"{value:,.0f}" for value in measured)))
    lines.append(_row("two threads over one", f"{figures['two_threads_over_one']:.2f}"))
    lines.append(_row("in a second of processor time", f"{figures['backtests_per_processor_second']:,.0f}"))
    lines.append(_row("distance from the specification", f"{figures['from_specification']:.0e}"))
    if apart is None:
        return "\n".join([*lines, f"  no peer was measured: {problem}"])
    lines += [
        _row("vectorbt 1.2, Rust engine, at its best", f"{figures['vectorbt_per_second']:.1f}"),
        _row("bt 1.4.1, one back-test, targets given", f"{figures['bt_per_second']:.1f}"),
        _row(
            "this project over vectorbt",
            f"{figures['ratio_to_best_peer']:.0f}",
            f"{figures['ratio_of_our_median']:.0f}",
        ),
        "no back-tester, but a way round one: vectorbt fills the 218 days that trade, NumPy marks all of them",
        _row("vectorbt's fills and NumPy", f"{figures['vectorbt_fills_per_second']:.1f}"),
        "equity curves, largest relative distance",
        _compared("vectorbt, a hundredth kept in cash", apart["vectorbt"]),
        _compared("bt, without costs", apart["bt_without_costs"]),
        _compared(
            "vectorbt, fully invested", apart["vectorbt_without_spare_cash"], "buys less where costs overdraw its cash"
        ),
        _compared("bt, with costs", apart["bt_with_costs"], "takes costs out of the trade: buys less, sells more"),
        _compared("Sharpe ratios, vectorbt, fully invested", apart["vectorbt_sharpe_of_the_sweep"], "as above"),
    ]
    return "\n".join(lines)


def _row(name: str, *values: str) -> str:
    return f"  {name:42}" + "".join(f"{value:>10}" for value in values)


def _compared(name: str, distance: float, other: str | None = None) -> str:
    """A distance, and what it should be: below SAME, unless the peer means something else."""
    verdict = f"other semantics: {other}" if other else f"same semantics: {'holds' if distance < SAME else 'BROKEN'}"
    return _row(name, f"{distance:.0e}") + f"  {verdict}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--repetitions", type=int, default=60)
    parser.add_argument("--no-peers", action="store_true", help="measure this project alone")
    options = parser.parse_args()

    close = closes()
    one, two = Sweep(close, 1), Sweep(close, 2)
    net, ratios = one.run()
    single, double = rates(one, options.repetitions), rates(two, options.repetitions)
    found = "left out" if options.no_peers else peers()
    # Once more after the peers: a machine that others use has quiet and loud minutes.
    single, double = single + rates(one, options.repetitions), double + rates(two, options.repetitions)
    figures: dict[str, Any] = {
        "backtests_per_second_one_thread": max(single),
        "backtests_per_second_two_threads": max(double),
        "ratio_to_best_peer": None,
        "peer": None,
        "median_one_thread": statistics.median(single),
        "median_two_threads": statistics.median(double),
        "two_threads_over_one": max(double) / max(single),
        "backtests_per_processor_second": max(rates(one, options.repetitions, time.process_time)),
        "from_specification": from_specification(close, net),
    }
    if isinstance(found, str):
        print(table(figures, None, found))
    else:
        apart = compared(close, ratios, found)
        best = float(found["vectorbt_per_second"])
        figures |= {
            "ratio_to_best_peer": max(single) / best,
            "ratio_of_our_median": statistics.median(single) / best,
            "peer": "vectorbt 1.2.0 with vectorbt-rust",
            "vectorbt_per_second": best,
            "vectorbt_fills_per_second": float(found["vectorbt_fills_per_second"]),
            "bt_per_second": float(found["bt_per_second"]),
            "equity_distance": apart,
        }
        print(table(figures, apart, None))
    if options.json:
        print(json.dumps(figures, sort_keys=True))


if __name__ == "__main__":
    main()
