"""A database in memory that holds what a log folded into at some point: for looking back."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import duckdb

from wsq.store import bulk
from wsq.store.engine import Cursor, Engine, Parameters
from wsq.store.folding import World
from wsq.store.schema import WorkspaceSchema
from wsq.store.transaction import write_world


class PastCursor:
    """Asks the database in memory; what lies beside the log is still asked of the living one."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, living: Engine | None) -> None:
        self._connection = connection
        self._living = living

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement."""
        if self._living is not None and " FROM bodies " in sql:
            with self._living.read() as cursor:
                return cursor.query(sql, parameters)
        found = self._connection.execute(sql, list(parameters)).fetchall()
        return [tuple(_utc(value) for value in row) for row in found]

    def load(self, table: str, kinds: dict[str, str], columns: Sequence[list[Any]]) -> None:
        """Insert many rows, given as columns."""
        bulk.load(self._connection, table, kinds, columns)


class PastEngine:
    """Reads alone, from a world that no longer changes."""

    def __init__(self, world: World, living: Engine | None = None) -> None:
        self._lock = threading.RLock()
        self._living = living
        self._connection = duckdb.connect(":memory:", config={"threads": 1})
        self._connection.execute("SET TimeZone = 'UTC'")
        cursor = PastCursor(self._connection, None)
        WorkspaceSchema().create(cursor)
        write_world(cursor, world)

    @contextmanager
    def read(self) -> Iterator[Cursor]:
        """A view of what was."""
        with self._lock:
            yield PastCursor(self._connection, self._living)


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
