"""A broker that speaks Alpaca's trading API over HTTP, as its documents and recorded answers have it.

`ledger` knows what happened and is the proof of it; `rules` refuses what Alpaca refuses; `shapes` writes it down as
Alpaca does; `faults` breaks answers on request; `server` speaks HTTP. It imports nothing of the adapter that it is
there to test.
"""
