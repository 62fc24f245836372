/*
description: The history of each single parameter, one row for every value it was given, with what it was before.
owner: portfolio
group: reporting
grain: [session, strategy, parameter]
columns:
  session: the session at whose close the value was chosen
  strategy: name of the strategy card
  parameter: name of the parameter
  value: its value from the next session on, as text
  previous_value: its value before; NULL for the first one
  replaced_on: the session at whose close it was replaced; NULL while it is in use
  reason: why the parameters were changed
checks:
  not_null: [value]
*/
with given as (
    select
        changes.session,
        changes.strategy,
        changes.reason,
        cast(part.parameter as text) as parameter,
        trim(both '"' from cast(part.value as text)) as value
    from ref('parameter_history') as changes
    cross join lateral json_each(cast(changes.parameters as json)) as part (parameter, value)
),

compared as (
    select
        session,
        strategy,
        parameter,
        value,
        reason,
        lag(value) over (partition by strategy, parameter order by session) as previous_value
    from given
)

select
    session,
    strategy,
    parameter,
    value,
    previous_value,
    lead(session) over (partition by strategy, parameter order by session) as replaced_on,
    reason
from compared
where previous_value is null or previous_value <> value
