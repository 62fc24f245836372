"""Alpaca as a vendor: the adapter at the server that stands in for it, and that server itself."""
