"""The engine on a PostgreSQL server, used by many processes on many machines at once."""

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
from wsq.store.asking import telling
from wsq.store.engine import Cursor, ReadingCursor, Schema, Scope, Writing, WritingCursor
from wsq.store.notes import Charge
from wsq.store.postgres import notes
from wsq.store.postgres.birth import ALL, ONE_STORE, SPACE, WRITING, be_there, newer
from wsq.store.postgres.clock import ServerClock
from wsq.store.postgres.copies import Copies
from wsq.store.postgres.cursor import READING, Connection, NumberLoader, PostgresCursor, run
from wsq.store.postgres.faults import explained, is_lost, without_password
from wsq.store.postgres.listening import CHANNEL, Listener, Notices
from wsq.store.postgres.pen import Pen, Statement
from wsq.store.sql_console import SqlConsole

T = TypeVar("T")

MOST_CONNECTIONS = 8
"""To the server from one engine, the one that listens apart."""

FIRST_PATIENCE = 5.0
"""Seconds for which a server that does not answer is tried when a workspace is opened."""

MOST_PENS = 2
"""Connections that are kept for writing."""

REMEMBERED = 64
"""Scopes of which it is known how they were left, at the most."""

A_MOMENT = 2.0
"""Seconds to wait for the server's time."""

_USUAL = {
    "connect_timeout": "5",
    "application_name": "wsq",
    "client_encoding": "UTF8",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""What a connection has unless the URL says otherwise: a machine that vanishes is missed in half a minute."""

_SESSION = f"""SET search_path = {SPACE}; SET TimeZone = 'UTC'; SET standard_conforming_strings = on;
    SET default_transaction_isolation = 'read committed'; SET lock_timeout = {{patience}};
    SET idle_in_transaction_session_timeout = {{absence}}"""

_BEGUN = "SELECT (SELECT max(version) FROM schema_version), pg_current_xact_id()::TEXT"
"""Asked when the locks are had: the version and the transaction; then, how often was written to what may be
remembered, and last to all."""

_TIMES = "(SELECT n FROM touched WHERE store_id = $1)"
_TOUCH = "INSERT INTO touched VALUES ($1, 1) ON CONFLICT (store_id) DO UPDATE SET n = touched.n + 1"
_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {READING}; SELECT max(version) FROM schema_version"  # noqa: S608

_NOTICE = f"SELECT pg_notify('{CHANNEL}', $1)"
_TABLES = "SELECT string_agg(quote_ident(tablename), ', ' ORDER BY tablename) FROM pg_tables WHERE schemaname = $1"
_STATE = "SELECT pg_xact_status($1::XID8)"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xid = ($1::XID8)::XID"


class PostgresEngine:
    """A workspace in the schema ``wsq`` of the PostgreSQL database at `url`, which is made when it is missing.

    Whoever writes to one store or some has their advisory locks until its transaction ends, so that the writers of one
    store follow each other as on a file; whoever writes to the whole has all of it. Readers wait for nobody. A
    connection that is lost is replaced, also after a restart of the server.

    Args:
        url: ``postgresql://…``, with any option that libpq knows, such as ``sslmode``.
        schema: What stands in it, and in which version.
        patience: Seconds to wait for others or for the server at most.
        absence: Seconds after which the server ends a transaction in which nothing is asked, so that a machine that
            has vanished or was suspended keeps nobody from writing.

    Raises:
        SettingError: The URL cannot be understood.
        WorkspaceError: The server cannot be reached, or something else is there.
    """

    is_server = True

    def __init__(self, url: str, schema: Schema, *, patience: float = 30.0, absence: float = 60.0) -> None:
        self.place = without_password(url)
        self._conninfo = _conninfo(url, self.place)
        self._schema = schema
        self._patience = patience
        self._me = secrets.token_hex(8)
        self._left: dict[Scope, list[int]] = {}
        self._pens: list[Pen] = []
        self._own = 0
        self._closed = False
        self._writing = threading.Lock()
        self._session = _SESSION.format(patience=_milliseconds(patience), absence=_milliseconds(absence))
        self._listener = Listener(self._connect, self._me, lambda: self._own)
        self._notices = Notices(self._notify)
        _be_told_once()
        self._clock = ServerClock(self._time)
        self._copies = Copies(self._settled_view, schema)
        self._pool = ConnectionPool(
            self._conninfo,
            connection_class=psycopg.Connection[tuple[Any, ...]],
            kwargs={"autocommit": True, "cursor_factory": psycopg.RawCursor},
            configure=self._configure,
            min_size=0,
            max_size=MOST_CONNECTIONS,
            max_idle=60.0,
            timeout=patience,
            reconnect_timeout=patience,
            open=False,
            num_workers=1,
        )
        self._be_there()

    def _be_there(self) -> None:
        until = monotonic() + min(FIRST_PATIENCE, self._patience)
        while True:
            try:
                with self._telling(), self._connect() as connection:
                    be_there(connection, self.place, self._schema)
                self._pool.open()
                return
            except WorkspaceLost as error:
                if monotonic() > until:
                    raise WorkspaceError(str(error)) from error
                sleep(0.2)

    # Asking

    @contextmanager
    def read(self) -> Iterator[Cursor]:
        """A consistent view for a question; writes are refused.

        Raises:
            WorkspaceError: the workspace cannot be had now.
        """
        with self._begun(_READ) as (connection, (version,)):
            self._refuse_other(version)
            cursor = PostgresCursor(connection, self.place)
            try:
                yield cursor
            finally:
                cursor.end()

    @contextmanager
    def study(self) -> Iterator[ReadingCursor]:
        """A view in a DuckDB of this process's own, of the tables that are asked for."""
        self._refuse_when_closed()
        with self._telling(), self._copies.at_present() as cursor:
            yield cursor

    @contextmanager
    def snapshot(self) -> Iterator[Path]:
        """The workspace as it is now in a DuckDB file of this process's own; gone afterwards."""
        self._refuse_when_closed()
        with self._telling(), self._copies.whole() as path:
            yield path

    def console(self) -> SqlConsole:
        """Where people ask in SQL of their own, of a copy in DuckDB."""
        return SqlConsole(self)

    def backup(self, target: Path) -> None:
        """A copy in one DuckDB file that can be opened as a workspace; its folder is made when it is missing.

        Raises:
            InvalidInput: there is something at `target` already.
            WorkspaceError: the workspace cannot be had now, or there is no room for a copy.
        """
        self._refuse_when_closed()
        with self._telling():
            self._copies.write_to(target)

    def scrub(self) -> None:
        """Write every table anew without what was changed or deleted, and remove this engine's private copies.

        Those of other processes go when these next make one. What a view needs that somebody has just now stays
        until the next time; the server's own logs and backups are its keeper's business. Each table can be used by
        nobody else meanwhile.

        Raises:
            WorkspaceError: the workspace cannot be had now; then some tables may be as they were.
        """
        with self._apart() as connection:
            ((tables,),) = run(connection, [(_TABLES, [SPACE])]).fetchall()
            for work in (f"(FULL, ANALYZE) {tables}", "(FULL) pg_catalog.pg_statistic"):  # samples are kept there
                run(connection, [(f"VACUUM {work}", [])])
        self._copies.forget()

    def changes(self) -> int:
        """A number that has risen when anybody has written; asking takes microseconds."""
        self._refuse_when_closed()
        return self._listener.heard() + self._own

    def written_by_others(self) -> int:
        """What is no longer the same when anybody but this engine has written."""
        self._refuse_when_closed()
        return self._listener.heard()

    def clock(self) -> Clock:
        """The server's clock."""
        return self._clock

    # Writing

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Have the workspace for writing, for one transaction after the other; others may come in between."""
        self._refuse_when_closed()
        with self._writing:
            yield _Writing(self)

    @contextmanager
    def write(self, scope: Scope = None) -> Iterator[WritingCursor]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Args:
            scope: The stores that alone are written to; None when it may be anything.

        Raises:
            Conflict: a unique constraint stands against it.
            WorkspaceLost: the connection was lost, and nothing was written.
            WorkspaceError: the workspace cannot be had or written now; then nothing was written.
        """
        self._refuse_when_closed()
        pen, opened = self._patiently_told(lambda: self._at_work(scope))
        try:
            with self._telling():
                version, transaction, *found = opened
                self._refuse_other(int(version or 0))
                left = [int(times or 0) for times in found]
                cursor = PostgresCursor(pen.connection, self.place, undisturbed=left == self._left.pop(scope, None))
                try:
                    yield cursor
                    cursor.be_whole()
                    if cursor.has_written:
                        self._commit(pen, cursor, (transaction or b"").decode(), sorted(scope or [ALL]))
                        left = [times + 1 for times in left[:-1]] + left[-1:]
                    else:
                        pen.run([*cursor.take_posted(), ("COMMIT", [])])
                    if len(self._left) > REMEMBERED:
                        self._left.clear()
                    self._left[scope] = left
                finally:
                    cursor.end()
        finally:
            self._lay_down(pen)

    def _at_work(self, scope: Scope) -> tuple[Pen, list[bytes | None]]:
        """A pen whose transaction has begun, and what that answers."""
        pen = self._pens.pop() if self._pens else Pen(self._connect())
        try:
            return pen, pen.run(_to_write(scope))
        except BaseException:
            self._lay_down(pen)
            raise

    def _lay_down(self, pen: Pen) -> None:
        """Keep a pen for the next transaction, if nothing is wrong with it."""
        with suppress(psycopg.Error):
            pen.roll_back()
        if pen.connection.closed or self._closed or len(self._pens) >= MOST_PENS:
            pen.connection.close()
        else:
            self._pens.append(pen)

    def _commit(self, pen: Pen, cursor: PostgresCursor, transaction: str, touched: list[str]) -> None:
        """Send what was posted, commit, and tell the others when that is due, in one trip."""
        end: list[Statement] = [(_TOUCH, [store]) for store in touched]
        end.append(("COMMIT", []))
        if self._notices.is_due():
            end.append((_NOTICE, [self._me]))
        try:
            pen.run([*cursor.take_posted(), *end])
        except psycopg.Error as error:
            is_refused = pen.connection.info.transaction_status == TransactionStatus.INERROR
            if is_refused or not self._was_committed(transaction):  # the commit's answer is lost, or the notice failed
                raise self._told(error) from error
        self._own += len(touched)

    def _notify(self) -> None:
        with self._pool.connection(timeout=A_MOMENT) as connection:
            connection.execute(_NOTICE, [self._me])

    def _was_committed(self, transaction: str) -> bool:
        """Whether a transaction was committed whose connection was lost while it was told to.

        What still goes on of it is ended: the server may not have noticed yet that nobody is there.
        """
        until = monotonic() + self._patience
        while True:
            try:
                with self._connect() as connection:
                    found = run(connection, [(_END, [transaction]), (_STATE, [transaction])]).fetchone()
                if found in (("committed",), ("aborted",)):
                    return found == ("committed",)
            except psycopg.errors.InvalidParameterValue:  # in the future: of a server that took over and lacks it
                return False
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
            if monotonic() > until:
                raise WorkspaceBusy(
                    f"{self.place} was lost while something was committed, and cannot be asked whether it was."
                )
            sleep(0.1)

    # Beside the log

    def note_pass(self, note: bytes) -> None:
        """Leave a heartbeat; the newest twenty are kept."""
        self._at_once(lambda connection: notes.add_heartbeat(connection, note))

    def passes(self) -> list[bytes]:
        """The heartbeats that are kept, oldest first."""
        return self._at_once(notes.heartbeats)

    def note_progress(self, execution_id: str, note: bytes | None) -> None:
        """Say how far an execution is, in the place of what was said before; None takes it away."""
        self._at_once(lambda connection: notes.put_progress(connection, execution_id, note))

    def progress(self, execution_ids: Iterable[str]) -> dict[str, bytes]:
        """How far these executions are; those of which nothing is said are left out."""
        wanted = list(execution_ids)
        return self._at_once(lambda connection: notes.progress(connection, wanted))

    @contextmanager
    def shared_note(self, name: str) -> Iterator[Charge | None]:
        """Have charge of a note that all processes share; None when another one has."""
        self._refuse_when_closed()
        with self._apart() as connection:
            note = notes.ServerNote(connection, name)
            yield note if note.take() else None

    def close(self) -> None:
        """Give everything back; using the engine afterwards raises `WorkspaceError`. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            self._notices.close()
            self._listener.close()
            self._pool.close(timeout=2.0)
            while self._pens:
                self._pens.pop().connection.close()
            self._copies.dispose()

    # How it is done

    def _connect(self) -> Connection:
        """A connection that is in no pool."""
        connection: Connection = psycopg.connect(self._conninfo, autocommit=True, cursor_factory=psycopg.RawCursor)
        self._configure(connection)
        return connection

    def _configure(self, connection: Connection) -> None:
        connection.execute(self._session, prepare=False)
        connection.adapters.register_loader("numeric", NumberLoader)

    @contextmanager
    def _apart(self) -> Iterator[Connection]:
        """A connection that is in no pool, closed afterwards; a server that is away is waited for."""
        self._refuse_when_closed()
        with self._telling(), self._patiently(self._connect) as connection:
            yield connection

    def _at_once(self, work: Callable[[Connection], T]) -> T:
        """Do what may be done twice outside of transactions; on another connection when one is lost."""
        self._refuse_when_closed()
        with self._telling():
            return self._patiently(lambda: self._with_one(work))

    def _with_one(self, work: Callable[[Connection], T]) -> T:
        with self._pool.connection() as connection:
            return work(connection)

    def _patiently_told(self, attempt: Callable[[], T]) -> T:
        with self._telling():
            return self._patiently(attempt)

    def _patiently(self, attempt: Callable[[], T]) -> T:
        until = monotonic() + self._patience
        while True:
            try:
                return attempt()
            except psycopg.Error as error:
                if not is_lost(error) or monotonic() > until:
                    raise
            sleep(0.05)

    @contextmanager
    def _begun(self, opening: str) -> Iterator[tuple[Connection, tuple[Any, ...]]]:
        """A transaction, with what its opening's last statement answers; rolled back unless it was committed."""
        self._refuse_when_closed()
        connection, first = self._opened(opening)
        try:
            with self._telling():
                yield connection, first
        finally:
            with suppress(psycopg.Error):
                connection.rollback()
            self._pool.putconn(connection)

    def _opened(self, opening: str) -> tuple[Connection, tuple[Any, ...]]:
        """Begin, on another connection if the one that the pool gives turns out to be lost."""
        until = monotonic() + self._patience
        while True:
            connection: Connection | None = None
            try:
                connection = self._pool.getconn(max(0.1, until - monotonic()))
                first = run(connection, [(opening, [])]).fetchone()
                assert first is not None
                return connection, first
            except BaseException as error:
                if connection is not None:
                    if is_lost(error) or not isinstance(error, psycopg.Error):
                        connection.close()
                    else:
                        with suppress(psycopg.Error):
                            connection.rollback()
                    self._pool.putconn(connection)
                if not is_lost(error) or monotonic() > until:
                    told = self._told(error)
                    if told is error:
                        raise
                    raise told from error
                sleep(0.05)

    @contextmanager
    def _settled_view(self) -> Iterator[tuple[Connection, int]]:
        """A view of everything that is committed, and the number of the last change that it shows."""
        with self._apart() as connection:
            version, last = run(
                connection,
                [
                    ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", []),
                    (READING, []),
                    ("SET LOCAL idle_in_transaction_session_timeout = 0", []),  # it keeps nobody from anything
                    ("SELECT max(version), (SELECT sum(n)::BIGINT FROM touched) FROM schema_version", []),
                ],
            ).fetchone() or (None, 0)
            self._refuse_other(version)
            yield connection, last

    def _time(self) -> datetime:
        """The server's time, from a connection that is free or soon had: whoever asks for the time has none."""
        with self._pool.connection(timeout=A_MOMENT) as connection:
            ((told,),) = connection.execute("SELECT clock_timestamp()").fetchall()
        assert isinstance(told, datetime)
        return told

    def _refuse_other(self, version: object) -> None:
        if version != self._schema.version:
            raise newer(self.place)

    def _telling(self) -> AbstractContextManager[None]:
        return telling(explained, self.place)

    def _told(self, error: BaseException) -> BaseException:
        return explained(error, self.place)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise WorkspaceError(f"The workspace {self.place} has been closed.")


class _Writing:
    """The right to write, had by the writing thread; the server's lock is had for each transaction alone."""

    def __init__(self, engine: PostgresEngine) -> None:
        self._engine = engine

    def transaction(self, scope: Scope = None) -> AbstractContextManager[WritingCursor]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        return self._engine.write(scope)

    def is_wanted(self) -> bool:
        """Always: nothing is won by keeping it."""
        return True


@lru_cache(maxsize=1024)
def _to_write(scope: Scope) -> tuple[Statement, ...]:
    """What begins a transaction that writes to these stores, or to anything; the locks are had before the rest."""
    if scope is None:
        times = "(SELECT sum(n) FROM touched), 0"
        return ("BEGIN", ()), (f"SELECT pg_advisory_xact_lock({WRITING})", ()), (f"{_BEGUN}, {times}", ())
    stores = sorted(scope)
    marks = range(1, len(stores) + 1)
    own = ", ".join(f"pg_advisory_xact_lock({ONE_STORE}, hashtext(${n}))" for n in marks)
    times = ", ".join(_TIMES.replace("$1", f"${n}") for n in [*marks, len(stores) + 1])
    return (
        ("BEGIN", ()),
        (f"SELECT pg_advisory_xact_lock_shared({WRITING}), {own}", stores),
        (f"{_BEGUN}, {times}", [*stores, ALL]),
    )


def _be_told_once() -> None:
    """Keep psycopg from warning of each connection that is lost: who needs one is told, or gets another."""
    its = logging.getLogger("psycopg")
    if its.level == logging.WARNING:  # as psycopg has set it itself: whoever wants to hear more does
        its.setLevel(logging.ERROR)


def _milliseconds(seconds: float) -> int:
    """A time as the server takes it, to which none would mean for ever."""
    return max(1, round(seconds * 1_000))


def _conninfo(url: str, place: str) -> str:
    """What libpq is told; the URL itself is in no error, nor in what one comes from."""
    with suppress(psycopg.Error):
        given = conninfo_to_dict(url)
        if all(port.isdigit() for port in str(given.get("port") or "5432").split(",")):
            return make_conninfo("", **{**_USUAL, **given})
    raise SettingError(
        f"The database {place} is no URL that PostgreSQL's libpq understands: it is like"
        " postgresql://user:password@host:5432/name?sslmode=require, where a password's / ? # @ : % are escaped as in"
        " %2F."
    )
