"""`python -m portfolio_pipeline_tests.benchmarks.decisions [--json] [--markets N] [--seeds N] [--paths N]`.

Each figure for both halves of the seeds: the half that was looked at while rules were chosen, and the half that was
not. Standard errors are over markets, seeds or paths. `--json` puts the figures of the second half on the last line,
and under `halves` those of both. `--methods` plays nothing but the account, with capital shared out by each
method, `--rebalancing` by rules of when that is done anew.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from typing import Any

import numpy as np

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.settings import Settings, load_settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline_tests.benchmarks.decisions.account import Account, account, by_method, by_rebalancing
from portfolio_pipeline_tests.benchmarks.decisions.belief import belief
from portfolio_pipeline_tests.benchmarks.decisions.markets import HELD_BACK, Kind, made_up, total_returns
from portfolio_pipeline_tests.benchmarks.decisions.real import on_real_prices
from portfolio_pipeline_tests.benchmarks.decisions.searches import PEERS, Played, best_elsewhere, play

HALVES = {"looked at": 0, "held back": HELD_BACK}
RULES = {
    "daily": Rebalancing(),
    "weekly": Rebalancing(trigger=("weekly",)),
    "month_end": Rebalancing(trigger=("month_end",)),
    "quarterly": Rebalancing(trigger=("quarterly",)),
    "drift": Rebalancing(trigger=("drift",)),
    "month_end, worth it": Rebalancing(trigger=("month_end",), cost_benefit=True),
    "daily in 21 steps": Rebalancing(steps=21),
}
_WORKERS = 2
_RATES = ("growth", "deepest_fall", "cost")


@cache
def house() -> tuple[Settings, tuple[StrategyCard, ...]]:
    return load_settings(PACKAGE_ROOT / "portfolio.yaml"), load_cards()


def played_on(kind: Kind, number: int) -> list[Played]:
    settings, cards = house()
    panel = total_returns(made_up(kind, number, settings.universe))
    return [play(card, panel, settings) for card in cards]


def account_of(seed: int) -> Account:
    settings, cards = house()
    return account(seed, cards, settings)


def methods_of(seed: int) -> dict[str, Account]:
    settings, cards = house()
    return by_method(seed, cards, settings, [name for name in ALLOCATION_METHODS if name != "static"])


def rebalancings_of(seed: int) -> dict[str, Account]:
    settings, cards = house()
    return by_rebalancing(seed, cards, settings, RULES)


def compared(half: str, seeds: int, by: str, run: Callable[..., Any]) -> dict[str, Any]:
    """The account by method or rule; what is better or worse than the default, in pairs over the seeds."""
    of, default = (methods_of, house()[0].allocation.method) if by == "method" else (rebalancings_of, next(iter(RULES)))
    first = HALVES[half]
    lived: list[dict[str, Account]] = list(run(of, range(first, first + seeds)))
    print(f"\n== account by {by}, seeds {half}, {seeds} of them; Sharpe ratios above cash, less that of {default}")
    print(f"{'':20} Sharpe         less default    growth   deepest fall   costs a year")
    found = {}
    for name in lived[0]:
        mine = [one[name] for one in lived]
        ratio, error = mean_and_error([one.sharpe for one in mine])
        more, more_error = mean_and_error([one[name].sharpe - one[default].sharpe for one in lived])
        growth, fall, cost = (float(np.mean([getattr(one, key) for one in mine])) for key in _RATES)
        rates = f"{growth:8.2%} {fall:12.2%} {cost:12.2%}"
        print(f"{name:20} {ratio:.3f} ±{error:.3f}   {more:+.3f} ±{more_error:.3f} {rates}")
        found[name] = {"sharpe": ratio, "sharpe_error": error, "more": more, "more_error": more_error, "cost": cost}
    return found


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    found = np.array(values, dtype=np.float64)
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else float("nan")


def searches(kind: Kind, numbers: Sequence[int], run: Callable[..., Any]) -> dict[str, Any]:
    """Gains over the default, over all cards and by card, and those of the peers."""
    names = [card.name for card in house()[1]]
    lived: list[list[Played]] = list(run(partial(played_on, kind), numbers))
    gains = np.array([[one.sharpe["searched"] - one.sharpe["default"] for one in market] for market in lived])
    gain, error = mean_and_error(gains.mean(axis=1).tolist())
    peers = {
        peer: float(np.mean([one.sharpe[peer] - one.sharpe["default"] for market in lived for one in market]))
        for peer in PEERS
    }
    defaults = np.array([[one.sharpe["default"] for one in market] for market in lived])
    bound = [
        (best_elsewhere([market[place].by_set for market in lived]) - defaults[:, place]).mean()
        for place in range(len(names))
    ]
    return {
        "gain": gain,
        "error": error,
        "by_card": dict(zip(names, gains.mean(axis=0).tolist(), strict=True)),
        "by_card_error": dict(zip(names, (gains.std(axis=0, ddof=1) / np.sqrt(len(gains))).tolist(), strict=True)),
        "default_sharpe": dict(zip(names, defaults.mean(axis=0).tolist(), strict=True)),
        "peers": peers | {"best set of other markets": float(np.mean(bound))},
        "turnover": float(np.mean([[one.turnover for one in market] for market in lived])),
        "default_turnover": float(np.mean([[one.default_turnover for one in market] for market in lived])),
    }


def accounts(seeds: Sequence[int], run: Callable[..., Any]) -> dict[str, float]:
    lived: list[Account] = list(run(account_of, seeds))
    found = {}
    for name in Account.__dataclass_fields__:
        found[name], found[f"{name}_error"] = mean_and_error([getattr(one, name) for one in lived])
    return found


def measured(half: str, markets: int, seeds: int, paths: int, run: Callable[..., Any]) -> dict[str, Any]:
    first = HALVES[half]
    planted = searches("planted", range(first, first + markets), run)
    noise = searches("walk", range(first, first + markets), run)
    lived = accounts(range(first, first + seeds), run)
    return {
        "planted_gain": planted["gain"],
        "planted_gain_error": planted["error"],
        "noise_gain": noise["gain"],
        "noise_gain_error": noise["error"],
        **belief(paths, held_back=first > 0),
        "account_sharpe": lived["sharpe"],
        "equal_default_sharpe": lived["equal_default_sharpe"],
        "invested_share": lived["invested"],
        "small_fills_share": lived["small_fills"],
        "planted": planted,
        "noise": noise,
        "account": lived,
    }


def shown(half: str, figures: dict[str, Any]) -> None:
    print(f"\n== seeds {half}")
    for kind in ("planted", "noise"):
        found = figures[kind]
        print(f"{kind}: searched less default {found['gain']:+.3f} ±{found['error']:.3f} (Sharpe, a year)")
        for name, gain in found["by_card"].items():
            error, default = found["by_card_error"][name], found["default_sharpe"][name]
            print(f"  {name:26} {gain:+.3f} ±{error:.3f}  default {default:.2f}")
        for name, gain in found["peers"].items():
            print(f"  {name:26} {gain:+.3f}")
        print(f"  turnover a year {found['turnover']:.1f}, of the defaults {found['default_turnover']:.1f}")
    print("belief:")
    for key in ("believed_days_noise", "believed_days_sharpe_1_0", "believed_days_sharpe_0_6", "promoted_noise"):
        print(f"  {key:26} {figures[key]:.3f} ±{figures[f'{key}_error']:.3f}")
    print("account on the simulated market, ten years:")
    for name in Account.__dataclass_fields__:
        print(f"  {name:22} {figures['account'][name]:.4f} ±{figures['account'][f'{name}_error']:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=60, help="made-up markets of each kind and half")
    parser.add_argument("--seeds", type=int, default=30, help="seeds of the simulated market in each half")
    parser.add_argument("--paths", type=int, default=2000, help="strategies whose true Sharpe ratio is known")
    parser.add_argument("--half", choices=HALVES, help="only this half of the seeds")
    parser.add_argument("--real", action="store_true", help="real prices as well, which pip downloads")
    parser.add_argument("--methods", action="store_true", help="only the account, by each allocation method")
    parser.add_argument("--rebalancing", action="store_true", help="only the account, by rules of rebalancing")
    parser.add_argument("--processes", type=int, default=_WORKERS)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    options = parser.parse_args()
    begun, halves = time.perf_counter(), [options.half] if options.half else list(HALVES)
    if options.methods or options.rebalancing:
        by = "method" if options.methods else "rebalancing"
        with ProcessPoolExecutor(options.processes) as pool:
            by_half = {half: compared(half, options.seeds, by, pool.map) for half in halves}
        print(f"\n{time.perf_counter() - begun:.0f} s")
        if options.json:
            print(json.dumps(by_half, sort_keys=True))
        return
    with ProcessPoolExecutor(options.processes) as pool:
        found = {half: measured(half, options.markets, options.seeds, options.paths, pool.map) for half in halves}
    for half, figures in found.items():
        shown(half, figures)
    if options.real:
        settings, cards = house()
        print("\n== real prices: Sharpe of the searched, of the default, gain")
        for market, by_card in on_real_prices(cards, settings).items():
            found[market] = {name: one.sharpe for name, one in by_card.items()}
            for name, one in by_card.items():
                mine, default = one.sharpe["searched"], one.sharpe["default"]
                print(f"  {market:24} {name:20} {mine:.2f} {default:.2f} {mine - default:+.2f}")
    print(f"\n{time.perf_counter() - begun:.0f} s")
    if options.json:
        last = found[halves[-1]]
        figures = {key: value for key, value in last.items() if not isinstance(value, dict)}
        print(json.dumps(figures | {"halves": found}, sort_keys=True))


if __name__ == "__main__":
    main()
