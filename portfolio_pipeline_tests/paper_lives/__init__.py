"""Whole lives of an account in PAPER mode, at the server that stands in for Alpaca: drawn from a seed, with whatever
goes wrong in them (`troubles`), and with what has to hold every evening (`proofs`).
"""
