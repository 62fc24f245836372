/*
description: How complete and how clean the market data of each session is.
owner: portfolio
group: reporting
grain: [session]
columns:
  session: the trading session
  bars: bars accepted into prices
  quarantined: symbols with a bar that was refused or missing
  restated: bars that the source later delivered differently
  first_rule: the first broken rule by name, as a starting point; NULL on a clean session
  worst_daily_move: largest absolute total return of a symbol, fraction
checks:
  not_null: [bars, quarantined, restated]
  between: {bars: [0, 1000000]}
*/
with days as (
    select session from ref('prices')
    union
    select session from ref('quarantine')
),

accepted as (
    select session, count(*) as bars from ref('prices') group by session
),

refused as (
    select session, count(distinct symbol) as quarantined, min(rule) as first_rule from ref('quarantine') group by session
),

restated as (
    select session, count(distinct symbol) as restated from ref('price_restatements') group by session
),

moves as (
    select session, max(abs(return_1d)) as worst_daily_move from ref('features') group by session
)

select
    days.session,
    coalesce(accepted.bars, 0) as bars,
    coalesce(refused.quarantined, 0) as quarantined,
    coalesce(restated.restated, 0) as restated,
    refused.first_rule,
    moves.worst_daily_move
from days
left join accepted on accepted.session = days.session
left join refused on refused.session = days.session
left join restated on restated.session = days.session
left join moves on moves.session = days.session
