"""The lease: short exclusive access of one process to the database file.

DuckDB lets one process open a file, so no process keeps it open. A lease acquires the process lock, attaches
the file to an in-memory DuckDB instance, and detaches it again. Threads of one process share a lease; after
`JOIN_WINDOW` seconds no further thread may join, so that other processes get their turn.
"""

from __future__ import annotations

import atexit
import ctypes
import enum
import logging
import os
import stat
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

import duckdb

from wsq.errors import NotAWorkspace, WorkspaceBusy, WorkspaceUnwritable
from wsq.files import Files
from wsq.store.cursors import translating_errors
from wsq.store.duckdb import instance
from wsq.store.duckdb.change_counter import ChangeCounter, mark
from wsq.store.duckdb.content import refuse_other_content
from wsq.store.duckdb.create import (
    fresh_file,
    make,
    refuse_newer,
    refuse_what_has_other_names,
    refuse_what_is_no_database,
    upgrade,
    version_of,
)
from wsq.store.duckdb.faults import explained
from wsq.store.duckdb.missing import missing
from wsq.store.duckdb.process_lock import ProcessLock
from wsq.store.duckdb.snapshot import Snapshots
from wsq.store.duckdb.write_ahead_log import inconsistency, is_anothers, refuse_mixed, set_aside
from wsq.store.engine import Schema

JOIN_WINDOW = 0.05
"""Seconds in which further threads of the process may join a lease."""

CHECKPOINT_AFTER = 16 * 1024
"""Bytes of write-ahead log from which on a release checkpoints the file: each transaction in the log slows every
later attach by up to half a millisecond."""

LOCK_RETRY = 1.0
"""Seconds to retry DuckDB's own lock. The system releases a killed process's locks one by one, and ours may be
released before DuckDB's."""

FORK_TIMEOUT = 1.0
"""Seconds that a fork waits for the leases of other threads to end."""

CLOSE_TIMEOUT = 1.0
"""Seconds that closing waits for other threads to finish."""

CHECKPOINT_RETRY = 5.0
"""Seconds without another try after a failed checkpoint: on a full disk, each would cost a new instance."""

_log = logging.getLogger("wsq.store")


class Kind(enum.Enum):
    """What the file is held for."""

    READ = "read"
    WRITE = "write"
    """One at a time per process, next to any number of reads."""
    ALONE = "alone"
    """Exclusive, with the file detached: it can be copied."""


class _State(enum.Enum):
    FREE = "free"
    MOVING = "being acquired or released"
    OPEN = "open"
    CLOSED_OFF = "held exclusively"


class Lease:
    """One per file and process; all engines on the file share it."""

    def __init__(self, path: Path, threads: int, mode: int) -> None:
        self.path = path
        self.side = path.with_name(f"{path.name}.wsq")
        self.files = Files(path, mode)
        self.counter = ChangeCounter(self.side / "counter", self.files)
        self.snapshots = Snapshots(path, self.side, self.files)
        self.may_create = False
        self._log = Path(f"{path}.wal")
        self._threads = threads
        self._was_there = False
        self._engines = 0
        self._reset()

    def _reset(self) -> None:
        self._process_lock = ProcessLock(self.side, self.files)
        self._condition = threading.Condition()
        self._state = _State.FREE
        self._mover: int | None = None
        self._inside: dict[int, Kind] = {}
        self._waiting: deque[tuple[int, Kind]] = deque()
        self._opened = 0.0
        self._version = 0
        self._connections: dict[int, duckdb.DuckDBPyConnection] = {}
        self._idle: list[duckdb.DuckDBPyConnection] = []
        self._root: duckdb.DuckDBPyConnection | None = None
        self._attached = False
        self._checked = False
        self._unsound = False
        self._forking = False
        self._no_checkpoint_before = 0.0

    # Holding

    @contextmanager
    def hold(self, kind: Kind, schema: Schema, timeout: float) -> Iterator[None]:
        """Hold the file, upgraded to the schema's version.

        Raises:
            WorkspaceError: The file is unavailable, or not free within `timeout` seconds.
        """
        me = threading.get_ident()
        if me in self._inside or self._mover == me:
            raise RuntimeError("This thread already holds the workspace; reads and writes cannot be nested.")
        try:
            try:
                self._enter(me, kind, schema, timeout)
                yield
            finally:
                self._release(me)
        finally:
            # Again, in case an interrupt came just before or during the first. It costs nothing.
            self._release(me)

    def connection(self) -> duckdb.DuckDBPyConnection:
        """Return this thread's own connection to the attached file."""
        me = threading.get_ident()
        if me not in self._connections:
            assert self._root is not None
            self._connections[me] = self._idle.pop() if self._idle else self._root.cursor()
        return self._connections[me]

    def return_connection(self, *, sound: bool) -> None:
        """Return the thread's connection after its transaction; it is reused if it is `sound`."""
        connection = self._connections.get(threading.get_ident())
        if connection is not None and sound:
            self._idle.append(connection)
            del self._connections[threading.get_ident()]

    def ready_log(self) -> None:
        """Before a commit, create the write-ahead log if it is missing: DuckDB would create it as the umask says.

        Raises:
            NotAWorkspace: It is something other than a file; DuckDB would follow a link.
        """
        try:
            found = self._log.lstat()
        except FileNotFoundError:
            os.close(self.files.create(self._log))
        else:
            if not stat.S_ISREG(found.st_mode):
                raise NotAWorkspace(f"{self._log} is not a file, as the log of {self.path} must be. Remove it.")

    def is_wanted(self) -> bool:
        """Whether another thread or process waits for this lease to end. Call it only while holding the file."""
        return bool(self._waiting) or self._forking or self._process_lock.has_waiters()

    def mark_broken(self) -> None:
        """Have the next lease replace the in-memory instance, which may be broken."""
        self._unsound = True

    def _enter(self, me: int, kind: Kind, schema: Schema, timeout: float) -> None:
        deadline = monotonic() + timeout
        with self._condition:
            self._waiting.append((me, kind))
            try:
                while not self._admitted(me, kind, schema):
                    if not self._condition.wait(deadline - monotonic()) and monotonic() >= deadline:
                        raise self._busy(timeout)
            finally:
                self._waiting.remove((me, kind))
                self._condition.notify_all()
        if self._mover == me:
            self._acquire(kind, schema, deadline, timeout)
            self._open(me, kind)

    def _admitted(self, me: int, kind: Kind, schema: Schema) -> bool:
        if self._state is _State.OPEN and self._can_join(kind, schema):
            self._inside[me] = kind
            return True
        if self._state is _State.FREE and self._waiting[0][0] == me:
            self._mover = me
            self._state = _State.MOVING
            return True
        return False

    def _can_join(self, kind: Kind, schema: Schema) -> bool:
        if kind is Kind.ALONE or any(waiting is Kind.ALONE for _, waiting in self._waiting):
            return False
        if kind is Kind.WRITE and Kind.WRITE in self._inside.values():
            return False
        return self._version == schema.version and monotonic() - self._opened < JOIN_WINDOW

    def _open(self, me: int, kind: Kind) -> None:
        with self._condition:
            self._opened = monotonic()
            self._inside[me] = kind
            self._state = _State.CLOSED_OFF if kind is Kind.ALONE else _State.OPEN
            self._mover = None
            self._condition.notify_all()

    def _release(self, me: int) -> None:
        """Release the hold; the last thread detaches the file. Does nothing if already released."""
        with self._condition:
            if me in self._inside:
                self._close_open_connection(me)
                if len(self._inside) == 1:
                    self._mover = me
                    self._state = _State.MOVING
                del self._inside[me]
                self._condition.notify_all()
            if self._mover != me:
                return
        self._detach()
        self._process_lock.release()
        with self._condition:
            self._mover = None
            self._state = _State.FREE
            self._condition.notify_all()

    def _close_open_connection(self, me: int) -> None:
        """Close a connection that was not returned: an open transaction on it would keep the file attached."""
        connection = self._connections.get(me)
        if connection is not None:
            connection.close()
            del self._connections[me]

    def _busy(self, timeout: float) -> WorkspaceBusy:
        mine = self._state is not _State.FREE and self._mover is None
        who = "another thread of this process" if mine else self._process_lock.holder()
        return WorkspaceBusy(f"{self.path} was in use by {who} for longer than {timeout:g} seconds.")

    # Acquiring and releasing: one thread at a time, the mover

    def _acquire(self, kind: Kind, schema: Schema, deadline: float, timeout: float) -> None:
        with translating_errors(explained, str(self.path)):
            try:
                self._process_lock.acquire(max(0.0, deadline - monotonic()))
                self._prepare(kind, schema, deadline)
            except TimeoutError:
                raise self._busy(timeout) from None
            except BaseException:
                self._unsound = True
                raise

    def _prepare(self, kind: Kind, schema: Schema, deadline: float) -> None:
        is_new = self._ensure_exists(schema)
        self._checked = self.counter.on_attach(mark(self.path)) or is_new
        self._attach(schema, deadline)
        if kind is Kind.ALONE:
            # Attached only to check the file and that no other program has it open.
            self._detach()

    def _ensure_exists(self, schema: Schema) -> bool:
        """Create the file if it is missing; return whether it was."""
        if self.path.exists():
            self._was_there = True
            return False
        if self._was_there:
            raise NotAWorkspace(f"{self.path} has been removed since it was opened.")
        if not self.may_create:  # it was there a moment ago, such as before somebody moved another one in its place
            raise missing(self.path)
        make(self._instance(), self.path, self.side, self.files.mode, schema)
        self._was_there = True
        return True

    def _attach(self, schema: Schema, deadline: float) -> None:
        self._attach_file(min(deadline, monotonic() + LOCK_RETRY))
        if not self._checked:
            refuse_other_content(self._instance(), self.path, schema)
        version = version_of(self._instance(), self.path)
        refuse_newer(self.path, version, schema)
        if not self._checked:
            self._check_log(schema, deadline)
        if version < schema.version:
            self._detach()
            self.snapshots.back_up_as(self.path.with_name(f"{self.path.name}.v{version}.bak"))
            self._attach_file(deadline)
            self.ready_log()
            upgrade(self._instance(), self.counter, schema, version)
        self._version = schema.version

    def _check_log(self, schema: Schema, deadline: float) -> None:
        """Check that the log fits, if the file may not be as the last detach left it."""
        if Path(f"{self.path}.wal").exists() and (found := inconsistency(self._instance(), schema)) is not None:
            self._drop_instance()  # without a checkpoint
            refuse_mixed(self.path, found, self.side, schema, self.files)
            self._attach_file(deadline)
        self._checked = True

    def _attach_file(self, deadline: float) -> None:
        pause = 0.005
        while True:
            root = self._instance()
            try:
                self._attached = True
                root.execute(f"ATTACH {instance.quoted(self.path)} AS {instance.ALIAS} (TYPE duckdb)")
            except duckdb.Error as error:
                if is_anothers(error) and self._log.exists():
                    self._drop_instance()
                    set_aside(self.path)
                    continue
                if "Could not set lock on file" not in str(error) or monotonic() >= deadline:
                    raise
            else:
                return
            sleep(pause)
            pause = min(1.5 * pause, 0.05)  # another program may have the file open for long

    def _instance(self) -> duckdb.DuckDBPyConnection:
        if self._root is None:
            self._root = instance.connect(self._threads, [self.path, fresh_file(self.path, self.side)])
        return self._root

    def _detach(self) -> None:
        """Detach the file; a checkpoint or detach that fails only costs the instance."""
        if not self._attached and not self._unsound:
            return
        root = self._root
        try:
            if root is None or self._unsound:
                self._drop_instance()
            else:
                self._shorten_log(root)
                root.execute(f"DETACH DATABASE IF EXISTS {instance.ALIAS}")
        except BaseException as error:  # noqa: BLE001 - an interrupt is raised again after the release
            self._drop_instance()
            interrupt = explained(error, str(self.path))
            if not isinstance(interrupt, Exception):
                raise interrupt from None
        self._attached = self._unsound = False
        self._store_mark()

    def _shorten_log(self, root: duckdb.DuckDBPyConnection) -> None:
        try:
            length = self._log.stat().st_size
        except OSError:
            return
        if not length:  # the transactions have changed nothing
            self._log.unlink()
        if length < CHECKPOINT_AFTER or monotonic() < self._no_checkpoint_before:
            return
        try:
            root.execute(f"CHECKPOINT {instance.ALIAS}")
        except duckdb.Error as error:
            self._no_checkpoint_before = monotonic() + CHECKPOINT_RETRY
            writers_get_an_error = isinstance(explained(error, str(self.path)), WorkspaceUnwritable)
            _log.log(
                logging.INFO if writers_get_an_error else logging.WARNING,
                "The checkpoint of %s failed (%s). Nothing is lost; its log stays longer.",
                self.path, error, extra={"action": "checkpoint_failed"},
            )  # fmt: skip
            raise

    def _store_mark(self) -> None:
        if not self._checked:
            return
        with suppress(OSError):  # the next process finds another mark, and raises the counter needlessly
            self.counter.on_detach(mark(self.path))

    def _drop_instance(self) -> None:
        """Close all connections, which ends the instance and closes the file."""
        connections = [*self._idle, *self._connections.values()]
        if self._root is not None:
            connections.append(self._root)
        for connection in connections:
            connection.close()
        self._idle.clear()
        self._connections.clear()
        self._root = None
        self._attached = False

    # Lifecycle

    def dispose(self) -> None:
        """Free memory and disk space; waits for threads that hold the file."""
        with self._condition:
            if self._condition.wait_for(lambda: self._state is _State.FREE, timeout=CLOSE_TIMEOUT):
                self._drop_instance()
        self.snapshots.dispose()

    def wait_until_detached(self, seconds: float) -> None:
        """Before a fork: a child cannot attach a file that was attached when it was forked."""
        deadline = monotonic() + seconds
        self._forking = True
        while self._attached and threading.get_ident() not in self._inside and monotonic() < deadline:
            sleep(0.0005)

    def go_on(self) -> None:
        """Continue after a fork, in the parent."""
        self._forking = False

    def forget(self) -> None:
        """Reset after a fork, in the child: DuckDB's threads are missing there, so nothing can be used.

        The parent's connections are never freed: closing them would wait for those threads.
        """
        for connection in (self._root, *self._idle, *self._connections.values()):
            if connection is not None:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        self._process_lock.forget()
        self.snapshots.forget()
        self._reset()


# This process's leases

_leases: dict[Path, Lease] = {}
_register = threading.RLock()


def lease_on(path: Path, threads: int, mode: int) -> Lease:
    """Return the lease of the file at `path`, which is resolved and absolute. End with `release_lease`."""
    with _register:
        lease = _leases.get(path)
        if lease is None:
            refuse_what_is_no_database(path)
            refuse_what_has_other_names(path)
            lease = _leases[path] = Lease(path, threads, mode)
        lease._engines += 1
        return lease


def release_lease(lease: Lease) -> None:
    """Remove one engine; the last one disposes of the lease."""
    with _register:
        lease._engines -= 1
        if lease._engines > 0:
            return
        _leases.pop(lease.path, None)
    lease.dispose()


def _before_fork() -> None:
    for lease in list(_leases.values()):
        lease.wait_until_detached(FORK_TIMEOUT)


def _after_fork_in_parent() -> None:
    for lease in list(_leases.values()):
        lease.go_on()


def _after_fork_in_child() -> None:
    global _register  # noqa: PLW0603 - a thread that does not exist here may hold the parent's
    _register = threading.RLock()
    for lease in _leases.values():
        lease.forget()


def _clean_up() -> None:
    for lease in list(_leases.values()):
        lease.snapshots.dispose()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(_clean_up)
