/*
description: >
  A failure means that an order which a limit or a halt had refused reached the broker: the last gate did not hold. Halt
  trading and find out how.
owner: portfolio
asset: submissions
severity: error
*/
select sent.session, sent.client_order_id, sent.state, sent.filled_quantity
from ref('submissions') as sent
inner join ref('orders') as orders
    on orders.session = sent.session and orders.client_order_id = sent.client_order_id
where orders.verdict = 'refused' and (sent.state <> 'refused' or sent.filled_quantity > 0)
