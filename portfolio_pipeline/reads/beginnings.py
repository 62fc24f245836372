"""Where the parts of the home begin, as it was decided when the home was begun."""

from __future__ import annotations

from portfolio_pipeline.core.calendar.beginnings import Beginnings
from portfolio_pipeline.core.tables import BEGINNINGS
from portfolio_pipeline.ports import Reader


def stored_beginnings(reader: Reader) -> Beginnings | None:
    """None for a home that nobody decided it for: there each part begins with what was stored first."""
    return Beginnings.of_rows(reader.read(BEGINNINGS.name))
