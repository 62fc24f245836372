/*
description: >
  Why each strategy's book earned more or less than it did on paper, a year, from the first session up to this one: the
  scale of the portfolio, limits with the cash buffer, and execution, which is whole shares, the band within which
  nothing is traded, prices and partial fills.
owner: portfolio
group: reporting
grain: [session, strategy]
columns:
  session: the trading session
  strategy: name of the strategy card
  sessions: sessions that are averaged
  paper: mean return on paper, fraction a year
  by_scale: what the portfolio's scale added, fraction a year
  by_limits: what limits and the cash buffer added, fraction a year
  by_execution: what execution added, fraction a year
  book: mean return of its book, fraction a year
  execution_errors: how many standard errors by_execution is away from nothing
checks:
  not_null: [paper, book]
*/
with steps as (
    select
        session,
        strategy,
        paper_return,
        book_return,
        scaled_return - paper_return as scaled,
        limited_return - scaled_return as limited,
        book_return - limited_return as executed
    from ref('paper_gaps')
),

so_far as (
    select
        session,
        strategy,
        count(*) over past as sessions,
        252 * avg(paper_return) over past as paper,
        252 * avg(scaled) over past as by_scale,
        252 * avg(limited) over past as by_limits,
        252 * avg(executed) over past as by_execution,
        252 * avg(book_return) over past as book,
        -- The sample variance from two running sums: each engine's own goes through all the past at every row.
        (sum(executed * executed) over past - count(*) over past * power(avg(executed) over past, 2))
        / nullif(count(*) over past - 1, 0) as variance
    from steps
    window past as (partition by strategy order by session rows between unbounded preceding and current row)
)

select
    session,
    strategy,
    sessions,
    paper,
    by_scale,
    by_limits,
    by_execution,
    book,
    -- What rounding alone leaves of a gap that never varies is none.
    case when variance > 1e-20 then by_execution / 252 / sqrt(variance / sessions) end as execution_errors
from so_far
