"""From targets to orders and what becomes of them: the words (`tickets`, and as `rows`), planning (`orders`, `trades`),
judging (`verdicts`, `gate`), the `halt`, and the `fill_model` of the simulated market.

Pure. Not here: sending orders (`adapters.broker`), and who owns what was executed (`core.books`).
"""

from portfolio_pipeline.core.execution.fill_model import Outcome, play_session
from portfolio_pipeline.core.execution.gate import Gate, judge_submission
from portfolio_pipeline.core.execution.halt import trading_state
from portfolio_pipeline.core.execution.orders import Plan, plan
from portfolio_pipeline.core.execution.tickets import Order, OrderReport, OrderState, OrderType, Ticket, TimeInForce

__all__ = [
    "Gate",
    "Order",
    "OrderReport",
    "OrderState",
    "OrderType",
    "Outcome",
    "Plan",
    "Ticket",
    "TimeInForce",
    "judge_submission",
    "plan",
    "play_session",
    "trading_state",
]
