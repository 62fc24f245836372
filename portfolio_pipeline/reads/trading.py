"""What planning, judging and bookkeeping read before they compute: targets and bars, the session before included.

Only reading belongs here; the shapes are those of `core.portfolio.session_targets` and `core.market.bars`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, previous_session
from portfolio_pipeline.core.market.bars import (
    ACTION_COLUMNS,
    BAR_COLUMNS,
    CASH_COLUMNS,
    SessionBars,
    bars_by_session,
    pay_cash,
)
from portfolio_pipeline.core.market.past import WINDOW
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets, session_targets, shares_by_session
from portfolio_pipeline.core.risk.limits.of_orders import AVERAGED_SESSIONS
from portfolio_pipeline.core.tables import CASH_RETURNS
from portfolio_pipeline.ports import Reader


@dataclass(frozen=True)
class TradingInputs:
    """Targets, bars and shares of capital by session, of a range and of the session before it.

    Bars also of the sessions before that which limits look back on.
    """

    targets: dict[date, SessionTargets]
    bars: dict[date, SessionBars]
    shares: dict[date, dict[str, float]]


def trading_inputs(reader: Reader, sessions: SessionRange) -> TradingInputs:
    read = SessionRange(previous_session(sessions.first) or sessions.first, sessions.last)
    aggregated = reader.read("aggregated_targets", read)
    wanted = reader.read("strategy_targets", read, columns=["session", "strategy", "symbol", "weight"])
    weights = reader.read("strategy_weights", read, columns=["session", "strategy", "weight"])
    seen = previous_session(sessions.first, max(AVERAGED_SESSIONS, WINDOW)) or FIRST_SESSION
    known = SessionRange(seen, sessions.last)
    bars = bars_by_session(
        reader.read("prices", known, columns=BAR_COLUMNS),
        reader.read("corporate_actions", known, columns=ACTION_COLUMNS),
    )
    pay_cash(bars, reader.read(CASH_RETURNS.name, read, columns=CASH_COLUMNS))
    return TradingInputs(session_targets(aggregated, wanted, weights), bars, shares_by_session(weights))
