"""The asset S/strategy_honesty of a card and its checks: whether its results are believed, and what follows."""

import dagster as dg
import numpy as np
import pandas as pd

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import session_check
from portfolio_pipeline.components.strategy.common import of_card
from portfolio_pipeline.core.arrays import days
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.honesty import SEPARATOR, assess
from portfolio_pipeline.core.market.cash import above_cash
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import (
    OPTIMIZED_PARAMETERS,
    SEARCH_STATISTICS,
    STRATEGY_HONESTY,
    STRATEGY_RETURNS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse

_FIGURES = (
    *("evidence", "loss_evidence"),
    *("deflated_sharpe", "overfitting", "promised_sharpe", "arrived_sharpe", "efficiency"),
)
# What the searches showed and what arrived on paper, in one read.
_HISTORY = """
    select session, changed, net_return, cash_return, sharpe, deflated_sharpe, overfitting, loss, path_loss
    from optimized_parameters
    join strategy_returns using (session, strategy)
    left join search_statistics using (session, strategy)
    where strategy = $1 and session <= $2
    order by session
"""


def honesty_asset(card: StrategyCard) -> dg.AssetsDefinition:
    """The asset of a card, with its check."""
    follows = "it gets no new capital" if card.honesty.when_doubted == "no_new_capital" else "it is reported"

    candidate = card.stage == "candidate"

    @session_check(
        name="ready_for_promotion" if candidate else "results_are_believed",
        description="The candidate is believed, and its evidence has reached what the rule of promotion asks for: its "
        "card may say `stage: active`."
        if candidate
        else f"The strategy's results are not doubted at the newest session. When they are, {follows}.",
    )
    def holds_up(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        newest = SessionRange.single(sessions.last)
        rows = warehouse.read("strategy_honesty", newest, where={"strategy": card.name}).to_pylist()
        if not rows:
            return dg.AssetCheckResult(passed=False, description=f"{card.name} was not judged on {newest.last}")
        row = rows[0]
        verdict, reasons = row["verdict"], row["reasons"].split(SEPARATOR)
        ready = verdict == "believed" and (row["evidence"] or 0.0) >= card.honesty.promoted_at
        return dg.AssetCheckResult(
            passed=ready if candidate else verdict != "doubted",
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{card.name} is {verdict}" + (f": {row['reasons']}" if row["reasons"] else ""),
            metadata={
                "verdict": verdict,
                "reasons": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in reasons if reason) or "none"),
                "takes new capital": row["takes_new_capital"],
            },
        )

    @session_asset(
        table=STRATEGY_HONESTY,
        reads=(OPTIMIZED_PARAMETERS, STRATEGY_RETURNS, SEARCH_STATISTICS),
        checks=(holds_up,),
        description=f"Whether the results of {card.name} are to be believed at the close, and why: the evidence of what"
        " arrived on paper, and while that is little the deflated Sharpe ratio and the probability of overfitting of"
        f" its search. Beside them, how much of what the search promised arrived over the last "
        f"{card.honesty.walk_forward_sessions} sessions. When doubted, {follows}.",
        **of_card(card, "strategy_honesty"),
    )
    def strategy_honesty(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> Stored:
        rows = assess(card, _history(warehouse, card, sessions), len(sessions))
        written = warehouse.replace("strategy_honesty", sessions, rows, where={"strategy": card.name})
        newest = rows.iloc[-1]
        return Stored(
            written,
            metadata={
                "verdict": str(newest["verdict"]),
                "reasons": str(newest["reasons"]),
                "changes of verdict": int((rows["change"] != "").sum()),
                "takes new capital": bool(newest["takes_new_capital"]),
                "walked sessions": int(newest["walked_sessions"]),
                **{
                    name.replace("_", " "): round(float(newest[name]), 6) for name in _FIGURES if pd.notna(newest[name])
                },
            },
        )

    return strategy_honesty


def _history(warehouse: Warehouse, card: StrategyCard, sessions: SessionRange) -> pd.DataFrame:
    """One row a session up to the last one asked for; refused when one of those asked for is not there."""
    rows = frame(warehouse.query(_HISTORY, [card.name, sessions.last]))
    wanted = as_days(tuple(sessions))
    missing = wanted[~np.isin(wanted, days(rows))]
    if missing.size:
        raise SessionError(
            "PAPER_RETURNS_MISSING",
            strategy=card.name,
            sessions=missing.size,
            first_missing=missing[0],
            remedy=f"Materialise {card.name}/optimized_parameters and {card.name}/strategy_targets for them first.",
        )
    net, cash = (rows[name].to_numpy(dtype=np.float64) for name in ("net_return", "cash_return"))
    return rows.assign(net_return=above_cash(net, cash))
