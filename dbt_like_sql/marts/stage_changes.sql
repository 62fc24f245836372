/*
description: Every change of stage that the rule of promotion made or suggested, on what grounds and figures.
owner: portfolio
group: reporting
grain: [session, strategy]
columns:
  session: the session at whose close the stage changed
  strategy: name of the strategy card
  from_stage: the stage before
  to_stage: the stage from the next session on
  acted: whether the change was in force; else it was a suggestion
  reason: why, with the figures
  verdict: believed, doubted or unproven
  evidence: what 1 bet on the paper returns of all sessions had become; 1 is no evidence
  loss_evidence: the same, bet against the returns of late
checks:
  not_null: [from_stage, to_stage, acted]
*/
select
    session,
    strategy,
    previous_rule_stage as from_stage,
    rule_stage as to_stage,
    acted,
    reason,
    verdict,
    evidence,
    loss_evidence
from ref('strategy_stages')
where rule_stage <> previous_rule_stage
