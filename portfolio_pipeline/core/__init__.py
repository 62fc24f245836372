"""The arithmetic and the rules of the house, and nothing else.

Arrays and frames in, arrays and frames out: no Dagster, no database, no network, no clock.
"""
