"""Cash that came or went beside executions, as a broker out in the world books it: dividends, fees, interest, deposits;
and shares that did, in mergers and the like (`exchanges`).

The simulated broker pays none of these apart: there dividends and interest come with the bars. What books do with them
is in `strategy_books`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

ROUNDING = "ROUNDING"
UNEXPLAINED = "UNEXPLAINED"
OF_BOOKS = frozenset({ROUNDING, UNEXPLAINED})
"""What the books themselves enter, so that their cash is the broker's."""
DEPOSITS = frozenset({"CSD", "CSW", "CSR", "JNLC", "JNL", "ACATC", "TRANS"})
"""Money that is paid in or out: no profit and no loss."""

NAMES = frozenset({"NC", "SC"})
MERGERS = frozenset({"MA", "REORG"})
OF_SHARES = NAMES | MERGERS | {"SPIN", "SSO", "ACATS", "JNLS", "PTR", "VOF"}
"""Bookings of shares, which are told with how many; splits are in the prices."""


@dataclass(frozen=True, slots=True)
class CashFlow:
    """One booking, in cents and in units of shares; `kind` is the broker's word for it."""

    session: date
    flow_id: str
    kind: str
    amount: int
    symbol: str | None = None
    note: str = ""
    quantity: int = 0

    @property
    def is_deposit(self) -> bool:
        return self.kind in DEPOSITS


def rounding(session: date, computed: int, told: int, bookings: int) -> CashFlow | None:
    """What a broker that counts parts of a cent has more or less than the books, in cents.

    At most half a cent for each of the `bookings` since the two were the same: more is no rounding, and not made good.
    """
    difference = told - computed
    if not difference or abs(difference) > (bookings + 1) // 2:
        return None
    return CashFlow(session, f"{ROUNDING.lower()}-{session}", ROUNDING, difference, note=f"{bookings} bookings")
