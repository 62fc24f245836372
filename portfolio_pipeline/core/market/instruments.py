"""What can be traded: a symbol of the universe, and what is known of it beside its prices."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from portfolio_pipeline.core.sections import AssetClass, Form, Section

Ticker = Annotated[str, AfterValidator(Form(r"[A-Z][A-Z0-9.]{0,9}", "up to 10 of A-Z, 0-9 and dots, a letter first"))]


class Instrument(Section):
    """One symbol of the universe."""

    symbol: Ticker
    asset_class: AssetClass
    group: str
    name: str
