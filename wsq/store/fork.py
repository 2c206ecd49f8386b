"""A fork: a private copy of one store's rows in memory that supports everything a workspace does."""

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
"""Maximum age of copied executions: budgets are per day, in any time zone."""

_FILE, _BEFORE = "origin", "before"
"""Schema names: the file that is copied from, and the original rows."""

_STORE, _TODAY = "store_id = $1", "store_id = $1 AND (started_at >= $2 OR status = 'running')"

_TAKEN = {
    "workspace": "$1 IS NOT NULL",
    "stores": "id = $1",
    **dict.fromkeys(("projects", "contacts", "documents", "tasks", "recurring_tasks", "running_executions"), _STORE),
    "task_executions": _TODAY,
    "dry_runs": f"{_STORE} AND reserved_until IS NULL",
    "heads": "store_id IN ($1, '*')",
}
"""The copied part of each table. Log, old conversations, claims and leases are not needed.

Nor are reservations, of which the fork would never see the end: its calls are reserved in the store itself.
"""


class Fork(MemoryEngine):
    """The fork's engine: the current rows and the original ones."""

    def __init__(self, place: str, path: Path, store_id: str, now: datetime) -> None:
        """Copy one store's rows from a copy of the workspace's file, which is not needed afterwards."""
        super().__init__(place, WorkspaceSchema(), path)
        try:
            self._take(path, store_id, now)
        except BaseException:
            self.close()
            raise

    def rows_before(self, addresses: Iterable[tuple[str, tuple[Any, ...]]]) -> World:
        """Return rows by table and key as they were when the fork was made; missing rows are left out."""
        with self.read() as cursor:
            return rows_at(cursor, addresses, f"{_BEFORE}.")

    def rows_now(self, addresses: Iterable[tuple[str, tuple[Any, ...]]]) -> World:
        """Return the current rows by table and key; missing rows are left out."""
        with self.read() as cursor:
            return rows_at(cursor, addresses)

    def _take(self, path: Path, store_id: str, now: datetime) -> None:
        self._root.execute(f"ATTACH {instance.quoted(path)} AS {_FILE} (TYPE duckdb, READ_ONLY)")
        given = [store_id, now - A_DAYS_WORK]
        with self.write() as cursor:
            for table, where in _TAKEN.items():
                _copy(cursor, table, where, given[: where.count("$")])
        self._root.execute(f"DETACH {_FILE}")
        self._root.execute(f"ATTACH ':memory:' AS {_BEFORE}")
        for table in _TAKEN.keys() & TABLES.keys():
            self._root.execute(f"CREATE TABLE {_BEFORE}.{table} AS FROM {table}")


@contextmanager
def forked(engine: Engine, store_id: str, now: datetime) -> Iterator[Fork]:
    """Give a private copy of a store; deleted afterwards. The workspace is locked only while it is copied.

    Raises:
        WorkspaceError: The workspace is unavailable, or there is no room for a copy.
    """
    with engine.snapshot_file() as path:
        fork = Fork(f"a fork of {engine.place}", path, store_id, now)
    try:
        yield fork
    finally:
        fork.close()


def _copy(cursor: Cursor, table: str, where: str, given: list[Any]) -> None:
    columns = ", ".join(TABLES[table].columns) if table in TABLES else "*"
    cursor.query(
        f"INSERT INTO {table} BY NAME SELECT {columns} FROM {_FILE}.{table} WHERE {where}",  # noqa: S608
        given,
    )
