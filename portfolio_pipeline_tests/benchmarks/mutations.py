"""Would the tests notice? `python -m portfolio_pipeline_tests.benchmarks.mutations [ROOM ...] [--sample N] [--json]`.

The modules that money and safety depend on are changed one thing at a time (`mutants`), each change in a scratch copy
of the repository, and the tests of the room are run until one fails. What survives is told, with file and line. Aim:
90 % killed in every room.

Every change runs in a process that is forked off a warm one, in which the tests are collected and have all been run
once, with a note of the lines that each of them executes: so a change inside of a function costs only the tests that
come by there. What is executed at import costs an import. Tests that measure time are left out; examples of hypothesis
are the same for every change. A change that does not come to an end is killed by the clock.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import functools
import gc
import importlib
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from portfolio_pipeline_tests.benchmarks.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
PACKAGE, TESTS = "portfolio_pipeline", "portfolio_pipeline_tests"
COPIED = (PACKAGE, TESTS, "dbt_like_sql", "pyproject.toml", "README.md")
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
TIMED = "not less_than_a_second and not within_a_second"
KILLED, SURVIVED, ENDLESS, NOT_RUN = "killed", "survived", "endless", "not run"


@dataclass(frozen=True)
class Room:
    """Modules, as patterns in the package, and the folders or files of their tests."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = {
    "limits": Room(("core/risk/*.py", "core/risk/limits/*.py"), ("core/risk",)),
    "gates": Room(
        tuple(f"core/execution/{name}.py" for name in ("gate", "verdicts", "order_verdicts", "seals", "origin")),
        ("core/execution", "core/risk/test_order_limits.py", "core/risk/test_outside_limits.py"),
    ),
    "orders": Room(
        (
            *(f"core/execution/{name}.py" for name in ("orders", "trades", "tickets", "rows", "settings")),
            *("core/portfolio/session_targets.py", "core/market/recent.py"),
        ),
        ("core/execution", "core/risk/test_order_limits.py", "core/risk/test_settings.py", "core/books"),
    ),
    "fills": Room(("core/execution/fill_model.py", "core/books/fills.py"), ("core/execution", "core/books")),
    "books": Room(tuple(f"core/books/{name}.py" for name in ("book", "positions", "strategy_books")), ("core/books",)),
    "halt": Room(
        ("core/execution/halt.py", "adapters/halt_file.py", "adapters/acts/halting.py"),
        ("core/execution/test_halt.py", "adapters/test_halt_file.py", "adapters/test_halting.py"),
    ),
    "sessions": Room(("core/calendar/*.py",), ("core/calendar",)),
    "allocation": Room(
        (
            *("core/portfolio/allocation/*.py", "core/portfolio/allocation/methods/*.py", "core/portfolio/netting.py"),
            "core/weighing/*.py",
        ),
        ("core/portfolio", "core/weighing", "core/risk/test_cutting.py"),
    ),
    "locks": Room(
        ("adapters/locks/*.py", "adapters/warehouse/file_lock.py"),
        ("adapters/test_locks.py", "adapters/test_file_lock.py"),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(ROOMS))
    parser.add_argument("--sample", type=int, help="so many changes of each room, drawn at random")
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
        scratches = [_scratch(Path(place) / str(job)) for job in range(given.jobs)]
        for name in given.rooms or ROOMS:
            begun = time.perf_counter()
            listed = _mutants(ROOMS[name])
            if given.sample:
                listed = random.Random(0).sample(listed, min(given.sample, len(listed)))
            outcomes = _in_turn(ROOMS[name], listed, scratches)
            told[name] = _tell(name, listed, outcomes, time.perf_counter() - begun)
    if given.json:
        print(json.dumps(told))


def _mutants(room: Room) -> list[Mutant]:
    package = ROOT / PACKAGE
    files = [file for pattern in room.modules for file in sorted(package.glob(pattern))]
    return [mutant for file in files for mutant in mutants(file, f"{PACKAGE}/{file.relative_to(package)}")]


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


def _scratch(place: Path) -> Path:
    place.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place / name)
    compileall.compile_dir(place, quiet=2, workers=1)
    return place


def _in_turn(room: Room, listed: Sequence[Mutant], scratches: Sequence[Path]) -> list[str]:
    """The outcome of every mutant; each scratch is a process that takes every so-many-eth."""
    jobs = []
    for job, scratch in enumerate(scratches):
        numbers = range(job, len(listed), len(scratches))
        jobs.append(_Child(functools.partial(_work, room, [listed[n] for n in numbers], scratch), scratch))
    outcomes = [""] * len(listed)
    for job, child in enumerate(jobs):
        found = json.loads(child.answer(None) or "null")
        if found is None:
            raise SystemExit(f"The tests do not run without a change: see {scratches[job]}/log")
        outcomes[job :: len(scratches)] = found
    return outcomes


class _Child:
    """A forked process that gives back a text. What it has started ends with it."""

    def __init__(self, work: Callable[[], str], scratch: Path) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        self._process = os.fork()
        if self._process:
            os.close(writing)
            self._reading = reading
            return
        os.setsid()
        os.close(reading)
        log = os.open(scratch / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        answer_to[:] = [writing]
        try:
            answer(work())
        except BaseException:  # noqa: BLE001  a fork must never go on in the place of its parent
            traceback.print_exc()
            os._exit(1)

    def answer(self, seconds: float | None) -> str | None:
        """What it gives back; an empty text when it dies before, None when the time is over."""
        found, deadline = b"", None if seconds is None else time.monotonic() + seconds
        try:
            while True:
                left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
                if not select.select([self._reading], [], [], left)[0]:
                    return None
                part = os.read(self._reading, 1 << 16)
                found += part
                if not part or found.endswith(b"\n"):
                    return found.decode().strip()
        finally:
            os.killpg(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
            os.close(self._reading)


answer_to: list[int] = []


def answer(text: str) -> None:
    """Say it to whoever forked this process, and end."""
    os.write(answer_to[0], text.encode() + b"\n")
    os._exit(0)


def _work(room: Room, listed: Sequence[Mutant], scratch: Path) -> str:
    """In a process of its own: the package is imported from the scratch copy."""
    os.chdir(scratch)
    os.environ |= {"PYTHONPATH": str(scratch), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    sys.dont_write_bytecode = True
    sys.path[:] = [str(scratch), *(place for place in sys.path if place and Path(place).resolve() != ROOT)]
    for name in [name for name in sys.modules if name.split(".")[0] in (PACKAGE, TESTS)]:
        del sys.modules[name]
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutations",
        settings(
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    settings.load_profile("mutations")
    warm = [mutant if mutant.inside else None for mutant in listed]
    said = json.loads(_Child(functools.partial(_collected, room, warm, scratch), scratch).answer(None) or "null")
    if said is None:
        return "null"
    outcomes, touched, seconds = said["outcomes"], said["touched"], said["seconds"]
    for number, mutant in enumerate(listed):
        if outcomes[number]:
            continue
        order = {test: (mutant.file not in touched[test], seconds[test]) for test in seconds}
        with _Written(mutant, scratch):
            child = _Child(functools.partial(_cold, room, order), scratch)
            outcomes[number] = _outcome(child.answer(10 * sum(seconds.values()) + 60), {"0": SURVIVED})
    return json.dumps(outcomes)


def _outcome(said: str | None, known: dict[str, str]) -> str:
    return ENDLESS if said is None else known.get(said, KILLED)


class _Written:
    """The mutant in the scratch copy, for as long as it is in use: other processes that tests start import it, too."""

    def __init__(self, mutant: Mutant, scratch: Path) -> None:
        self._mutant, self._path = mutant, scratch / mutant.file

    def __enter__(self) -> None:
        self._original, self._times = self._path.read_text(encoding="utf-8"), self._path.stat()
        with self._mutant.tree() as tree:
            self._path.write_text(ast.unparse(tree), encoding="utf-8")
        # What was compiled is known by the second and the length of its source.
        os.utime(self._path, (self._times.st_atime, self._times.st_mtime - 3_600))

    def __exit__(self, *_: object) -> None:
        self._path.write_text(self._original, encoding="utf-8")
        os.utime(self._path, ns=(self._times.st_atime_ns, self._times.st_mtime_ns))


def _pytest(room: Room, *arguments: str, plugin: object) -> int:
    quiet = ["-o", "addopts=", "-q", "-p", "no:cacheprovider", "-k", TIMED, "--basetemp", "temporary"]
    tests = [f"{TESTS}/{path}" for path in room.tests]
    return int(pytest.main([*quiet, *arguments, *tests], plugins=[plugin]))


def _cold(room: Room, order: dict[str, tuple[bool, float]]) -> str:
    """All tests of the room, with the package imported anew: those that come by the module come first."""
    return str(_pytest(room, "-x", plugin=_Ordered(order)))


@dataclass
class _Ordered:
    order: dict[str, tuple[bool, float]]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.order.get(item.nodeid, (True, 0.0)))


def _collected(room: Room, listed: Sequence[Mutant | None], scratch: Path) -> str:
    warm = _Warm(listed, scratch)
    _pytest(room, plugin=warm)
    if warm.failed or not warm.seconds:
        return "null"
    return json.dumps({"outcomes": warm.outcomes, "touched": warm.touched, "seconds": warm.seconds})


@dataclass
class _Warm:
    """Runs all tests once, and then each mutant with those that come by its lines, in a fork of this process."""

    listed: Sequence[Mutant | None]
    scratch: Path
    outcomes: list[str] = field(default_factory=list)
    touched: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failed: bool = False
    forked: bool = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.forked:
            answer(KILLED)
        self.failed |= report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = session.items
        watched = {str(self.scratch / mutant.file): mutant.file for mutant in self.listed if mutant}
        lines = [self._record(item, after, watched) for item, after in zip(items, [*items[1:], items[0]], strict=True)]
        if self.failed:
            return True
        for item, seen in zip(items, lines, strict=True):
            self.touched[item.nodeid] = sorted({file for file, _ in seen})
        functions, caches = _functions(watched), _caches()
        quickest = sorted(zip(items, lines, strict=True), key=lambda pair: self.seconds[pair[0].nodeid])
        for mutant in self.listed:
            if mutant is None:
                self.outcomes.append("")
                continue
            asked = {(mutant.file, line) for line in mutant.lines}
            chosen = [item for item, seen in quickest if asked & seen]
            if not chosen:
                self.outcomes.append(NOT_RUN)
                continue
            with _Written(mutant, self.scratch):
                child = _Child(functools.partial(self._run, mutant, chosen, functions, caches), self.scratch)
                said = child.answer(10 * sum(self.seconds[item.nodeid] for item in chosen) + 10)
            self.outcomes.append(_outcome(said, {SURVIVED: SURVIVED}))
        return True

    def _record(self, item: pytest.Item, after: pytest.Item, watched: dict[str, str]) -> set[tuple[str, int]]:
        seen: set[tuple[str, int]] = set()
        unseen: dict[CodeType, set[int]] = {}

        def entered(frame: FrameType, event: str, value: object) -> Any:
            code = frame.f_code
            if code.co_filename not in watched:
                return None
            left = unseen.setdefault(code, {line for _, _, line in code.co_lines() if line})

            def stepped(frame: FrameType, event: str, value: object) -> Any:
                seen.add((watched[code.co_filename], frame.f_lineno))
                left.discard(frame.f_lineno)
                return stepped

            return stepped(frame, event, value) if left else None

        begun = time.perf_counter()
        sys.settrace(entered)
        threading.settrace(entered)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        finally:
            sys.settrace(None)
            threading.settrace(None)
        self.seconds[item.nodeid] = time.perf_counter() - begun
        return seen

    def _run(
        self,
        mutant: Mutant,
        items: Sequence[pytest.Item],
        functions: dict[tuple[str, str, int], list[FunctionType]],
        caches: Sequence[Any],
    ) -> str:
        self.forked = True
        resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))
        filename = str(self.scratch / mutant.file)
        with mutant.tree() as tree:
            module = compile(tree, filename, "exec", dont_inherit=True)
        assert mutant.inside is not None
        for function in functions.get((mutant.file, *mutant.inside), ()):
            function.__code__ = _code(module, *mutant.inside)
        for cache in caches:
            if cache.__module__ == mutant.file.removesuffix(".py").replace("/", "."):
                cache.cache_clear()
        for item, after in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after or items[0])
        return SURVIVED


def _functions(watched: dict[str, str]) -> dict[tuple[str, str, int], list[FunctionType]]:
    """The living functions of the room, by file, qualified name and first line."""
    found: dict[tuple[str, str, int], list[FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename in watched:
            code = thing.__code__
            found.setdefault((watched[code.co_filename], code.co_qualname, code.co_firstlineno), []).append(thing)
    return found


def _caches() -> list[Any]:
    return [thing for thing in gc.get_objects() if isinstance(thing, functools._lru_cache_wrapper)]


def _code(module: CodeType, name: str, line: int) -> CodeType:
    inside = [constant for constant in module.co_consts if isinstance(constant, CodeType)]
    for code in inside:
        if (code.co_qualname, code.co_firstlineno) == (name, line):
            return code
        if name.startswith(f"{code.co_qualname}."):
            return _code(code, name, line)
    raise LookupError(name)


if __name__ == "__main__":
    main()
