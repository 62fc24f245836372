/*
description: >
  The parameter sets of each strategy's newest search that no other set beats in every goal of the card, with their
  figures side by side.
owner: portfolio
group: reporting
grain: [strategy, rank]
columns:
  session: the session of the strategy's newest search
  strategy: name of the strategy card
  rank: the set's place in the search
  parameters: the set, JSON
  score: the card's objective on the trailing window, as are the figures that follow
  plateau_score: the score of its neighbourhood, which ranks it
  yearly_return: return, fraction a year
  volatility: volatility, fraction a year
  sharpe: Sharpe ratio, a year
  sortino: Sortino ratio, a year
  calmar: yearly return over the size of the greatest drawdown
  max_drawdown: the greatest drawdown, a return, 0 or negative
  turnover: bought plus sold, fraction of equity a year
  hit_rate: share of sessions with a gain
  is_in_use: whether it is the set in use
checks:
  not_null: [session, parameters]
*/
with newest as (
    select strategy, max(session) as session from ref('optimization_results') group by strategy
),

unbeaten as (
    select
        results.session,
        results.strategy,
        results.rank,
        results.parameters,
        results.score,
        results.plateau_score,
        cast(results.metrics as json) as metrics
    from newest
    inner join ref('optimization_results') as results
        on results.strategy = newest.strategy and results.session = newest.session
    where results.is_pareto
)

select
    unbeaten.session,
    unbeaten.strategy,
    unbeaten.rank,
    unbeaten.parameters,
    unbeaten.score,
    unbeaten.plateau_score,
    cast((unbeaten.metrics ->> 'return') as double precision) as yearly_return,
    cast((unbeaten.metrics ->> 'volatility') as double precision) as volatility,
    cast((unbeaten.metrics ->> 'sharpe') as double precision) as sharpe,
    cast((unbeaten.metrics ->> 'sortino') as double precision) as sortino,
    cast((unbeaten.metrics ->> 'calmar') as double precision) as calmar,
    cast((unbeaten.metrics ->> 'max_drawdown') as double precision) as max_drawdown,
    cast((unbeaten.metrics ->> 'turnover') as double precision) as turnover,
    cast((unbeaten.metrics ->> 'hit_rate') as double precision) as hit_rate,
    coalesce(chosen.parameters = unbeaten.parameters, false) as is_in_use
from unbeaten
left join ref('optimized_parameters') as chosen
    on chosen.session = unbeaten.session and chosen.strategy = unbeaten.strategy
