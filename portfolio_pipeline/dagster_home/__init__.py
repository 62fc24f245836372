"""The folder in which Dagster keeps what it knows: its configuration file, its event log, its storage.

Not here: the tables of the house (`adapters/warehouse`), and anything the assets do.
"""
