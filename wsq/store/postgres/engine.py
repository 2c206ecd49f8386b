"""The PostgreSQL engine, used by many processes on many machines at once."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

from wsq.clock import Clock
from wsq.errors import SettingError, WorkspaceBusy, WorkspaceError, WorkspaceLost
from wsq.files import PRIVATE, Files
from wsq.store.cursors import WriteAccess, translating_errors
from wsq.store.duckdb.sql_console import SqlConsole
from wsq.store.engine import LockedNote, ReadingCursor, Schema, Scope, Writing, WritingCursor
from wsq.store.postgres import notes
from wsq.store.postgres.clock import ServerClock
from wsq.store.postgres.create import ALL, ONE_STORE, SPACE, WRITING, ensure_exists, newer
from wsq.store.postgres.cursor import READING, Connection, NumberLoader, PostgresCursor, run
from wsq.store.postgres.faults import explained, is_lost, without_password
from wsq.store.postgres.listening import CHANNEL, Listener, Notices
from wsq.store.postgres.snapshots import Copies
from wsq.store.postgres.writer import Statement, Writer

T = TypeVar("T")

MOST_CONNECTIONS = 8
"""Maximum connections of one engine's pool; the listener's is extra."""

OPEN_TIMEOUT = 5.0
"""Seconds to retry an unreachable server when a workspace is opened."""

MAX_WRITERS = 2
"""Connections kept for writing."""

MAX_SCOPES = 64
"""Number of scopes whose write counts are remembered."""

CLOCK_TIMEOUT = 2.0
"""Seconds to wait for a connection to get the server's time."""

_USUAL = {
    "connect_timeout": "5",
    "application_name": "wsq",
    "client_encoding": "UTF8",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Connection defaults, unless set in the URL: a machine that vanishes is detected in half a minute."""

_SESSION = f"""SET search_path = {SPACE}; SET TimeZone = 'UTC'; SET standard_conforming_strings = on;
    SET default_transaction_isolation = 'read committed'; SET lock_timeout = {{timeout}};
    SET idle_in_transaction_session_timeout = {{idle_timeout}}"""

_BEGUN = "SELECT (SELECT max(version) FROM schema_version), pg_current_xact_id()::TEXT"
"""Sent once the locks are held: returns schema version and transaction id; then what other scopes' writes and restored
dumps change, and the write counts of the scope's stores."""

_MADE = "(SELECT max(xmin::TEXT) FROM schema_version)"
"""The transaction that made the workspace: another one after a dump was restored, when write counts have gone back."""

_LAST = f"SELECT max(version), concat((SELECT sum(n) FROM touched), ' ', {_MADE}) FROM schema_version"  # noqa: S608
_TIMES = "(SELECT n FROM touched WHERE store_id = $1)"
_TOUCH = "INSERT INTO touched VALUES ($1, 1) ON CONFLICT (store_id) DO UPDATE SET n = touched.n + 1"
_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {READING}; SELECT max(version) FROM schema_version"  # noqa: S608

_NOTICE = f"SELECT pg_notify('{CHANNEL}', $1)"
_TABLES = "SELECT string_agg(quote_ident(tablename), ', ' ORDER BY tablename) FROM pg_tables WHERE schemaname = $1"
_STATE = "SELECT pg_xact_status($1::XID8)"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xid = ($1::XID8)::XID"


class PostgresEngine:
    """A workspace in the schema ``wsq`` of the PostgreSQL database at `url`.

    A transaction that writes to some stores holds their advisory locks until it ends, so writers of one store run one
    after the other, as on a file; a transaction without scope locks everything. Readers never wait. A lost connection
    is replaced, also after a restart of the server.

    Args:
        url: ``postgresql://…``, with any libpq option, such as ``sslmode``.
        schema: The schema and its version.
        timeout: Maximum seconds to wait for other writers or for the server.
        idle_timeout: Seconds after which the server ends an idle transaction, so that a machine that has vanished or
            was suspended does not block writers.
        create: Create the schema if it is missing.
        mode: Permissions of backups.

    Raises:
        MissingDatabase: The schema is missing, and not to be created.
        SettingError: The URL cannot be parsed.
        WorkspaceError: The server cannot be reached, or holds something else.
    """

    is_server = True

    def __init__(
        self,
        url: str,
        schema: Schema,
        *,
        timeout: float = 30.0,
        idle_timeout: float = 60.0,
        create: bool = True,
        mode: int = PRIVATE,
    ) -> None:
        self.files = Files(None, mode)
        self.place = without_password(url)
        self._conninfo = _conninfo(url, self.place)
        self._schema = schema
        self._timeout = timeout
        self._me = secrets.token_hex(8)
        self._left: dict[Scope, tuple[bytes | None, list[int]]] = {}
        self._writers: list[Writer] = []
        self._own = 0
        self._closed = False
        self._writing = threading.Lock()
        self._session = _SESSION.format(timeout=_milliseconds(timeout), idle_timeout=_milliseconds(idle_timeout))
        self._listener = Listener(self._connect, self._me, lambda: self._own)
        self._notices = Notices(self._notify)
        _silence_psycopg()
        self._clock = ServerClock(self._time)
        self._copies = Copies(self._committed_view, schema, self.files)
        self._pool = ConnectionPool(
            self._conninfo,
            connection_class=psycopg.Connection[tuple[Any, ...]],
            kwargs={"autocommit": True, "cursor_factory": psycopg.RawCursor},
            configure=self._configure,
            min_size=0,
            max_size=MOST_CONNECTIONS,
            max_idle=60.0,
            timeout=timeout,
            reconnect_timeout=timeout,
            open=False,
            num_workers=1,
        )
        self._ensure_exists(create=create)

    def _ensure_exists(self, *, create: bool) -> None:
        until = monotonic() + min(OPEN_TIMEOUT, self._timeout)
        while True:
            try:
                with self._translating_errors(), self._connect() as connection:
                    ensure_exists(connection, self.place, self._schema, create=create)
                self._pool.open()
                return
            except WorkspaceLost as error:
                if monotonic() > until:
                    raise WorkspaceError(str(error)) from error
                sleep(0.2)

    # Reading

    @contextmanager
    def read(self) -> Iterator[ReadingCursor]:
        """A consistent view; writes are refused.

        Raises:
            WorkspaceError: The workspace is unavailable.
        """
        with self._transaction(_READ) as (connection, (version,)):
            self._refuse_other(version)
            cursor = PostgresCursor(connection, self.place)
            try:
                yield cursor
            finally:
                cursor.end()

    @contextmanager
    def snapshot(self) -> Iterator[ReadingCursor]:
        """A view in a private DuckDB database, with those tables that are queried."""
        self._refuse_when_closed()
        with self._translating_errors(), self._copies.tables() as cursor:
            yield cursor

    @contextmanager
    def snapshot_file(self) -> Iterator[Path]:
        """The workspace as a private DuckDB file; deleted afterwards."""
        self._refuse_when_closed()
        with self._translating_errors(), self._copies.whole() as path:
            yield path

    def console(self) -> SqlConsole:
        """Return the console for read-only SQL, on a copy in DuckDB."""
        return SqlConsole(self)

    def backup(self, target: Path) -> None:
        """Write a copy to one DuckDB file that can be opened as a workspace. Creates missing folders.

        Raises:
            InvalidInput: `target` exists.
            WorkspaceError: The workspace is unavailable, or there is no room for a copy.
        """
        self._refuse_when_closed()
        with self._translating_errors():
            self._copies.write_to(target)

    def scrub(self) -> None:
        """Rewrite every table without changed and deleted data, and remove this engine's private copies.

        Other processes delete their copies when they next make one. Data that an open view needs stays until the next
        `scrub`; the server's own logs and backups are up to its administrator. Each table is locked meanwhile.

        Raises:
            WorkspaceError: The workspace is unavailable; some tables may not have been rewritten.
        """
        with self._own_connection() as connection:
            ((tables,),) = run(connection, [(_TABLES, [SPACE])]).fetchall()
            for work in (f"(FULL, ANALYZE) {tables}", "(FULL) pg_catalog.pg_statistic"):  # it holds samples of rows
                run(connection, [(f"VACUUM {work}", [])])
        self._copies.forget()

    def changes(self) -> int:
        """Return a number that rises with every write; takes microseconds."""
        self._refuse_when_closed()
        return self._listener.heard() + self._own

    def written_by_others(self) -> int:
        """Return a value that changes when another engine writes."""
        self._refuse_when_closed()
        return self._listener.heard()

    def clock(self) -> Clock:
        """Return the server's clock."""
        return self._clock

    # Writing

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Acquire write access for consecutive transactions; others may write in between."""
        self._refuse_when_closed()
        with self._writing:
            yield WriteAccess(self.write, lambda: True)  # keeping it gains nothing: locks are per transaction

    @contextmanager
    def write(self, scope: Scope = None) -> Iterator[WritingCursor]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Args:
            scope: The stores that are written to; None for all.

        Raises:
            Conflict: A unique constraint is violated.
            WorkspaceLost: The connection was lost, and nothing was written.
            WorkspaceError: The workspace is unavailable or not writable; nothing was written.
        """
        self._refuse_when_closed()
        with self._translating_errors():
            writer, opened = self._retrying(lambda: self._begin_write(scope))
        try:
            with self._translating_errors():
                version, transaction, others, *found = opened
                self._refuse_other(int(version or 0))
                left = (others, [int(times or 0) for times in found])
                cursor = PostgresCursor(writer.connection, self.place, undisturbed=left == self._left.pop(scope, None))
                try:
                    yield cursor
                    cursor.raise_if_failed()
                    if cursor.has_written:
                        self._commit(writer, cursor, (transaction or b"").decode(), sorted(scope or [ALL]))
                        left = (others, [times + 1 for times in left[1]])
                    else:
                        writer.run([*cursor.take_posted(), ("COMMIT", [])])
                    if len(self._left) > MAX_SCOPES:
                        self._left.clear()
                    self._left[scope] = left
                finally:
                    cursor.end()
        finally:
            self._return_writer(writer)

    def _begin_write(self, scope: Scope) -> tuple[Writer, list[bytes | None]]:
        """Begin a transaction; return its writer and the first row."""
        writer = self._writers.pop() if self._writers else Writer(self._connect())
        try:
            return writer, writer.run(_opening(scope))
        except BaseException:
            self._return_writer(writer)
            raise

    def _return_writer(self, writer: Writer) -> None:
        """Keep a writer for the next transaction, if its connection is sound."""
        with suppress(psycopg.Error):
            writer.roll_back()
        if writer.connection.closed or self._closed or len(self._writers) >= MAX_WRITERS:
            writer.connection.close()
        else:
            self._writers.append(writer)

    def _commit(self, writer: Writer, cursor: PostgresCursor, transaction: str, touched: list[str]) -> None:
        """Send queued statements, commit, and notify other processes if that is due, in one round trip."""
        end: list[Statement] = [(_TOUCH, [store]) for store in touched]
        end.append(("COMMIT", []))
        if self._notices.is_due():
            end.append((_NOTICE, [self._me]))
        try:
            writer.run([*cursor.take_posted(), *end])
        except psycopg.Error as error:
            is_refused = writer.connection.info.transaction_status == TransactionStatus.INERROR
            if is_refused or not self._was_committed(transaction):  # the commit's answer is lost, or the notice failed
                raise explained(error, self.place) from error
        self._own += len(touched)

    def _notify(self) -> None:
        with self._pool.connection(timeout=CLOCK_TIMEOUT) as connection:
            connection.execute(_NOTICE, [self._me])

    def _was_committed(self, transaction: str) -> bool:
        """Whether a transaction was committed whose connection was lost during the commit.

        Ends it if it still runs: the server may not have noticed that the client is gone.
        """
        until = monotonic() + self._timeout
        while True:
            try:
                with self._connect() as connection:
                    found = run(connection, [(_END, [transaction]), (_STATE, [transaction])]).fetchone()
                if found in (("committed",), ("aborted",)):
                    return found == ("committed",)
            except psycopg.errors.InvalidParameterValue:  # an unknown id: a standby took over that lacks it
                return False
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
            if monotonic() > until:
                raise WorkspaceBusy(
                    f"The connection to {self.place} was lost during a commit, and its outcome cannot be determined."
                )
            sleep(0.1)

    # Beside the log

    def note_pass(self, note: bytes) -> None:
        """Add a heartbeat; the newest twenty are kept."""
        self._with_connection(lambda connection: notes.add_heartbeat(connection, note))

    def passes(self) -> list[bytes]:
        """Return the kept heartbeats, oldest first."""
        return self._with_connection(notes.heartbeats)

    def note_progress(self, execution_id: str, note: bytes | None) -> None:
        """Replace the progress note of an execution; None removes it."""
        self._with_connection(lambda connection: notes.put_progress(connection, execution_id, note))

    def progress(self, execution_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the progress notes of these executions; those without one are left out."""
        wanted = list(execution_ids)
        return self._with_connection(lambda connection: notes.progress(connection, wanted))

    @contextmanager
    def shared_note(self, name: str) -> Iterator[LockedNote | None]:
        """Lock a note that all processes share; gives None if another one holds it."""
        self._refuse_when_closed()
        with self._own_connection() as connection:
            note = notes.ServerNote(connection, name)
            yield note if note.lock() else None

    def close(self) -> None:
        """Release everything. Later use raises `WorkspaceError`. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            self._notices.close()
            self._listener.close()
            self._pool.close(timeout=2.0)
            while self._writers:
                self._writers.pop().connection.close()
            self._copies.dispose()

    # Implementation

    def _connect(self) -> Connection:
        """Open a connection outside the pool."""
        connection: Connection = psycopg.connect(self._conninfo, autocommit=True, cursor_factory=psycopg.RawCursor)
        self._configure(connection)
        return connection

    def _configure(self, connection: Connection) -> None:
        connection.execute(self._session, prepare=False)
        connection.adapters.register_loader("numeric", NumberLoader)

    @contextmanager
    def _own_connection(self) -> Iterator[Connection]:
        """A connection outside the pool, closed afterwards; retries while the server is unreachable."""
        self._refuse_when_closed()
        with self._translating_errors(), self._retrying(self._connect) as connection:
            yield connection

    def _with_connection(self, work: Callable[[Connection], T]) -> T:
        """Run idempotent `work` outside of transactions; retries on another connection if one is lost."""
        self._refuse_when_closed()
        with self._translating_errors():
            return self._retrying(lambda: self._with_pooled(work))

    def _with_pooled(self, work: Callable[[Connection], T]) -> T:
        with self._pool.connection() as connection:
            return work(connection)

    def _retrying(self, attempt: Callable[[], T]) -> T:
        until = monotonic() + self._timeout
        while True:
            try:
                return attempt()
            except psycopg.Error as error:
                if not is_lost(error) or monotonic() > until:
                    raise
            sleep(0.05)

    @contextmanager
    def _transaction(self, opening: str) -> Iterator[tuple[Connection, tuple[Any, ...]]]:
        """A transaction and the row that its opening returns; rolled back unless it was committed."""
        self._refuse_when_closed()
        connection, first = self._begin(opening)
        try:
            with self._translating_errors():
                yield connection, first
        finally:
            with suppress(psycopg.Error):
                connection.rollback()
            self._pool.putconn(connection)

    def _begin(self, opening: str) -> tuple[Connection, tuple[Any, ...]]:
        """Begin a transaction; retries if the pool's connection turns out to be lost."""
        until = monotonic() + self._timeout

        def attempt() -> tuple[Connection, tuple[Any, ...]]:
            connection = self._pool.getconn(max(0.1, until - monotonic()))
            try:
                first = run(connection, [(opening, [])]).fetchone()
                assert first is not None
                return connection, first
            except BaseException as error:
                if is_lost(error) or not isinstance(error, psycopg.Error):
                    connection.close()
                else:
                    with suppress(psycopg.Error):
                        connection.rollback()
                self._pool.putconn(connection)
                raise

        with self._translating_errors():
            return self._retrying(attempt)

    @contextmanager
    def _committed_view(self) -> Iterator[tuple[Connection, str]]:
        """A view of everything committed, and what stands for the last change in it."""
        with self._own_connection() as connection:
            version, last = run(
                connection,
                [
                    ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", []),
                    (READING, []),
                    ("SET LOCAL idle_in_transaction_session_timeout = 0", []),  # it blocks nobody
                    (_LAST, []),
                ],
            ).fetchone() or (None, "")
            self._refuse_other(version)
            yield connection, last

    def _time(self) -> datetime:
        """Return the server's time. Uses the pool: the caller holds no connection.

        Waits for the first answer as long as for anything else: until then the clock is this machine's.
        """
        with self._pool.connection(timeout=CLOCK_TIMEOUT if self._clock.is_known else self._timeout) as connection:
            ((now,),) = connection.execute("SELECT clock_timestamp()").fetchall()
        assert isinstance(now, datetime)
        return now

    def _refuse_other(self, version: object) -> None:
        if version != self._schema.version:
            raise newer(self.place)

    def _translating_errors(self) -> AbstractContextManager[None]:
        return translating_errors(explained, self.place)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise WorkspaceError(f"The workspace {self.place} is closed.")


@lru_cache(maxsize=1024)
def _opening(scope: Scope) -> tuple[Statement, ...]:
    """The first statements of a write to these stores, or to all; they take the locks first."""
    if scope is None:
        written = "(SELECT sum(n) FROM touched)"
        return ("BEGIN", ()), (f"SELECT pg_advisory_xact_lock({WRITING})", ()), (f"{_BEGUN}, {_MADE}, {written}", ())
    stores = sorted(scope)
    marks = range(1, len(stores) + 1)
    own = ", ".join(f"pg_advisory_xact_lock({ONE_STORE}, hashtext(${n}))" for n in marks)
    *times, of_all = (_TIMES.replace("$1", f"${n}") for n in [*marks, len(stores) + 1])
    others = f"concat({of_all}, ' ', {_MADE})"
    return (
        ("BEGIN", ()),
        (f"SELECT pg_advisory_xact_lock_shared({WRITING}), {own}", stores),
        (", ".join([_BEGUN, others, *times]), [*stores, ALL]),
    )


def _silence_psycopg() -> None:
    """Keep psycopg from warning about each lost connection: callers get an error or another connection."""
    its = logging.getLogger("psycopg")
    if its.level == logging.WARNING:  # psycopg's own default; an explicit setting is respected
        its.setLevel(logging.ERROR)


def _milliseconds(seconds: float) -> int:
    """A time as the server takes it, to which none would mean for ever."""
    return max(1, round(seconds * 1_000))


def _conninfo(url: str, place: str) -> str:
    """Return libpq's connection string. Errors never contain the URL."""
    with suppress(psycopg.Error):
        given = conninfo_to_dict(url)
        if all(port.isdigit() for port in str(given.get("port") or "5432").split(",")):
            return make_conninfo("", **{**_USUAL, **given})
    raise SettingError(
        f"{place} is not a URL that PostgreSQL's libpq understands. Expected"
        " postgresql://user:password@host:5432/name?sslmode=require, with / ? # @ : % in the password escaped, such as"
        " %2F."
    )
