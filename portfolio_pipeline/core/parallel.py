"""Work cut into parts for threads. For loops that release the GIL; what a part gives never depends on the cuts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

_CHUNKS_PER_WORKER = 4


def in_chunks(work: Callable[[int, int], None], count: int, workers: int) -> None:
    """Call work(first, stop) for parts of `count` in threads; good for work that releases the GIL."""
    if workers <= 1:
        work(0, count)
        return
    edges = np.unique(np.linspace(0, count, workers * _CHUNKS_PER_WORKER + 1).astype(int)).tolist()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
