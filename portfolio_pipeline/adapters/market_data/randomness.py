"""The random numbers of a made-up market: each belongs to a seed, a name and a block of sessions, and to nothing else.

So it is the same whoever asks, for whatever range, in whatever order.

The normal quantile is Wichura's (AS 241), compiled: the standard library's is too slow for a market of them, and
importing SciPy for it would cost a daily run more than all the numbers do.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array

BLOCK = 256

# Numerator and denominator, highest power first: in the middle, in the tails, and far out.
_MIDDLE = (
    (
        *(2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457),
        *(13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    ),
    (
        *(5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867),
        *(5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
    ),
)
_TAIL = (
    (
        *(7.7454501427834140764e-4, 2.27238449892691845833e-2, 0.24178072517745061177, 1.27045825245236838258),
        *(3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    ),
    (
        *(1.05075007164441684324e-9, 5.475938084995344946e-4, 1.51986665636164571966e-2, 0.14810397642748007459),
        *(0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
    ),
)
_FAR = (
    (
        *(2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2),
        *(0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    ),
    (
        *(2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4),
        *(1.48753612908506148525e-2, 0.13692988092273580531, 0.59983220655588793769, 1.0),
    ),
)


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
        drawn = self.uniforms(*name, rows=rows, blocks=blocks)
        normal_quantiles(drawn.ravel())
        return drawn

    def _hashed(self, *name: str) -> int:
        """128 bits that depend on the seed and the name."""
        whole = "/".join((f"portfolio-pipeline-{self.seed}", *name))
        return int.from_bytes(hashlib.sha256(whole.encode()).digest()[:16], "little")


@njit(cache=True, nogil=True)
def normal_quantiles(probabilities: Array) -> None:  # pragma: no cover
    """Put the standard normal quantile into each probability's place; all are inside (0, 1)."""
    for place in range(len(probabilities)):
        probability = probabilities[place]
        centred = probability - 0.5
        if abs(centred) <= 0.425:
            probabilities[place] = _ratio(_MIDDLE, 0.180625 - centred * centred, centred)
            continue
        out = math.sqrt(-math.log(min(probability, 1.0 - probability)))
        probabilities[place] = _ratio(_TAIL, out - 1.6, 1.0) if out <= 5.0 else _ratio(_FAR, out - 5.0, 1.0)
        if centred < 0.0:
            probabilities[place] = -probabilities[place]


@njit(cache=True, nogil=True)
def _ratio(polynomials: tuple[tuple[float, ...], ...], at: float, times: float) -> float:  # pragma: no cover
    over, under = 0.0, 0.0
    for power in range(8):
        over, under = over * at + polynomials[0][power], under * at + polynomials[1][power]
    return over * times / under
