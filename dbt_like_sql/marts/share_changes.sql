/*
description: >
  Every session at which shares of capital were moved, or a move was refused: when, why, by which method, from which
  shares to which, who, and of how much money.
owner: portfolio
group: reporting
grain: [session]
columns:
  session: the session at whose close it was decided
  trigger: what called for it, with commas between
  method: how shares are found
  decision: "`moved` or `refused`"
  reason: why; empty when the trigger says it all
  expected_gain: of what was wanted, fraction of capital; NULL when nobody asked
  costs: of the move, or of what was refused, fraction of capital
  turnover: shares bought plus sold, fraction of capital
  shares_before: by strategy, as JSON; NULL on the first session
  shares_after: by strategy, as JSON; before risk states take of it
  who: the rule, or who did something by hand
  total_capital: equity of the account at that close, currency; NULL while there was only paper
checks:
  not_null: [decision, shares_after]
*/
select
    decisions.session,
    decisions.trigger,
    decisions.method,
    decisions.decision,
    decisions.reason,
    decisions.expected_gain,
    decisions.costs,
    decisions.turnover,
    decisions.shares_before,
    decisions.shares_after,
    decisions.who,
    account.equity as total_capital
from ref('rebalance_decisions') as decisions
left join ref('account') as account
    on account.session = decisions.session and account.book = 'account'
where decisions.decision <> 'kept'
