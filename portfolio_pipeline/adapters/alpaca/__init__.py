"""What the broker Alpaca and the vendor Alpaca have in common.

`access` holds keys and addresses and refuses what does not belong together; `client` asks with alpaca-py, in time, and
tells errors apart. What is asked belongs to `adapters.broker.alpaca` and `adapters.market_data.alpaca`.
"""
