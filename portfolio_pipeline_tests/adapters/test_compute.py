"""The contract of compute, over threads and the fake; and that threads do work at the same time."""

from __future__ import annotations

import threading
import time

import pytest

from portfolio_pipeline.adapters.compute.threads import Threads
from portfolio_pipeline.ports import Compute
from portfolio_pipeline_tests.fakes.compute import InTurn

MANY = range(200)


@pytest.fixture(params=[InTurn(), Threads(1), Threads(3)], ids=["fake", "one thread", "three threads"])
def compute(request: pytest.FixtureRequest) -> Compute:
    compute: Compute = request.param
    return compute


class Work:
    """Slow enough that parts are left when the first ones are done; remembers which were begun."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at, self.begun = fails_at, set[int]()

    def __call__(self, part: int) -> int:
        self.begun.add(part)
        if part == self.fails_at:
            raise ArithmeticError(f"part {part}")
        time.sleep(0.001)
        return part * part


class TestEveryCompute:
    def test_results_come_in_the_order_of_the_parts(self, compute: Compute) -> None:
        def slow_first(part: int) -> int:
            time.sleep(0.01 if part == 0 else 0.0)
            return part * part

        assert list(compute.map(slow_first, range(20))) == [part * part for part in range(20)]

    def test_no_parts_give_no_results(self, compute: Compute) -> None:
        assert list(compute.map(Work(), [])) == []

    def test_every_part_is_done_once(self, compute: Compute) -> None:
        done: list[int] = []
        list(compute.map(done.append, MANY))
        assert sorted(done) == list(MANY)

    def test_a_failure_comes_in_its_place_and_gives_up_what_has_not_begun(self, compute: Compute) -> None:
        work = Work(fails_at=5)
        results = compute.map(work, MANY)
        assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
        with pytest.raises(ArithmeticError, match="part 5"):
            next(results)
        assert next(results, None) is None
        assert len(work.begun) < len(MANY)

    def test_whoever_stops_asking_waits_for_nothing_more(self, compute: Compute) -> None:
        work = Work()
        for result in compute.map(work, MANY):
            assert result == 0
            break
        begun = len(work.begun)
        time.sleep(0.05)
        assert len(work.begun) == begun < len(MANY)


def test_threads_work_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=10)
    assert sorted(Threads(3).map(lambda _: together.wait(), range(3))) == [0, 1, 2]
