"""The doors of the house: what the inside asks of the outside, and nothing about how it is done.

One module per port. Each has its real adapters under `adapters/` and one tested fake under
`portfolio_pipeline_tests/fakes/`.
"""

from portfolio_pipeline.core.alerting.alert import Alert
from portfolio_pipeline.ports.alerts import Alerts, Messenger
from portfolio_pipeline.ports.broker import Broker, TradingMode
from portfolio_pipeline.ports.clock import Clock
from portfolio_pipeline.ports.compute import Compute
from portfolio_pipeline.ports.halt import HaltSwitch
from portfolio_pipeline.ports.locks import Holder, Lock, Locks
from portfolio_pipeline.ports.market_data import (
    CanBeExamined,
    ChangedPast,
    ComparesVendors,
    MarketData,
    RemembersThePast,
    TellsQuotes,
    TellsWhatIsUnreadable,
)
from portfolio_pipeline.ports.warehouse import Reader, Rows, Transaction, Warehouse

__all__ = [
    "Alert",
    "Alerts",
    "Broker",
    "CanBeExamined",
    "ChangedPast",
    "Clock",
    "ComparesVendors",
    "Compute",
    "HaltSwitch",
    "Holder",
    "Lock",
    "Locks",
    "MarketData",
    "Messenger",
    "Reader",
    "RemembersThePast",
    "Rows",
    "TellsQuotes",
    "TellsWhatIsUnreadable",
    "TradingMode",
    "Transaction",
    "Warehouse",
]
