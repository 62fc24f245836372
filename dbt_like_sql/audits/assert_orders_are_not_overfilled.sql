/*
description: >
  A failure means that more shares were executed than ordered, as after an order sent twice. Halt, and compare with the
  broker's own statement.
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
where executed.filled > orders.quantity * (1 + 1e-9)
