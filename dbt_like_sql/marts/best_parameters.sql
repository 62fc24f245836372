/*
description: >
  By each figure, the best parameter set of each strategy's newest search, among the sets that were kept of it: the best
  by the score of their neighbourhood, and those that no other set beats in every goal of the card.
owner: portfolio
group: reporting
grain: [strategy, figure]
columns:
  session: the session of the strategy's newest search
  strategy: name of the strategy card
  figure: what the set is best by; `score` is the card's objective, the others are metrics on the trailing window
  value: the set's figure
  parameters: the set, JSON
  rank: its place in the search
  is_in_use: whether it is the set in use
checks:
  not_null: [session, value, parameters]
*/
with newest as (
    select strategy, max(session) as session from ref('optimization_results') group by strategy
),

kept as (
    select results.session, results.strategy, results.rank, results.parameters, results.metrics, results.score
    from newest
    inner join ref('optimization_results') as results
        on results.strategy = newest.strategy and results.session = newest.session
),

figures as (
    select
        kept.session,
        kept.strategy,
        kept.rank,
        kept.parameters,
        cast(metric.figure as text) as figure,
        cast(cast(metric.value as text) as double precision) as value
    from kept
    cross join lateral json_each(cast(kept.metrics as json)) as metric (figure, value)
    union all
    select session, strategy, rank, parameters, 'score' as figure, score as value from kept where score is not null
),

ordered as (
    select
        session,
        strategy,
        rank,
        parameters,
        figure,
        value,
        row_number() over (
            partition by strategy, figure
            order by case when figure in ('volatility', 'turnover') then value else -value end, rank
        ) as place
    from figures
)

select
    ordered.session,
    ordered.strategy,
    ordered.figure,
    ordered.value,
    ordered.parameters,
    ordered.rank,
    coalesce(chosen.parameters = ordered.parameters, false) as is_in_use
from ordered
left join ref('optimized_parameters') as chosen
    on chosen.session = ordered.session and chosen.strategy = ordered.strategy
where ordered.place = 1
