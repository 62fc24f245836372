"""Where each second of a daily run goes: `python -m portfolio_pipeline_tests.benchmarks.day HOME [--runs N] [--json]`.

HOME is a home with history, for example a copy of yours; its newest session is run again, in fresh processes. What is
told is the best of the runs, beside the time that importing Dagster takes in the same minute: the ratio says more than
the seconds, which are the machine's. With --json the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

_DONE = re.compile(r"^\s*(\d+) of \d+\s+(\S+): .* in ([\d.]+) s")


@dataclass
class Day:
    """Seconds of one run: until the first asset begins, by asset, and after the last."""

    seconds: float = 0.0
    before: float = 0.0
    after: float = 0.0
    assets: dict[str, float] = field(default_factory=dict)


def imported() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import dagster"], check=True)
    return time.perf_counter() - begun


def run(home: Path) -> Day:
    day, begun, last = Day(), time.perf_counter(), 0.0
    command = [sys.executable, "-m", "portfolio_pipeline.cli", "run"]
    environment = {**os.environ, "DAGSTER_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            found = _DONE.match(line)
            if found:
                last = time.perf_counter() - begun
                day.assets[found[2]] = float(found[3])
                day.before = day.before or last - float(found[3])
    day.seconds = time.perf_counter() - begun
    day.after = day.seconds - last
    if process.returncode or not day.assets:
        raise SystemExit(f"portfolio run ended with {process.returncode}: try it in that home by itself.")
    return day


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("home", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    imports = min(imported() for _ in range(given.runs))
    best = min((run(given.home.absolute()) for _ in range(given.runs)), key=lambda day: day.seconds)
    between = best.seconds - best.before - best.after - sum(best.assets.values())
    print(f"{best.seconds:6.2f} s  a daily run, {best.seconds / imports:.1f} times import dagster ({imports:.2f} s)")
    print(f"{best.before:6.2f} s  before the first asset: imports, definitions, the run's record")
    for name, seconds in sorted(best.assets.items(), key=lambda item: -item[1]):
        print(f"{seconds:6.2f} s  {name}")
    print(f"{between:6.2f} s  between assets, and what is left of rounding")
    print(f"{best.after:6.2f} s  after the last: summary")
    if given.json:
        told = {"seconds": best.seconds, "import_dagster": imports, "before": best.before, "after": best.after}
        print(json.dumps(told | {"assets": best.assets}))


if __name__ == "__main__":
    main()
