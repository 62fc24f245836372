/*
description: What the account and each strategy's book hold at the newest close, beside what the account is to hold.
owner: portfolio
group: reporting
grain: [book, symbol]
columns:
  session: the newest session with positions
  book: "`account`, a strategy's name, `reserve` or `unclaimed`"
  symbol: ticker of the instrument
  quantity: shares held; negative when short
  price: last close, currency per share
  market_value: quantity times price, currency
  weight: market value over the book's equity, fraction
  target_weight: the account's target at the same close, fraction of equity; NULL for the strategies' books
  average_cost: average price paid, currency per share
  unrealized_pnl: market value less cost, currency
checks:
  not_null: [quantity, market_value]
*/
select
    held.session,
    held.book,
    held.symbol,
    held.quantity,
    held.price,
    held.market_value,
    held.market_value / nullif(account.equity, 0) as weight,
    case when held.book = 'account' then coalesce(targets.weight, 0) end as target_weight,
    held.average_cost,
    held.unrealized_pnl
from ref('positions') as held
left join ref('account') as account
    on account.session = held.session and account.book = held.book
left join ref('aggregated_targets') as targets
    on targets.session = held.session and targets.symbol = held.symbol
where held.session = (select max(account.session) from ref('account') as account)
