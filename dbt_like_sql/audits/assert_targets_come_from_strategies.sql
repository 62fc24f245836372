/*
description: >
  A failure means that the account is to hold a symbol that no strategy wants and that is no cash sleeve: a netting
  mistake, or targets of another run. Materialize aggregated_targets for these sessions again before trading.
owner: portfolio
asset: aggregated_targets
severity: error
*/
select targets.session, targets.symbol, targets.requested_weight, targets.weight
from ref('aggregated_targets') as targets
left join (
    select distinct session, symbol from ref('strategy_targets') where weight <> 0
) as wanted
    on wanted.session = targets.session and wanted.symbol = targets.symbol
where wanted.symbol is null and targets.requested_weight <> targets.sleeve
