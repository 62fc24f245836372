/*
description: >
  A failure means that more shares were executed than ordered, as after an order sent twice. Halt, and compare with the
  broker's own statement. An order that stands over a split is for as many times the shares as the split makes of one.
owner: portfolio
asset: fills
severity: error
*/
select executed.session, executed.client_order_id, executed.filled, orders.quantity
from (
    select client_order_id, max(session) as session, sum(quantity) as filled
    from ref('fills')
    group by client_order_id
) as executed
inner join ref('orders') as orders
    on orders.client_order_id = executed.client_order_id
left join ref('prices') as prices
    on prices.session = executed.session
    and prices.symbol = orders.symbol
where executed.filled > orders.quantity * coalesce(prices.split_ratio, 1) * (1 + 1e-9)
