"""Alpaca as a vendor of daily bars, corporate actions and quotes, behind the port `ports.MarketData`.

`desk` asks, page by page; `actions` translates what Alpaca says of splits, dividends and the rest; `kept_bars` keeps
what was fetched in the home; `vendor` knows what is missing, and notices what has changed. Keys and asking belong to
`adapters.alpaca`.
"""
