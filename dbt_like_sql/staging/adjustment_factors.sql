/*
description: >
  By how much a symbol's printed prices have to be multiplied to give total-return prices, from each split or dividend
  up to the next one. Scaled forward from the first bar: what is known at a session never changes with later actions.
  Before a symbol's first action the factor is 1 and there is no row.
owner: portfolio
grain: [session, symbol]
columns:
  session: session of the split or dividend, or of the symbol's next bar where it had none; the factor holds from here
  symbol: ticker of the instrument
  growth: by how much this action alone multiplies a holding, dividends reinvested at the close
  factor: product of the growth of all actions so far
  next_action: session of the symbol's next action, from which on its factor holds; far away after the last one
checks:
  not_null: [growth, factor, next_action]
  between: {growth: [1.0e-6, 1.0e+6]}
*/
with bare as (
    select actions.session, actions.symbol, actions.dividend, actions.split_ratio
    from ref('corporate_actions') as actions
    left join ref('prices') as prices
        on prices.session = actions.session and prices.symbol = actions.symbol
    where prices.symbol is null
),

-- Actions of sessions without a bar are in force with the symbol's next one.
placed as (
    select session, symbol, dividend, split_ratio, session as bar
    from ref('prices')
    where dividend <> 0 or split_ratio <> 1
    union all
    select bare.session, bare.symbol, bare.dividend, bare.split_ratio, min(prices.session) as bar
    from bare
    inner join ref('prices') as prices
        on prices.symbol = bare.symbol and prices.session > bare.session
    group by bare.session, bare.symbol, bare.dividend, bare.split_ratio
),

-- A dividend is paid per share of its own day: later splits of the same bar make more shares of one.
per_share as (
    select
        symbol,
        bar,
        split_ratio,
        dividend / coalesce(exp(sum(ln(split_ratio)) over (
            partition by symbol, bar order by session rows between 1 following and unbounded following
        )), 1) as dividend
    from placed
    where split_ratio > 0
),

together as (
    select symbol, bar, exp(sum(ln(split_ratio))) as split_ratio, sum(dividend) as dividend
    from per_share
    group by symbol, bar
),

actions as (
    select
        together.bar as session,
        together.symbol,
        together.split_ratio * (1 + together.dividend / prices.close) as growth
    from together
    inner join ref('prices') as prices
        on prices.session = together.bar and prices.symbol = together.symbol
    where prices.close > 0
)
select
    session,
    symbol,
    growth,
    -- A running product: neither engine has one that both understand.
    exp(sum(ln(growth)) over (
        partition by symbol order by session rows between unbounded preceding and current row
    )) as factor,
    coalesce(lead(session) over (partition by symbol order by session), date '9999-12-31') as next_action
from actions
