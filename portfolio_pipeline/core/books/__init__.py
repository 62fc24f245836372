"""Who owns what: a book of cash and positions (`book`), the strategies' books that together are the account
(`strategy_books`), and both as rows (`positions`). Exact: cents and millionths of a share. Not here: prices of trades
(`core.execution.fill_model`).
"""
