"""Whether verdicts and promotions tell luck from skill.

`python -m portfolio_pipeline_tests.benchmarks.decisions.belief [--all] [--json]`: ten years of daily paper returns of a
known true Sharpe ratio, judged at every session by the project's own evidence, verdict and rule of promotion, with
the limits that a card has by default; counted from the third year on. Returns alone are made: nothing is known of a
search, which counts for the young alone. Promotion is looked for in all ten years. Half of the seeds is for choosing
rules, the other (`held_back`) for reports only. 2,000 paths of each kind; about 20 s of processor time for a half.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.honesty import Evidence, evidence_of, judge
from portfolio_pipeline.core.honesty.judgement import BELIEVED, DOUBTED, UNPROVEN, VERDICTS
from portfolio_pipeline.core.honesty.promotion import WITHOUT_CAPITAL, Finding, Stage, Standing, next_standing
from portfolio_pipeline.core.strategies.card import Honesty
from portfolio_pipeline_tests.core.honesty.paper_returns import MARKETS, YEAR

SESSIONS, JUDGED_FROM, PATHS = 10 * YEAR, 2 * YEAR, 2_000
SHARPES = {"noise": 0.0, "sharpe_0_6": 0.6, "sharpe_1_0": 1.0}
LIMITS = Honesty()
SHOWN = (-1.0, -0.5, 0.0, 0.6, 1.0, 1.5)


@dataclass(frozen=True)
class Life:
    """How one strategy was judged: evidence and verdict, as a place in VERDICTS, by session."""

    evidence: Evidence
    verdict: Array

    @classmethod
    def of(cls, returns: Array) -> Life:
        evidence, unknown = evidence_of(returns), np.full(len(returns), np.nan)
        figures = dict.fromkeys(("deflated_sharpe", "overfitting", "loss", "path_loss"), unknown)
        return cls(evidence, judge(LIMITS, evidence, **figures).verdict)

    def share(self, verdict: int) -> float:
        """Of the judged days."""
        return float(np.mean(self.verdict[JUDGED_FROM:] == verdict))

    def promoted(self) -> bool:
        """Whether the rule would ever have given capital to it, had it been a candidate."""
        return any(stage not in WITHOUT_CAPITAL for stage in self._stages("candidate"))

    def paused(self) -> bool:
        """Whether the rule would ever have taken its capital, had it been active."""
        return any(stage in WITHOUT_CAPITAL for stage in self._stages("active"))

    def _stages(self, begins: Stage) -> Iterator[Stage]:
        """From the first session with another verdict than `unproven`: no stage changes before."""
        standing, told = Standing.of_card(begins), np.flatnonzero(self.verdict != UNPROVEN)
        for row in range(told[0] if told.size else len(self.verdict), len(self.verdict)):
            found = Finding(VERDICTS[self.verdict[row]], self.evidence.gain[row], self.evidence.loss[row])
            standing, _ = next_standing(LIMITS, standing, found)
            yield standing.stage


def belief(paths: int = PATHS, *, held_back: bool = False) -> dict[str, float]:
    """The shares that the closing table asks for, each with its standard error over paths under `<key>_error`."""
    found: dict[str, float] = {}
    for name, sharpe in SHARPES.items():
        lived = lives("fat_tails", sharpe, paths, held_back=held_back)
        found |= _share(f"believed_days_{name}", [one.share(BELIEVED) for one in lived])
        if sharpe == 0.0:
            found |= _share("promoted_noise", [one.promoted() for one in lived])
    return found


def lives(market: str, sharpe: float, paths: int, *, held_back: bool) -> list[Life]:
    """So many strategies of a kind; another kind, Sharpe ratio or half of the seeds has other luck."""
    seed = [int(held_back), list(MARKETS).index(market), round(1_000 * (sharpe + 10))]
    returns = MARKETS[market](np.random.default_rng(seed), paths, SESSIONS, sharpe)
    return [Life.of(path) for path in returns]


def _share(key: str, values: Sequence[float]) -> dict[str, float]:
    found = np.array(values, dtype=np.float64)
    return {key: float(found.mean()), f"{key}_error": float(found.std(ddof=1) / np.sqrt(len(found)))}


def _table(paths: int, *, held_back: bool) -> None:
    print(f"{'returns':>20} {'Sharpe':>7} | days believed  doubted | ever believed  promoted  paused | changes")
    for market in MARKETS:
        for sharpe in SHOWN:
            lived = lives(market, sharpe, paths, held_back=held_back)
            believed, doubted = (np.mean([one.share(verdict) for one in lived]) for verdict in (BELIEVED, DOUBTED))
            ever = np.mean([(one.verdict == BELIEVED).any() for one in lived])
            promoted, paused = np.mean([one.promoted() for one in lived]), np.mean([one.paused() for one in lived])
            changes = np.mean([np.count_nonzero(np.diff(one.verdict)) for one in lived])
            print(
                f"{market:>20} {sharpe:>7} | {believed:13.1%} {doubted:8.1%} | {ever:13.1%} {promoted:9.1%}"
                f" {paused:7.1%} | {changes:7.1f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=PATHS)
    parser.add_argument("--all", action="store_true", help="every kind of returns, and more Sharpe ratios")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    started = time.process_time()
    halves = {name: belief(asked.paths, held_back=name == "held back") for name in ("looked at", "held back")}
    print(f"{'':>26} " + " ".join(f"{name:>18}" for name in halves))
    for key in halves["looked at"]:
        if not key.endswith("_error"):
            shown = (f"{half[key]:.4f} +- {half[f'{key}_error']:.4f}" for half in halves.values())
            print(f"{key:>26} " + " ".join(f"{one:>18}" for one in shown))
    if asked.all:
        _table(asked.paths, held_back=True)
    print(f"{time.process_time() - started:.0f} s of processor time")
    if asked.json:
        print(json.dumps(halves))


if __name__ == "__main__":
    main()
