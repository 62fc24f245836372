"""`python -m portfolio_pipeline_tests.benchmarks.presets [--seeds N]`: the shipped portfolio under each preset.

The keys of the preset's table are taken out of the shipped settings, and everything else stays: universe, costs, cards.
Played as `benchmarks.decisions` does, ten years on each seed of the simulated market; figures are means over the seeds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS, read_environment
from portfolio_pipeline.core.risk.presets import PRESETS, TABLE, Preset
from portfolio_pipeline.core.settings import Settings, load_settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline_tests.benchmarks.decisions.account import Account, account


def house(preset: Preset, folder: Path) -> tuple[Settings, tuple[StrategyCard, ...]]:
    """Settings and cards as a home has them that leaves all to the preset."""
    written = yaml.safe_load(SHIPPED_SETTINGS.read_text(encoding="utf-8")) | {"preset": preset}
    for key in TABLE:
        section, name = key.split(".")
        written.get(section, {}).pop(name, None)
    (folder / "portfolio.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    environment = read_environment({"DAGSTER_HOME": str(folder)})
    return load_settings(environment.portfolio_config), load_cards(environment)


def played(preset: Preset, seeds: Sequence[int]) -> list[Account]:
    with tempfile.TemporaryDirectory() as folder:
        settings, cards = house(preset, Path(folder))
    return [account(seed, cards, settings) for seed in seeds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="How many histories of the simulated market.")
    seeds = range(parser.parse_args().seeds)
    print("| preset | a year | volatility | Sharpe ratio | deepest fall | at work | sessions past a limit |")
    print("|---|---|---|---|---|---|---|")
    for preset in PRESETS:
        found = played(preset, seeds)
        mean = {
            name: float(np.mean([getattr(one, name) for one in found]))
            for name in ("growth", "volatility", "sharpe", "deepest_fall", "invested")
        }
        print(
            f"| {preset} | {mean['growth']:.1%} | {mean['volatility']:.1%} | {mean['sharpe']:.2f} |"
            f" {mean['deepest_fall']:.1%} | {mean['invested']:.0%} | {sum(one.broken for one in found)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
