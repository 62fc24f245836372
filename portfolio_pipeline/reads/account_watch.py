"""What planning and judging orders have to know of risk states: of the portfolio, and of the account the day before."""

from __future__ import annotations

from portfolio_pipeline.adapters.sealed_states import account_before, require_as_written
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.account_risk import AccountWatch
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reads.regimes import factors_of_regimes
from portfolio_pipeline.reads.risk_states import restricted, stored_overrides, stored_standings


def account_watch(reader: Reader, sessions: SessionRange, settings: Settings, key: bytes) -> AccountWatch:
    """A home without states of the account before the sessions begins with its equity then. Where nobody was at work
    for days, the account stands where it stood when it was last looked at. States that were not written here, with the
    home's secret `key`, are refused.
    """
    factors = factors_of_regimes(reader, sessions, settings.adaptation) or ()
    stored = stored_standings(reader, sessions, "portfolio")
    require_as_written(reader, key, sessions, "strategies", "portfolio")
    looked_at = account_before(reader, key, sessions.first)
    before = {} if looked_at is None else stored_standings(reader, SessionRange.single(looked_at), "account")[looked_at]
    return AccountWatch(
        before,
        {session: scopes[PORTFOLIO] for session, scopes in stored.items() if PORTFOLIO in scopes},
        restricted(reader, sessions),
        stored_overrides(reader),
        dict(zip(sessions, (one.stop for one in factors), strict=False)),
    )
