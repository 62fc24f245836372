/*
description: >
  Every position of the account and of each book from when it was opened until it was closed, or as it is now: what was
  paid on average, what it brought, how long it was held, and what it was sized by. A book that changes sides closes one
  and opens the next. Shares and prices are of the splits then in force. Trades are written down from a session on in a
  home of an earlier version: of what was held by then the entry price is missing, and what it had brought before.
owner: portfolio
group: reporting
grain: [book, symbol, entry_session]
columns:
  session: when it was last traded
  book: "`account`, a strategy's name, or `reserve`"
  symbol: ticker of the instrument
  entry_session: the first session at whose close it was held
  exit_session: when it was closed; NULL while it is held
  side: "`long` or `short`"
  trades: in how many parts it was traded
  quantity: shares by which it was opened and made larger, shares
  entry_price: average price of these, currency per share
  exit_price: average price of what made it smaller, currency per share
  sessions_held: for how many sessions it was held; NULL while it is
  days_held: for how many days; NULL while it is
  realised_pnl: what was realised on it so far, currency
  cost: commissions of its trades, currency
  profit_and_loss: realised less cost, currency
  reason: why it was opened, as it was sized
checks:
  not_null: [entry_session, side, profit_and_loss]
*/
with numbered as (
    select
        *,
        effect in ('opens', 'adds') as enlarges,
        row_number() over (partition by book, symbol, entry_session order by session, number) as place
    from ref('trades')
)

select
    max(session) as session,
    book,
    symbol,
    entry_session,
    max(case when effect = 'closes' then session end) as exit_session,
    case when max(case when enlarges = (side = 'buy') then 1 else 0 end) = 1 then 'long' else 'short' end as side,
    count(*) as trades,
    sum(case when enlarges then quantity else 0 end) as quantity,
    sum(case when enlarges then quantity * price end) / nullif(sum(case when enlarges then quantity end), 0) as entry_price,
    sum(case when not enlarges then quantity * price end)
        / nullif(sum(case when not enlarges then quantity end), 0) as exit_price,
    max(sessions_held) as sessions_held,
    max(case when effect = 'closes' then session end) - entry_session as days_held,
    sum(realised_pnl) as realised_pnl,
    sum(cost) as cost,
    sum(realised_pnl - cost) as profit_and_loss,
    max(case when place = 1 and enlarges then reason end) as reason
from numbered
group by book, symbol, entry_session
