"""Alpaca, paper and live, behind the port `ports.Broker`.

`words` translates Alpaca's words into the port's; `journal` keeps what was tried; `sending` sends every order exactly
once; `activities` reads what was executed and what moved cash; `broker` puts them together. Keys and asking belong to
`adapters.alpaca`.
"""
