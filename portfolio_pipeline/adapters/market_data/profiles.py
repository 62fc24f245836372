"""How a symbol of the made-up market behaves, by asset class and group, varied a little by its name.

Groups of portfolio.yaml are described one by one; any other group behaves like its asset class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from portfolio_pipeline.adapters.market_data.randomness import Randomness

# The two symbols that come late and leave early, so that every part of the pipeline meets both cases.
FIRST_BAR = {"XLC": date(2023, 3, 1)}
LAST_BAR = {"JJC": date(2025, 6, 18)}


@dataclass(frozen=True)
class Profile:
    """Exposures to the factors; yearly volatility shared with the group and of its own; what it earns and pays."""

    exposure: Mapping[str, float]
    group_volatility: float = 0.0
    own_volatility: float = 0.02
    carry: float = 0.0  # earned a year beyond cash and the premia of the factors
    dividend_yield: float = 0.0
    dividends_per_year: int = 4
    dollar_volume: float = 3e8  # typical, a session
    first_price: float = 60.0


def _equity(beta: float, group: float, *, own: float = 0.02, pays: float = 0.017, **other: float) -> Profile:
    # Half of what a beta beyond 1 would earn is not paid, as with real stocks.
    return Profile({"equity": beta, **other}, group, own, 0.03 * (1 - beta), pays)


def _bond(rates: float, *, own: float = 0.006, pays: float = 0.03, carry: float = 0.0, **other: float) -> Profile:
    return Profile({"rates": rates, **other}, 0.0, own, carry, pays, 12)


def _commodity(own: float, *, carry: float = 0.0, **exposure: float) -> Profile:
    return Profile(exposure, 0.0, own, carry)


ASSET_CLASSES: dict[str, Profile] = {
    "equity": _equity(1.0, 0.07, own=0.12),
    "bond": _bond(0.8, own=0.012, credit=0.5),
    "commodity": _commodity(0.15, commodity=0.8),
    "real_estate": Profile({"property": 1.0, "rates": 0.2}, 0.05, 0.06, 0.0, 0.035),
}
GROUPS: dict[str, Profile] = {
    "us_large": _equity(1.0, 0.0, own=0.012),
    "us_growth": _equity(1.12, 0.07, pays=0.006),
    "us_small": _equity(1.15, 0.08, pays=0.013),
    "developed": _equity(1.05, 0.08, pays=0.028),
    "emerging": _equity(1.10, 0.08, pays=0.022, emerging=1.0),
    "japan": _equity(0.85, 0.11, pays=0.015),
    "europe": _equity(1.10, 0.10, pays=0.03),
    "technology": _equity(1.10, 0.09, pays=0.009),
    "financials": _equity(1.20, 0.11, pays=0.019, credit=0.6),
    "health_care": _equity(0.80, 0.08, pays=0.016),
    "energy": _equity(0.95, 0.14, pays=0.034, commodity=0.4),
    "industrials": _equity(1.05, 0.06, pays=0.017),
    "staples": _equity(0.62, 0.075, pays=0.026),
    "discretionary": _equity(1.08, 0.07, pays=0.011),
    "utilities": _equity(0.62, 0.105, pays=0.033, rates=0.5),
    "communication": _equity(0.98, 0.09, pays=0.009),
    "treasury_short": _bond(0.18, own=0.004, pays=0.018),
    "treasury_medium": _bond(1.0, own=0.012, pays=0.024),
    "treasury_long": _bond(2.10, own=0.04, pays=0.03, carry=-0.008),
    "inflation": _bond(0.75, own=0.03, pays=0.025, commodity=0.03),
    "investment_grade": _bond(0.85, own=0.018, pays=0.034, credit=1.2),
    "high_yield": _bond(0.15, own=0.012, pays=0.056, credit=1.3, equity=0.24, carry=0.004),
    "emerging_debt": _bond(0.75, own=0.015, pays=0.048, credit=1.1, equity=0.1, emerging=0.25, carry=0.003),
    "gold": _commodity(0.02, gold=1.0),
    "silver": _commodity(0.17, gold=1.3, commodity=0.4, carry=-0.01),
    "oil": _commodity(0.19, commodity=1.60, carry=-0.01),
    "agriculture": _commodity(0.11, commodity=0.55),
    "metals": _commodity(0.11, commodity=0.75, equity=0.2),
    "copper": _commodity(0.14, commodity=0.85, equity=0.25, carry=-0.005),
    "us_real_estate": Profile({"property": 1.0, "rates": 0.25}, 0.05, 0.03, 0.0, 0.038),
    "world_real_estate": Profile({"property": 0.80, "emerging": 0.3}, 0.06, 0.03, 0.0, 0.036),
}


def profile(random: Randomness, symbol: str, asset_class: str, group: str) -> Profile:
    """The behaviour of one symbol: its group's, or its class's with each exposure 0.9 to 1.1 times as large."""
    base = GROUPS.get(group) or ASSET_CLASSES[asset_class]
    varied = {name: beta * (0.9 + 0.2 * random.uniform(symbol, "beta", name)) for name, beta in base.exposure.items()}
    return replace(
        base,
        exposure=dict(base.exposure) if group in GROUPS else varied,
        own_volatility=base.own_volatility * (0.8 + 0.4 * random.uniform(symbol, "own volatility")),
        dollar_volume=10 ** (7.7 + 1.8 * random.uniform(symbol, "dollar volume")),
        first_price=25.0 + 115.0 * random.uniform(symbol, "first price"),
    )
