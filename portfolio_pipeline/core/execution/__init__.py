"""From targets to orders and what becomes of them: the words (`tickets`, and as `rows`), planning (`orders`, `trades`,
`order_types`), judging (`verdicts`, `gate`, `windows`), the `halt`, what it costs (`costs`), and the `fill_model` of
the simulated market.

Pure. Not here: sending orders (`adapters.broker`), and who owns what was executed (`core.books`). The words that others
need to speak of orders are exported; what plans and judges is imported where it is used.
"""

from portfolio_pipeline.core.execution.tickets import Order, OrderReport, OrderState, OrderType, Ticket, TimeInForce

__all__ = ["Order", "OrderReport", "OrderState", "OrderType", "Ticket", "TimeInForce"]
