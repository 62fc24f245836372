"""Limits of single strategies, as fractions of their own capital: what their cards may tighten and never loosen.

Keys and bounds only. They are enforced where a strategy sizes what it wants (`core.strategies.own_limits`), so that
searches, paper and targets all show a strategy as it is allowed to trade.
"""

from __future__ import annotations

from collections.abc import Mapping

from portfolio_pipeline.core.risk.limits.setting import Setting

STRATEGY_LIMITS: Mapping[str, Setting] = {
    "strategy_symbol": Setting(default=None, low=0, high=1, unit="fraction of the strategy's capital"),
    "strategy_gross": Setting(default=None, low=0, high=4, unit="fraction of the strategy's capital"),
    "strategy_positions": Setting(default=None, low=0, high=500, unit="count"),
}
