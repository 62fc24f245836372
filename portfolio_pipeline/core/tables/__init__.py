"""The tables of the house: one per noun, declared once, the same on every engine.

A table's columns, types, units, grain and key live here and nowhere else: the warehouse creates tables from these
declarations, frames are checked against them at the doors, and the Dagster UI shows them. Columns are a contract with
tools outside the project: they may be added (with a migration), not renamed.
"""

from __future__ import annotations

from portfolio_pipeline.core.tables.declare import Column, ColumnType, Table
from portfolio_pipeline.core.tables.execution import (
    BEGINNINGS,
    BROKER_ACCOUNTS,
    CASH_FLOWS,
    FILLS,
    HALT_EVENTS,
    ORDER_ATTEMPTS,
    ORDER_OUTCOMES,
    ORDER_SEALS,
    ORDERS,
    SESSION_ORIGINS,
    SUBMISSIONS,
)
from portfolio_pipeline.core.tables.market import (
    CASH_RETURNS,
    CORPORATE_ACTIONS,
    FEATURES,
    PRICE_HOLES,
    PRICE_RESTATEMENTS,
    PRICES,
    QUARANTINE,
    REGIME_TABLE,
)
from portfolio_pipeline.core.tables.portfolio import (
    ACCOUNT,
    AGGREGATED_TARGETS,
    METRICS,
    PAPER_GAPS,
    POSITIONS,
    RISK_BREACHES,
    RISK_METRICS,
    STRATEGY_WEIGHTS,
)
from portfolio_pipeline.core.tables.requests import SEARCH_REQUEST_TRIALS, SEARCH_REQUESTS
from portfolio_pipeline.core.tables.simulated_broker import (
    SIM_ACCOUNT,
    SIM_FILLS,
    SIM_ORDERS,
    SIM_OUTCOMES,
    SIM_POSITIONS,
)
from portfolio_pipeline.core.tables.strategies import (
    OPTIMIZATION_RESULTS,
    OPTIMIZED_PARAMETERS,
    PARAMETER_MIXTURES,
    SEARCH_STATISTICS,
    STRATEGY_HONESTY,
    STRATEGY_PAPER_BOOKS,
    STRATEGY_RETURNS,
    STRATEGY_STAGES,
    STRATEGY_TARGETS,
)

__all__ = [
    "ACCOUNT",
    "AGGREGATED_TARGETS",
    "BEGINNINGS",
    "BROKER_ACCOUNTS",
    "CASH_FLOWS",
    "CASH_RETURNS",
    "CORPORATE_ACTIONS",
    "FEATURES",
    "FILLS",
    "HALT_EVENTS",
    "METRICS",
    "OPTIMIZATION_RESULTS",
    "OPTIMIZED_PARAMETERS",
    "ORDERS",
    "ORDER_ATTEMPTS",
    "ORDER_OUTCOMES",
    "ORDER_SEALS",
    "PAPER_GAPS",
    "PARAMETER_MIXTURES",
    "POSITIONS",
    "PRICES",
    "PRICE_HOLES",
    "PRICE_RESTATEMENTS",
    "QUARANTINE",
    "REGIME_TABLE",
    "RISK_BREACHES",
    "RISK_METRICS",
    "SEARCH_REQUESTS",
    "SEARCH_REQUEST_TRIALS",
    "SEARCH_STATISTICS",
    "SESSION_ORIGINS",
    "SIM_ACCOUNT",
    "SIM_FILLS",
    "SIM_ORDERS",
    "SIM_OUTCOMES",
    "SIM_POSITIONS",
    "STRATEGY_HONESTY",
    "STRATEGY_PAPER_BOOKS",
    "STRATEGY_RETURNS",
    "STRATEGY_STAGES",
    "STRATEGY_TARGETS",
    "STRATEGY_WEIGHTS",
    "SUBMISSIONS",
    "TABLES",
    "Column",
    "ColumnType",
    "Table",
    "table",
]

TABLES: tuple[Table, ...] = (
    PRICES,
    CORPORATE_ACTIONS,
    PRICE_HOLES,
    PRICE_RESTATEMENTS,
    QUARANTINE,
    FEATURES,
    CASH_RETURNS,
    REGIME_TABLE,
    OPTIMIZED_PARAMETERS,
    PARAMETER_MIXTURES,
    OPTIMIZATION_RESULTS,
    SEARCH_STATISTICS,
    STRATEGY_TARGETS,
    STRATEGY_RETURNS,
    STRATEGY_PAPER_BOOKS,
    STRATEGY_HONESTY,
    STRATEGY_STAGES,
    STRATEGY_WEIGHTS,
    AGGREGATED_TARGETS,
    RISK_METRICS,
    RISK_BREACHES,
    SESSION_ORIGINS,
    ORDERS,
    ORDER_SEALS,
    SUBMISSIONS,
    ORDER_ATTEMPTS,
    BROKER_ACCOUNTS,
    ORDER_OUTCOMES,
    FILLS,
    CASH_FLOWS,
    POSITIONS,
    ACCOUNT,
    PAPER_GAPS,
    METRICS,
    SIM_ACCOUNT,
    SIM_POSITIONS,
    SIM_ORDERS,
    SIM_OUTCOMES,
    SIM_FILLS,
    HALT_EVENTS,
    BEGINNINGS,
    SEARCH_REQUESTS,
    SEARCH_REQUEST_TRIALS,
)


def table(name: str) -> Table:
    """The declared table of that name."""
    return next(declared for declared in TABLES if declared.name == name)
