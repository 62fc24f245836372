"""A strategy's verdict at each session, from what its searches showed and what arrived on paper afterwards.

Here: joining search_statistics, the promises of the parameter sets in use and the paper returns, the verdict with its
reasons in words, and what the card says follows from doubt. Not here: the statistics themselves, the verdict's rule,
and sharing out capital.

A session is judged on what was stored up to it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, days
from portfolio_pipeline.core.honesty.evidence import Evidence, evidence_of
from portfolio_pipeline.core.honesty.judgement import BELIEVED, DOUBTED, EASING, VERDICTS, Judged, judge
from portfolio_pipeline.core.honesty.walk_forward import walk_forward_by_session
from portfolio_pipeline.core.strategies.card import Honesty, StrategyCard

SEPARATOR = "; "


def assess(card: StrategyCard, history: pd.DataFrame, count: int) -> pd.DataFrame:
    """Rows of strategy_honesty for the last `count` sessions of `history`.

    `history` has one row a session from the first stored one on: session, changed (whether other parameters were
    chosen), net_return (of that session, on paper, above cash), and from search_statistics sharpe, deflated_sharpe,
    overfitting, loss and path_loss; NaN where there is none.
    """
    limits = card.honesty
    rows = np.arange(len(history) - count, len(history))
    figures = {name: history[name].to_numpy(dtype=np.float64) for name in _FIGURES}
    if card.stage != "candidate":
        figures["path_loss"] = np.full(len(history), np.nan)
    evidence = evidence_of(figures["net_return"])
    judged = judge(limits, evidence, **{name: figures[name] for name in _OF_SEARCH})
    walk = walk_forward_by_session(
        promises_in_use(figures["sharpe"], history["changed"].to_numpy(dtype=bool)),
        figures["net_return"],
        rows,
        window=limits.walk_forward_sessions,
        fewest=limits.fewest_sessions,
    )
    words = _Words(limits, evidence, judged, figures)
    doubted = judged.verdict[rows] == DOUBTED
    stopped = doubted & (limits.when_doubted == "no_new_capital")
    return pd.DataFrame(
        {
            "session": days(history)[rows].astype("datetime64[s]"),
            "strategy": card.name,
            "verdict": np.array(VERDICTS, dtype=object)[judged.verdict[rows]],
            "reasons": [SEPARATOR.join(words.reasons(row)) for row in rows.tolist()],
            "deflated_sharpe": figures["deflated_sharpe"][rows],
            "overfitting": figures["overfitting"][rows],
            "promised_sharpe": walk.promised,
            "arrived_sharpe": walk.arrived,
            "efficiency": walk.efficiency,
            "walked_sessions": walk.sessions,
            "takes_new_capital": ~stopped & (card.stage != "candidate"),
            "evidence": evidence.gain[rows],
            "loss_evidence": evidence.loss[rows],
            "active_sessions": evidence.active[rows],
            "change": [words.change(row) for row in rows.tolist()],
        }
    )


_OF_SEARCH = ("deflated_sharpe", "overfitting", "loss", "path_loss")
_FIGURES = ("net_return", "sharpe", *_OF_SEARCH)


class _Words:
    """What is said of a session: the grounds of its verdict with figures and limits, and how it came to change."""

    def __init__(self, limits: Honesty, evidence: Evidence, judged: Judged, figures: dict[str, Array]) -> None:
        self._limits, self._evidence, self._judged, self._figures = limits, evidence, judged, figures

    def reasons(self, row: int) -> list[str]:
        limits, judged = self._limits, self._judged
        gain, active = self._evidence.gain[row], self._evidence.active[row]
        if judged.verdict[row] == DOUBTED:
            return self._doubts(row)
        if judged.verdict[row] == BELIEVED:
            return [f"EVIDENCE_OF_GAIN: found={gain:.4g}, until={limits.believed_until:g}"]
        reasons = []
        if active < limits.fewest_sessions:
            reasons.append(f"SESSIONS_FEW: found={active}, limit={limits.fewest_sessions}")
        if gain < limits.believed_at:
            reasons.append(f"EVIDENCE_LOW: found={gain:.4g}, limit={limits.believed_at:g}")
        deflated = self._figures["deflated_sharpe"][row]
        if judged.young[row] and not deflated >= limits.minimum_deflated_sharpe:
            name = "DEFLATED_SHARPE_UNKNOWN" if np.isnan(deflated) else "DEFLATED_SHARPE_LOW"
            reasons.append(f"{name}: found={deflated:.4g}, limit={limits.minimum_deflated_sharpe:.4g}")
        return reasons

    def _doubts(self, row: int) -> list[str]:
        limits, judged, figures, doubts = self._limits, self._judged, self._figures, []
        if judged.losing[row]:
            found = self._evidence.loss[row]
            doubts.append(
                f"EVIDENCE_OF_LOSS: found={found:.4g}, limit={limits.doubted_at:g}, until={limits.doubted_until:g}"
            )
        for reason, held, figure, limit in (
            ("OVERFITTING", judged.overfitted, "overfitting", limits.maximum_overfitting),
            ("PATH_LOSS", judged.paths_lose, "path_loss", limits.maximum_path_loss),
        ):
            if held[row]:
                found, until = figures[figure][row], max(limit - EASING, 0.0)
                doubts.append(f"{reason}_HIGH: found={found:.4g}, limit={limit:.4g}, until={until:.4g}")
        return doubts

    def change(self, row: int) -> str:
        """From what to what, with the grounds; empty where the verdict is that of the session before."""
        verdict = self._judged.verdict
        if row == 0 or verdict[row] == verdict[row - 1]:
            return ""
        evidence = f"evidence of gain {self._evidence.gain[row]:.4g}, of loss {self._evidence.loss[row]:.4g}"
        grounds = SEPARATOR.join([evidence, *self.reasons(row)])
        return f"{VERDICTS[verdict[row - 1]]} to {VERDICTS[verdict[row]]}: {grounds}"


def promises_in_use(sharpe: Array, changed: Array) -> Array:
    """The in-sample Sharpe ratio promised by the set in use in each session, fixed when that set was chosen.

    The set chosen at the close of t is in use from t+1 on. One that was chosen before its Sharpe ratio was known
    promises the first one that is known while it is in use.
    """
    promises = np.full(len(sharpe), np.nan)
    promise = np.nan
    for t in range(len(sharpe)):
        promises[t] = promise
        if changed[t] or np.isnan(promise):
            promise = sharpe[t]
    return promises
