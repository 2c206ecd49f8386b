"""A store at an earlier point: tables in memory, each folded from the log when a query first names it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wsq.projections import TABLES
from wsq.store.duckdb import instance
from wsq.store.duckdb.cursor import DuckCursor
from wsq.store.engine import Parameters, ReadingCursor
from wsq.store.folding import without_collector
from wsq.store.log import Log
from wsq.store.rows import MANY, tables_in, write_world
from wsq.store.schema import OWN_TABLES

_DELETIONS = """SELECT store_id, seq, event_id, name, version, args, actor, cause, recorded_at FROM events
    WHERE store_id = $1 AND seq <= $2 AND name = 'recurring_task.delete'"""
"""The only events that queries on rows need: they map executions to deleted recurring tasks."""


class PastEngine:
    """A read-only view of one store after the event of seq `seq`.

    The log is append-only, so the time of reading does not matter; of forgotten data only the placeholder is left.
    Message bodies are not in the log: they are read from the live workspace, so pruned bodies are missing here too.
    """

    def __init__(self, living: Log, store_id: str, seq: int) -> None:
        self._living = living
        self._store_id = store_id
        self._seq = seq
        self._lock = threading.RLock()
        self._folded: set[str] = set()
        self._long: set[str] = set()
        self._connection = instance.connect(1)
        self._cursor = DuckCursor(self._connection, living.engine.place)
        for statement in OWN_TABLES:
            self._cursor.query(statement)
        self._cursor.query("INSERT INTO heads VALUES ($1, $2)", [store_id, seq])

    @contextmanager
    def read(self) -> Iterator[ReadingCursor]:
        """Open a view. The garbage collector is paused meanwhile: results are many rows, all in use."""
        with self._lock, without_collector():
            yield self

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement."""
        if " FROM bodies " in sql:
            return self._living.read(lambda cursor: cursor.query(sql, parameters))
        named = tables_in(sql)
        if missing := named - self._folded:
            self._fold(missing)
        if named.isdisjoint(self._long):
            return self._cursor.query(sql, parameters)
        return self._cursor.query_many(sql, parameters)

    def batches(self, sql: str, size: int, parameters: Parameters = ()) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of one statement, `size` at a time."""
        self._fold(tables_in(sql) - self._folded)
        return self._cursor.batches(sql, size, parameters)

    def _fold(self, missing: frozenset[str]) -> None:
        tables = missing & TABLES.keys()
        if tables:
            (world,) = self._living.worlds_at(self._store_id, [self._seq], tables)
            write_world(self._cursor, world)
            self._long.update(name for name, rows in world.items() if len(rows) >= MANY)
        if "events" in missing:
            columns = ", ".join(f"${n}" for n in range(1, 10))
            for row in self._living.read(lambda cursor: cursor.query(_DELETIONS, [self._store_id, self._seq])):
                self._cursor.query(f"INSERT INTO events VALUES ({columns})", row)  # noqa: S608 - marks of our own
        self._folded |= missing
