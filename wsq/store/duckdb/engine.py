"""The DuckDB file engine. Many processes share the file through short leases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import duckdb

from wsq.clock import Clock, SystemClock
from wsq.errors import MissingDatabase, NotAWorkspace, WorkspaceError
from wsq.files import PRIVATE, Files
from wsq.store.cursors import WriteAccess, translating_errors
from wsq.store.duckdb import instance
from wsq.store.duckdb.create import refuse_what_duckdb_reads_otherwise
from wsq.store.duckdb.cursor import DuckCursor
from wsq.store.duckdb.faults import explained
from wsq.store.duckdb.lease import Kind, lease_on, release_lease
from wsq.store.duckdb.long_reads import LongReads
from wsq.store.duckdb.missing import refuse_missing
from wsq.store.duckdb.notes import Latest, Notes, SharedNote
from wsq.store.duckdb.snapshot import ANEW, copy_database, finalize, published, rewrite
from wsq.store.duckdb.sql_console import SqlConsole
from wsq.store.engine import LockedNote, ReadingCursor, Schema, Writing, WritingCursor


class EmbeddedEngine:
    """A workspace in the DuckDB file at `path`.

    Args:
        path: The file. Locks, counter and private copies are in the folder ``<file>.wsq`` beside it.
        schema: The schema and its version.
        timeout: Maximum seconds to wait for other users, before `WorkspaceBusy` is raised.
        threads: Threads per query; the first engine on a file in a process decides.
        create: Create the file if it is missing.
        mode: Permissions of a new file or backup; the first engine decides, too.

    Raises:
        MissingDatabase: The file is missing, and not to be created.
        WorkspaceError: The file is not a workspace, or cannot be used.
    """

    is_server = False

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        timeout: float = 30.0,
        threads: int = instance.THREADS,
        create: bool = True,
        mode: int = PRIVATE,
    ) -> None:
        self.place = str(path)
        self._schema = schema
        self._timeout = timeout
        self._threads = threads
        self._committed: int | None = None
        self._disturbances = 0
        self._closed = False
        self._long_reads = LongReads()
        real = Path(path).expanduser().resolve()
        refuse_what_duckdb_reads_otherwise(real)
        if not create:
            refuse_missing(real)
        try:
            Files(None, mode).folder(real.parent, parents=True)
            self._lease = lease_on(real, threads, mode)
            self._lease.may_create |= create
        except OSError as error:
            raise explained(error, self.place) from error
        self.files = self._lease.files
        self._notes = Notes(self._lease.side / "passes", self.files)
        self._progress = Latest(self._lease.side / "running", self.files)
        self._open()

    def _open(self) -> None:
        beside = self._lease.side
        had_side_folder = beside.exists()
        try:
            with self._lease.hold(Kind.READ, self._schema, self._timeout):
                pass
        except BaseException as error:
            release_lease(self._lease)
            if isinstance(error, MissingDatabase | NotAWorkspace) and not had_side_folder:
                _remove_side_folder(beside)
            raise

    @contextmanager
    def read(self) -> Iterator[ReadingCursor]:
        """A consistent view for one short query; writes are refused.

        Raises:
            WorkspaceError: The workspace is unavailable.
        """
        with self._hold(Kind.READ), self._transaction("BEGIN TRANSACTION READ ONLY") as (_, cursor):
            yield cursor

    @contextmanager
    def write(self) -> Iterator[WritingCursor]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            Conflict: A unique constraint is violated.
            WorkspaceError: The workspace is unavailable or not writable; nothing was written.
        """
        with self.writing() as writing, writing.transaction() as cursor:
            yield cursor

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Acquire write access for one or more consecutive transactions.

        Release it after a failed transaction. No other process can write meanwhile, so release it soon when
        `is_wanted`.

        Raises:
            WorkspaceError: The workspace is unavailable.
        """
        with self._hold(Kind.WRITE):
            yield WriteAccess(lambda _scope: self._write(), self._lease.is_wanted)

    @contextmanager
    def _write(self) -> Iterator[WritingCursor]:
        with self._transaction("BEGIN TRANSACTION") as (connection, cursor):
            cursor.undisturbed = self._committed is not None and self._committed == self._lease.counter.value()
            self._disturbances += not cursor.undisturbed
            yield cursor
            cursor.raise_if_failed()
            self._commit(connection)

    @contextmanager
    def snapshot_file(self) -> Iterator[Path]:
        """A private copy of the file, to be attached read-only; deleted afterwards.

        Raises:
            WorkspaceError: The workspace is unavailable, or there is no room for a copy.
        """
        self._refuse_when_closed()
        snapshots, counter = self._lease.snapshots, self._lease.counter
        copy = snapshots.borrow(counter.value())
        if copy is None:
            with self._hold(Kind.ALONE), self._translating_errors():
                copy = snapshots.borrow(counter.value()) or snapshots.make(counter.value())
        try:
            yield copy.path
        finally:
            snapshots.release(copy)

    @contextmanager
    def snapshot(self) -> Iterator[ReadingCursor]:
        """Like `read`, on a private copy: for queries that take longer than a lease may be held.

        Raises:
            WorkspaceError: As `snapshot_file`, and if the engine is closed meanwhile.
        """
        with self.snapshot_file() as copy:
            connection = instance.connect(self._threads, [copy], spill=copy.parent / "spill")
            try:
                with self._long_reads.running(connection):
                    self._refuse_when_closed()
                    connection.execute(f"ATTACH {instance.quoted(copy)} AS {instance.ALIAS} (TYPE duckdb, READ_ONLY)")
                    connection.execute(f"USE {instance.ALIAS}")
                    cursor = DuckCursor(connection, self.place)
                    try:
                        yield cursor
                    finally:
                        cursor.end()
            except duckdb.InterruptException:
                self._refuse_when_closed()
                raise
            finally:
                connection.close()

    def console(self) -> SqlConsole:
        """Return the console for read-only SQL."""
        return SqlConsole(self)

    def backup(self, target: Path) -> None:
        """Write a copy to one file that can be opened as a workspace. Creates missing folders.

        Raises:
            InvalidInput: `target` exists.
            WorkspaceError: The workspace is unavailable, or there is no room for a copy.
        """
        refuse_what_duckdb_reads_otherwise(target)
        with self._translating_errors(str(target)), published(target, self.files) as part:
            with self._hold(Kind.ALONE):
                copy_database(self._lease.path, part, self.files)
            finalize(part)

    def scrub(self) -> None:
        """Rewrite the file without changed and deleted data, and remove every process's private copies.

        DuckDB keeps such data in free blocks until they are reused. The workspace is locked meanwhile: about
        four seconds per 100 MB.

        Raises:
            WorkspaceError: The workspace is unavailable, or there is no room for a copy; nothing was changed.
        """
        with self._hold(Kind.ALONE), self._translating_errors():
            rewrite(self._lease.path, self._lease.side / ANEW)
            self._lease.snapshots.remove_all()

    def changes(self) -> int:
        """Return a number that rises with every write; takes microseconds and no lock."""
        self._refuse_when_closed()
        return self._lease.counter.value()

    def written_by_others(self) -> tuple[int, int]:
        """Return a value that changes when another engine writes; takes microseconds."""
        now = self.changes()
        return self._disturbances, 0 if now == self._committed else now

    def clock(self) -> Clock:
        """Return the machine's clock."""
        return SystemClock()

    def note_pass(self, note: bytes) -> None:
        """Add a heartbeat; the newest twenty are kept."""
        self._refuse_when_closed()
        with self._translating_errors():
            self._notes.add(note)

    def passes(self) -> list[bytes]:
        """Return the kept heartbeats, oldest first."""
        self._refuse_when_closed()
        with self._translating_errors():
            return self._notes.all()

    def note_progress(self, execution_id: str, note: bytes | None) -> None:
        """Replace the progress note of an execution; None removes it."""
        self._refuse_when_closed()
        with self._translating_errors():
            if note is None:
                self._progress.drop(execution_id)
            else:
                self._progress.put(execution_id, note)

    def progress(self, execution_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the progress notes of these executions; those without one are left out."""
        self._refuse_when_closed()
        with self._translating_errors():
            return self._progress.get(execution_ids)

    @contextmanager
    def shared_note(self, name: str) -> Iterator[LockedNote | None]:
        """Lock a note in the folder beside the file; gives None if another process holds it."""
        self._refuse_when_closed()
        with SharedNote(self._lease.side / name, self.files).lock() as note:
            yield note

    def close(self) -> None:
        """Release everything. Later use raises `WorkspaceError`. Closing twice is fine.

        Interrupts snapshots that other threads are reading.
        """
        if not self._closed:
            self._closed = True
            self._long_reads.interrupt()
            release_lease(self._lease)

    # Implementation

    @contextmanager
    def _hold(self, kind: Kind) -> Iterator[None]:
        self._refuse_when_closed()
        with self._lease.hold(kind, self._schema, self._timeout):
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, DuckCursor]]:
        """A transaction that is rolled back unless the block commits it."""
        connection = self._lease.connection()
        cursor = DuckCursor(connection, self.place)
        try:
            with self._translating_errors():
                connection.execute(f"USE {instance.ALIAS}; {begin}")
            yield connection, cursor
        finally:
            cursor.end()
            self._lease.return_connection(sound=_rolled_back(connection))

    def _commit(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Commit between two steps of the counter: a reader that sees the first waits for the lease."""
        counter = self._lease.counter
        with self._translating_errors():
            self._lease.ready_log()
            counter.before_commit()
            try:
                connection.execute("COMMIT")
            except BaseException:
                self._lease.mark_broken()
                raise
            finally:
                # If this fails the counter stays odd, and the next process raises it.
                with suppress(OSError):
                    self._committed = counter.after_commit()

    def _translating_errors(self, place: str | None = None) -> AbstractContextManager[None]:
        return translating_errors(explained, place or self.place)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise WorkspaceError(f"The workspace {self.place} is closed.")


def _rolled_back(connection: duckdb.DuckDBPyConnection) -> bool:
    """Roll back an open transaction; return whether the connection is still usable."""
    try:
        connection.execute("ROLLBACK")
    except duckdb.TransactionException as error:
        return "no transaction is active" in str(error)
    except duckdb.Error:
        return False
    except RuntimeError as error:
        raise explained(error, "") from error
    return True


def _remove_side_folder(side: Path) -> None:
    """Remove the folder beside a file that is not a workspace."""
    with suppress(OSError):
        for file in side.iterdir():
            file.unlink()
        side.rmdir()
