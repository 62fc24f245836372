/*
description: >
  Each order ticket from plan to execution: what was asked, what became of it, and what trading at the open instead of
  the planned close has cost.
owner: portfolio
group: reporting
grain: [client_order_id]
columns:
  session: the session at whose close the order was decided
  client_order_id: the order
  symbol: ticker of the instrument
  side: buy or sell
  reason: why it was planned
  verdict: accepted or refused
  state: what became of it, or its state at the broker's as long as that is open; NULL when it was not sent
  standing: "`pending`; `executed`, in part at least; or `failed`, when nothing was executed and nothing will be"
  quantity: shares ordered
  filled_quantity: shares filled
  reference_price: close it was sized at, currency per share
  average_price: average price of its fills, currency per share
  commission: commission paid, currency
  shortfall_bps: how much worse than the reference price it was filled, in 1/100 of a percent; negative when better
  filled_on: session of its last fill
checks:
  not_null: [quantity, filled_quantity]
  between: {filled_quantity: [0, 1.0e+15]}
*/
with executed as (
    select
        client_order_id,
        max(session) as filled_on,
        sum(quantity) as filled_quantity,
        sum(quantity * price) as value,
        sum(commission) as commission
    from ref('fills')
    group by client_order_id
),

-- At a broker out in the world: as it was told last.
noted as (
    select
        client_order_id,
        state,
        row_number() over (partition by client_order_id order by number desc) as place
    from ref('order_attempts')
),

stated as (
    select
        orders.client_order_id,
        coalesce(outcomes.state, noted.state, submissions.state) as state,
        outcomes.state is not null
        or orders.verdict = 'refused'
        or coalesce(noted.state, submissions.state) in ('filled', 'canceled', 'expired', 'rejected', 'refused', 'replaced')
            as is_over
    from ref('orders') as orders
    left join ref('submissions') as submissions
        on submissions.session = orders.session and submissions.client_order_id = orders.client_order_id
    left join ref('order_outcomes') as outcomes
        on outcomes.client_order_id = orders.client_order_id
    left join noted
        on noted.client_order_id = orders.client_order_id and noted.place = 1
)

select
    orders.session,
    orders.client_order_id,
    orders.symbol,
    orders.side,
    orders.reason,
    orders.verdict,
    stated.state,
    case
        when not coalesce(stated.is_over, false) then 'pending'
        when executed.filled_quantity > 0 then 'executed'
        else 'failed'
    end as standing,
    orders.quantity,
    coalesce(executed.filled_quantity, 0) as filled_quantity,
    orders.reference_price,
    executed.value / nullif(executed.filled_quantity, 0) as average_price,
    coalesce(executed.commission, 0) as commission,
    case when orders.side = 'buy' then 10000 else -10000 end
        * (executed.value / nullif(executed.filled_quantity, 0) / nullif(orders.reference_price, 0) - 1) as shortfall_bps,
    executed.filled_on
from ref('orders') as orders
inner join stated
    on stated.client_order_id = orders.client_order_id
left join executed
    on executed.client_order_id = orders.client_order_id
