"""Limits of what became of a book over time, and of how strategies move together: no cut of one session's weights holds
them, so they are answered, not cut.

Keys and bounds only. Drawdowns are written positive here. `diversification` is a least value: the strategies' mean
volatility over that of them all together.
"""

from __future__ import annotations

from collections.abc import Mapping

from portfolio_pipeline.core.risk.limits.setting import Setting

LIMITS_OVER_TIME: Mapping[str, Setting] = {
    "drawdown": Setting(default=None, low=0, high=1, unit="return"),
    "strategy_drawdown": Setting(default=None, low=0, high=1, unit="return"),
    "position_stop": Setting(default=None, low=0, high=0.99, unit="return"),
    "correlation_alert": Setting(default=None, low=0, high=1, unit="correlation"),
    "correlation": Setting(default=None, low=0, high=1, unit="correlation"),
    "diversification": Setting(default=None, low=0, high=10, unit="ratio"),
}
