"""A portfolio of strategies, run every trading day as Dagster assets.

`core` computes, `ports` says what it asks of the world, `adapters` are that world, `components` and `defs` are what
Dagster shows, `cli` is the command. Who may import whom is in pyproject.toml.
"""
