/*
description: >
  A failure means that the strategies were given more than the whole capital, or a negative share: the account would
  be leveraged without anybody having decided it. Do not trade these targets; look at the allocation settings.
owner: portfolio
asset: strategy_weights
severity: error
*/
select session, total, smallest
from (
    select session, sum(weight) as total, min(weight) as smallest
    from ref('strategy_weights')
    group by session
) as shares
where total > 1 + 1e-9 or smallest < 0
