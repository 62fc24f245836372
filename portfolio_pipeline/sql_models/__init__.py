"""SQL models: one SELECT a file, read, understood, rendered and run (`run`, through the warehouse port).

A file under `dbt_like_sql/` opens with a header (YAML in a comment) and reads tables and other models through
`ref('name')`. The SQL is the part of Postgres' language that DuckDB understands in the same way, and runs raw on both.
Marts, audits and what they share are written so; what the chain computes is not. Not here: assets (`components`).
"""
