"""The asset strategy_stages and its check: who may have capital, by the cards or by the rule of promotion.

Only reading, calling `core.honesty.promotion` and writing belong here.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import session_check
from portfolio_pipeline.core.arrays import days
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.honesty.promotion import stage_rows
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import STRATEGY_HONESTY, STRATEGY_STAGES
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader, Warehouse
from portfolio_pipeline.reads.state import rows_before


@session_check()
def cards_are_as_the_rule_says(
    sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse], settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """The rule of promotion has every strategy where its card has it; else somebody may want to change a card.

    Where the settings say `promotion: act` the stage of the rule is in force already."""
    newest = frame(warehouse.read(STRATEGY_STAGES.name, SessionRange.single(sessions.last)))
    others = newest[newest["rule_stage"] != newest["card_stage"]].to_dict("records")
    told = [
        f"{row['strategy']} is {row['card_stage']} by its card, {row['rule_stage']} by the rule "
        f"for {row['sessions_in_stage']} sessions ({row['verdict']}, evidence of gain {row['evidence']:.4g}, "
        f"of loss {row['loss_evidence']:.4g})"
        for row in others
    ]
    follows = "the rule is in force" if settings.promotion == "act" else "the cards are in force"
    return dg.AssetCheckResult(
        passed=not others or settings.promotion == "act",
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{'; '.join(told)}: {follows}" if told else None,
        metadata={"strategies": len(newest), "on another stage than their card": len(others)},
    )


@session_asset(
    table=STRATEGY_STAGES,
    group="portfolio",
    reads=(STRATEGY_HONESTY,),
    checks=(cards_are_as_the_rule_says,),
    begins="strategies",
)
def strategy_stages(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
) -> Stored:
    with warehouse.reading() as reader:
        before = rows_before(reader, STRATEGY_STAGES, sessions.first)
        judged = _judged(reader, sessions, strategies)
    earlier: dict[str, Mapping[str, Any]] = (
        {} if before is None else {row["strategy"]: row for row in before.to_dict("records")}
    )
    rows = pd.concat(
        [
            stage_rows(card, judged[card.name], earlier.get(card.name), acts=settings.promotion == "act")
            for card in strategies
        ],
        ignore_index=True,
    )
    count = warehouse.replace(STRATEGY_STAGES.name, sessions, rows)
    newest = rows[rows["session"] == rows["session"].max()]
    return Stored(
        rows=count,
        metadata={
            "stages": dict(zip(newest["strategy"], newest["stage"], strict=True)),
            "by the rule": dict(zip(newest["strategy"], newest["rule_stage"], strict=True)),
            "changes": int((rows["reason"] != "").sum()),
        },
    )


def _judged(reader: Reader, sessions: SessionRange, cards: tuple[StrategyCard, ...]) -> dict[str, pd.DataFrame]:
    """The rows of strategy_honesty of each strategy; refused where one is missing."""
    rows = frame(reader.read(STRATEGY_HONESTY.name, sessions))
    wanted = as_days(tuple(sessions))
    by_strategy = {card.name: rows[rows["strategy"] == card.name] for card in cards}
    for name, found in by_strategy.items():
        missing = wanted[~np.isin(wanted, days(found))]
        if missing.size:
            raise SessionError(
                "STRATEGY_HONESTY_MISSING",
                strategy=name,
                sessions=missing.size,
                first_missing=missing[0],
                remedy=f"Materialise {name}/strategy_honesty for them first.",
            )
    return by_strategy
