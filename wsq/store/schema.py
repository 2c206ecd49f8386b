"""What stands in a workspace's database. Projections' tables follow from their rows' fields."""

from __future__ import annotations

import functools
import types
import typing
from datetime import datetime, timedelta
from typing import Any, get_args, get_origin

from wsq.errors import WorkspaceError
from wsq.projections import TABLES, Table
from wsq.store.engine import Cursor, WritingCursor

VERSION = 3
"""Rises with every change of what stands in the database."""

_SQL_TYPES: dict[Any, str] = {
    str: "VARCHAR",
    int: "BIGINT",
    float: "DOUBLE PRECISION",
    bool: "BOOLEAN",
    datetime: "TIMESTAMPTZ",
    timedelta: "INTERVAL",
    tuple: "VARCHAR[]",
}

_DRY_RUNS = """CREATE TABLE dry_runs (
    id VARCHAR PRIMARY KEY, store_id VARCHAR NOT NULL, project_id VARCHAR, model VARCHAR,
    started_at TIMESTAMPTZ NOT NULL, cost_usd DOUBLE PRECISION, input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL, cache_read_tokens BIGINT NOT NULL, cache_write_tokens BIGINT NOT NULL)"""
"""What trying a prompt out has cost: no execution, and so in no log, but paid for."""

OWN_TABLES = (
    """CREATE TABLE events (
        store_id VARCHAR NOT NULL, seq BIGINT NOT NULL, event_id VARCHAR NOT NULL, name VARCHAR NOT NULL,
        version INTEGER NOT NULL, args VARCHAR NOT NULL, actor VARCHAR NOT NULL, cause VARCHAR,
        recorded_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (store_id, seq))""",
    "CREATE TABLE heads (store_id VARCHAR PRIMARY KEY, seq BIGINT NOT NULL)",
    "CREATE TABLE bodies (hash VARCHAR PRIMARY KEY, body BLOB NOT NULL)",
    """CREATE TABLE leases (
        execution_id VARCHAR PRIMARY KEY, store_id VARCHAR NOT NULL, holder VARCHAR NOT NULL,
        epoch BIGINT NOT NULL, expires_at TIMESTAMPTZ NOT NULL, reserved_usd DOUBLE PRECISION DEFAULT 0,
        reserved_tokens BIGINT DEFAULT 0)""",
    _DRY_RUNS,
    """CREATE TABLE passes (
        id VARCHAR PRIMARY KEY, started_at TIMESTAMPTZ NOT NULL, finished_at TIMESTAMPTZ NOT NULL,
        host VARCHAR NOT NULL, pid BIGINT NOT NULL, version VARCHAR NOT NULL, due BIGINT NOT NULL,
        completed BIGINT NOT NULL, failed BIGINT NOT NULL, skipped BIGINT NOT NULL,
        resumed BIGINT NOT NULL)""",
)
"""The log, what lies beside it, and what is operational: none of these is a projection."""


_SINCE = {
    1: (
        "ALTER TABLE leases ADD COLUMN reserved_usd DOUBLE PRECISION DEFAULT 0",
        "ALTER TABLE leases ADD COLUMN reserved_tokens BIGINT DEFAULT 0",
    ),
    2: (_DRY_RUNS,),
}
"""What a workspace of each version lacks, beside its projections, to be of the next one."""

_hints = functools.cache(typing.get_type_hints)  # which compiles each annotation, whenever it is asked


def sql_types(table: Table) -> dict[str, str]:
    """The SQL type of each stored column, in order."""
    hints = _hints(table.row)
    return {column: _SQL_TYPES[_plain(hints[column])[0]] for column in table.columns}


def create_statement(table: Table) -> str:
    """The statement that makes a projection's table."""
    hints = _hints(table.row)
    columns = [
        f"{name} {kind}{'' if _plain(hints[name])[1] else ' NOT NULL'}" for name, kind in sql_types(table).items()
    ]
    keys = [f"PRIMARY KEY ({', '.join(table.key)})", *(f"UNIQUE ({', '.join(u)})" for u in table.unique)]
    return f"CREATE TABLE {table.name} ({', '.join(columns + keys)})"


def _plain(hint: Any) -> tuple[Any, bool]:
    """The bare type of an annotation, and whether it may be None."""
    if isinstance(hint, types.UnionType) or get_origin(hint) is typing.Union:
        bare = next(arm for arm in get_args(hint) if arm is not type(None))
        return _plain(bare)[0], True
    return get_origin(hint) or hint, False


class WorkspaceSchema:
    """The schema of this wsq."""

    version = VERSION

    def create(self, cursor: Cursor) -> None:
        """Make all of it in an empty database."""
        for statement in OWN_TABLES:
            cursor.query(statement)
        for table in TABLES.values():
            cursor.query(create_statement(table))

    def upgrade(self, cursor: WritingCursor, version: int) -> None:
        """Bring an older version to this one: projections are folded anew, the log is never touched."""
        from wsq.store.folding import fold, read_facts
        from wsq.store.transaction import write_world

        if not 1 <= version < self.version:
            raise WorkspaceError(f"There is no way from schema version {version} to {self.version}.")
        for statement in (each for older in range(version, self.version) for each in _SINCE[older]):
            cursor.query(statement)
        write_world(cursor, fold(read_facts(cursor)))
