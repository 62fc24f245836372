"""What a daily run adds to a home: `python -m portfolio_pipeline_tests.benchmarks.home HOME [DAYS]`.

The home is copied and its newest session is run again in the copy, as often as asked for (three times): the growth of
each file, the sum, and the processor time of the command. The first run in a home of an earlier version writes shorter
texts over longer ones, so the later ones count. Aim: less than 1 MB a day.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> None:
    home, days = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with TemporaryDirectory() as place:
        copy = Path(place) / "home"
        shutil.copytree(home, copy)
        for day in range(1, days + 1):
            before, spent = _sizes(copy), _processor_seconds()
            command = [sys.executable, "-m", "portfolio_pipeline.cli", "run"]
            subprocess.run(command, env=os.environ | {"DAGSTER_HOME": str(copy)}, check=True, capture_output=True)
            spent, after = _processor_seconds() - spent, _sizes(copy)
            grown = {file: size - before.get(file, 0) for file, size in after.items() if size != before.get(file, 0)}
            print(f"day {day}: {sum(grown.values()) / 1e6:.2f} MB, {spent:.1f} s of processor time")
            for file, size in sorted(grown.items()):
                print(f"  {size / 1e6:8.3f} MB  {file}")


def _sizes(home: Path) -> dict[str, int]:
    return {str(file.relative_to(home)): file.stat().st_size for file in home.rglob("*") if file.is_file()}


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
