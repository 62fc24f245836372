"""`portfolio marks`: what the account is worth at quotes, now."""

from __future__ import annotations

from portfolio_pipeline.adapters.acts.marking import NothingToMark, mark_account
from portfolio_pipeline.cli.home import open_tables
from portfolio_pipeline.cli.terminal import Column, say, show, table
from portfolio_pipeline.core.books.book import to_currency, to_shares


def show_marks() -> None:
    wired = open_tables()
    try:
        marked, breaches = mark_account(wired)
    except NothingToMark as why:
        say(f"Nothing was marked. {why}")
        return
    cells = [
        (
            (
                symbol,
                f"{to_shares(one.quantity):,g}",
                "" if one.quote is None else f"{one.quote.bid:,.2f}",
                "" if one.quote is None else f"{one.quote.ask:,.2f}",
                one.state,
                f"{one.price:,.2f}",
                f"{to_currency(one.worth):,.2f}",
                f"{to_currency(one.gain):+,.2f}",
                f"{abs(one.worth) / max(marked.equity, 1):.1%}",
            ),
            "" if one.state == "fresh" else "yellow",
        )
        for symbol, one in marked.symbols.items()
    ]
    titles = ("symbol", "shares", "bid", "ask", "quote", "price", "worth", "today", "of equity")
    when = f"{marked.marked_at:%Y-%m-%d %H:%M:%S} UTC"
    columns = [Column(title, text=title in ("symbol", "quote")) for title in titles]
    show(table(columns, cells, f"The account at quotes, {when}"))
    whole = f"Equity {to_currency(marked.equity):,.2f}, {to_currency(marked.gain):+,.2f} since the last stored close"
    say(f"{whole}; {-marked.drawdown:.1%} below its peak.")
    for breach in breaches:
        say(str(breach), "bold red")
