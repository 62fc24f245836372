"""Would the tests notice? `python -m portfolio_pipeline_tests.benchmarks.mutations [ROOM ...] [--sample N] [--json]`.

The modules that money and safety depend on are changed one thing at a time (`mutants`), each change in a scratch copy
of the repository, and the tests of the room are run until one fails. What survives is told, with file and line: at
once on stderr, and in the end room by room. Aim: 90 % killed in every room.

Every change runs in a process that is forked off a warm one, in which the tests are collected and have all been run
once, with a note of the lines that each of them executes: so a change inside of a function costs only the tests that
come by there. What is executed at import costs an import. Tests that measure time are left out; examples of hypothesis
are the same for every change. A change that does not come to an end is killed by the clock.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from portfolio_pipeline_tests.benchmarks.mutations.children import Child
from portfolio_pipeline_tests.benchmarks.mutations.mutants import Mutant
from portfolio_pipeline_tests.benchmarks.mutations.rooms import ROOMS, Room
from portfolio_pipeline_tests.benchmarks.mutations.trying import ENDLESS, NOT_RUN, SURVIVED, scratch_copy, try_all

HEAVY = (
    "numba",
    "pandas",
    "pyarrow",
    "pydantic",
    "hypothesis.strategies",
    "scipy.optimize",
    "exchange_calendars",
    "duckdb",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(ROOMS))
    parser.add_argument("--sample", type=int, help="so many changes of each room, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of a sample")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    given = parser.parse_args()
    unknown = set(given.rooms) - set(ROOMS)
    if unknown:
        parser.error(f"no room {', '.join(sorted(unknown))}; there are {', '.join(ROOMS)}")
    for name in HEAVY:
        importlib.import_module(name)
    importlib.import_module("exchange_calendars").get_calendar("XNYS", start="2005-01-03")
    told = {}
    with tempfile.TemporaryDirectory() as place:
        scratches = [scratch_copy(Path(place) / str(job)) for job in range(given.jobs)]
        for name in given.rooms or ROOMS:
            begun = time.perf_counter()
            listed = ROOMS[name].mutants()
            if given.sample:
                listed = random.Random(given.seed).sample(listed, min(given.sample, len(listed)))
            outcomes = _in_turn(ROOMS[name], listed, scratches)
            told[name] = _tell(name, listed, outcomes, time.perf_counter() - begun)
    if given.json:
        print(json.dumps(told))


def _tell(room: str, listed: Sequence[Mutant], outcomes: Sequence[str], seconds: float) -> dict[str, Any]:
    alive = [f"{m}  ({outcome})" for m, outcome in zip(listed, outcomes, strict=True) if outcome in (SURVIVED, NOT_RUN)]
    killed = len(listed) - len(alive)
    endless, part = outcomes.count(ENDLESS), killed / max(len(listed), 1)
    print(
        f"{room}: {killed} of {len(listed)} killed ({endless} by the clock), {part:.1%}, in {seconds:.0f} s", flush=True
    )
    for line in alive:
        print(f"  {line}", flush=True)
    return {"mutants": len(listed), "killed": killed, "endless": endless, "survivors": alive}


def _in_turn(room: Room, listed: Sequence[Mutant], scratches: Sequence[Path]) -> list[str]:
    """The outcome of every mutant; each scratch is a process that takes every so-many-eth."""
    jobs = []
    for job, scratch in enumerate(scratches):
        numbers = range(job, len(listed), len(scratches))
        jobs.append(Child(functools.partial(try_all, room, [listed[n] for n in numbers], scratch), scratch))
    outcomes = [""] * len(listed)
    for job, child in enumerate(jobs):
        found = json.loads(child.answer(None) or "null")
        if found is None:
            raise SystemExit(f"The tests do not run without a change: see {scratches[job]}/log")
        outcomes[job :: len(scratches)] = found
    return outcomes


if __name__ == "__main__":
    main()
