/*
description: >
  A failure means that the strategies' books do not share out exactly what the account holds, so their performance is
  not to be trusted. Materialize positions from these sessions on again.
owner: portfolio
asset: positions
severity: error
*/
select session, symbol, in_account, in_books
from (
    select
        session,
        symbol,
        sum(case when book = 'account' then quantity else 0 end) as in_account,
        sum(case when book = 'account' then 0 else quantity end) as in_books
    from ref('positions')
    group by session, symbol
    union all
    select
        session,
        'cash' as symbol,
        sum(case when book = 'account' then cash else 0 end) as in_account,
        sum(case when book = 'account' then 0 else cash end) as in_books
    from ref('account')
    group by session
) as both_sides
where abs(in_account - in_books) > 1e-6 + 1e-9 * abs(in_account)
