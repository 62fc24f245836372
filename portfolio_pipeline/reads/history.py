"""Where the history of a table begins, and that nothing is missing in it: what reading whole histories starts with.

Whatever range an asset is asked for, it gets the history from the first stored session on, so that running sums start
at the same place and every value has the same bits. What is read is said beside this (`prices`, `features`).
"""

from __future__ import annotations

from datetime import date

from portfolio_pipeline.core.calendar.sessions import SessionRange, sessions_between
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.ports import Reader


def unbroken_history(reader: Reader, table: str, last: date) -> SessionRange:
    """The sessions from the first stored one to `last`; refused when one of them is not stored.

    One that nobody has prices for (`price_holes`) leaves no rows, and is none that is missing.
    """
    stored = reader.query(
        "select min(session) as first, max(session) as last, count(distinct session) as sessions"
        f" from (select session from {table} union select session from price_holes) as known where session <= $1",
        [last],
    ).to_pylist()[0]
    if stored["first"] is None or stored["last"] != last:
        raise DataError(
            f"{table.upper()}_MISSING",
            found=stored["last"] or "none",
            expected=last,
            remedy=f"Materialise {table} for these sessions first: portfolio backfill.",
        )
    sessions = sessions_between(stored["first"], last)
    if stored["sessions"] != len(sessions):
        there = set(
            reader.query(
                f"select session from {table} where session <= $1"
                " union select session from price_holes where session <= $1",
                [last],
            )["session"].to_pylist()
        )
        missing = [session for session in sessions if session not in there]
        raise DataError(
            f"{table.upper()}_INCOMPLETE",
            missing_sessions=len(missing),
            first_missing=missing[0],
            remedy=f"Run portfolio backfill --from {missing[0]} --to {missing[-1]}.",
        )
    return SessionRange(stored["first"], last)
