"""The arithmetic and the rules of the house, and nothing else.

Arrays and frames in, arrays and frames out: no Dagster, no database, no network, no clock.

The naming law: the same quantity has the same name, unit and sign wherever it stands, in code, tables and pictures.
- A fraction is a fraction, never a percent: weights, shares, exposures, returns, limits. What is counted or measured in
  something else says so in its name: `…_sessions`, `…_days`, `…_bps`; a window stands at the end: `volatility_63d`.
- A weight is negative when short. Turnover is bought plus sold and a cost is what is paid: neither is negative.
- A return is negative when money is lost, and so are drawdowns and stress returns: `drawdown`, `max_drawdown` and
  `paper_drawdown` are 0 or negative. A fall (`deepest_fall`) is the size of a drawdown, positive.
- `value_at_risk_…` and `expected_shortfall_…` are losses, positive when money is lost, as the words say.
- A goal of a search is larger when better.
"""
