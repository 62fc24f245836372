"""Threads of this process: for work that releases the GIL, or waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from portfolio_pipeline.ports.compute import Part, Result


class Threads:
    """`ports.Compute` with so many threads, which live no longer than their map. One is the caller's own."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        if self._workers == 1:
            yield from map(work, parts)
            return
        with ThreadPoolExecutor(max_workers=self._workers) as pool:
            try:
                yield from pool.map(work, parts)
            finally:
                # Whoever stops asking, or cancels a run, does not want to wait for the other parts.
                pool.shutdown(cancel_futures=True)
