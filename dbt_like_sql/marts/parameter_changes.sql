/*
description: >
  What each strategy decided about its parameters at its newest session, and why: changed or kept, from what to what.
owner: portfolio
group: reporting
grain: [strategy]
columns:
  session: the strategy's newest session
  strategy: name of the strategy card
  changed: whether the parameters differ from the previous session's
  differences: the parameters that differ and their values before and after; NULL when nothing changed
  reason: why they were changed or kept
  parameters: what is used from the next session on, JSON
  previous_parameters: what was used up to now, JSON; NULL at the strategy's first session
  objective: what is maximised
  score: the parameters' score on the trailing window
  plateau_score: the score of their neighbourhood
  holdout_score: their score on sessions that the search did not see
  trials: parameter sets that were compared
  in_use_since: the session at whose close the parameters were chosen
checks:
  not_null: [changed, parameters, in_use_since]
*/
with ordered as (
    select
        session,
        strategy,
        changed,
        reason,
        parameters,
        objective,
        score,
        plateau_score,
        holdout_score,
        trials,
        lag(parameters) over (partition by strategy order by session) as previous_parameters,
        row_number() over (partition by strategy order by session desc) as age
    from ref('optimized_parameters')
),

differences as (
    select
        session,
        strategy,
        string_agg(parameter || ': ' || previous_value || ' to ' || value, ', ' order by parameter) as differences
    from ref('parameter_values')
    where previous_value is not null
    group by session, strategy
)

select
    ordered.session,
    ordered.strategy,
    ordered.changed,
    differences.differences,
    ordered.reason,
    ordered.parameters,
    ordered.previous_parameters,
    ordered.objective,
    ordered.score,
    ordered.plateau_score,
    ordered.holdout_score,
    ordered.trials,
    history.session as in_use_since
from ordered
inner join ref('parameter_history') as history
    on history.strategy = ordered.strategy and history.replaced_on is null
left join differences
    on differences.strategy = ordered.strategy and differences.session = ordered.session
where ordered.age = 1
