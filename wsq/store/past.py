"""A store as it was: its tables in memory, each folded from the log when a question first names it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from wsq.projections import TABLES
from wsq.store.duckdb.cursor import DuckCursor
from wsq.store.engine import Cursor, Parameters
from wsq.store.folding import without_collector
from wsq.store.log import Log
from wsq.store.rows import MANY, tables_in, write_world
from wsq.store.schema import OWN_TABLES

_DELETIONS = """SELECT store_id, seq, event_id, name, version, args, actor, cause, recorded_at FROM events
    WHERE store_id = $1 AND seq <= $2 AND name = 'recurring_task.delete'"""
"""The only events that a question about rows looks for: whose executions are known by a task that is gone."""


class PastEngine:
    """Reads alone, from one store as it was after the event of seq `seq`; what is later than that is not there.

    The log is only ever appended to, so it does not matter when it is read; of what was forgotten since, the mark is
    all that is told. What lies beside it, the bodies of conversations, is asked of the living workspace: what was
    pruned since is gone here too.
    """

    def __init__(self, living: Log, store_id: str, seq: int) -> None:
        self._living = living
        self._store_id = store_id
        self._seq = seq
        self._lock = threading.RLock()
        self._folded: set[str] = set()
        self._long: set[str] = set()
        self._connection = duckdb.connect(":memory:", config={"threads": 1})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._cursor = DuckCursor(self._connection, living.engine.place)
        for statement in OWN_TABLES:
            self._cursor.query(statement)
        self._cursor.query("INSERT INTO heads VALUES ($1, $2)", [store_id, seq])

    @contextmanager
    def read(self) -> Iterator[Cursor]:
        """A view of what was. The garbage collector rests meanwhile: an answer is made of many rows, all of use."""
        with self._lock, without_collector():
            yield self

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement, of what was."""
        if " FROM bodies " in sql:
            return self._living.ask(lambda cursor: cursor.query(sql, parameters))
        named = tables_in(sql)
        if missing := named - self._folded:
            self._fold(missing)
        if named.isdisjoint(self._long):
            return self._cursor.query(sql, parameters)
        return self._cursor.query_many(sql, parameters)

    def _fold(self, missing: frozenset[str]) -> None:
        tables = missing & TABLES.keys()
        if tables:
            (world,) = self._living.worlds_at(self._store_id, [self._seq], tables)
            write_world(self._cursor, world)
            self._long.update(name for name, rows in world.items() if len(rows) >= MANY)
        if "events" in missing:
            columns = ", ".join(f"${n}" for n in range(1, 10))
            for row in self._living.ask(lambda cursor: cursor.query(_DELETIONS, [self._store_id, self._seq])):
                self._cursor.query(f"INSERT INTO events VALUES ({columns})", row)  # noqa: S608 - marks of our own
        self._folded |= missing
