"""The random numbers of a made-up market: each belongs to a seed, a name and a block of sessions, and to nothing else.

So it is the same whoever asks, for whatever range, in whatever order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from portfolio_pipeline.core.arrays import Array

BLOCK = 256


@dataclass(frozen=True)
class Randomness:
    """All random numbers of one seed."""

    seed: int

    def uniform(self, *name: str) -> float:
        """One number in (0, 1) that belongs to the name."""
        return ((self._hashed(*name) >> 75) + 0.5) / 2**53

    def uniforms(self, *name: str, rows: int, blocks: int) -> Array:
        """Numbers in (0, 1), [rows, blocks * BLOCK]; each block is drawn by itself.

        Made from the raw bits of Philox, whose stream NumPy promises never to change; not that of `normal`.
        """
        drawn = np.empty((rows, blocks * BLOCK))
        for block in range(blocks):
            raw = np.random.Philox(key=self._hashed(*name, str(block))).random_raw(rows * BLOCK).reshape(rows, BLOCK)
            drawn[:, block * BLOCK : (block + 1) * BLOCK] = ((raw >> np.uint64(12)) + 0.5) / 2.0**52
        return drawn

    def normals(self, *name: str, rows: int, blocks: int) -> Array:
        """Standard normal numbers, [rows, blocks * BLOCK]."""
        numbers: Array = ndtri(self.uniforms(*name, rows=rows, blocks=blocks))
        return numbers

    def _hashed(self, *name: str) -> int:
        """128 bits that depend on the seed and the name."""
        whole = "/".join((f"portfolio-pipeline-{self.seed}", *name))
        return int.from_bytes(hashlib.sha256(whole.encode()).digest()[:16], "little")
