"""The rule of promotion: from candidate to active with growing capital, and from active over watched to paused.

    candidate -> active    believed, and the evidence of gain has reached `promoted_at`
    active    -> watched   doubted, or no longer believed
    watched   -> active    believed again
    watched   -> paused    doubted, and the evidence of loss has reached `paused_at`, or is at `doubted_until` still
                           after PATIENCE on watch: who is doubted for its search alone, being young, is not paused
    paused    -> active    as a candidate

Who was promoted begins with FIRST_CAPITAL of what a strategy may have at most, and grows to all of it in GROWING
believed sessions. A watched strategy is given no more than it has; candidates and paused ones have none, and go on on
paper. A card whose stage is changed by hand begins anew there, with all of its capital.

Path-dependent: each session's standing follows from that of the session before, its verdict and its evidence. Whether
the rule is followed or only told is a setting (`promotion: suggest` or `act`). Not here: shares of capital.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import pandas as pd

from portfolio_pipeline.core.strategies.card import Honesty, StrategyCard

Stage = Literal["candidate", "active", "watched", "paused"]
WITHOUT_CAPITAL: tuple[Stage, ...] = ("candidate", "paused")
FIRST_CAPITAL = 0.25
GROWING = 252  # believed sessions from there to all of it
PATIENCE = 126  # sessions on watch, after which doubt takes the capital


@dataclass(frozen=True)
class Finding:
    """What the judgement of one session says."""

    verdict: str
    evidence: float
    loss_evidence: float

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(row["verdict"], row["evidence"], row["loss_evidence"])


@dataclass(frozen=True)
class Standing:
    """Where the rule has a strategy after a session's close."""

    stage: Stage
    verdict: str | None = None  # of that session
    sessions: int = 0  # in this stage, that one included
    capital: float = 1.0  # part of the largest share, for who has capital

    @classmethod
    def of_card(cls, stage: Stage) -> Self:
        return cls(stage, capital=0.0 if stage in WITHOUT_CAPITAL else 1.0)


def next_standing(limits: Honesty, before: Standing, found: Finding) -> tuple[Standing, str]:
    """The standing after a session, and why it changed: empty where the stage is the same."""
    stage, why = _next_stage(limits, before, found)
    if stage == before.stage:
        grown = before.capital
        if stage == "active" and found.verdict == "believed":
            grown = min(grown + (1.0 - FIRST_CAPITAL) / GROWING, 1.0)
        return replace(before, verdict=found.verdict, sessions=before.sessions + 1, capital=grown), ""
    capital = before.capital
    if stage in WITHOUT_CAPITAL:
        capital = 0.0
    elif before.stage in WITHOUT_CAPITAL:
        capital = FIRST_CAPITAL
    return Standing(stage, found.verdict, 1, capital), f"{before.stage} to {stage}: {why}"


def _next_stage(limits: Honesty, before: Standing, found: Finding) -> tuple[Stage, str]:
    doubted, losing = found.verdict == "doubted", f"evidence of loss is {found.loss_evidence:.4g}"
    match before.stage:
        case "candidate" | "paused":
            if found.verdict == "believed" and found.evidence >= limits.promoted_at:
                return "active", f"evidence of gain is {found.evidence:.4g}, promoted at {limits.promoted_at:g}"
        case "active":
            if doubted:
                return "watched", f"doubted, {losing}"
            if before.verdict == "believed" and found.verdict == "unproven":
                return "watched", f"no longer believed, evidence of gain is {found.evidence:.4g}"
        case "watched":
            if found.verdict == "believed":
                return "active", f"believed again, evidence of gain is {found.evidence:.4g}"
            if doubted and found.loss_evidence >= limits.paused_at:
                return "paused", f"{losing}, paused at {limits.paused_at:g}"
            if doubted and before.sessions >= PATIENCE and found.loss_evidence >= limits.doubted_until:
                return "paused", f"doubted after {before.sessions} sessions on watch, {losing}"
    return before.stage, ""


def stage_rows(
    card: StrategyCard, judged: pd.DataFrame, before: Mapping[str, Any] | None, *, acts: bool
) -> pd.DataFrame:
    """Rows of strategy_stages for the sessions of `judged` (rows of strategy_honesty, ascending).

    `before` is the row of the session before the first; None where there is none. `acts` says whether the rule's stage
    is in force. What was stored without evidence says nothing of it, and changes no stage.
    """
    standing, rows = _standing(card, before), []
    for row in judged.to_dict("records"):
        found = Finding.of_row(row)
        previous, (standing, reason) = standing.stage, next_standing(card.honesty, standing, found)
        stage = standing.stage if acts else card.stage
        capital = standing.capital if acts else Standing.of_card(card.stage).capital
        has_capital = stage not in WITHOUT_CAPITAL
        stopped = found.verdict == "doubted" and card.honesty.when_doubted == "no_new_capital"
        rows.append(
            {
                "session": row["session"],
                "strategy": card.name,
                "stage": stage,
                "card_stage": card.stage,
                "rule_stage": standing.stage,
                "previous_rule_stage": previous,
                "acted": acts,
                "reason": reason,
                "verdict": found.verdict,
                "evidence": found.evidence,
                "loss_evidence": found.loss_evidence,
                "sessions_in_stage": standing.sessions,
                "rule_capital": standing.capital,
                "capital": capital,
                "takes_new_capital": has_capital and stage != "watched" and not stopped,
            }
        )
    return pd.DataFrame(rows)


def _standing(card: StrategyCard, before: Mapping[str, Any] | None) -> Standing:
    """What the rule goes on from: the session before, unless the card was put on another stage since."""
    if before is None or before["card_stage"] != card.stage:
        return Standing.of_card(card.stage)
    return Standing(before["rule_stage"], before["verdict"], int(before["sessions_in_stage"]), before["rule_capital"])
