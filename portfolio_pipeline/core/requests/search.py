"""A search on request: the rule of the chain over sessions of one's own, and what its findings were worth afterwards.

The range is cut in two. The search sees its first part and nothing else: sets are compared at the last session of it by
the very functions of the chain, so that for the same session, card and space scores and choice are those of an asset
that begins there, to the bit. The rest is held out: every set's figures there stand beside those that it was chosen by.
How much was searched is told by `core.honesty`, over all the sessions that were searched.

Who asks again for another range or space until something looks good searches as well, and nobody counts that.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.honesty import search_statistics
from portfolio_pipeline.core.performance.paired import sharpe_differences
from portfolio_pipeline.core.performance.windows import METRICS, Windows
from portfolio_pipeline.core.search.choice import Choice, Scores, minimum_sessions
from portfolio_pipeline.core.search.rows import metrics_json
from portfolio_pipeline.core.search.walk import Walk
from portfolio_pipeline.core.search.walked import Pool

FEWEST_HELD_OUT = 21  # sessions; fewer of them tell nothing
_SHARPE = METRICS.index("sharpe")


@dataclass(frozen=True)
class Cut:
    """Positions of sessions: the first that is judged, the last that is searched, the last that is held out."""

    begin: int
    searched: int
    last: int

    @property
    def held_out(self) -> int:
        return self.last - self.searched

    @property
    def sessions(self) -> int:
        """How many were searched."""
        return self.searched - self.begin + 1


@dataclass(frozen=True, eq=False)
class Found:
    """What a search on request came to. Sets are in the order of the grid; `order` has the best first."""

    walk: Walk
    asked: SessionRange
    cut: Cut
    pool: Pool
    scores: Scores
    choice: Choice
    tried: int

    @property
    def order(self) -> list[int]:
        best_first: list[int] = np.argsort(-self.scores.smoothed[0], kind="stable").tolist()
        return best_first


def cut_of(walk: Walk, first: int, last: int, held_out: float) -> Cut:
    """Where a range of positions is cut for a walk that begins with it; refused when too little is left for a part."""
    begin = walk.begin
    count, fewest = last - begin + 1, walk.first_scored - begin + 1
    if held_out > 0.0:
        fewest = math.ceil(max(fewest / (1.0 - held_out), FEWEST_HELD_OUT / held_out))
    if count < fewest:
        taken = f"{begin - first} sessions from {walk.sessions[first]} on are taken by indicators: "
        raise DataError(
            "RANGE_TOO_SHORT",
            found=f"{max(count, 0)} sessions that every set has its indicators for",
            expected=f"{fewest} or more, {minimum_sessions(walk.search)} of them for scores",
            remedy=f"{taken if begin > first else ''}Ask for a longer range, shorter windows, or less held out.",
        )
    return Cut(begin, last - math.floor(held_out * count), last)


def search_once(walk: Walk, asked: SessionRange, cut: Cut) -> Found:
    """The search at the last searched session, from a clean slate."""
    (stretch,) = walk.run(cut.searched, cut.searched + 1)
    pool = stretch.pool
    scores = walk.scores(pool, cut.searched)
    if not stretch.choices[0].searched:
        raise DataError(
            "RANGE_TOO_SHORT",
            found=stretch.choices[0].reason,
            expected="scores of every set that was drawn",
            remedy="Ask for a longer range, or for shorter windows.",
        )
    own = Cut(pool.begin, cut.searched, cut.last)
    return Found(walk, asked, own, pool, scores, stretch.choices[0], walk.backtests.tried)


def request_id(walk: Walk, asked: SessionRange, held_out: float, probabilities: Array | None) -> str:
    """Of what is asked for and of the data that answers it: the same of both has the same name."""
    card, space, tests = walk.card, walk.space, walk.backtests
    said = {
        "card": card.model_dump(mode="json", include={"name", "type", "rebalance", "direction", "sizing", "search"}),
        "blocks": card.honesty.blocks,
        "space": {name: list(values) for name, values in space.values.items()},
        "default": space.default.to_json(),
        "constraints": [one.text for one in space.constraints],
        "range": str(asked),
        "held_out": held_out,
        "terms": tests.terms,
    }
    name = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    name.update(tests.inputs.panel.fingerprint)
    if probabilities is not None:
        name.update(np.ascontiguousarray(probabilities).tobytes())
    return name.hexdigest()[:12]


def request_row(found: Found, request: str, source: str) -> dict[str, object]:
    """A row of search_requests, but for when it was asked."""
    walk, cut, pool, scores = found.walk, found.cut, found.pool, found.scores
    days, best = walk.sessions, found.order[0]
    mixed, traded = mixed_returns(found)
    searched, later = _metrics(walk, cut, mixed, traded)
    default = pool.net_return[pool.places[walk.space.default]]
    after = slice(cut.searched + 1, cut.last + 1)
    beside = np.stack([pool.net_return[best], mixed[0]])[:, after]
    differences, errors = sharpe_differences(beside, default[after])
    worth = search_statistics(
        pool.net_return[:, : cut.searched + 1].T,
        np.array([best]),
        np.array([cut.searched]),
        window=cut.sessions,
        blocks=walk.card.honesty.blocks,
        begin=cut.begin,
        trials=found.tried,
        workers=walk.backtests.workers,
    )
    return {
        "request": request,
        "strategy": walk.card.name,
        "first": found.asked.first,
        "last": found.asked.last,
        "searched_from": days[cut.begin].item(),
        "searched_through": days[cut.searched].item(),
        "sessions": cut.sessions,
        "held_out_sessions": cut.held_out,
        "objective": str(walk.objective),
        "space": json.dumps({name: list(values) for name, values in walk.space.values.items()}),
        "rule": walk.search.rule,
        "method": walk.method,
        "trials": walk.search.trials,
        "compared": found.tried,
        "parameters": pool.texts[best],
        "score": float(scores.raw[0, best]),
        "plateau_score": float(scores.smoothed[0, best]),
        "reason": found.choice.reason,
        "metrics": searched[0],
        "held_out_metrics": later[0],
        "best_difference": float(differences[0]),
        "best_difference_error": float(errors[0]),
        "mixture_difference": float(differences[1]),
        "mixture_difference_error": float(errors[1]),
        "rank_correlation": _rank_correlation(found),
        "effective_trials": float(worth["effective_trials"][0]),
        "deflated_sharpe": float(worth["deflated_sharpe"][0]),
        "overfitting": float(worth["overfitting"][0]),
        "loss": float(worth["loss"][0]),
        "source": source,
    }


def trial_rows(found: Found, request: str) -> pd.DataFrame:
    """Rows of search_request_trials: every set that was compared, the best first."""
    pool, order = found.pool, found.order
    searched, later = _metrics(found.walk, found.cut, pool.net_return, pool.turnover)
    shares = dict(zip(found.choice.places, found.choice.shares, strict=True))
    default = pool.places[found.walk.space.default]
    return pd.DataFrame(
        {
            "request": request,
            "rank": np.arange(1, len(order) + 1),
            "parameters": [pool.texts[place] for place in order],
            "score": found.scores.raw[0, order],
            "plateau_score": found.scores.smoothed[0, order],
            "share": [shares.get(place, 0.0) for place in order],
            "is_default": [place == default for place in order],
            "metrics": [searched[place] for place in order],
            "held_out_metrics": [later[place] for place in order],
        }
    )


def mixed_returns(found: Found) -> tuple[Array, Array]:
    """The mixture's net returns and turnover, [1, …]: the mean of its members', as if they did not trade with one
    another."""
    places, shares = list(found.choice.places), np.array(found.choice.shares)
    return (shares @ found.pool.net_return[places])[None], (shares @ found.pool.turnover[places])[None]


def _figures(walk: Walk, cut: Cut, net: Array, turnover: Array) -> tuple[Array, Array | None]:
    """METRICS [METRICS, sets] on the sessions that were searched, and on those held out; None without any."""
    at, workers = walk.backtests.traded_at, walk.backtests.workers

    def over(begin: int, row: int) -> Array:
        rows = np.array([row])
        found: Array = Windows(net, turnover, begin, row - begin + 1, at).metrics(rows, workers=workers)[:, 0]
        return found

    return over(cut.begin, cut.searched), over(cut.searched + 1, cut.last) if cut.held_out else None


def _metrics(walk: Walk, cut: Cut, net: Array, turnover: Array) -> tuple[Sequence[str], Sequence[str | None]]:
    searched, later = _figures(walk, cut, net, turnover)
    told: pa.Array = metrics_json(searched)
    return told.to_pylist(), [None] * len(net) if later is None else metrics_json(later).to_pylist()


def _rank_correlation(found: Found) -> float:
    """How alike the sets' order by Sharpe ratio is on the searched sessions and on those held out; NaN if unknown."""
    searched, later = _figures(found.walk, found.cut, found.pool.net_return, found.pool.turnover)
    if later is None or len(found.pool.candidates) < 3:
        return math.nan
    before, after = (pd.Series(one[_SHARPE]).rank().to_numpy() for one in (searched, later))
    if np.ptp(before) == 0.0 or np.ptp(after) == 0.0:
        return math.nan
    return float(np.corrcoef(before, after)[0, 1])
