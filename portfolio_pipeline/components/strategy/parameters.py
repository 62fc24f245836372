"""The asset S/optimized_parameters of a card and its check: the parameters that the strategy uses from now on.

A range is stored in parts, one transaction each: a run that is cancelled loses nothing that was stored, and one that is
started again comes to the same tables.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date

import dagster as dg
import numpy as np
import pandas as pd

from portfolio_pipeline.adapters.compute.threads import Threads
from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.components.strategy.common import (
    allowed,
    allowed_part,
    mixtures_in_use,
    of_card,
    state_session,
)
from portfolio_pipeline.core import search
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange
from portfolio_pipeline.core.market.indicators import inputs_of
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.tables import (
    CASH_RETURNS,
    FEATURES,
    OPTIMIZATION_RESULTS,
    OPTIMIZED_PARAMETERS,
    PARAMETER_MIXTURES,
    PRICE_HOLES,
    REGIME_TABLE,
    SEARCH_STATISTICS,
)
from portfolio_pipeline.ports import Reader, Warehouse
from portfolio_pipeline.reads.cash import cash_earned
from portfolio_pipeline.reads.features import feature_history
from portfolio_pipeline.reads.regimes import regime_probabilities
from portfolio_pipeline.reports import pictures

STORED_TOGETHER = 1000  # sessions of one transaction
_TOLD = 0.1  # share of the parameter sets between two messages


def parameters_asset(card: StrategyCard) -> dg.AssetsDefinition:
    """The asset of a card, with its check."""
    strategy = STRATEGY_TYPES[card.type]
    space = ParameterSpace.of(strategy.Parameters, card.parameters, card.constraints)
    by_regime = card.search.regime_share > 0.0

    @session_check(
        blocking=True,
        description="Every chosen parameter lies in the card's range.",
    )
    def parameters_in_range(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        columns = ["session", "strategy", "parameters"]
        rows = warehouse.read(
            "parameter_mixtures", sessions, columns=columns, where={"strategy": card.name}
        ).to_pylist()
        wrong = {text: space.holds(json.loads(text)) for text in {row["parameters"] for row in rows}}
        offending = [row | {"problem": wrong[row["parameters"]]} for row in rows if wrong[row["parameters"]]]
        return check_result(offending, checked=len(rows), remedy="Materialise optimized_parameters of these again.")

    @session_asset(
        table=OPTIMIZED_PARAMETERS,
        kinds=("python", "optuna"),
        reads=(PRICE_HOLES, FEATURES, CASH_RETURNS, *((REGIME_TABLE,) if by_regime else ())),
        also_fills=(PARAMETER_MIXTURES, OPTIMIZATION_RESULTS, SEARCH_STATISTICS),
        checks=(parameters_in_range,),
        description=f"{card.description}\n\nThe parameters it uses from the next session on: {_rule(card)}, chosen "
        f"{card.search.cadence} with data up to the close. Also fills parameter_mixtures (the sets that are used "
        "together, and their shares), optimization_results and search_statistics.",
        **of_card(card, "optimized_parameters"),
    )
    def optimized_parameters(
        context: dg.AssetExecutionContext,
        sessions: SessionRange,
        warehouse: dg.ResourceParam[Warehouse],
        settings: dg.ResourceParam[Settings],
    ) -> Stored:
        with warehouse.reading() as reader:
            panel = feature_history(reader, card.universe(settings), sessions.last)
            cash = cash_earned(reader, panel.sessions)
            chances = regime_probabilities(reader, panel.sessions) if by_regime else None
            before = state_session(reader, "optimized_parameters", card.name, sessions.first)
            mixture, state = _state(reader, card, space, before)
        workers = read_environment().optimization_workers
        backtests = search.Backtests(
            strategy,
            inputs_of(panel, card.type),
            card,
            settings.costs.total,
            cash_return=cash,
            delist_after=settings.simulated_broker.delist_after_sessions,
            workers=workers,
            fan_out=Threads(workers).map,
            progress=_told(context),
        )
        walk, past = search.Walk(space, backtests, chances), _Stored(warehouse, card, space)
        days, stop = panel.sessions, len(panel.sessions)
        written = changes = 0
        for first in range(stop - len(sessions), stop, STORED_TOGETHER):
            last = min(first + STORED_TOGETHER, stop)
            stretches = walk.run(first, last, state, past)
            chosen = search.chosen_rows(stretches, days, card.name, str(walk.objective), mixture)
            mixtures = search.mixture_rows(stretches, days, card.name)
            results = search.result_rows(stretches, days, card.name)
            statistics = search.statistics_rows(stretches, days, card, workers=backtests.workers)
            part, mine = SessionRange(days[first].item(), days[last - 1].item()), {"strategy": card.name}
            with warehouse.transaction() as transaction:
                written += transaction.replace("optimized_parameters", part, chosen, where=mine)
                transaction.replace("parameter_mixtures", part, mixtures, where=mine)
                transaction.replace("optimization_results", part, results, where=mine)
                transaction.replace("search_statistics", part, statistics, where=mine)
            state, mixture = stretches[-1].in_use, search.written(stretches[-1])[-1]
            changes += int(chosen["changed"].sum())
            if last < stop:
                context.log.info("stored up to %s: %d of %d sessions", part.last, written, len(sessions))
        newest = chosen.iloc[-1]
        final = stretches[-1]
        return Stored(
            written,
            {
                "parameters": dg.MetadataValue.json(json.loads(newest["parameters"])),
                "sets in use": dg.MetadataValue.md(_in_use(mixture)),
                "score": float(newest["score"]),
                "reason": str(newest["reason"]),
                "objective": str(newest["objective"]),
                "method": walk.method,
                "parameter sets compared": int(newest["trials"]),
                "parameter sets possible": space.size,
                "sessions with a change": changes,
                "best sets": dg.MetadataValue.md(_best(results)),
            },
            picture=lambda origin: _pictures(warehouse, card, space, final, sessions.last, origin),
        )

    return optimized_parameters


class _Stored:
    """`search.Past`: what the tables hold from before a session, as far as the card still allows it."""

    def __init__(self, reader: Reader, card: StrategyCard, space: ParameterSpace) -> None:
        self._reader, self._strategy, self._space = reader, card.name, space

    def in_use(self, before: date) -> Sequence[Parameters]:
        return self._read("parameter_mixtures", before)

    def best(self, before: date) -> Sequence[Parameters]:
        return self._read("optimization_results", before)

    def _read(self, table: str, before: date) -> list[Parameters]:
        mine = {"strategy": self._strategy}
        newest = self._reader.newest(table, before=before, where=mine)
        if newest is None:
            return []
        rows = self._reader.read(table, SessionRange.single(newest), columns=["parameters"], where=mine)
        found = (allowed(self._space, text) for text in rows["parameters"].to_pylist())
        return [parameters for parameters in found if parameters is not None]


def _state(
    reader: Reader, card: StrategyCard, space: ParameterSpace, before: date | None
) -> tuple[search.Written | None, search.InUse | None]:
    """The mixture stored at the session before, and the state to go on from: what the card still allows of it."""
    if before is None:
        return None, None
    only = SessionRange.single(before)
    (row,) = reader.read("optimized_parameters", only, where={"strategy": card.name}).to_pylist()
    stored = mixtures_in_use(reader, card.name, only)[before]
    left = allowed_part(space, stored)
    return stored, None if left is None else search.InUse(left, row["trials"] > 0)


def _rule(card: StrategyCard) -> str:
    """How it is chosen, in words."""
    rule, goal = card.search, search.Objective.of(card.search.objective)
    if rule.rule == "best_neighbourhood":
        return (
            f"the best neighbourhood of up to {rule.trials} sets by {goal} over the last {rule.window_sessions} "
            "sessions, changed when that is worth its cost"
        )
    return (
        f"a mixture of the best {rule.mixture} of up to {rule.trials} sets by {goal}, over a past that fades by half "
        f"in {rule.half_life_sessions} sessions and a surface fitted over all sets; the default keeps a part until the "
        f"mixture has been better by {rule.trust:g} standard errors"
    )


def _in_use(mixture: search.Written | None) -> str:
    """The sets that are used together, as a table."""
    if not mixture:
        return "none"
    names = list(json.loads(mixture[0][0]))
    lines = ["| " + " | ".join(["share", *names]) + " |", "|---" * (len(names) + 1) + "|"]
    for text, share in mixture:
        lines.append("| " + " | ".join([f"{share:.1%}", *map(str, json.loads(text).values())]) + " |")
    return "\n".join(lines)


def _told(context: dg.AssetExecutionContext) -> Callable[[int, int], None]:
    """Progress as messages in the UI, one for about each tenth."""
    told = [0.0]

    def tell(done: int, total: int) -> None:
        if done < told[0]:
            told[0] = 0.0
        if done == total or done - told[0] >= _TOLD * total:
            told[0] = done
            context.log.info(f"{done:,} of {total:,} parameter sets")

    return tell


def _best(results: pd.DataFrame) -> str:
    """The ranking of the newest search, as a table."""
    if results.empty:
        return "no search yet"
    newest = results[results["session"] == results["session"].iloc[-1]].head(10)
    lines = [f"{newest['session'].iloc[0].date()}", ""]
    names = list(json.loads(newest["parameters"].iloc[0]))
    lines += ["| " + " | ".join(["rank", *names, "score", "plateau"]) + " |", "|---" * (len(names) + 3) + "|"]
    for rank, text, score, plateau in zip(
        newest["rank"], newest["parameters"], newest["score"], newest["plateau_score"], strict=True
    ):
        values = [str(value) for value in json.loads(text).values()]
        lines.append("| " + " | ".join([str(rank), *values, f"{score:.4g}", f"{plateau:.4g}"]) + " |")
    return "\n".join(lines)


def _pictures(
    warehouse: Warehouse,
    card: StrategyCard,
    space: ParameterSpace,
    stretch: search.Stretch,
    last: date,
    origin: Sequence[str],
) -> str | None:
    """The scores of the newest session over two parameters, and how the parameters came to be what they are."""
    life, mine = SessionRange(FIRST_SESSION, last), {"strategy": card.name}
    rows = warehouse.read(OPTIMIZED_PARAMETERS.name, life, columns=["session", "parameters"], where=mine)
    shown = []
    seen = search.surface(space, stretch)
    if seen is not None:
        title = pictures.simulated(f"{card.name}: {search.Objective.of(card.search.objective)}, {last}", origin)
        shown.append(
            pictures.surface_picture(
                title, seen.x_name, seen.x_values, seen.y_name, seen.y_values, seen.scores, seen.chosen
            )
        )
    if space.optimisable:
        texts = rows["parameters"].to_pylist()
        known = {text: json.loads(text) for text in set(texts)}
        series = {name: np.array([known[text].get(name) for text in texts], dtype=object) for name in space.optimisable}
        title = pictures.simulated(f"{card.name}: parameters in use", origin)
        days = np.array(rows["session"].to_pylist(), dtype="datetime64[D]")
        shown.append(pictures.evolution_picture(title, days, series))
    return "\n\n".join(shown) or None
