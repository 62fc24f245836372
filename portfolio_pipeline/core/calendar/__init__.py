"""Time as the house counts it: sessions of the exchange, when something is due, whether a table may be carried on."""
