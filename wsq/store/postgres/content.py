"""Refuse a schema that holds views, triggers, rules or functions in the way of wsq's own.

They are SQL of somebody else, which would run with the rights of this user.
"""

from __future__ import annotations

from wsq.errors import NotAWorkspace
from wsq.store import content
from wsq.store.content import Found
from wsq.store.engine import Schema
from wsq.store.postgres.cursor import Connection, run

_TYPES = {
    "VARCHAR": "character varying",
    "VARCHAR[]": "character varying[]",
    "BIGINT": "bigint",
    "BIGSERIAL": "bigint",
    "INTEGER": "integer",
    "DOUBLE PRECISION": "double precision",
    "BOOLEAN": "boolean",
    "TIMESTAMPTZ": "timestamp with time zone",
    "INTERVAL": "interval",
    "BLOB": "blob",
    "BYTEA": "bytea",
}
"""How PostgreSQL names the types of wsq's columns."""

_FUNCTION = "CREATE FUNCTION "

_CONTENT = """WITH there AS (SELECT oid, relname, relkind FROM pg_class WHERE relnamespace = to_regnamespace($1))
    SELECT relname, relkind::TEXT, attname, format_type(atttypid, NULL), attgenerated <> '' FROM there
        JOIN pg_attribute ON attrelid = there.oid AND attnum > 0 AND NOT attisdropped
        WHERE relkind IN ('r', 'v', 'm', 'f', 'p')
    UNION ALL SELECT tgname, 'trigger', NULL, NULL, NULL FROM there JOIN pg_trigger ON tgrelid = there.oid
        WHERE NOT tgisinternal
    UNION ALL SELECT rulename, 'rule', NULL, NULL, NULL FROM there JOIN pg_rewrite ON ev_class = there.oid
        WHERE relkind = 'r'
    UNION ALL SELECT polname, 'policy', NULL, NULL, NULL FROM there JOIN pg_policy ON polrelid = there.oid
    UNION ALL SELECT proname, 'function', NULL, NULL, NULL FROM pg_proc WHERE pronamespace = to_regnamespace($1)
        GROUP BY proname HAVING count(*) > 1 OR proname <> ALL($2::TEXT[])"""

_KINDS = {"r": "table", "v": "view", "m": "materialized view", "f": "foreign table", "p": "partitioned table"}


def refuse_other_content(
    connection: Connection, place: str, space: str, own: tuple[str, ...], schema: Schema, version: int
) -> None:
    """Check the PostgreSQL schema `space`, in which `own` statements and those of the workspace's schema were run.

    Other people's views beside wsq's tables are not used, and so accepted.

    Raises:
        NotAWorkspace: Something else stands in the place of a table, or would run when one is used.
    """
    functions = [each.removeprefix(_FUNCTION).partition("(")[0] for each in own if each.startswith(_FUNCTION)]
    tables: dict[str, Found] = {}
    for name, kind, column, type_, is_generated in run(connection, [(_CONTENT, [space, functions])]).fetchall():
        if column is None:
            raise NotAWorkspace(f"{place} is not a wsq workspace: it holds the {kind} {name!r}. It was not changed.")
        there = tables.setdefault(name, Found(_KINDS[kind], {}, set()))
        there.columns[column] = type_
        if is_generated:
            there.generated.add(column)
    expected = {
        table: {column: _TYPES[kind] for column, kind in columns.items()}
        for table, columns in content.tables(schema, *own).items()
    }
    other = content.difference(tables, expected, is_older=version < schema.version)
    if other is not None:
        raise NotAWorkspace(f"{place} is not a wsq workspace: {other}. It was not changed.")
