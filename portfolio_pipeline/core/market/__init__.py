"""What is known of the market: instruments, bars, price panels, returns, indicators; the judge of bars (`quality`)
and the state of the market (`regimes`). Not here: what a strategy makes of it.
"""
