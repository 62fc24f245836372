/*
description: >
  What carrying out orders has cost in each session that executed some, in currency, beside what the settings had said,
  and all of it since the first one.
owner: portfolio
group: reporting
grain: [session]
columns:
  session: the session in which they were executed
  orders: orders that came to their end
  filled: those of which something was executed
  traded: worth of what was executed
  delay: cost of the way from the close of the decision to the market's price
  spread: half the spread
  slippage: what was paid beyond that, impact included
  fees: commission
  shortfall: the four together
  expected: what the settings said of all but the delay
  actual: what it was
  expected_so_far: expected, since the first session
  actual_so_far: actual, since the first session
  shortfall_so_far: shortfall, since the first session
checks:
  not_null: [orders, traded, shortfall, actual]
*/
with sessions as (
    select
        session,
        count(*) as orders,
        sum(case when shares > 0 then 1 else 0 end) as filled,
        sum(traded) as traded,
        sum(delay) as delay,
        sum(spread) as spread,
        sum(slippage) as slippage,
        sum(fees) as fees,
        sum(shortfall) as shortfall,
        coalesce(sum(expected), 0) as expected
    from ref('execution_costs')
    group by session
)

select
    session,
    orders,
    filled,
    traded,
    delay,
    spread,
    slippage,
    fees,
    shortfall,
    expected,
    spread + slippage + fees as actual,
    sum(expected) over past as expected_so_far,
    sum(spread + slippage + fees) over past as actual_so_far,
    sum(shortfall) over past as shortfall_so_far
from sessions
window past as (order by session rows between unbounded preceding and current row)
