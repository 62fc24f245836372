/*
description: >
  A failure means that a stored feature is not what it says of the stored prices, to one part in a thousand million: it
  was made of bars that were restated since, or one of the two statements of the feature (`core.features.families`, and
  this one) is wrong. Materialize features of the newest session again; if it still fails, trust neither until you know.
owner: portfolio
asset: features
severity: error
look_back: {prices: 253}  # bars of the symbol: the longest window and one more
*/
with bars as (
    select
        prices.session,
        prices.symbol,
        prices.open * coalesce(actions.factor, 1) as adjusted_open,
        prices.close * coalesce(actions.factor, 1) as adjusted_close
    from ref('prices') as prices
    left join ref('adjustment_factors') as actions
        on actions.symbol = prices.symbol
        and prices.session >= actions.session
        and prices.session < actions.next_action
),

-- Every session from a symbol's first bar on, with the number of its last bar.
listed as (
    select
        days.session,
        symbols.symbol,
        bars.adjusted_open,
        bars.adjusted_close,
        count(bars.adjusted_close) over (
            partition by symbols.symbol order by days.session rows between unbounded preceding and current row
        ) as bar
    from (
        select session from bars
        union
        select session from ref('price_holes') -- windows are counted over sessions without prices, too
    ) as days
    inner join (select symbol, min(session) as first from bars group by symbol) as symbols
        on days.session >= symbols.first
    left join bars
        on bars.session = days.session and bars.symbol = symbols.symbol
),

carried as (
    select
        session,
        symbol,
        adjusted_open,
        adjusted_close,
        max(adjusted_close) over (partition by symbol, bar) as x,
        row_number() over (partition by symbol order by session) as place
    from listed
),

changes as (
    select
        session,
        symbol,
        adjusted_open,
        adjusted_close,
        x,
        place,
        x / lag(x) over (partition by symbol order by session) - 1 as r,
        x - lag(x) over (partition by symbol order by session) as change
    from carried
),

windows as (
    select
        session,
        symbol,
        adjusted_open,
        adjusted_close,
        x,
        place,
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
),

-- A frame also answers with fewer rows than asked for, so each is shown from the session on at which it is full.
stated as (
    select
        known.session,
        known.symbol,
        case when place > 20 then r_std_20 * sqrt(cast(252 as double precision)) end as volatility_20d,
        case when place > 60 then r_std_60 * sqrt(cast(252 as double precision)) end as volatility_60d,
        case when place >= 50 then mean_50 end as sma_50d,
        case when place >= 200 then mean_200 end as sma_200d,
        case when place > 14 then coalesce(100 * gain_14 / nullif(gain_14 + loss_14, 0), 50) end as rsi_14d,
        -- Below that the deviation is rounding noise of a price that stands still.
        case
            when place >= 20 and std_20 > 1e-12 * mean_20 then (x - mean_20) / std_20
            when place >= 20 then 0
        end as zscore_20d,
        windows.adjusted_open,
        windows.adjusted_close,
        windows.r as return_1d,
        windows.momentum_20d,
        windows.momentum_60d,
        windows.momentum_120d,
        windows.momentum_252d,
        known.adjusted_open as found_adjusted_open,
        known.adjusted_close as found_adjusted_close,
        known.return_1d as found_return_1d,
        known.momentum_20d as found_momentum_20d,
        known.momentum_60d as found_momentum_60d,
        known.momentum_120d as found_momentum_120d,
        known.momentum_252d as found_momentum_252d,
        known.volatility_20d as found_volatility_20d,
        known.volatility_60d as found_volatility_60d,
        known.sma_50d as found_sma_50d,
        known.sma_200d as found_sma_200d,
        known.rsi_14d as found_rsi_14d,
        known.zscore_20d as found_zscore_20d
    from windows
    inner join ref('features') as known
        on known.session = windows.session and known.symbol = windows.symbol
),

compared as (
    select session, symbol, 'adjusted_close' as feature, found_adjusted_close as found, adjusted_close as expected
    from stated
    union all
    select session, symbol, 'adjusted_open', found_adjusted_open, adjusted_open from stated
    union all
    select session, symbol, 'return_1d', found_return_1d, return_1d from stated
    union all
    select session, symbol, 'momentum_20d', found_momentum_20d, momentum_20d from stated
    union all
    select session, symbol, 'momentum_60d', found_momentum_60d, momentum_60d from stated
    union all
    select session, symbol, 'momentum_120d', found_momentum_120d, momentum_120d from stated
    union all
    select session, symbol, 'momentum_252d', found_momentum_252d, momentum_252d from stated
    union all
    select session, symbol, 'volatility_20d', found_volatility_20d, volatility_20d from stated
    union all
    select session, symbol, 'volatility_60d', found_volatility_60d, volatility_60d from stated
    union all
    select session, symbol, 'sma_50d', found_sma_50d, sma_50d from stated
    union all
    select session, symbol, 'sma_200d', found_sma_200d, sma_200d from stated
    union all
    select session, symbol, 'rsi_14d', found_rsi_14d, rsi_14d from stated
    union all
    select session, symbol, 'zscore_20d', found_zscore_20d, zscore_20d from stated
)

select session, symbol, feature, found, expected
from compared
where coalesce(abs(found - expected) > 1e-9 * (1 + abs(expected)), (found is null) <> (expected is null))
