"""What can be traded: a symbol of the universe, and what is known of it beside its prices."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portfolio_pipeline.core.sections import AssetClass, Section


class Instrument(Section):
    """One symbol of the universe."""

    symbol: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9.]{0,9}$")]
    asset_class: AssetClass
    group: str
    name: str
