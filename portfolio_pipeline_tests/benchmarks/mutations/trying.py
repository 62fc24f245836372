"""Changes one at a time in a scratch copy of the repository, each with the tests of its room until one fails.

A change inside of a function runs in a fork of a process in which the tests are collected and have all been run once,
with a note of the lines that each of them executes; any other, in a process that imports the package anew.
"""

from __future__ import annotations

import ast
import compileall
import functools
import gc
import json
import os
import resource
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from portfolio_pipeline_tests.benchmarks.mutations.children import Child, answer, tell
from portfolio_pipeline_tests.benchmarks.mutations.mutants import Mutant
from portfolio_pipeline_tests.benchmarks.mutations.rooms import PACKAGE, ROOT, TESTS, Room

COPIED = (PACKAGE, TESTS, "dbt_like_sql", "pyproject.toml", "README.md")
TIMED = "not less_than_a_second and not within_a_second"
KILLED, SURVIVED, ENDLESS, NOT_RUN = "killed", "survived", "endless", "not run"


def scratch_copy(place: Path) -> Path:
    place.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place / name)
    compileall.compile_dir(place, quiet=2, workers=1)
    return place


def try_all(room: Room, listed: Sequence[Mutant], scratch: Path) -> str:
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
    said = json.loads(Child(functools.partial(_collected, room, warm, scratch), scratch).answer(None) or "null")
    if said is None:
        return "null"
    outcomes, touched, seconds = said["outcomes"], said["touched"], said["seconds"]
    for number, mutant in enumerate(listed):
        if outcomes[number]:
            continue
        order = {test: (mutant.file not in touched[test], seconds[test]) for test in seconds}
        with _Written(mutant, scratch):
            child = Child(functools.partial(_cold, room, order), scratch)
            outcomes[number] = _outcome(child.answer(10 * sum(seconds.values()) + 60), {"0": SURVIVED})
        _tell_if_alive(mutant, outcomes[number])
    return json.dumps(outcomes)


def _outcome(said: str | None, known: dict[str, str]) -> str:
    return ENDLESS if said is None else known.get(said, KILLED)


def _tell_if_alive(mutant: Mutant, outcome: str) -> None:
    if outcome in (SURVIVED, NOT_RUN):
        tell(f"{outcome}: {mutant}")


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
                _tell_if_alive(mutant, NOT_RUN)
                continue
            with _Written(mutant, self.scratch):
                child = Child(functools.partial(self._run, mutant, chosen, functions, caches), self.scratch)
                said = child.answer(10 * sum(self.seconds[item.nodeid] for item in chosen) + 10)
            self.outcomes.append(_outcome(said, {SURVIVED: SURVIVED}))
            _tell_if_alive(mutant, self.outcomes[-1])
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
