"""From many values to few points, and from points to the paths of SVG.

A curve of more values than can be told apart keeps the lowest and the highest of each narrow stretch, so no extreme
is lost. NaN leaves a gap; in a thinned curve, where a whole stretch is NaN. Paths are whole tenths of a pixel, each
step from the point before, without a space: in the markdown of a picture it would be three letters.
"""

from __future__ import annotations

import numpy as np

MOST_POINTS = 240  # of one curve: the lowest and the highest of every five pixels or so
_ALL_POINTS = 1_800  # of one picture: keeps it small
_OF_A_NAME = 40  # points that take as many bytes as a curve's name and colour do


def points_each(curves: int) -> int:
    """How many points each of so many curves may have."""
    return max(4, min(MOST_POINTS, _ALL_POINTS // max(1, curves) - _OF_A_NAME))


def kept(values: np.ndarray, most: int = MOST_POINTS) -> list[np.ndarray]:
    """The places of the values to be drawn, in unbroken stretches: about `most` in all, every extreme among them."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return []
    count = len(values)
    bucket = known if count <= most else known * (most // 2) // count
    breaks = np.flatnonzero(np.diff(bucket) > 1) + 1
    order = np.lexsort((values[known], bucket))
    turns = np.flatnonzero(np.diff(bucket[order])) + 1
    lowest, highest = order[np.append(0, turns)], order[np.append(turns - 1, len(order) - 1)]
    chosen = np.unique(np.concatenate([lowest, highest, breaks, breaks - 1, [0, len(known) - 1]]))
    chosen = chosen[chosen >= 0]
    return np.split(known[chosen], np.searchsorted(chosen, breaks))


def line_path(x: np.ndarray, y: np.ndarray) -> str:
    """A line through the points."""
    across, up = _tenths(x), _tenths(y)
    level = np.zeros(len(up), dtype=bool)  # inside a level stretch: adds nothing
    level[1:-1] = (up[1:-1] == up[:-2]) & (up[1:-1] == up[2:])
    across, up = across[~level], up[~level]
    steps = zip(np.diff(across).tolist(), np.diff(up).tolist(), strict=True)
    return f"M{across[0]},{up[0]}" + (_joined("l", [f"{right},{down}" for right, down in steps]) or "h0")


def area_path(x: np.ndarray, y: np.ndarray, base: float) -> str:
    """The outline of what lies between the points and a level line."""
    return f"{line_path(x, y)}V{round(10 * base)}H{round(10 * x[0])}z"


def step_path(x: np.ndarray, y: np.ndarray) -> str:
    """A line that keeps its height up to the point at which it changes."""
    across, up = _tenths(x), _tenths(y)
    turns = np.flatnonzero(np.diff(up)) + 1
    steps = [f"H{across[at]}V{up[at]}" for at in turns]
    return f"M{across[0]},{up[0]}{''.join(steps)}H{across[-1]}"


def _tenths(lengths: np.ndarray) -> np.ndarray:
    tenths: np.ndarray = np.rint(10 * lengths).astype(np.int64)
    return tenths


def _joined(command: str, steps: list[str]) -> str:
    return (command + ",".join(steps)).replace(",-", "-") if steps else ""
