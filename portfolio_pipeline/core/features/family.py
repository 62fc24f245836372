"""What a family of features is: one function on arrays, and in words what its figures mean.

Not here: the families themselves (`families`), nor the loops they are made with (`kernels`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from portfolio_pipeline.core.arrays import Array

NO_WINDOW = 0


@dataclass(frozen=True)
class Family:
    """A figure that is known of each symbol at each close, [sessions, symbols].

    `compute` gets the array of each of `inputs` in their order (an input with windows is asked for the same window),
    and the window last if the family has windows. Its row t depends on rows up to t alone.
    """

    name: str
    meaning: str  # {window} stands for the window
    unit: str
    inputs: tuple[str, ...]  # other families, or columns of the table `prices`
    sees: str  # of time
    missing: str  # where it is NaN, and why
    compute: Callable[..., Array]
    windowed: bool = True
    at_rows: Callable[..., Array] | None = None  # the same with some rows as last argument, where that is less work
    stored: tuple[int, ...] = ()  # windows that the table `features` stores; NO_WINDOW for a family without
    stored_factor: float = 1.0  # the table shows the figure times this
    always_known: bool = False  # wherever there is a bar, in every database
    minimum: float | None = None

    @property
    def columns(self) -> tuple[StoredFeature, ...]:
        return tuple(StoredFeature(self, window) for window in self.stored)


@dataclass(frozen=True)
class StoredFeature:
    """A column of the table `features`: a family with one of its windows."""

    family: Family
    window: int

    @property
    def name(self) -> str:
        return f"{self.family.name}_{self.window}d" if self.family.windowed else self.family.name

    @property
    def description(self) -> str:
        return f"{self.family.meaning.format(window=self.window)}; {self.family.missing}"
