/*
description: >
  Whether the account could be left, and kept: how many sessions it would take to sell or buy back each position at a
  tenth of its symbol's mean volume over 20 sessions, and how much of its equity is needed as maintenance margin, 30 % of
  what is held long or short. A position without known volume has no days.
owner: portfolio
group: reporting
grain: [session]
columns:
  session: the trading session
  positions: symbols held at the close
  days_to_exit: sessions that the slowest position takes; 5 at most, or it is too large for its market
  slowest_symbol: which that is, the first in the alphabet of several
  within_a_day: share of what is held that is gone within one session, fraction
  margin_use: maintenance margin over equity, fraction; 0.6 is close, and 0.8 the most
  verdict: "`in order`, `margin is close` or `past a limit`"
checks:
  not_null: [positions, margin_use]
  between: {days_to_exit: [0, 5], margin_use: [0, 0.8]}
*/
with volumes as (
    select
        session,
        symbol,
        avg(volume) over (
            partition by symbol order by session rows between 19 preceding and current row
        ) as mean_volume
    from ref('prices')
),

held as (
    select
        positions.session,
        positions.symbol,
        abs(positions.market_value) as size,
        abs(positions.quantity) / (0.1 * nullif(volumes.mean_volume, 0)) as days
    from ref('positions') as positions
    left join volumes
        on volumes.session = positions.session and volumes.symbol = positions.symbol
    where positions.book = 'account' and positions.quantity <> 0
),

slowest as (
    select
        session,
        symbol,
        size,
        days,
        max(days) over (partition by session) as longest
    from held
),

left_of as (
    select
        session,
        count(*) as positions,
        max(days) as days_to_exit,
        min(case when days = longest then symbol end) as slowest_symbol,
        sum(case when days is not null then size / greatest(days, 1) end) / nullif(sum(size), 0) as within_a_day
    from slowest
    group by session
)

select
    account.session,
    coalesce(left_of.positions, 0) as positions,
    left_of.days_to_exit,
    left_of.slowest_symbol,
    left_of.within_a_day,
    0.3 * account.gross_exposure as margin_use,
    case
        when coalesce(left_of.days_to_exit, 0) > 5 or 0.3 * account.gross_exposure > 0.8 then 'past a limit'
        when 0.3 * account.gross_exposure > 0.6 then 'margin is close'
        else 'in order'
    end as verdict
from ref('account') as account
left join left_of
    on left_of.session = account.session
where account.book = 'account'
