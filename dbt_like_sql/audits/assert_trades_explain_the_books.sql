/*
description: >
  A failure means that shares, money or profit of a book came from nowhere: between two closes its shares change by
  splits and trades alone, its cash by trades, capital moved, interest, dividends and bookings, and what its shares have
  cost by what was paid for them and realised on them; and all books together trade what the account does. Materialise
  fills and positions again from the first of these sessions on.
owner: portfolio
asset: positions
severity: error
*/
with closes as (
    select session, next_session
    from (
        select session, lead(session) over (order by session) as next_session
        from ref('account')
        where book = 'account'
    ) as numbered
    -- Before them none were written down, as in a home of an earlier version.
    where next_session >= (select min(trades.session) from ref('trades') as trades)
),

traded as (
    select
        session,
        book,
        symbol,
        case when side = 'buy' then quantity else -quantity end as shares,
        case when side = 'buy' then -value else value end as gross,
        cost,
        realised_pnl
    from ref('trades')
),

-- What was held at the close before, as it stands at the open.
opened as (
    select
        closes.next_session as session,
        held.book,
        coalesce(became.into_symbol, held.symbol) as symbol,
        held.quantity * coalesce(told.ratio, prices.split_ratio, actions.split_ratio, 1)
        * coalesce(became.into_quantity / became.quantity, 1) as quantity,
        held.market_value - held.unrealized_pnl as paid,
        coalesce(prices.dividend, actions.dividend, 0) as dividend
    from ref('positions') as held
    inner join closes
        on closes.session = held.session
    left join ref('prices') as prices
        on prices.session = closes.next_session and prices.symbol = held.symbol
    left join ref('corporate_actions') as actions
        on actions.session = closes.next_session and actions.symbol = held.symbol
    -- What became another symbol; what became cash is a trade.
    left join ref('share_exchanges') as became
        on became.session = closes.next_session and became.symbol = held.symbol and became.into_symbol is not null
    -- A split that only the broker has told, and a person has accepted in time: else it is told again at the next close.
    left join ref('reconciliation') as told
        on told.session = closes.next_session and told.subject = held.symbol and told.kind = 'corporate_action'
        and exists (
            select said.decision_id
            from ref('reconciliation_decisions') as said
            where said.subject = told.subject and said.action = 'accept' and said.session = told.session
        )
),

by_symbol as (
    select session, book, symbol, quantity as held, market_value - unrealized_pnl as paid, 0.0 as shares, 0.0 as cost, 0 as trades
    from ref('positions')
    where session in (select closes.next_session from closes)
    union all
    select session, book, symbol, 0.0, 0.0, quantity, paid, 0
    from opened
    union all
    select session, book, symbol, 0.0, 0.0, shares, realised_pnl - gross, 1
    from traded
    where session in (select closes.next_session from closes)
),

-- What was paid for what became another symbol went to who has it; what was paid for shares alone is in the trades.
booked as (
    select flows.session, coalesce(became.into_symbol, flows.symbol) as symbol, flows.kind, flows.amount
    from ref('cash_flows') as flows
    left join ref('share_exchanges') as became
        on became.session = flows.session and became.symbol = flows.symbol and became.kind = flows.kind
    where became.symbol is null or became.into_symbol is not null
),

-- A broker out in the world books what it pays; made-up ones pay with their bars.
income as (
    select opened.session, opened.book, opened.quantity * opened.dividend as amount
    from opened
    where opened.dividend <> 0 and not exists (select accounts.mode from ref('broker_accounts') as accounts)
    union all
    select closes.next_session, account.book, account.cash * cash.cash_return
    from ref('account') as account
    inner join closes
        on closes.session = account.session
    inner join ref('cash_returns') as cash
        on cash.session = account.session
    where not exists (select accounts.mode from ref('broker_accounts') as accounts)
    union all
    select flows.session, opened.book, flows.amount * opened.quantity / whole.quantity
    from booked as flows
    inner join opened
        on opened.session = flows.session and opened.symbol = flows.symbol
    inner join opened as whole
        on whole.session = flows.session and whole.symbol = flows.symbol and whole.book = 'account'
    union all
    select flows.session, books.book, flows.amount
    from booked as flows
    inner join (select 'account' as book union all select 'reserve') as books
        on true
    left join opened
        on opened.session = flows.session and opened.symbol = flows.symbol and opened.book = 'account'
    where opened.symbol is null and flows.kind not in ('CSD', 'CSW', 'CSR', 'JNLC', 'JNL', 'ACATC', 'TRANS')
),

money as (
    select session, book, cash as found, transfer as explained, 0 as parts
    from ref('account')
    where session in (select closes.next_session from closes)
    union all
    select closes.next_session, account.book, 0.0, account.cash, 0
    from ref('account') as account
    inner join closes
        on closes.session = account.session
    union all
    select session, book, 0.0, gross - cost, 0
    from traded
    where session in (select closes.next_session from closes)
    union all
    select session, book, 0.0, amount, 1
    from income
    where session in (select closes.next_session from closes)
)

select session, book, symbol, 'shares' as problem, sum(held) as found, sum(shares) as explained
from by_symbol
group by session, book, symbol
having abs(sum(held) - sum(shares)) > 2e-6

union all

select session, book, symbol, 'what was paid for what is held', sum(paid), sum(cost)
from by_symbol
group by session, book, symbol
having abs(sum(paid) - sum(cost)) > 0.011 + 0.04 * sum(trades)

union all

select session, book, '', 'cash', sum(found), sum(explained)
from money
group by session, book
having abs(sum(found) - sum(explained)) > 0.001 + 0.011 * sum(parts)

union all

select
    session,
    'all books',
    symbol,
    'shares or money beside those of the account',
    sum(case when book = 'account' then gross - cost else 0 end),
    sum(case when book = 'account' then 0 else gross - cost end)
from traded
group by session, symbol
having
    abs(sum(case when book = 'account' then -shares else shares end)) > 5e-7
    or abs(sum(case when book = 'account' then -gross else gross end)) > 0.005
    or abs(sum(case when book = 'account' then -cost else cost end)) > 0.005
