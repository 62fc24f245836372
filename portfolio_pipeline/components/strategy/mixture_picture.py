"""The parameter sets that a strategy used together over time, as a picture of their shares.

Read are the sessions at which a mixture changed, and no others: in between it stays what it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reports import pictures

_NAMED = 7  # sets that have a colour of their own
_CHANGES = """
select mixtures.session, mixtures.parameters, mixtures.share
from parameter_mixtures as mixtures
join optimized_parameters as chosen
    on chosen.session = mixtures.session and chosen.strategy = mixtures.strategy
where mixtures.strategy = $1 and mixtures.session <= $2 and chosen.changed
order by mixtures.session, mixtures.member
"""


def mixture_picture(
    reader: Reader, card: StrategyCard, space: ParameterSpace, sessions: Array, origin: Sequence[str]
) -> str:
    """Of the sessions (datetime64[D]) that have a choice; without a parameter to vary there is nothing to tell."""
    last = SessionRange.single(sessions[-1].item()).last
    changes = frame(reader.query(_CHANGES, [card.name, last]))
    shares = shares_over_time(changes, sessions)
    default = space.default.to_json()
    names = space.optimisable
    parts = {_label(text, names, default): series for text, series in largest(shares, _NAMED).items()}
    title = pictures.simulated(f"{card.name}: shares of sets, {'/'.join(names)}", origin)
    return pictures.stacked_picture(title, sessions, parts)


def shares_over_time(changes: pd.DataFrame, sessions: Array) -> dict[str, Array]:
    """The share of each set at each session; `changes` has the whole mixture of every session at which it changed."""
    starts, place = np.unique(changes["session"].to_numpy().astype("datetime64[D]"), return_inverse=True)
    row = np.searchsorted(starts, sessions, side="right") - 1
    found: dict[str, Array] = {}
    for text, mine in changes.groupby("parameters", sort=False).indices.items():
        at_changes = np.zeros(len(starts) + 1)  # the last one is before the first change
        at_changes[place[mine]] = changes["share"].to_numpy(dtype=np.float64)[mine]
        found[str(text)] = at_changes[row]
    return found


def largest(shares: dict[str, Array], count: int) -> dict[str, Array]:
    """Those with the most over time, the first the largest, and what all others have together."""
    ordered = sorted(shares, key=lambda text: -float(shares[text].sum()))
    named = {text: shares[text] for text in ordered[:count]}
    others = ordered[count:]
    if others:
        named[f"{len(others)} others"] = np.sum([shares[text] for text in others], axis=0)
    return named


def _label(text: str, names: Sequence[str], default: str) -> str:
    if not text.startswith("{"):
        return text
    values = json.loads(text)
    told = "/".join(str(values.get(name, "")) for name in names)
    return f"default {told}" if text == default else told
