/*
description: >
  A failure means that the account traded what nobody in here ordered: another hand on the account, or lost orders.
  Halt, and compare with the broker's own statement.
owner: portfolio
asset: fills
severity: error
*/
select fills.session, fills.fill_id, fills.client_order_id, fills.symbol, fills.side, fills.quantity
from ref('fills') as fills
left join ref('orders') as orders
    on orders.client_order_id = fills.client_order_id
    and orders.symbol = fills.symbol
    and orders.side = fills.side
    and orders.session < fills.session
where orders.client_order_id is null
