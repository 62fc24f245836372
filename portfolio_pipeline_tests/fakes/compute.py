"""Work in parts, done one after the other by whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from portfolio_pipeline.ports.compute import Part, Result


class InTurn:
    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        for part in parts:
            yield work(part)
