"""Which asset fills which table: said once, so that dependencies and lineage follow from the tables that are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import dagster as dg

from portfolio_pipeline.adapters.card_files import card_names

# Tables that are filled by an asset of another name, and those that every strategy fills with an asset of its own.
_FILLED_BY = {
    "corporate_actions": "prices",
    "price_restatements": "prices",
    "quarantine": "prices",
    "vendor_differences": "prices",
    "cash_returns": "features",
    "risk_metrics": "risk",
    "risk_futures": "risk",
    "broker_assets": "orders",
    "expected_costs": "orders",
    "order_plans": "orders",
    "order_seals": "orders",
    "session_origins": "orders",
    "order_outcomes": "fills",
    "account": "positions",
    "trades": "positions",
    "share_exchanges": "positions",
    "paper_gaps": "metrics",
    "allocation_inputs": "strategy_weights",
    "rebalance_decisions": "strategy_weights",
}
_FILLED_PER_STRATEGY = {
    "optimized_parameters": "optimized_parameters",
    "parameter_mixtures": "optimized_parameters",
    "optimization_results": "optimized_parameters",
    "search_statistics": "optimized_parameters",
    "strategy_targets": "strategy_targets",
    "strategy_returns": "strategy_targets",
    "strategy_paper_books": "strategy_targets",
    "strategy_honesty": "strategy_honesty",
}
# No dependency of any: `risk_breaches`, `risk_states` and its seals are filled by several assets, each at its own
# level, and who reads them reads those assets' tables; halts, overrides, holes, shares, orders and approvals by hand
# come from people, and whoever looks at a hole depends on prices already; where a home begins is decided before
# anything; what was searched on request, or told to people, belongs to no session; what was tried at a broker is its
# own record.
_FILLED_BY_MANY = (
    *("risk_breaches", "risk_states", "state_seals", "risk_overrides", "manual_shares"),
    *("halt_events", "price_holes", "beginnings"),
    *("order_instructions", "approvals", "order_attempts", "broker_accounts", "cash_flows"),
    *("reconciliation", "reconciliation_decisions", "intraday_marks"),
    *("search_requests", "search_request_trials", "alerts", "alert_deliveries"),
)


def strategy_key(strategy: str, noun: str) -> dg.AssetKey:
    """The noun comes last, so that the box in the graph reads with the noun that matters."""
    return dg.AssetKey([strategy, noun])


@cache
def strategies() -> tuple[str, ...]:
    """The names of the cards, as this process knows them."""
    return tuple(card_names())


def asset_keys(table: str, strategies: Sequence[str]) -> tuple[dg.AssetKey, ...]:
    """The assets that fill a table."""
    if table in _FILLED_BY_MANY:
        return ()
    if table in _FILLED_PER_STRATEGY:
        return tuple(strategy_key(strategy, _FILLED_PER_STRATEGY[table]) for strategy in strategies)
    return (dg.AssetKey([_FILLED_BY.get(table, table)]),)


def dependencies(own: dg.AssetKey, reads: Iterable[str], strategies: Sequence[str]) -> list[dg.AssetKey]:
    """The assets that fill what is read; what an asset reads of its own tables is the state it goes on from."""
    read_of = strategies_read_by(own, strategies)
    keys = {key for table in reads for key in asset_keys(table, read_of)} - {own}
    return sorted(keys)


def strategies_read_by(own: dg.AssetKey, strategies: Sequence[str]) -> Sequence[str]:
    """Of tables that every strategy fills, a strategy's own asset reads its own rows; any other asset those of all."""
    return own.path[:1] if len(own.path) == 2 else strategies
