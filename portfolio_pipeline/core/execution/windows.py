"""When a broker out in the world takes which kind of order, by its own clock. Pure.

The hours are those of American exchanges, as brokers tell them: an auction takes orders from the evening before until
shortly before it. Who is late for an auction sends the same order for the day, under the same name. Which kind is
wanted is said in `order_types`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from portfolio_pipeline.core.calendar.sessions import NEW_YORK
from portfolio_pipeline.core.execution.tickets import TimeInForce

AUCTION_EVENING = time(19, 0)
"""From when on, in New York, orders for the auctions of the next session are taken."""
_OPENING_UNTIL, _CLOSING_UNTIL = time(9, 28), time(15, 50)
_BEFORE_AN_EARLY_CLOSE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class MarketHours:
    """When it is, whether the market is open, and when it opens and closes next: as the broker's calendar has it.

    Moments that it does not tell are None.
    """

    now: datetime
    is_open: bool
    next_open: datetime | None = None
    next_close: datetime | None = None


def takes(kind: TimeInForce, now: datetime, next_close: datetime | None = None) -> bool:
    """Whether an order of this kind is taken at `now`; for the close, until ten minutes before an early one."""
    here = now.astimezone(NEW_YORK).time()
    if kind is TimeInForce.DAY or here >= AUCTION_EVENING:
        return True
    if kind is TimeInForce.OPENING:
        return here < _OPENING_UNTIL
    early = next_close is not None and now >= next_close - _BEFORE_AN_EARLY_CLOSE
    return here < _CLOSING_UNTIL and not early
