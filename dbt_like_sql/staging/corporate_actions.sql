/*
description: >
  By how much a symbol's printed prices have to be multiplied to give total-return prices, from each split or dividend
  up to the next one. Scaled forward from the first bar: what is known at a session never changes with later actions.
  Before a symbol's first action the factor is 1 and there is no row.
owner: portfolio
grain: [session, symbol]
columns:
  session: session of the split or dividend; the factor holds from here on
  symbol: ticker of the instrument
  growth: by how much this action alone multiplies a holding, dividends reinvested at the close
  factor: product of the growth of all actions so far
  next_action: session of the symbol's next action, from which on its factor holds; far away after the last one
checks:
  not_null: [growth, factor, next_action]
  between: {growth: [1.0e-6, 1.0e+6]}
*/
with actions as (
    select
        session,
        symbol,
        split_ratio * (1 + dividend / close) as growth
    from ref('prices')
    where (dividend <> 0 or split_ratio <> 1) and close > 0 and split_ratio > 0
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
