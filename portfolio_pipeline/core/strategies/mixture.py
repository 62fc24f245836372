"""Several parameter sets of one strategy in use at once: its targets are the mean of theirs, by shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from portfolio_pipeline.core.strategies.parameters import Parameters


@dataclass(frozen=True)
class Mixture:
    """Distinct parameter sets, the one with the largest share first, and their shares, which add up to 1."""

    members: tuple[Parameters, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.members) != len(self.shares) or len(set(self.members)) != len(self.members):
            raise ValueError(f"{len(self.members)} members, which are to be distinct, have {len(self.shares)} shares")
        if not all(share > 0.0 for share in self.shares) or not math.isclose(math.fsum(self.shares), 1.0):
            raise ValueError(f"shares are positive and add up to 1, found {self.shares}")

    @classmethod
    def single(cls, parameters: Parameters) -> Self:
        return cls((parameters,), (1.0,))

    @classmethod
    def of(cls, members: Sequence[Parameters], shares: Sequence[float]) -> Self | None:
        """Of what is left of a mixture, with shares that add up to 1 again; None of nothing.

        A whole one stays as it is to the bit: what was stored goes on as if it had never been put away.
        """
        if not members:
            return None
        total = math.fsum(shares)
        whole = math.isclose(total, 1.0, rel_tol=1e-12)
        return cls(tuple(members), tuple(shares) if whole else tuple(share / total for share in shares))

    @property
    def leader(self) -> Parameters:
        return self.members[0]
