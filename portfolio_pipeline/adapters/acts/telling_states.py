"""Telling people of risk states: once when portfolio, account or a strategy leaves the normal one, when it moves on,
and when it is back.
"""

from __future__ import annotations

from typing import Any

from portfolio_pipeline.adapters.newest_states import newest_states
from portfolio_pipeline.ports import Alert, Alerts, Warehouse


def tell_states(warehouse: Warehouse, alerts: Alerts) -> list[str]:
    """Of the newest session; says which scopes are not normal."""
    with warehouse.reading() as reader:
        states = newest_states(reader)
    for scope, row in states.items():
        if _is_normal(row):
            alerts.over(_about(scope), f"{_named(scope)} is back to full risk.")
        else:
            alerts.send(alert_of(scope, row))
    return [scope for scope, row in states.items() if not _is_normal(row)]


def alert_of(scope: str, row: dict[str, Any]) -> Alert:
    """The words stay the same for as long as the state does: no figure of the session is in them."""
    from portfolio_pipeline.core.risk.limits.registry import gravity_of_rule

    step = f" at {row['factor']:.0%} of its risk" if row["state"] == "re_entering" else ""
    limit = "" if row["limit_value"] is None else f", limit {row['limit_value']:.4g}"
    why = f"by hand: {row['reason']}" if row["reason"] else f"{row['rule']}{limit}"
    since = f"{_named(scope)} is {row['state'].replace('_', ' ')}{step} since {row['since']}"
    message = f"{since}: {why}. Look: portfolio risk show."
    return Alert(gravity_of_rule(row["rule"]), f"Risk state of {_named(scope).lower()}", message, _about(scope))


def _is_normal(row: dict[str, Any]) -> bool:
    return bool(row["state"] == "normal" and row["factor"] >= 1.0)


def _named(scope: str) -> str:
    return scope.replace(":", " ").capitalize() if ":" in scope else f"The {scope}"


def _about(scope: str) -> str:
    return f"risk_state:{scope}"
