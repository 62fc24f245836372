"""The risk limits: what a limit is (`limit`), the limits of the house (`of_symbols`, `of_concentration`,
`of_exposure`, `of_returns`, `of_turnover`), which are in force (`registry`), and whether they hold (`check`). Limits of
single orders (`order_limit`, `of_orders`) are asked when orders are planned and before they are sent; of strategies
(`of_strategies`) when they are sized; what is answered and not cut is in `of_time`.

A new limit is one object that is registered: its key in portfolio.yaml, its check, its cut, its figure in risk_metrics
and its message follow from it.
"""
