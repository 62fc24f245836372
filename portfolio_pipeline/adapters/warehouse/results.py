"""Gives query results of both engines the same Arrow types: date32, string, double, int64, bool, timestamp[us]."""

from __future__ import annotations

import pyarrow as pa


def normalized(result: pa.Table) -> pa.Table:
    """The same rows in the house's types. Decimals become doubles, instants become UTC without a zone."""
    columns = [_column(result.column(index)) for index in range(result.num_columns)]
    return pa.table(columns, schema=pa.schema(zip(result.schema.names, (c.type for c in columns), strict=True)))


def _column(values: pa.ChunkedArray) -> pa.ChunkedArray:
    found, types = values.type, pa.types
    if isinstance(found, pa.BaseExtensionType):
        # Postgres sends numerics (sums of bigint, averages, extract) as text under a name of their own.
        numeric = getattr(found, "type_name", None) == "numeric"
        stored = pa.chunked_array([chunk.storage for chunk in values.chunks], found.storage_type)
        return stored.cast(pa.float64()) if numeric else _column(stored)
    if types.is_dictionary(found):
        return _column(values.cast(found.value_type))
    if types.is_decimal(found) or types.is_floating(found):
        return values.cast(pa.float64())
    if types.is_integer(found):
        return values.cast(pa.int64())
    if types.is_date(found):
        return values.cast(pa.date32())
    if types.is_timestamp(found):
        return values.cast(pa.timestamp("us"))
    if types.is_large_string(found) or types.is_string_view(found) or types.is_null(found):
        return values.cast(pa.string())
    return values
