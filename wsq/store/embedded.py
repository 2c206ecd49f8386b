"""The engine on a DuckDB file, used by many processes at once through short leases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import duckdb

from wsq.clock import Clock, SystemClock
from wsq.errors import NotAWorkspace, WorkspaceError
from wsq.store import instance
from wsq.store.birth import refuse_what_duckdb_reads_otherwise
from wsq.store.cursor import DuckCursor
from wsq.store.engine import Cursor, ReadingCursor, Schema, Scope, Writing, WritingCursor
from wsq.store.faults import explained
from wsq.store.latest import Latest
from wsq.store.lease import Kind, lease_on, let_go
from wsq.store.notes import Charge, Notes, SharedNote
from wsq.store.snapshot import copy_database, not_overwritten, part_of, publish, remove_database, rewrite, settle
from wsq.store.sql_console import SqlConsole
from wsq.store.studies import Studies


class EmbeddedEngine:
    """A workspace in the DuckDB file at `path`, which is made when it is missing.

    Args:
        path: The file. Beside it stands a folder, ``<file>.wsq``, with locks, counter and private copies.
        schema: What stands in it, and in which version.
        patience: Seconds to wait for others at most, before `WorkspaceBusy` is raised.
        threads: How many work on one query; the first engine on a file in a process decides.

    Raises:
        WorkspaceError: there is something else at `path`, or it cannot be used.
    """

    is_server = False

    def __init__(self, path: Path, schema: Schema, *, patience: float = 30.0, threads: int = instance.THREADS) -> None:
        self.place = str(path)
        self._schema = schema
        self._patience = patience
        self._threads = threads
        self._committed: int | None = None
        self._disturbances = 0
        self._closed = False
        self._studies = Studies()
        real = Path(path).expanduser().resolve()
        refuse_what_duckdb_reads_otherwise(real)
        try:
            real.parent.mkdir(parents=True, exist_ok=True)
            self._lease = lease_on(real, threads)
        except OSError as error:
            raise explained(error, self.place) from error
        self._notes = Notes(self._lease.side / "passes")
        self._progress = Latest(self._lease.side / "running")
        self._open()

    def _open(self) -> None:
        beside = self._lease.side
        had_side_folder = beside.exists()
        try:
            with self._lease.visit(Kind.READ, self._schema, self._patience):
                pass
        except BaseException as error:
            let_go(self._lease)
            if isinstance(error, NotAWorkspace) and not had_side_folder:
                _tidy_up(beside)
            raise

    @contextmanager
    def read(self) -> Iterator[Cursor]:
        """A consistent view for one short question; writes are refused.

        Raises:
            WorkspaceError: the workspace cannot be had now.
        """
        with self._visit(Kind.READ), self._transaction("BEGIN TRANSACTION READ ONLY") as (_, cursor):
            yield cursor

    @contextmanager
    def write(self) -> Iterator[WritingCursor]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            Conflict: a unique constraint stands against it.
            WorkspaceError: the workspace cannot be had or written now; then nothing was written.
        """
        with self.writing() as writing, writing.transaction() as cursor:
            yield cursor

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Have the workspace for writing, for one transaction or for several in a row.

        After one that failed it is to be given back. Nobody else in any process writes meanwhile, so it
        is to be given back soon when it `is_wanted`.

        Raises:
            WorkspaceError: the workspace cannot be had now.
        """
        with self._visit(Kind.WRITE):
            yield _Writing(self)

    @contextmanager
    def _write(self) -> Iterator[WritingCursor]:
        with self._transaction("BEGIN TRANSACTION") as (connection, cursor):
            cursor.undisturbed = self._committed is not None and self._committed == self._lease.tally.value()
            self._disturbances += not cursor.undisturbed
            yield cursor
            cursor.be_whole()
            self._commit(connection)

    @contextmanager
    def snapshot(self) -> Iterator[Path]:
        """A private copy of the file as it is now, to be attached read-only; gone afterwards.

        Raises:
            WorkspaceError: the workspace cannot be had now, or there is no room for a copy.
        """
        self._refuse_when_closed()
        snapshots, tally = self._lease.snapshots, self._lease.tally
        copy = snapshots.borrow(tally.value())
        if copy is None:
            with self._visit(Kind.ALONE), self._telling():
                copy = snapshots.borrow(tally.value()) or snapshots.make(tally.value())
        try:
            yield copy.path
        finally:
            snapshots.give_back(copy)

    @contextmanager
    def study(self) -> Iterator[ReadingCursor]:
        """Like `read`, on a private copy: for questions that take longer than a lease may be held.

        Raises:
            WorkspaceError: as `snapshot` does, and when the engine is closed meanwhile.
        """
        with self.snapshot() as copy:
            connection = instance.connect(self._threads, spill=copy.parent / "spill")
            try:
                with self._studies.going_on(connection):
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
        """Where people ask in SQL of their own."""
        return SqlConsole(self)

    def backup(self, target: Path) -> None:
        """A copy in one file that can be opened as a workspace; its folder is made when it is missing.

        Raises:
            InvalidInput: there is something at `target` already.
            WorkspaceError: the workspace cannot be had now, or there is no room for a copy.
        """
        refuse_what_duckdb_reads_otherwise(target)
        if target.exists() or target.is_symlink():
            raise not_overwritten(target)
        part = part_of(target)
        with self._telling(str(target)):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with self._visit(Kind.ALONE):
                    copy_database(self._lease.path, part)
                settle(part)
                publish(part, target)
            finally:
                remove_database(part)

    def scrub(self) -> None:
        """Write the file anew without what was changed or deleted, and remove every process's private copies.

        DuckDB keeps such bytes in blocks that are free until something else is written there. Nobody else can use
        the workspace meanwhile: some four seconds for each 100 MB.

        Raises:
            WorkspaceError: the workspace cannot be had now, or there is no room for a copy; then it is as it was.
        """
        with self._visit(Kind.ALONE), self._telling():
            rewrite(self._lease.path, self._lease.side / "anew.duckdb")
            self._lease.snapshots.remove_all()

    def changes(self) -> int:
        """A number that has risen when anybody has written; asking takes some microseconds and no lock."""
        self._refuse_when_closed()
        return self._lease.tally.value()

    def written_by_others(self) -> tuple[int, int]:
        """What is no longer the same when anybody but this engine has written; asking takes some microseconds."""
        now = self.changes()
        return self._disturbances, 0 if now == self._committed else now

    def clock(self) -> Clock:
        """The machine's."""
        return SystemClock()

    def note_pass(self, note: bytes) -> None:
        """Leave a heartbeat beside the log; the newest twenty are kept."""
        self._refuse_when_closed()
        with self._telling():
            self._notes.add(note)

    def passes(self) -> list[bytes]:
        """The heartbeats that are kept, oldest first."""
        self._refuse_when_closed()
        with self._telling():
            return self._notes.all()

    def note_progress(self, execution_id: str, note: bytes | None) -> None:
        """Say how far an execution is, in the place of what was said before; None takes it away."""
        self._refuse_when_closed()
        with self._telling():
            if note is None:
                self._progress.drop(execution_id)
            else:
                self._progress.put(execution_id, note)

    def progress(self, execution_ids: Iterable[str]) -> dict[str, bytes]:
        """How far these executions are; those of which nothing is said are left out."""
        self._refuse_when_closed()
        with self._telling():
            return self._progress.get(execution_ids)

    @contextmanager
    def shared_note(self, name: str) -> Iterator[Charge | None]:
        """Have charge of a note in the folder beside the file; None when another process has."""
        self._refuse_when_closed()
        with SharedNote(self._lease.side / name).charge() as note:
            yield note

    def close(self) -> None:
        """Give everything back; using the engine afterwards raises `WorkspaceError`. Closing twice is fine.

        A study that goes on in another thread is interrupted.
        """
        if not self._closed:
            self._closed = True
            self._studies.end()
            let_go(self._lease)

    # How it is done

    @contextmanager
    def _visit(self, kind: Kind) -> Iterator[None]:
        self._refuse_when_closed()
        with self._lease.visit(kind, self._schema, self._patience):
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, DuckCursor]]:
        """A transaction that is rolled back unless it was committed inside."""
        connection = self._lease.connection()
        cursor = DuckCursor(connection, self.place)
        try:
            with self._telling():
                connection.execute(f"USE {instance.ALIAS}; {begin}")
            yield connection, cursor
        finally:
            cursor.end()
            self._lease.give_back(sound=_rolled_back(connection))

    def _commit(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Commit between two steps of the counter: a reader who sees the first waits for the lease."""
        tally = self._lease.tally
        with self._telling():
            tally.before_commit()
            try:
                connection.execute("COMMIT")
            except BaseException:
                self._lease.doubt()
                raise
            finally:
                # Where this fails the counter stays odd, and the next one who comes in raises it.
                with suppress(OSError):
                    self._committed = tally.after_commit()

    @contextmanager
    def _telling(self, place: str | None = None) -> Iterator[None]:
        """Say what goes wrong inside in sentences."""
        try:
            yield
        except Exception as error:
            told = explained(error, place or self.place)
            if told is error:
                raise
            raise told from error

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise WorkspaceError(f"The workspace {self.place} has been closed.")


class _Writing:
    """The file, had by the writing thread."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine

    def transaction(self, scope: Scope = None) -> AbstractContextManager[WritingCursor]:  # noqa: ARG002 - the port's
        """One transaction: committed when the block ends, rolled back when it raises."""
        return self._engine._write()

    def is_wanted(self) -> bool:
        """Whether another thread or process waits for the file; asking takes some microseconds."""
        return self._engine._lease.is_wanted()


def _rolled_back(connection: duckdb.DuckDBPyConnection) -> bool:
    """End the transaction if one is open; whether the connection may be used again."""
    try:
        connection.execute("ROLLBACK")
    except duckdb.TransactionException as error:
        return "no transaction is active" in str(error)
    except duckdb.Error:
        return False
    except RuntimeError as error:
        raise explained(error, "") from error
    return True


def _tidy_up(side: Path) -> None:
    """Leave nothing beside a file that is none of ours."""
    with suppress(OSError):
        for file in side.iterdir():
            file.unlink()
        side.rmdir()
