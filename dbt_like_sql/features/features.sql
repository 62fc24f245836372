/*
description: What is known about a symbol at the close, from bars up to that close. Partial windows are NULL.
owner: portfolio
group: research
grain: [session, symbol]
materialized: incremental
look_back: {prices: 252}  # bars of the symbol, however many sessions they are spread over
checks:
  not_null: [adjusted_close]
  between: {rsi_14d: [0, 100]}
*/
with adjusted as (
    select
        prices.session,
        prices.symbol,
        prices.close * coalesce(actions.factor, 1) as x,
        row_number() over (partition by prices.symbol order by prices.session) as bar
    from ref('prices') as prices
    left join ref('corporate_actions') as actions
        on actions.symbol = prices.symbol
        and prices.session >= actions.session
        and prices.session < actions.next_action
    where prices.close > 0
),

changes as (
    select
        session,
        symbol,
        x,
        bar,
        x / lag(x) over (partition by symbol order by session) - 1 as r,
        x - lag(x) over (partition by symbol order by session) as change
    from adjusted
),

windows as (
    select
        session,
        symbol,
        x,
        bar,
        r,
        x / lag(x, 20) over (partition by symbol order by session) - 1 as momentum_20d,
        x / lag(x, 60) over (partition by symbol order by session) - 1 as momentum_60d,
        x / lag(x, 120) over (partition by symbol order by session) - 1 as momentum_120d,
        x / lag(x, 252) over (partition by symbol order by session) - 1 as momentum_252d,
        stddev_samp(r) over (partition by symbol order by session rows between 19 preceding and current row) as r_std_20,
        stddev_samp(r) over (partition by symbol order by session rows between 59 preceding and current row) as r_std_60,
        avg(x) over (partition by symbol order by session rows between 49 preceding and current row) as mean_50,
        avg(x) over (partition by symbol order by session rows between 199 preceding and current row) as mean_200,
        avg(x) over (partition by symbol order by session rows between 19 preceding and current row) as mean_20,
        stddev_samp(x) over (partition by symbol order by session rows between 19 preceding and current row) as std_20,
        avg(case when change > 0 then change else 0 end) over (
            partition by symbol order by session rows between 13 preceding and current row
        ) as gain_14,
        avg(case when change < 0 then -change else 0 end) over (
            partition by symbol order by session rows between 13 preceding and current row
        ) as loss_14
    from changes
)

-- A frame also answers with fewer rows than asked for, so each is shown from the bar on at which it is full.
select
    session,
    symbol,
    x as adjusted_close,
    r as return_1d,
    momentum_20d,
    momentum_60d,
    momentum_120d,
    momentum_252d,
    case when bar > 20 then r_std_20 * sqrt(cast(252 as double precision)) end as volatility_20d,
    case when bar > 60 then r_std_60 * sqrt(cast(252 as double precision)) end as volatility_60d,
    case when bar >= 50 then mean_50 end as sma_50d,
    case when bar >= 200 then mean_200 end as sma_200d,
    case when bar > 14 then 100 * gain_14 / nullif(gain_14 + loss_14, 0) end as rsi_14d,
    -- Below that the deviation is rounding noise of a price that stands still.
    case when bar >= 20 and std_20 > 1e-12 * mean_20 then (x - mean_20) / std_20 end as zscore_20d
from windows
