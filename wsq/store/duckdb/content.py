"""Refuse files that hold more than tables: views, macros and triggers are SQL of somebody else that would run here."""

from __future__ import annotations

from pathlib import Path

import duckdb

from wsq.errors import NotAWorkspace
from wsq.store import content
from wsq.store.content import Found
from wsq.store.duckdb.create import version_of
from wsq.store.duckdb.instance import ALIAS
from wsq.store.engine import Schema

_TYPES = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE", "DOUBLE PRECISION": "DOUBLE"}
"""How DuckDB names types that wsq names otherwise."""

_OTHERS = """SELECT 'view', view_name FROM duckdb_views() WHERE database_name = $1 AND NOT internal
    UNION ALL SELECT 'schema', schema_name FROM duckdb_schemas() WHERE database_name = $1 AND NOT internal
    UNION ALL SELECT 'trigger', trigger_name FROM duckdb_triggers() WHERE database_name = $1
    UNION ALL SELECT 'type', type_name FROM duckdb_types() WHERE database_name = $1 AND NOT internal
    UNION ALL SELECT 'sequence', sequence_name FROM duckdb_sequences() WHERE database_name = $1
    UNION ALL SELECT 'macro', function_name FROM duckdb_functions() WHERE database_name = $1
    ORDER BY ALL LIMIT 1"""
"""The first thing that is no table."""

_COLUMNS = """SELECT table_name, column_name, data_type, is_generated FROM duckdb_columns() WHERE database_name = $1
    ORDER BY ALL"""


def refuse_other_content(root: duckdb.DuckDBPyConnection, path: Path, schema: Schema) -> None:
    """Check the attached file, of whatever version; takes some 40 ms.

    Raises:
        NotAWorkspace: It holds something that is no table, or a table of wsq has other columns.
    """
    others = root.execute(_OTHERS, [ALIAS]).fetchall()
    tables: dict[str, Found] = {}
    for table, column, kind, is_generated in root.execute(_COLUMNS, [ALIAS]).fetchall():
        columns, generated = tables.setdefault(table, Found("table", {}, set()))[1:]
        columns[column] = kind
        if is_generated:
            generated.add(column)
    if others and "schema_version" in tables:
        kind, name = others[0]
        raise NotAWorkspace(f"{path} is not a wsq workspace: it holds the {kind} {name!r}. It was not changed.")
    version = version_of(root, path)
    if version > schema.version:
        return
    expected = {
        table: {column: _TYPES.get(kind, kind) for column, kind in columns.items()}
        for table, columns in content.tables(schema).items()
    }
    other = content.difference(tables, expected, is_older=version < schema.version)
    if other is not None:
        raise NotAWorkspace(f"{path} is not a wsq workspace: {other}. It was not changed.")
