"""A portfolio of strategies, run every trading day as Dagster assets."""
