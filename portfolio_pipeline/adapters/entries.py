"""Since when what is held has been held."""

from __future__ import annotations

from datetime import date

from portfolio_pipeline.core.books.trades import Entries
from portfolio_pipeline.ports import Reader

# Closes in a row at which a book holds a symbol on one side keep their distance to how many there were so far.
_ENTRIES = """
with closes as (
    select session, row_number() over (order by session) as number
    from account
    where book = 'account' and session <= $1
),

held as (
    select
        positions.session,
        positions.book,
        positions.symbol,
        positions.quantity > 0 as is_long,
        closes.number - row_number() over (
            partition by positions.book, positions.symbol, positions.quantity > 0 order by closes.number
        ) as spell
    from positions
    inner join closes on closes.session = positions.session
)

select book, symbol, min(session) as session
from held
group by book, symbol, is_long, spell
having max(session) = $1
"""


def entries_at(reader: Reader, session: date) -> Entries:
    """By book and symbol that is held at the close of `session`: the first close of this position."""
    return {(row["book"], row["symbol"]): row["session"] for row in reader.query(_ENTRIES, [session]).to_pylist()}
