"""Which mixture is used, against plain Python on the scores that a walk has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.search import InUse
from portfolio_pipeline.core.strategies.card import Search
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline_tests.core.markets import market
from portfolio_pipeline_tests.core.searches import card, walk

PANEL = market()
END = len(PANEL.sessions)


def tried(**settings: Any) -> Any:
    return card(rule="surface_mixture", **{"half_life_sessions": 120, "mixture": 3, "trials": 30} | settings)


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"trust": 0.0, "renewed_share": 0.0},
        {"cadence": "monthly", "mixture": 5},
        {"trust": 3.0, "renewed_share": 0.1},
    ],
)
def test_the_best_share_what_the_default_has_lost_by_the_evidence(written: dict[str, Any]) -> None:
    found = walk(PANEL, tried(**written))
    search: Search = found.search
    stretches = found.run(0, END)
    used = [mixture for stretch in stretches for mixture in stretch.mixtures]
    pool = stretches[0].pool
    days, default = due(PANEL.sessions, search.cadence), pool.places[found.space.default]
    weights = 0.5 ** (np.arange(END)[::-1] / search.half_life_sessions)
    current: dict[int, float] = {default: 1.0}
    settled, changes = False, 0
    for row in range(END):
        if days[row] and row >= pool.begin + 125:
            weight = weights[END - 1 - row + pool.begin :]
            past = pool.net_return[:, pool.begin : row + 1]
            mean = past @ weight / weight.sum()
            deviation = np.sqrt(((past - mean[:, None]) ** 2) @ weight / weight.sum())
            smoothed = pool.smoother.smoothed(np.nan_to_num(mean / deviation)[None])[0]
            best = np.argsort(-smoothed, kind="stable")[: search.mixture]
            together = past[best].mean(axis=0)
            scaled = [
                one / np.sqrt(np.average((one - np.average(one, weights=weight)) ** 2, weights=weight))
                for one in (together, past[default])
            ]
            difference = scaled[0] - scaled[1]
            spread = np.average((difference - np.average(difference, weights=weight)) ** 2, weights=weight)
            error = np.sqrt(spread * (weight**2).sum()) / weight.sum()
            better = np.average(difference, weights=weight) / error
            part = round(20 * min(1.0, max(0.0, better / search.trust))) / 20 if search.trust else 1.0
            wanted = {int(place): part / len(best) for place in best} if part else {}
            if part < 1.0:
                wanted[default] = wanted.get(default, 0.0) + 1.0 - part
            others = sum(max(0.0, share - current.get(place, 0.0)) for place, share in wanted.items())
            if not settled or others > search.renewed_share + 1e-12:
                changes += settled
                current, settled = wanted, True
        shares = {pool.places[one]: share for one, share in zip(used[row].members, used[row].shares, strict=True)}
        assert shares.keys() == current.keys(), row
        np.testing.assert_allclose([shares[place] for place in current], list(current.values()), atol=1e-12)
    assert changes > 2


def test_every_session_says_why_in_words() -> None:
    found = walk(PANEL, tried(cadence="weekly"))
    reasons = [choice.reason for stretch in found.run(0, END) for choice in stretch.choices]
    assert reasons[0] == "default: fewer than 126 sessions of scores"
    (first,) = [reason for reason in reasons if reason.startswith("first mixture")]
    assert "the best 3 by sharpe are better than the default by" in first
    assert {reason.split(":")[0] for reason in reasons} == {"default", "first mixture", "kept", "not due", "changed"}


def test_sets_of_a_mixture_that_the_pool_lacks_are_compared_as_long_as_they_are_used() -> None:
    found = walk(PANEL, tried(renewed_share=0.5))
    pool = found.run(450, 451)[0].pool
    foreign = tuple([one for one in found.space.grid() if one not in pool.places][:2])
    stretches = found.run(450, 700, InUse(Mixture(foreign, (0.5, 0.5)), True))
    compared = [len(stretch.pool.candidates) for stretch in stretches]
    assert compared[0] == 32
    assert compared[-1] == 30
    left = next(stretch for stretch in stretches if len(stretch.pool.candidates) == 30)
    assert not set(foreign) & set(left.mixtures[0].members)


shares = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=6)


@settings(deadline=None)
@given(shares=shares)
def test_what_is_left_of_a_mixture_has_the_whole_again(shares: list[float]) -> None:
    sets = tuple(tried_sets()[: len(shares)])
    mixture = Mixture.of(sets, shares)
    assert mixture is not None
    assert sum(mixture.shares) == pytest.approx(1.0)
    np.testing.assert_allclose(np.array(mixture.shares) / mixture.shares[0], np.array(shares) / shares[0])
    assert Mixture.of([], []) is None


@pytest.mark.parametrize("wrong", [(0.5, 0.4), (1.2, -0.2), (1.0,)])
def test_a_mixture_that_is_none_is_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="shares"):
        Mixture(tuple(tried_sets()[:2]), wrong)


def tried_sets() -> list[Any]:
    return list(walk(PANEL, tried()).space.grid())[:6]
