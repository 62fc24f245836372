"""What can be traded: a symbol of the universe, and what is known of it beside its prices."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from portfolio_pipeline.core.sections import AssetClass, Form, Number, Section

Ticker = Annotated[str, AfterValidator(Form(r"[A-Z][A-Z0-9.]{0,9}", "up to 10 of A-Z, 0-9 and dots, a letter first"))]


def _of_a_share(multiplier: float) -> float:
    if multiplier == 1:
        return multiplier
    raise ValueError("1, of a share or a fund: contracts such as futures are not traded, and Alpaca takes none")


class Instrument(Section):
    """One symbol of the universe. `multiplier` is how many units of it one contract is for."""

    symbol: Ticker
    asset_class: AssetClass
    group: str
    name: str
    multiplier: Annotated[Number, AfterValidator(_of_a_share)] = 1.0
