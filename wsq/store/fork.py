"""A fork: one store's rows in memory, on which everything works as on the workspace and which nobody else sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wsq.projections import TABLES
from wsq.store.duckdb import instance
from wsq.store.duckdb.memory import MemoryEngine
from wsq.store.engine import Cursor, Engine
from wsq.store.rows import World, rows_at
from wsq.store.schema import WorkspaceSchema

A_DAYS_WORK = timedelta(days=2)
"""How old an execution may be to be taken along: budgets are by the day, in any zone."""

_FILE, _BEFORE = "origin", "before"
"""What the copy of the file is called while it is read, and the rows as they were."""

_STORE, _TODAY = "store_id = $1", "store_id = $1 AND (started_at >= $2 OR status = 'running')"

_RESERVED = f"""INSERT INTO dry_runs
    SELECT 'reserved', $1, NULL, NULL, $2, sum(reserved_usd), 0, 0, 0, 0 FROM {_FILE}.leases
    WHERE store_id = $1 HAVING sum(reserved_usd) > 0"""  # noqa: S608
"""What running executions have set aside counts as spent: nothing would ever give it back here, to be waited for."""

_TAKEN = {
    "workspace": "$1 IS NOT NULL",
    "stores": "id = $1",
    **dict.fromkeys(("projects", "contacts", "documents", "tasks", "recurring_tasks", "running_executions"), _STORE),
    "task_executions": _TODAY,
    "dry_runs": _STORE,
    "heads": "store_id IN ($1, '*')",
}
"""What is taken along, of each table: not the log, past conversations, claims and leases, which nothing new needs."""


class Fork(MemoryEngine):
    """The fork's engine: its rows, and still what they were when it was made."""

    def __init__(self, place: str) -> None:
        super().__init__(place, WorkspaceSchema())

    def rows_before(self, addresses: Iterable[tuple[str, tuple[Any, ...]]]) -> World:
        """The rows by table and key as they were when the fork was made; those that were not there are left out."""
        with self.read() as cursor:
            return rows_at(cursor, addresses, f"{_BEFORE}.")

    def rows_now(self, addresses: Iterable[tuple[str, tuple[Any, ...]]]) -> World:
        """The same as they are now."""
        with self.read() as cursor:
            return rows_at(cursor, addresses)

    def take(self, path: Path, store_id: str, now: datetime) -> None:
        """Have the rows of a store, as a copy of the workspace's file has them, which is not needed afterwards."""
        self._root.execute(f"ATTACH {instance.quoted(path)} AS {_FILE} (TYPE duckdb, READ_ONLY)")
        given = [store_id, now - A_DAYS_WORK]
        with self.write() as cursor:
            for table, where in _TAKEN.items():
                _copy(cursor, table, where, given[: where.count("$")])
            cursor.query(_RESERVED, [store_id, now])
        self._root.execute(f"DETACH {_FILE}")
        self._root.execute(f"ATTACH ':memory:' AS {_BEFORE}")
        for table in _TAKEN.keys() & TABLES.keys():
            self._root.execute(f"CREATE TABLE {_BEFORE}.{table} AS FROM {table}")


@contextmanager
def forked(engine: Engine, store_id: str, now: datetime) -> Iterator[Fork]:
    """A store as it is now, on its own; gone afterwards. The workspace is held for no longer than a copy takes.

    Raises:
        WorkspaceError: the workspace cannot be had now, or there is no room for a copy.
    """
    fork = Fork(f"a fork of {engine.place}")
    try:
        with engine.snapshot() as path:
            fork.take(path, store_id, now)
        yield fork
    finally:
        fork.close()


def _copy(cursor: Cursor, table: str, where: str, given: list[Any]) -> None:
    columns = ", ".join(TABLES[table].columns) if table in TABLES else "*"
    cursor.query(
        f"INSERT INTO {table} BY NAME SELECT {columns} FROM {_FILE}.{table} WHERE {where}",  # noqa: S608
        given,
    )
