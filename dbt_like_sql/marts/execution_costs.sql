/*
description: >
  What carrying out each order has cost against the close it was decided at, in currency, positive when it cost: delay
  from that close to the market's price when it was executed (the open, or the close for an order for that auction),
  spread, slippage with impact, and fees, which add up to the shortfall. Shares and prices are of the split in force when
  it was executed.
owner: portfolio
group: reporting
grain: [client_order_id]
columns:
  session: the session in which the order came to its end
  client_order_id: the order
  symbol: ticker of the instrument
  side: buy or sell
  order_type: market or limit
  time_in_force: day, or opg and cls for the auctions
  shares: shares executed
  traded: what they were worth at the prices paid, currency
  decision_price: close at which it was decided, currency per share
  arrival_price: the market's price when it was executed, currency per share
  fill_price: average price paid or received, currency per share; NULL when nothing was executed
  volume_share: shares executed over the session's volume; NULL where that is not known
  delay: cost of the way from the decision to the market's price
  spread: half the spread as the settings had it when it was planned
  slippage: what was paid beyond that, impact included
  fees: commission
  shortfall: the four together
  shortfall_bps: shortfall in 1/100 of a percent of the shares at the decision price
  expected: what the settings said that spread, slippage, impact and fees would be; NULL if planned before they were kept
  unfilled: shares that were ordered and not executed
  missed: what these would have earned from the decision to the session's close; no part of the shortfall
checks:
  not_null: [shares, traded, delay, spread, slippage, fees, shortfall, unfilled]
  between: {unfilled: [-1.0e-5, 1.0e+15]}
*/
with executed as (
    select
        client_order_id,
        sum(quantity) as shares,
        sum(quantity * price) as traded,
        sum(commission) as fees
    from ref('fills')
    group by client_order_id
),

ended as (
    select
        outcomes.session,
        orders.client_order_id,
        orders.symbol,
        orders.side,
        orders.order_type,
        orders.time_in_force,
        case when orders.side = 'buy' then 1.0 else -1.0 end as direction,
        orders.quantity * coalesce(bars.split_ratio, 1) as ordered,
        orders.reference_price / coalesce(bars.split_ratio, 1) as decision_price,
        -- What was sent for the day instead of an auction says so.
        case when orders.time_in_force = 'cls' and submissions.error is null then bars.close else bars.open end as market,
        bars.close,
        nullif(bars.volume, 0) as volume,
        coalesce(executed.shares, 0) as shares,
        coalesce(executed.traded, 0) as traded,
        coalesce(executed.fees, 0) as fees,
        expected.half_spread_bps,
        expected.half_spread_bps + expected.slippage_bps + expected.impact_bps + expected.commission_bps as expected_bps
    from ref('order_outcomes') as outcomes
    inner join ref('orders') as orders
        on orders.client_order_id = outcomes.client_order_id
    left join ref('submissions') as submissions
        on submissions.session = orders.session and submissions.client_order_id = orders.client_order_id
    left join executed
        on executed.client_order_id = orders.client_order_id
    left join ref('expected_costs') as expected
        on expected.session = orders.session and expected.client_order_id = orders.client_order_id
    left join ref('prices') as bars
        on bars.session = outcomes.session and bars.symbol = orders.symbol
),

arrived as (
    select
        *,
        coalesce(market, decision_price) as arrival_price
    from ended
),

split as (
    select
        *,
        direction * shares * (arrival_price - decision_price) as delay,
        shares * arrival_price * coalesce(half_spread_bps, 0) / 10000 as spread,
        direction * (traded - shares * arrival_price) as beyond_market
    from arrived
)

select
    session,
    client_order_id,
    symbol,
    side,
    order_type,
    time_in_force,
    shares,
    traded,
    decision_price,
    arrival_price,
    traded / nullif(shares, 0) as fill_price,
    shares / volume as volume_share,
    delay,
    spread,
    beyond_market - spread as slippage,
    fees,
    delay + spread + (beyond_market - spread) + fees as shortfall,
    10000 * (delay + spread + (beyond_market - spread) + fees) / nullif(shares * decision_price, 0) as shortfall_bps,
    shares * arrival_price * expected_bps / 10000 as expected,
    ordered - shares as unfilled,
    direction * (ordered - shares) * (close - decision_price) as missed
from split
