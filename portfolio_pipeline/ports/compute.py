"""What carries out work in parts: threads of this machine, or several machines.

What the work is does not belong here, nor how it is cut into parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


class Compute(Protocol):
    """What a part gives must not depend on the others, nor on which of them are done at the same time."""

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """The results, in the order of the parts; work begins when the first one is asked for.

        When a part fails its exception comes in its place, and it is the last: parts that have not begun are given
        up. So they are when whoever asks stops asking.
        """
        ...
