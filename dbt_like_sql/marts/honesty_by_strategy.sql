/*
description: Whether each strategy is believed at its newest session, since when, on what grounds and figures.
owner: portfolio
group: reporting
grain: [strategy]
columns:
  session: the strategy's newest session with a verdict
  strategy: name of the strategy card
  verdict: believed, doubted or unproven
  verdict_since: the first session from which on the verdict has been the same
  reasons: the grounds of the verdict, each with figure and limit; separated by semicolons
  last_change: from which verdict to which it last changed, with the figures; empty if it never did
  evidence: what 1 bet on the paper returns of all sessions has become; 1 is no evidence
  loss_evidence: the same, bet against the returns of late
  active_sessions: sessions with a return other than zero
  stage: in force from the next session on
  rule_stage: what the rule of promotion says
  takes_new_capital: whether the strategy may be given more capital than it has
  trials: parameter sets that were compared
  effective_trials: how many independent ones they amount to
  deflated_sharpe: probability that the chosen set's Sharpe ratio is above zero, after so many trials
  overfitting: how likely the best of one half of the sessions is below the median in the other
  loss: share of such halves in which the chosen set lost
  path_loss: share of losing paths in cross-validation; candidates only
  promised_sharpe: mean Sharpe ratio of the sets in use when they were chosen, per session
  arrived_sharpe: Sharpe ratio of the paper returns since, per session
  efficiency: arrived over promised
  walked_sessions: sessions that the three figures before look at
checks:
  not_null: [verdict, verdict_since, takes_new_capital]
*/
with ordered as (
    select
        session,
        strategy,
        verdict,
        reasons,
        takes_new_capital,
        deflated_sharpe,
        overfitting,
        promised_sharpe,
        arrived_sharpe,
        efficiency,
        walked_sessions,
        evidence,
        loss_evidence,
        active_sessions,
        change,
        lag(verdict) over (partition by strategy order by session) as previous_verdict,
        row_number() over (partition by strategy order by session desc) as age
    from ref('strategy_honesty')
),

turns as (
    select strategy, max(session) as verdict_since
    from ordered
    where previous_verdict is null or previous_verdict <> verdict
    group by strategy
),

changes as (
    select
        strategy,
        change,
        row_number() over (partition by strategy order by session desc) as age
    from ordered
    where change <> ''
)

select
    ordered.session,
    ordered.strategy,
    ordered.verdict,
    turns.verdict_since,
    ordered.reasons,
    coalesce(changes.change, '') as last_change,
    ordered.evidence,
    ordered.loss_evidence,
    ordered.active_sessions,
    stages.stage,
    stages.rule_stage,
    ordered.takes_new_capital,
    searched.trials,
    searched.effective_trials,
    ordered.deflated_sharpe,
    ordered.overfitting,
    searched.loss,
    searched.path_loss,
    ordered.promised_sharpe,
    ordered.arrived_sharpe,
    ordered.efficiency,
    ordered.walked_sessions
from ordered
inner join turns on turns.strategy = ordered.strategy
left join changes on changes.strategy = ordered.strategy and changes.age = 1
left join ref('strategy_stages') as stages
    on stages.session = ordered.session and stages.strategy = ordered.strategy
left join ref('search_statistics') as searched
    on searched.session = ordered.session and searched.strategy = ordered.strategy
where ordered.age = 1
