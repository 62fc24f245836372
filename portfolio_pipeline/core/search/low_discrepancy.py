"""Points that fill a box evenly: Sobol's sequence, scrambled, to the bit as `scipy.stats.qmc.Sobol` draws it.

SciPy's own is not used for what cards ask for, because importing `scipy.stats` takes as long as importing Dagster, and
every daily run would pay for it. Direction numbers are those of Joe and Kuo (new-joe-kuo-6.21201), here for as many
dimensions as a card may reasonably have parameters; beyond them SciPy is asked after all.
"""

from __future__ import annotations

import warnings

import numpy as np

from portfolio_pipeline.core.arrays import Array

_BITS = 30
# By dimension: the primitive polynomial as bits, and the first direction numbers.
_JOE_KUO: tuple[tuple[int, tuple[int, ...]], ...] = (
    (1, (1,)),
    (3, (1,)),
    (7, (1, 3)),
    (11, (1, 3, 1)),
    (13, (1, 1, 1)),
    (19, (1, 1, 3, 3)),
    (25, (1, 3, 5, 13)),
    (37, (1, 1, 5, 5, 17)),
    (41, (1, 1, 5, 5, 5)),
    (47, (1, 1, 7, 11, 19)),
    (55, (1, 1, 5, 1, 1)),
    (59, (1, 1, 1, 3, 11)),
    (61, (1, 3, 5, 5, 31)),
    (67, (1, 3, 3, 9, 7, 49)),
    (91, (1, 1, 1, 15, 21, 21)),
    (97, (1, 3, 1, 13, 27, 49)),
    (103, (1, 1, 1, 15, 7, 5)),
    (109, (1, 3, 1, 15, 13, 25)),
    (115, (1, 1, 5, 5, 19, 61)),
    (131, (1, 3, 7, 11, 23, 15, 103)),
)


class SobolPoints:
    """The scrambled sequence of one seed, in [0, 1), from its first point on."""

    def __init__(self, dimensions: int, seed: int) -> None:
        self._dimensions, self._seed = dimensions, seed

    def first(self, count: int) -> Array:
        """The first `count` points, [count, dimensions]."""
        if self._dimensions > len(_JOE_KUO):
            return self._of_scipy(count)
        (generator,) = np.random.default_rng(self._seed).spawn(1)
        one_bit = np.uint32(1) << np.arange(_BITS, dtype=np.uint32)
        shift = generator.integers(2, size=(self._dimensions, _BITS), dtype=np.uint32) @ one_bit
        mixing = generator.integers(2, size=(self._dimensions, _BITS, _BITS), dtype=np.uint32)
        steps = _scrambled(_directions(self._dimensions), mixing)
        # Point n differs from the one before it by one direction: that of the lowest bit which is 0 in n - 1.
        before = np.arange(count - 1)
        lowest_zero = np.log2(~before & (before + 1)).astype(int)
        walked = np.vstack([shift, steps.T[lowest_zero]])
        return np.asarray(np.bitwise_xor.accumulate(walked, axis=0) * (1.0 / 2**_BITS))

    def _of_scipy(self, count: int) -> Array:
        from scipy.stats import qmc

        engine = qmc.Sobol(self._dimensions, rng=np.random.default_rng(self._seed))
        with warnings.catch_warnings():  # numbers of points that are no power of two are balanced well enough
            warnings.simplefilter("ignore", UserWarning)
            return np.asarray(engine.random(count))


def _directions(dimensions: int) -> Array:
    """Direction numbers, [dimensions, bits], the highest bit first."""
    numbers = np.ones((dimensions, _BITS), np.uint32)
    for row, (polynomial, initial) in zip(numbers[1:], _JOE_KUO[1:dimensions], strict=True):
        degree = len(initial)
        row[:degree] = initial
        for j in range(degree, _BITS):
            row[j] = row[j - degree]
            for k in range(degree):
                if polynomial >> (degree - 1 - k) & 1:
                    row[j] ^= row[j - k - 1] << np.uint32(k + 1)
    return numbers << np.arange(_BITS - 1, -1, -1, dtype=np.uint32)


def _scrambled(directions: Array, mixing: Array) -> Array:
    """Each direction through a random lower triangular matrix of bits (ones in its diagonal), a matrix a dimension."""
    below = np.tril(mixing, -1) + np.eye(_BITS, dtype=np.uint32)
    places = np.arange(_BITS - 1, -1, -1, dtype=np.uint32)
    bits = directions[:, :, None] >> places & 1  # [dimensions, directions, bits], the highest first
    mixed = np.einsum("dpk,djk->djp", below, bits) & 1
    return np.asarray((mixed << places).sum(axis=2, dtype=np.uint32))
