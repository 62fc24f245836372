/*
description: >
  What carrying out orders has cost each book, in currency: its part of every order, by how much of what was executed it
  received. The sums of a session are those of execution_costs.
owner: portfolio
group: reporting
grain: [session, strategy]
columns:
  session: the session in which the orders came to their end
  strategy: the strategy's book, or the reserve
  orders: orders of which it received something
  traded: worth of what it received, currency
  delay: cost of the way from the decision to the market's price
  spread: half the spread as the settings had it when it was planned
  slippage: what was paid beyond that, impact included
  fees: commission
  shortfall: the four together
  expected: what the settings said that spread, slippage, impact and fees would be
checks:
  not_null: [orders, traded, shortfall]
*/
with received as (
    select
        book,
        client_order_id,
        quantity / sum(quantity) over (partition by client_order_id) as part
    from ref('trades')
    where book <> 'account' and client_order_id is not null and quantity > 0
)

select
    costs.session,
    received.book as strategy,
    count(distinct costs.client_order_id) as orders,
    sum(received.part * costs.traded) as traded,
    sum(received.part * costs.delay) as delay,
    sum(received.part * costs.spread) as spread,
    sum(received.part * costs.slippage) as slippage,
    sum(received.part * costs.fees) as fees,
    sum(received.part * costs.shortfall) as shortfall,
    sum(received.part * costs.expected) as expected
from ref('execution_costs') as costs
inner join received
    on received.client_order_id = costs.client_order_id
group by costs.session, received.book
