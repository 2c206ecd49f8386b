"""An in-memory workspace of one process. Nothing is left of it afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import duckdb

from wsq.clock import Clock, SystemClock
from wsq.errors import WorkspaceError
from wsq.files import Files
from wsq.store.cursors import WriteAccess
from wsq.store.duckdb import instance
from wsq.store.duckdb.cursor import DuckCursor
from wsq.store.engine import Console, LockedNote, ReadingCursor, Schema, Writing, WritingCursor


class MemoryEngine:
    """A workspace in memory, shared by this process's threads; `place` names it in messages."""

    is_server = False

    def __init__(self, place: str, schema: Schema, *files: Path) -> None:
        """`files` are the database files that can be read."""
        self.place = place
        self.files = Files(None)
        self._root = instance.connect(1, files)
        self._writing = threading.Lock()
        self._commits = 0
        self._passes: list[bytes] = []
        self._progress: dict[str, bytes] = {}
        self._closed = False
        schema.create(DuckCursor(self._root, place))

    @contextmanager
    def read(self) -> Iterator[ReadingCursor]:
        """A consistent view; writes are refused."""
        with self._transaction("BEGIN TRANSACTION READ ONLY") as (_, cursor):
            yield cursor

    snapshot = read  # reads from memory block nobody

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Acquire write access."""
        with self._writing:
            yield WriteAccess(lambda _scope: self.write(), lambda: False)  # there is no other process

    @contextmanager
    def write(self) -> Iterator[WritingCursor]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with self._transaction("BEGIN TRANSACTION") as (connection, cursor):
            cursor.undisturbed = True
            yield cursor
            cursor.raise_if_failed()
            connection.execute("COMMIT")
            self._commits += 1

    def snapshot_file(self) -> AbstractContextManager[Path]:
        """Not supported: there is no file."""
        raise WorkspaceError(f"{self.place} is in memory and has no file to copy.")

    def console(self) -> Console:
        """Not supported: there is no file."""
        raise WorkspaceError(f"{self.place} is in memory and cannot be queried with SQL.")

    def backup(self, target: Path) -> None:
        """Not supported: there is no file."""
        raise WorkspaceError(f"{self.place} is in memory and cannot be copied to {target}.")

    def scrub(self) -> None:
        """Do nothing: memory keeps no deleted data."""

    def changes(self) -> int:
        """Return a number that rises with every write."""
        return self._commits

    def written_by_others(self) -> int:
        """Return a constant: only this engine can write."""
        return 0

    def clock(self) -> Clock:
        """Return the machine's clock."""
        return SystemClock()

    def note_pass(self, note: bytes) -> None:
        """Add a heartbeat."""
        self._passes.append(note)

    def passes(self) -> list[bytes]:
        """Return the heartbeats, oldest first."""
        return list(self._passes)

    def note_progress(self, execution_id: str, note: bytes | None) -> None:
        """Replace the progress note of an execution; None removes it."""
        if note is None:
            self._progress.pop(execution_id, None)
        else:
            self._progress[execution_id] = note

    def progress(self, execution_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the progress notes of these executions; those without one are left out."""
        return {each: note for each in execution_ids if (note := self._progress.get(each)) is not None}

    def shared_note(self, name: str) -> AbstractContextManager[LockedNote | None]:  # noqa: ARG002 - part of the interface
        """Give None: an in-memory workspace is not shared, and sends no notifications."""
        return nullcontext()

    def close(self) -> None:
        """Free the memory. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            self._root.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, DuckCursor]]:
        if self._closed:
            raise WorkspaceError(f"{self.place} is closed.")
        connection = self._root.cursor()
        try:
            connection.execute(begin)
            cursor = DuckCursor(connection, self.place)
            try:
                yield connection, cursor
            finally:
                cursor.end()
        finally:
            connection.close()  # rolls back an open transaction
