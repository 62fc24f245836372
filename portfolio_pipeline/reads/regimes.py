"""The regimes that a search looks at, for cards that ask for it, and those that the book adapts to: read whole, refused
with a hole."""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.risk.adaptation import Adaptation, Factors
from portfolio_pipeline.core.search.regime_scores import probabilities_at
from portfolio_pipeline.core.tables.market import REGIMES
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader


def regime_probabilities(reader: Reader, sessions: Array) -> Array:
    """Probabilities [sessions, regimes]; before the first stored session every regime is as likely as any other."""
    rows = frame(reader.read("regimes", SessionRange(sessions[0].item(), sessions[-1].item())))
    known = rows["session"].to_numpy().astype("datetime64[D]")
    wanted = sessions[sessions >= known[0]] if len(known) else sessions[-1:]
    missing = wanted[~np.isin(wanted, known)]
    if len(missing):
        raise DataError(
            "REGIMES_MISSING",
            missing_sessions=len(missing),
            first_missing=missing[0],
            remedy="Materialise regimes for these sessions first: the settings, or this card, look at them.",
        )
    return probabilities_at(rows, sessions)


def factors_of_regimes(reader: Reader, sessions: SessionRange, adaptation: Adaptation) -> list[Factors] | None:
    """By how much the book adapts at each session; None where the settings do not ask for it."""
    if not adaptation.to_regime:
        return None
    rows = regime_probabilities(reader, as_days(tuple(sessions))).tolist()
    return [adaptation.at(dict(zip(REGIMES, row, strict=True))) for row in rows]
