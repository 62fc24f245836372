"""Alpaca, paper and live, behind the port `ports.Broker`.

`access` holds keys and addresses and refuses what does not belong together; `client` asks, with time limits, and tells
errors apart; `words` translates Alpaca's words into the port's; `journal` keeps what was tried; `sending` sends every
order exactly once; `activities` reads what was executed and what moved cash; `broker` puts them together.
"""
