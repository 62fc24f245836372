/*
description: Every change of a strategy's parameters, with what they were before and how long they have been in use.
owner: portfolio
group: reporting
grain: [session, strategy]
columns:
  session: the session at whose close the change was decided
  strategy: name of the strategy card
  parameters: what is used from the next session on, JSON
  previous_parameters: what was used before, JSON; NULL for the first ones
  objective: what was maximised
  score: the new parameters' score on the trailing window
  trials: parameter sets that were compared
  reason: why the parameters were changed
  replaced_on: the session at whose close they were replaced; NULL while they are in use
  sessions_in_use: sessions they were in use or have been so far; 0 on the evening they are chosen
checks:
  not_null: [parameters, sessions_in_use]
*/
with ordered as (
    select
        session,
        strategy,
        parameters,
        objective,
        score,
        trials,
        reason,
        lag(parameters) over (partition by strategy order by session) as previous_parameters,
        row_number() over (partition by strategy order by session) as position,
        count(*) over (partition by strategy) as positions
    from ref('optimized_parameters')
),

changes as (
    select
        session,
        strategy,
        parameters,
        previous_parameters,
        objective,
        score,
        trials,
        reason,
        lead(session) over (partition by strategy order by session) as replaced_on,
        coalesce(lead(position) over (partition by strategy order by session), positions) - position as sessions_in_use
    from ordered
    where previous_parameters is null or previous_parameters <> parameters
)

select
    session,
    strategy,
    parameters,
    previous_parameters,
    objective,
    score,
    trials,
    reason,
    replaced_on,
    sessions_in_use
from changes
