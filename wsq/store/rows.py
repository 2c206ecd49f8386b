"""Rows in the database: SQL types of their columns, and bulk reads and writes."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, get_args, get_origin

import msgspec

from wsq.projections import TABLES, Row, Table
from wsq.store.engine import Cursor, LoadingCursor, WritingCursor

Key = tuple[Any, ...]

World = dict[str, dict[Key, Row]]
"""Every projection's rows by key."""

MANY = 5_000
"""Number of rows from which on a bulk load pays off."""

LOG_TYPES = {
    "store_id": "VARCHAR",
    "seq": "BIGINT",
    "event_id": "VARCHAR",
    "name": "VARCHAR",
    "version": "INTEGER",
    "args": "VARCHAR",
    "actor": "VARCHAR",
    "cause": "VARCHAR",
    "recorded_at": "TIMESTAMPTZ",
}


_SQL_TYPES: dict[Any, str] = {
    str: "VARCHAR",
    int: "BIGINT",
    float: "DOUBLE PRECISION",
    bool: "BOOLEAN",
    datetime: "TIMESTAMPTZ",
    timedelta: "INTERVAL",
    tuple: "VARCHAR[]",
}

_ALL_TABLES = frozenset({*TABLES, "events", "heads", "bodies", "leases", "dry_runs"})


@cache
def tables_in(sql: str) -> frozenset[str]:
    """Return the tables that a statement names."""
    return _ALL_TABLES.intersection(re.findall(r"[a-z_]+", sql))


_hints = cache(typing.get_type_hints)  # cached, since it compiles each annotation


def sql_types(kind: type[msgspec.Struct], columns: Iterable[str]) -> dict[str, str]:
    """The SQL type of each of these fields of a kind of rows, in order."""
    hints = _hints(kind)
    return {column: _SQL_TYPES[_plain(hints[column])[0]] for column in columns}


def create_statement(table: Table) -> str:
    """Return the statement that creates a projection's table."""
    hints = _hints(table.row)
    columns = [
        f"{name} {kind}{'' if _plain(hints[name])[1] else ' NOT NULL'}" for name, kind in _types(table.name).items()
    ]
    keys = [f"PRIMARY KEY ({', '.join(table.key)})", *(f"UNIQUE ({', '.join(u)})" for u in table.unique)]
    return f"CREATE TABLE {table.name} ({', '.join(columns + keys)})"


@cache
def _types(table: str) -> dict[str, str]:
    return sql_types(TABLES[table].row, TABLES[table].columns)


@cache
def _lists(table: str) -> frozenset[str]:
    return frozenset(column for column, kind in _types(table).items() if kind.endswith("[]"))


def _plain(hint: Any) -> tuple[Any, bool]:
    """The bare type of an annotation, and whether it may be None."""
    if isinstance(hint, types.UnionType) or get_origin(hint) is typing.Union:
        bare = next(arm for arm in get_args(hint) if arm is not type(None))
        return _plain(bare)[0], True
    return get_origin(hint) or hint, False


def write_world(cursor: LoadingCursor, world: World) -> None:
    """Replace the content of these projections with `world`."""
    for name, rows_by_key in world.items():
        table, rows = TABLES[name], list(rows_by_key.values())
        cursor.query(f"DROP TABLE IF EXISTS {name}")
        cursor.query(create_statement(table))
        if len(rows) >= MANY:
            cursor.load(name, _types(name), list(zip(*map(attrgetter(*table.columns), rows), strict=True)))
        elif rows:
            insert_rows(cursor, table, rows)


def fetch_rows(cursor: Cursor, table: Table, keys: Sequence[Key]) -> list[Row]:
    """The rows by these keys, in no order; missing ones are left out."""
    columns = ", ".join(table.columns)
    if len(keys) == 1:
        where, given = _is_key(table), list(keys[0])
    else:
        where, given = _matches(table), [list(values) for values in zip(*keys, strict=True)]
    return to_rows(table, cursor.query(f"SELECT {columns} FROM {table.name} WHERE {where}", given))  # noqa: S608


def rows_at(cursor: Cursor, addresses: Iterable[tuple[str, Key]], place: str = "") -> World:
    """The rows by table and key; missing ones are left out. `place` qualifies the tables' names."""
    wanted: dict[str, set[Key]] = {}
    for table, key in addresses:
        wanted.setdefault(table, set()).add(key)
    world: World = {}
    for name, keys_ in wanted.items():
        spec = TABLES[name]
        found = cursor.query(
            f"SELECT {', '.join(spec.columns)} FROM {place}{name} WHERE {_matches(spec)}",  # noqa: S608
            [list(values) for values in zip(*sorted(keys_), strict=True)],
        )
        world[name] = by_key(spec, to_rows(spec, found))
    return world


def insert_rows(cursor: LoadingCursor, table: Table, rows: Iterable[Row]) -> None:
    """Insert new rows in one statement."""
    insert(cursor, table.name, _types(table.name), [_values(row, table.columns) for row in rows])


def update_rows(cursor: WritingCursor, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Update these columns of existing rows, in one statement."""
    kinds, given = _types(table.name), (*table.key, *columns)
    if len(rows) == 1:
        sets = ", ".join(f"{c} = ${n}" for n, c in enumerate(columns, len(table.key) + 1))
        cursor.post(f"UPDATE {table.name} SET {sets} WHERE {_is_key(table)}", _values(rows[0], given))  # noqa: S608
        return
    source, parameters = _source(kinds, given, [_values(row, given) for row in rows])
    sets = ", ".join(f"{c} = v.{c}" for c in columns)
    where = " AND ".join(f"{table.name}.{c} = v.{c}" for c in table.key)
    cursor.post(f"UPDATE {table.name} SET {sets} FROM (SELECT {source}) v WHERE {where}", parameters)  # noqa: S608


def delete_rows(cursor: WritingCursor, table: Table, keys: Iterable[Key]) -> None:
    """Delete the rows by their keys in one statement."""
    given = [list(values) for values in zip(*keys, strict=True)]
    cursor.post(f"DELETE FROM {table.name} WHERE {_matches(table)}", given)  # noqa: S608


def insert(
    cursor: LoadingCursor, table: str, kinds: dict[str, str], rows: Sequence[Sequence[Any]], otherwise: str = ""
) -> None:
    """Insert rows in one statement; `otherwise` is an SQL clause for existing rows."""
    columns = ", ".join(kinds)
    if len(rows) == 1:
        marks = ", ".join(f"${n}" for n in range(1, len(kinds) + 1))
        cursor.post(f"INSERT INTO {table} ({columns}) VALUES ({marks}){otherwise}", rows[0])  # noqa: S608
        return
    source, parameters = _source(kinds, kinds, rows)
    cursor.post(f"INSERT INTO {table} ({columns}) SELECT {source}{otherwise}", parameters)


def to_rows(table: Table, found: Sequence[Sequence[Any]], *more: str) -> list[Row]:
    """Stored rows as their values; `more` are fields after the table's columns."""
    names, lists, kind = (*table.columns, *more), _lists(table.name), table.row
    columns: list[Iterable[Any]] = list(zip(*found, strict=True))
    for place, name in enumerate(names):
        if found and name in lists:
            columns[place] = map(tuple, columns[place])
    return [kind(**dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]


def by_key(table: Table, rows: Iterable[Row]) -> dict[Key, Row]:
    """The table's rows by their keys."""
    return {tuple(getattr(row, part) for part in table.key): row for row in rows}


def _values(row: Row, columns: Iterable[str]) -> list[Any]:
    return [list(v) if type(v := getattr(row, column)) is tuple else v for column in columns]


def _source(kinds: dict[str, str], columns: Iterable[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """Return an SQL source of these rows, and its parameters.

    The first column is a list, which defines the rows. A value that all rows share is passed once: a list costs the
    database about 40 µs, even if it is all NULL. Databases differ in lists of lists, so lists in rows are passed as
    JSON.
    """
    terms: list[str] = []
    parameters: list[Any] = []
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        shared = bool(terms) and all(value == values[0] for value in values)
        kind, mark = kinds[column], f"${len(parameters) + 1}"
        if shared:
            parameters.append(values[0])
            terms.append(f"{mark}::{kind} AS {column}")
        elif kind == "VARCHAR[]":
            parameters.append([None if value is None else msgspec.json.encode(value).decode() for value in values])
            terms.append(f"""from_json(unnest({mark}::VARCHAR[]), '["VARCHAR"]') AS {column}""")
        else:
            parameters.append(list(values))
            terms.append(f"unnest({mark}::{kind}[]) AS {column}")
    return ", ".join(terms), parameters


def _is_key(table: Table) -> str:
    """A condition on the key's columns; each parameter is one column's value."""
    return " AND ".join(f"{column} = ${n}" for n, column in enumerate(table.key, 1))


def _matches(table: Table) -> str:
    """A condition on the key's columns; each parameter is the list of one column's values."""
    kinds = _types(table.name)
    if len(table.key) == 1:
        (column,) = table.key
        return f"{column} IN (SELECT unnest($1::{kinds[column]}[]))"
    lists = ", ".join(f"unnest(${n}::{kinds[column]}[])" for n, column in enumerate(table.key, 1))
    return f"({', '.join(table.key)}) IN (SELECT {lists})"
