"""`python -m portfolio_pipeline_tests.benchmarks.presets [--sessions N] [PRESET …]`: presets side by side.

The shipped portfolio under each preset, lived through by the chain itself in a home of its own: `portfolio up` over the
newest ten years. The keys of the preset's table are taken out of the shipped settings; all else stays: universe, costs,
cards, the made-up market. A session is past a limit when its targets break one, asked anew of what is stored.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days
from portfolio_pipeline.core.performance.metrics import performance
from portfolio_pipeline.core.risk.presets import PRESETS, TABLE
from portfolio_pipeline.core.risk.states.standing import STATES
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.defs.portfolio.aggregated_targets import targets_within_limits
from portfolio_pipeline.reads.cash import cash_earned
from portfolio_pipeline_tests.cli.house import House

TEN_YEARS = 2_520


def written(preset: str) -> dict[str, Any]:
    """The shipped settings without what the preset says."""
    document: dict[str, Any] = yaml.safe_load(SHIPPED_SETTINGS.read_text(encoding="utf-8")) | {"preset": preset}
    for key in TABLE:
        section, name, *_ = key.split(".")
        document.get(section, {}).pop(name, None)
    return document


def lived(preset: str, place: Path, sessions: int) -> House:
    home = place / preset
    home.mkdir(mode=0o700)
    settings = home / "portfolio.yaml"
    settings.write_text(yaml.safe_dump(written(preset)), encoding="utf-8")
    settings.chmod(0o600)
    house = House(home)
    process = house.start("up", "--no-ui", "--sessions", str(sessions))
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(said)
    return house


def figures(house: House) -> dict[str, str]:
    """The columns of a preset's row, by name."""
    wired = house.wired
    with wired.warehouse.reading() as reader:
        first, last = reader.oldest("account"), reader.newest("account")
        assert first is not None
        assert last is not None
        life = SessionRange(first, last)
        book = frame(reader.read("account", life, where={"book": "account"}))
        states = frame(reader.read("risk_states", life))
        cash = cash_earned(reader, as_days(tuple(life)))
    found = {name: one[-1] for name, one in performance(book["equity"].pct_change().to_numpy(), cash).items()}
    stopped = states["scope"].str.startswith("symbol:") & (states["sessions_in_state"] == 1)
    check = targets_within_limits.function(sessions=life, warehouse=wired.warehouse, settings=wired.settings)
    return {
        "a year": f"{found['annual_return']:.1%}",
        "volatility": f"{found['volatility']:.1%}",
        "Sharpe ratio": f"{found['sharpe']:.2f}",
        "deepest fall": f"{found['max_drawdown']:.1%}",
        "at work": f"{book['gross_exposure'].mean():.0%}",
        "portfolio": _days(states[states["scope"] == "portfolio"]),
        "account": _days(states[states["scope"] == "account"]),
        "strategies": _days(states[states["level"] == "strategies"]),
        "positions stopped": f"{(stopped & (states['state'] == 'liquidated')).sum():,}",
        "targets past a limit": str(check.metadata["offending"].value),
    }


def _days(rows: pd.DataFrame) -> str:
    """In each state but the normal one."""
    counted = rows["state"].value_counts()
    return ", ".join(f"{state} {counted[state]:,}" for state in STATES[1:] if state in counted) or "always normal"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("presets", nargs="*", default=PRESETS)
    parser.add_argument("--sessions", type=int, default=TEN_YEARS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for row, preset in enumerate(given.presets):
            found = figures(lived(preset, Path(place), given.sessions))
            if not row:
                print("| preset | " + " | ".join(found) + " |\n|" + "---|" * (len(found) + 1))
            print(f"| {preset} | " + " | ".join(found.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
