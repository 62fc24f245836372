"""A broker and a vendor of prices that speak Alpaca's API over HTTP, as its documents and recorded answers have it.

`ledger` knows what happened and is the proof of it; `rules` refuses what Alpaca refuses; `shapes` writes it down as
Alpaca does; `faults` breaks answers on request; `server` speaks HTTP. `vendor` knows bars, actions and quotes, and
`data_server` tells them. It imports nothing of the adapters that it is there to test.
"""
