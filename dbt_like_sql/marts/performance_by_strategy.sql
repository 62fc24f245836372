/*
description: How each strategy does, on paper and in its own book, and how much capital it is given.
owner: portfolio
group: reporting
grain: [session, strategy]
columns:
  session: the trading session
  strategy: name of the strategy card
  net_return: paper return over the session after costs, fraction
  paper_growth: what 1 at the strategy's first session has become on paper
  paper_drawdown: how far paper growth is below its highest so far, fraction
  turnover: bought plus sold on paper, fraction of equity
  capital_weight: share of capital from the next session on, fraction
  book_equity: equity of the strategy's own book at the close, currency
  book_profit_and_loss: change of the book's equity over the session without capital moved, currency
checks:
  not_null: [net_return, paper_growth]
  between: {paper_drawdown: [-1, 1.0e-9]}
*/
with growth as (
    select
        session,
        strategy,
        net_return,
        turnover,
        -- A return of -1 or less ends the product; the floor keeps the logarithm finite.
        exp(sum(ln(greatest(1 + net_return, 1e-12))) over (
            partition by strategy order by session rows between unbounded preceding and current row
        )) as paper_growth
    from ref('strategy_returns')
),

peaks as (
    select
        session,
        strategy,
        net_return,
        turnover,
        paper_growth,
        max(greatest(paper_growth, 1)) over (
            partition by strategy order by session rows between unbounded preceding and current row
        ) as peak
    from growth
)

select
    peaks.session,
    peaks.strategy,
    peaks.net_return,
    peaks.paper_growth,
    peaks.paper_growth / peaks.peak - 1 as paper_drawdown,
    peaks.turnover,
    weights.weight as capital_weight,
    book.equity as book_equity,
    book.profit_and_loss as book_profit_and_loss
from peaks
left join ref('strategy_weights') as weights
    on weights.session = peaks.session and weights.strategy = peaks.strategy
left join ref('account') as book
    on book.session = peaks.session and book.book = peaks.strategy
