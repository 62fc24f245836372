"""Hierarchical risk parity, compiled: symbols in the order of their clusters, then capital by recursive bisection.

PyPortfolioOpt's `HRPOpt` gives the same weights to 1e-16 and is the oracle of the tests. Of 31 symbols and 252 sessions
it takes 60 ms of processor time, this 0.05 ms with the covariance, and one search asks some ten thousand times.

The order is that of the leaves of SciPy's `linkage`, which spends ten times as long on checking its arguments as on
thirty symbols. Where distances are equal, the pair that is found first is merged. No NaN is expected anywhere.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array

LINKAGES = ("single", "average", "ward")


def hierarchical_risk_parity(cov: Array, method: str = "single") -> Array:
    """Weights for a covariance matrix without zero variances, as López de Prado's bisection gives them."""
    return _weights(cov, _correlation_distance(cov), method)


def by_linkage(cov: Array) -> dict[str, Array]:
    """The weights for every linkage: the distances are those of all."""
    distance = _correlation_distance(cov)
    return {method: _weights(cov, distance.copy(), method) for method in LINKAGES}


def _weights(cov: Array, distance: Array, method: str) -> Array:
    weights: Array = _bisect_risk(cov, cluster_order(distance, LINKAGES.index(method)))
    return weights


@njit(cache=True, nogil=True, error_model="numpy")
def _correlation_distance(cov: Array) -> Array:  # pragma: no cover
    count = len(cov)
    distance, deviation = np.zeros((count, count)), np.sqrt(np.diag(cov))
    for i in range(count):
        together, own, found = cov[i], deviation[i], distance[i]
        for j in range(i):
            correlation = together[j] / (own * deviation[j])
            found[j] = np.sqrt(min(1.0, max(0.0, (1.0 - correlation) / 2.0)))
    for i in range(count):
        for j in range(i):
            distance[j, i] = distance[i, j]
    return distance


@njit(cache=True, nogil=True)
def cluster_order(distance: Array, linkage: int) -> Array:  # pragma: no cover
    """Leaves from left to right of the tree that merges the nearest two clusters again and again.

    `distance` is used up. `linkage` is a position in LINKAGES. Of two clusters the one formed first stands left.
    """
    count = len(distance)
    size, formed, alive = np.ones(count, np.int64), np.arange(count), np.ones(count, np.bool_)
    after, last = np.full(count, -1), np.arange(count)  # each cluster is a chain of leaves from its slot's head on
    head = np.arange(count)
    nearest, gap = np.zeros(count, np.int64), np.full(count, np.inf)  # among the slots behind one
    for i in range(count):
        _find_nearest(distance, alive, i, nearest, gap)
    slot = 0
    for merged in range(count - 1):
        a = 0
        for i in range(count):
            if gap[i] < gap[a]:
                a = i
        slot = nearest[a]
        between = distance[a, slot]
        left, right = (a, slot) if formed[a] < formed[slot] else (slot, a)
        after[last[left]] = head[right]
        head[slot], last[slot], formed[slot] = head[left], last[right], count + merged
        alive[a], gap[a] = False, np.inf
        from_slot = distance[slot]  # rows: the same as columns, and side by side in memory
        _take_in(from_slot, size[slot], distance[a], size[a], between, size, linkage)
        for k in range(count):
            if alive[k]:
                distance[k, slot] = from_slot[k]
        size[slot] += size[a]
        for k in range(slot + 1):
            if alive[k]:
                # By single linkage, what was nearest stays as near as it was, and the first of those as near.
                if k == slot or nearest[k] == a or (nearest[k] == slot and linkage != 0):
                    _find_nearest(distance, alive, k, nearest, gap)
                elif from_slot[k] < gap[k]:
                    nearest[k], gap[k] = slot, from_slot[k]
    order = np.empty(count, np.int64)
    leaf = head[slot]
    for place in range(count):
        order[place] = leaf
        leaf = after[leaf]
    return order


@njit(cache=True, nogil=True, error_model="numpy")
def _take_in(
    kept: Array, kept_size: int, merged: Array, merged_size: int, between: float, size: Array, linkage: int
) -> None:  # pragma: no cover
    """Turn distances from one cluster into those from the two together.

    Of all clusters, side by side; what it says of those that are gone, nobody looks at.
    """
    together = kept_size + merged_size
    if linkage == 0:
        for k in range(len(kept)):
            kept[k] = min(merged[k], kept[k])
    elif linkage == 1:
        for k in range(len(kept)):
            kept[k] = (merged_size * merged[k] + kept_size * kept[k]) / together
    else:
        for k in range(len(kept)):
            near, far, total = merged[k], kept[k], together + size[k]
            kept[k] = np.sqrt(
                (size[k] + merged_size) / total * near * near
                + (size[k] + kept_size) / total * far * far
                - size[k] / total * between * between
            )


@njit(cache=True, nogil=True)
def _find_nearest(distance: Array, alive: Array, i: int, nearest: Array, gap: Array) -> None:  # pragma: no cover
    gap[i] = np.inf
    for j in range(i + 1, len(distance)):
        if alive[j] and distance[i, j] < gap[i]:
            nearest[i], gap[i] = j, distance[i, j]


@njit(cache=True, nogil=True)
def _bisect_risk(cov: Array, order: Array) -> Array:  # pragma: no cover
    """The recursive bisection of hierarchical risk parity over symbols in the order of their clusters."""
    count = len(order)
    weights = np.ones(count)
    starts, stops = np.empty(2 * count, np.int64), np.empty(2 * count, np.int64)
    starts[0], stops[0], waiting = 0, count, 1
    while waiting > 0:
        waiting -= 1
        start, stop = starts[waiting], stops[waiting]
        if stop - start < 2:
            continue
        middle = start + (stop - start) // 2
        left, right = _variances(cov, order[start:middle], order[middle:stop])
        share = 1.0 - left / (left + right)
        for i in range(start, stop):
            weights[order[i]] *= share if i < middle else 1.0 - share
        starts[waiting], stops[waiting] = start, middle
        starts[waiting + 1], stops[waiting + 1] = middle, stop
        waiting += 2
    return weights


@njit(cache=True, nogil=True, error_model="numpy")
def _variances(cov: Array, left: Array, right: Array) -> tuple[float, float]:  # pragma: no cover
    """Of two groups, each held by inverse variance; the right one has as many members as the left, or one more.

    Both in step, so that an addition need not wait for the one before.
    """
    count = len(left)
    total_left, total_right, risk_left, risk_right = 0.0, 0.0, 0.0, 0.0
    for i in range(count):
        total_left += 1.0 / cov[left[i], left[i]]
    for i in range(len(right)):
        total_right += 1.0 / cov[right[i], right[i]]
    for i in range(len(right)):
        b = right[i]
        scaled_right = cov[b, b] * total_right
        if i < count:
            a = left[i]
            scaled_left = cov[a, a] * total_left
            for j in range(count):
                c, d = left[j], right[j]
                risk_left += cov[a, c] / (scaled_left * cov[c, c] * total_left)
                risk_right += cov[b, d] / (scaled_right * cov[d, d] * total_right)
        for j in range(count if i < count else 0, len(right)):
            d = right[j]
            risk_right += cov[b, d] / (scaled_right * cov[d, d] * total_right)
    return risk_left, risk_right
