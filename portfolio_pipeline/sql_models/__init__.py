"""SQL models: one SELECT a file, read, understood and rendered here; run by `adapters.sql_models`.

A file under `dbt_like_sql/` opens with a header (YAML in a comment) and reads tables and other models through
`ref('name')`. The SQL is the part of Postgres' language that DuckDB understands in the same way, and runs raw on both.
Nothing here touches a database.
"""
