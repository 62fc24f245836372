/*
description: >
  How the account and each strategy's book trade: of the positions that were closed how many won, what winners and
  losers brought on average, how long they were held; costs are taken off. Where nothing was closed yet, or lost,
  there is no such figure.
owner: portfolio
group: reporting
grain: [book]
columns:
  book: "`account`, a strategy's name, or `reserve`"
  since: the session from which on its trades are written down
  closed: positions that were closed
  still_held: positions that were traded and are held
  win_rate: share of the closed ones that brought more than they cost, fraction
  mean_winner: what those brought on average, currency
  mean_loser: what those that lost brought on average, negative, currency
  profit_factor: what winners brought over what losers lost
  average_pnl: what a closed position brought on average, currency
  mean_sessions_held: for how many sessions a closed one was held on average
  mean_days_held: for how many days
  closed_a_month: closed positions a month, since then
  profit_and_loss: what was realised on all of them, held ones too, currency
checks:
  not_null: [closed, profit_and_loss]
  between: {win_rate: [0, 1]}
*/
with first_traded as (
    select book, min(session) as since
    from ref('trades')
    group by book
),

newest as (
    select max(session) as session
    from ref('account')
)

select
    trips.book,
    min(first_traded.since) as since,
    count(trips.exit_session) as closed,
    count(*) - count(trips.exit_session) as still_held,
    avg(case when trips.exit_session is not null then case when trips.profit_and_loss > 0 then 1.0 else 0.0 end end) as win_rate,
    avg(case when trips.exit_session is not null and trips.profit_and_loss > 0 then trips.profit_and_loss end) as mean_winner,
    avg(case when trips.exit_session is not null and trips.profit_and_loss < 0 then trips.profit_and_loss end) as mean_loser,
    sum(case when trips.exit_session is not null and trips.profit_and_loss > 0 then trips.profit_and_loss end)
        / -nullif(sum(case when trips.exit_session is not null and trips.profit_and_loss < 0 then trips.profit_and_loss end), 0)
        as profit_factor,
    avg(case when trips.exit_session is not null then trips.profit_and_loss end) as average_pnl,
    avg(trips.sessions_held) as mean_sessions_held,
    avg(trips.days_held) as mean_days_held,
    30.4375 * count(trips.exit_session) / (min(newest.session) - min(first_traded.since) + 1) as closed_a_month,
    sum(trips.profit_and_loss) as profit_and_loss
from ref('round_trips') as trips
inner join first_traded
    on first_traded.book = trips.book
cross join newest
group by trips.book
