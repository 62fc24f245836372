"""While the market is open the account is marked at quotes every five minutes, in no run of its own."""

import os

import dagster as dg

from portfolio_pipeline.adapters.acts.marking import NothingToMark, mark_account
from portfolio_pipeline.adapters.broker import BROKERS
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.core.books.book import to_currency
from portfolio_pipeline.core.errors import PortfolioError

_MODE = os.environ.get("TRADING_MODE") or "SIMULATED"
_RUNS = _MODE in BROKERS and BROKERS[_MODE].real


@dg.sensor(
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING if _RUNS else dg.DefaultSensorStatus.STOPPED,
    description="Marks the account of PAPER and LIVE at quotes into intraday_marks, and alerts people when it stands"
    " past a limit that held at the close. It never decides anything.",
)
def intraday_marks(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    try:
        marked, breaches = mark_account(wire())
    except NothingToMark as why:
        return dg.SkipReason(str(why))
    except PortfolioError as refusal:
        return dg.SkipReason(f"It is tried again: {refusal}")
    whole = f"Equity {to_currency(marked.equity):,.2f}, {to_currency(marked.gain):+,.2f} today."
    return dg.SkipReason(" ".join([whole, *map(str, breaches)]))
