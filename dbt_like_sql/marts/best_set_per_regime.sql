/*
description: >
  What each strategy earned on paper in each regime, which of the sets it used did best there, and which set its searches
  found most often. A session counts for the regime that was told at the close before it, and for the set that had the
  largest share then, so that everything is out of sample. Only sets that were in use are compared, each over its own
  sessions and in a time of its own: a difference of less than two errors says nothing.
owner: portfolio
group: reporting
grain: [strategy, regime]
columns:
  session: the strategy's newest session on paper
  strategy: name of the strategy card
  regime: told at the close before
  sessions: sessions on paper after such a close
  mean_return: mean net return of a session, above cash, fraction
  mean_return_error: its standard error
  sharpe: Sharpe ratio of these sessions, a year; NULL where nothing moved
  sharpe_error: its standard error, as of independent returns
  best_parameters: >
    of the sets with the largest share in 63 or more of these sessions the one whose Sharpe ratio less its standard error
    is highest, JSON; NULL if there is none
  best_sessions: sessions in which it had the largest share
  best_mean_return: mean net return of these, above cash, fraction
  best_sharpe: Sharpe ratio of these, a year
  best_sharpe_error: its standard error
  sets: how many sets were compared for it
  most_found_parameters: the set that was ranked first by most of the searches at closes with this regime, JSON
  most_found_share: part of these searches that ranked it first
checks:
  not_null: [session, sessions]
  between: {most_found_share: [0, 1]}
*/
with known as (
    select regime, lead(session) over (order by session) as session from ref('regimes')
),

used as (
    select strategy, parameters, lead(session) over (partition by strategy order by session) as session
    from ref('optimized_parameters')
),

earned as (
    select
        paper.session,
        paper.strategy,
        known.regime,
        used.parameters,
        (paper.net_return - paper.cash_return) / (1 + paper.cash_return) as above_cash
    from ref('strategy_returns') as paper
    inner join known on known.session = paper.session
    left join used on used.session = paper.session and used.strategy = paper.strategy
),

whole as (
    select
        strategy,
        regime,
        count(*) as sessions,
        avg(above_cash) as mean_return,
        case when stddev_samp(above_cash) > 1e-7 then stddev_samp(above_cash) end as deviation
    from earned
    group by strategy, regime
),

of_sets as (
    select
        strategy,
        regime,
        parameters,
        count(*) as sessions,
        avg(above_cash) as mean_return,
        case when stddev_samp(above_cash) > 1e-7 then stddev_samp(above_cash) end as deviation
    from earned
    where parameters is not null
    group by strategy, regime, parameters
    having count(*) >= 63
),

bounded as (
    select
        strategy,
        regime,
        parameters,
        sessions,
        mean_return,
        deviation,
        mean_return / deviation - sqrt((1 + power(mean_return / deviation, 2) / 2) / sessions) as bound
    from of_sets
),

ordered as (
    select
        strategy,
        regime,
        parameters,
        sessions,
        mean_return,
        deviation,
        count(*) over (partition by strategy, regime) as sets,
        row_number() over (
            partition by strategy, regime
            order by case when bound is null then 1 else 0 end, bound desc, parameters
        ) as place
    from bounded
),

found as (
    select
        results.strategy,
        regimes.regime,
        results.parameters,
        count(*) as searches
    from ref('optimization_results') as results
    inner join ref('regimes') as regimes on regimes.session = results.session
    where results.rank = 1
    group by results.strategy, regimes.regime, results.parameters
),

most_found as (
    select
        strategy,
        regime,
        parameters,
        searches,
        sum(searches) over (partition by strategy, regime) as all_searches,
        row_number() over (partition by strategy, regime order by searches desc, parameters) as place
    from found
),

newest as (
    select strategy, max(session) as session from earned group by strategy
)

select
    newest.session,
    whole.strategy,
    whole.regime,
    whole.sessions,
    whole.mean_return,
    whole.deviation / sqrt(whole.sessions) as mean_return_error,
    whole.mean_return / whole.deviation * sqrt(252) as sharpe,
    sqrt((1 + power(whole.mean_return / whole.deviation, 2) / 2) / whole.sessions) * sqrt(252) as sharpe_error,
    best.parameters as best_parameters,
    best.sessions as best_sessions,
    best.mean_return as best_mean_return,
    best.mean_return / best.deviation * sqrt(252) as best_sharpe,
    sqrt((1 + power(best.mean_return / best.deviation, 2) / 2) / best.sessions) * sqrt(252) as best_sharpe_error,
    coalesce(best.sets, 0) as sets,
    most_found.parameters as most_found_parameters,
    cast(most_found.searches as double precision) / cast(most_found.all_searches as double precision)
        as most_found_share
from whole
inner join newest on newest.strategy = whole.strategy
left join ordered as best on best.strategy = whole.strategy and best.regime = whole.regime and best.place = 1
left join most_found
    on most_found.strategy = whole.strategy and most_found.regime = whole.regime and most_found.place = 1
