/*
description: >
  A failure means that features exist without a bar, or bars without features: the features of these sessions were made
  from other prices than are stored. Materialize features for them again.
owner: portfolio
asset: features
severity: error
*/
select
    coalesce(bars.session, known.session) as session,
    coalesce(bars.symbol, known.symbol) as symbol,
    case when bars.symbol is null then 'no bar' else 'no features' end as problem
from (select session, symbol from ref('prices') where close > 0) as bars
full join (select session, symbol from ref('features')) as known
    on known.session = bars.session and known.symbol = bars.symbol
where bars.symbol is null or known.symbol is null
