"""Who owns what: a book of cash and positions (`book`), what was executed (`fills`), the strategies' books that
together are the account (`strategy_books`), and the account and all books as rows (`positions`).

Exact: cents and millionths of a share. Not here: orders, and at which price they are executed (`core.execution`).
The words that others need to speak of accounts are exported; what works on tables is imported where it is used.
"""

from portfolio_pipeline.core.books.book import AccountSnapshot, Book, Holding, Position
from portfolio_pipeline.core.books.fills import Fill, Side

__all__ = ["AccountSnapshot", "Book", "Fill", "Holding", "Position", "Side"]
