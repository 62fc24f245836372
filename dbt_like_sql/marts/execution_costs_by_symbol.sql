/*
description: >
  What carrying out orders has cost by symbol since the account began, in 1/100 of a percent of what was traded: where
  the settings' costs are too low or too high.
owner: portfolio
group: reporting
grain: [symbol]
columns:
  symbol: ticker of the instrument
  orders: orders that came to their end
  filled: those of which something was executed
  traded: worth of what was executed, currency
  delay_bps: cost of the way from the close of the decision to the market's price
  actual_bps: spread, slippage, impact and fees
  expected_bps: what the settings had said of these
  shortfall_bps: all of it
checks:
  not_null: [orders, traded]
*/
select
    symbol,
    count(*) as orders,
    sum(case when shares > 0 then 1 else 0 end) as filled,
    sum(traded) as traded,
    10000 * sum(delay) / nullif(sum(traded), 0) as delay_bps,
    10000 * sum(spread + slippage + fees) / nullif(sum(traded), 0) as actual_bps,
    10000 * sum(expected) / nullif(sum(traded), 0) as expected_bps,
    10000 * sum(shortfall) / nullif(sum(traded), 0) as shortfall_bps
from ref('execution_costs')
group by symbol
