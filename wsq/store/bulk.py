"""Many rows at once: through a DataFrame, which DuckDB scans three times faster than lists of values.

pandas takes most of a second to load, so it is worth it from some thousands of rows on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import duckdb
import msgspec

_MICROSECOND = timedelta(microseconds=1)

_AS_STORED = {"INTERVAL": "to_microseconds({})", "VARCHAR[]": "CAST(CAST({} AS JSON) AS VARCHAR[])"}
"""How a column that DuckDB would have to guess the type of is brought over, and made what it is again."""

_DTYPES = {
    "VARCHAR": "str",
    "VARCHAR[]": "str",
    "BIGINT": "Int64",
    "INTERVAL": "Int64",
    "DOUBLE PRECISION": "Float64",
    "BOOLEAN": "boolean",
}


def load(
    connection: duckdb.DuckDBPyConnection, table: str, kinds: dict[str, str], columns: Sequence[list[Any]]
) -> None:
    """Insert columns of values into `table`; `kinds` are their names and SQL types, in order."""
    import pandas as pd

    given = dict(zip(kinds, columns, strict=True))
    frame = pd.DataFrame({name: _column(kind, given[name]) for name, kind in kinds.items()})
    stored = ", ".join(_AS_STORED.get(kind, "{}").format(name) for name, kind in kinds.items())
    connection.register("bulk_rows", frame)
    try:
        connection.execute(f"INSERT INTO {table} ({', '.join(kinds)}) SELECT {stored} FROM bulk_rows")  # noqa: S608 - names of our own schema
    finally:
        connection.unregister("bulk_rows")


def _column(kind: str, values: list[Any]) -> Any:
    import pandas as pd

    if kind == "TIMESTAMPTZ":
        return pd.to_datetime(pd.Series(values, dtype=object), utc=True).astype("datetime64[us, UTC]")
    if kind == "INTERVAL":
        values = [None if value is None else value // _MICROSECOND for value in values]
    elif kind == "VARCHAR[]":
        values = [msgspec.json.encode(value).decode() for value in values]
    return pd.array(values, dtype=_DTYPES[kind])
