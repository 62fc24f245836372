"""Who owns what: a book of cash and positions (`book`), what was executed (`fills`), the strategies' books that
together are the account (`strategy_books`), and the account and all books as rows (`positions`).

Exact: cents and millionths of a share. Not here: orders, and at which price they are executed (`core.execution`).
"""

from portfolio_pipeline.core.books.book import AccountSnapshot, Book, Holding, Position
from portfolio_pipeline.core.books.fills import Fill, Side
from portfolio_pipeline.core.books.positions import Holdings, books_that_do_not_add_up, hold, stored_ledger
from portfolio_pipeline.core.books.strategy_books import Ledger

__all__ = [
    "AccountSnapshot",
    "Book",
    "Fill",
    "Holding",
    "Holdings",
    "Ledger",
    "Position",
    "Side",
    "books_that_do_not_add_up",
    "hold",
    "stored_ledger",
]
