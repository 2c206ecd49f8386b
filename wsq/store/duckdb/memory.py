"""An engine in memory: a workspace that one process has for a while, and that leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import duckdb

from wsq.clock import Clock, SystemClock
from wsq.errors import WorkspaceError
from wsq.store.duckdb import instance
from wsq.store.duckdb.cursor import DuckCursor
from wsq.store.engine import Charge, Console, Cursor, ReadingCursor, Schema, Scope, Writing, WritingCursor


class MemoryEngine:
    """A workspace in memory, used by this process's threads; `place` is what it is called in sentences."""

    is_server = False

    def __init__(self, place: str, schema: Schema) -> None:
        self.place = place
        self._root = instance.connect(1)
        self._writing = threading.Lock()
        self._commits = 0
        self._passes: list[bytes] = []
        self._progress: dict[str, bytes] = {}
        self._closed = False
        schema.create(DuckCursor(self._root, place))

    @contextmanager
    def read(self) -> Iterator[Cursor]:
        """A consistent view for a question; writes are refused."""
        with self._transaction("BEGIN TRANSACTION READ ONLY") as (_, cursor):
            yield cursor

    @contextmanager
    def study(self) -> Iterator[ReadingCursor]:
        """The same: nobody is kept waiting by a question to memory."""
        with self._transaction("BEGIN TRANSACTION READ ONLY") as (_, cursor):
            yield cursor

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Have the workspace for writing."""
        with self._writing:
            yield _Writing(self)

    @contextmanager
    def write(self) -> Iterator[WritingCursor]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with self._transaction("BEGIN TRANSACTION") as (connection, cursor):
            cursor.undisturbed = True
            yield cursor
            cursor.be_whole()
            connection.execute("COMMIT")
            self._commits += 1

    def snapshot(self) -> AbstractContextManager[Path]:
        """Refused: there is no file."""
        raise WorkspaceError(f"{self.place} is in memory: there is no file that could be copied.")

    def console(self) -> Console:
        """Refused: there is no file."""
        raise WorkspaceError(f"{self.place} is in memory: its rows are asked for by their questions.")

    def backup(self, target: Path) -> None:
        """Refused: there is no file."""
        raise WorkspaceError(f"{self.place} is in memory and cannot be copied to {target}.")

    def scrub(self) -> None:
        """Nothing to do: what is in memory goes with it."""

    def changes(self) -> int:
        """A number that has risen when anybody has written."""
        return self._commits

    def written_by_others(self) -> int:
        """Always the same: nobody but this engine can write."""
        return 0

    def clock(self) -> Clock:
        """The machine's."""
        return SystemClock()

    def note_pass(self, note: bytes) -> None:
        """Remember a heartbeat."""
        self._passes.append(note)

    def passes(self) -> list[bytes]:
        """The heartbeats, oldest first."""
        return list(self._passes)

    def note_progress(self, execution_id: str, note: bytes | None) -> None:
        """Remember how far an execution is; None forgets it."""
        if note is None:
            self._progress.pop(execution_id, None)
        else:
            self._progress[execution_id] = note

    def progress(self, execution_ids: Iterable[str]) -> dict[str, bytes]:
        """How far these executions are; those of which nothing is said are left out."""
        return {each: note for each in execution_ids if (note := self._progress.get(each)) is not None}

    def shared_note(self, name: str) -> AbstractContextManager[Charge | None]:  # noqa: ARG002 - the port's
        """Never in charge: what is in memory is shared with nobody, and nothing of it is told outside."""
        return nullcontext()

    def close(self) -> None:
        """Give the memory back; closing twice is fine."""
        if not self._closed:
            self._closed = True
            self._root.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, DuckCursor]]:
        if self._closed:
            raise WorkspaceError(f"{self.place} has been closed.")
        connection = self._root.cursor()
        try:
            connection.execute(begin)
            cursor = DuckCursor(connection, self.place)
            try:
                yield connection, cursor
            finally:
                cursor.end()
        finally:
            connection.close()  # which rolls back what is still open


class _Writing:
    """The memory, had by the writing thread."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine

    def transaction(self, scope: Scope = None) -> AbstractContextManager[WritingCursor]:  # noqa: ARG002 - the port's
        """One transaction."""
        return self._engine.write()

    def is_wanted(self) -> bool:
        """Nobody else can want it."""
        return False
