"""The lease: for a moment, this process has the database file, and nobody else has.

DuckDB lets a single process hold a file, so nobody holds it. A lease goes through the gate, attaches the
file to a DuckDB instance that lives in memory, and detaches it again. Threads of one process share a
lease; after `NEWCOMERS` seconds it lets nobody else in, so that other processes get their turn.
"""

from __future__ import annotations

import atexit
import ctypes
import enum
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import duckdb

from wsq.errors import NewerWorkspace, NotAWorkspace, WorkspaceBusy, WorkspaceUnwritable
from wsq.store.duckdb import instance
from wsq.store.duckdb.change_counter import Tally, mark
from wsq.store.duckdb.create import make, refuse_what_is_no_database, upgrade, version_of
from wsq.store.duckdb.faults import explained
from wsq.store.duckdb.process_lock import Gate
from wsq.store.duckdb.snapshot import Snapshots
from wsq.store.engine import Schema

NEWCOMERS = 0.05
"""Seconds for which a lease lets further threads of its process in."""

LONG_LOG = 16 * 1024
"""Bytes of write-ahead log from which on whoever leaves folds it into the file: each transaction in it
costs everybody's next attach up to half a millisecond."""

A_DYING_PROCESS = 1.0
"""Seconds for which DuckDB's own lock is tried. The system releases a killed process's locks one by one,
and ours may come before DuckDB's."""

A_LEASE_AT_MOST = 1.0
"""Seconds that a fork waits for the leases of other threads to end."""

A_LAST_VISIT = 1.0
"""Seconds that closing waits for a visit of another thread to end."""

AFTER_A_FAILED_CHECKPOINT = 5.0
"""Seconds without another try: with a full disk, each would cost a new instance."""

_log = logging.getLogger("wsq.store")


class Kind(enum.Enum):
    """What a visit is for."""

    READ = "read"
    WRITE = "write"
    """One at a time in a process, beside any number of reads."""
    ALONE = "alone"
    """The file is not attached, and nobody else is there: it can be copied."""


class _State(enum.Enum):
    FREE = "free"
    MOVING = "coming or going"
    OPEN = "open"
    CLOSED_OFF = "had by one alone"


class Lease:
    """One for each file and process; engines on the same file share it."""

    def __init__(self, path: Path, threads: int) -> None:
        self.path = path
        self.side = path.with_name(f"{path.name}.wsq")
        self.tally = Tally(self.side / "counter")
        self.snapshots = Snapshots(path, self.side)
        self._threads = threads
        self._was_there = False
        self._engines = 0
        self._forget_everything()

    def _forget_everything(self) -> None:
        self._gate = Gate(self.side)
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
        self._unsound = False
        self._forking = False
        self._no_checkpoint_before = 0.0

    # Visits

    @contextmanager
    def visit(self, kind: Kind, schema: Schema, patience: float) -> Iterator[None]:
        """Have the file for a moment; what stands in it is of the schema's version.

        Raises:
            WorkspaceError: it cannot be had, or not within `patience` seconds.
        """
        me = threading.get_ident()
        if me in self._inside or self._mover == me:
            raise RuntimeError("This thread has the workspace already; a read or a write cannot be nested.")
        try:
            try:
                self._enter(me, kind, schema, patience)
                yield
            finally:
                self._leave(me)
        finally:
            # Once more, for an interrupt may have come just before or in the midst of it. It costs nothing.
            self._leave(me)

    def connection(self) -> duckdb.DuckDBPyConnection:
        """This visit's own connection to the attached file."""
        me = threading.get_ident()
        if me not in self._connections:
            assert self._root is not None
            self._connections[me] = self._idle.pop() if self._idle else self._root.cursor()
        return self._connections[me]

    def give_back(self, *, sound: bool) -> None:
        """The visit's connection has no transaction open any more, and may be used again if it is `sound`."""
        connection = self._connections.get(threading.get_ident())
        if connection is not None and sound:
            self._idle.append(connection)
            del self._connections[threading.get_ident()]

    def is_wanted(self) -> bool:
        """Whether somebody waits for this lease to end; only for whoever has it."""
        return bool(self._waiting) or self._forking or self._gate.somebody_waits()

    def doubt(self) -> None:
        """The instance in memory may be broken: the next lease makes a new one."""
        self._unsound = True

    def _enter(self, me: int, kind: Kind, schema: Schema, patience: float) -> None:
        deadline = monotonic() + patience
        with self._condition:
            self._waiting.append((me, kind))
            try:
                while not self._admitted(me, kind, schema):
                    if not self._condition.wait(deadline - monotonic()) and monotonic() >= deadline:
                        raise self._busy(patience)
            finally:
                self._waiting.remove((me, kind))
                self._condition.notify_all()
        if self._mover == me:
            self._arrive(kind, schema, deadline, patience)
            self._open(me, kind)

    def _admitted(self, me: int, kind: Kind, schema: Schema) -> bool:
        if self._state is _State.OPEN and self._takes_another(kind, schema):
            self._inside[me] = kind
            return True
        if self._state is _State.FREE and self._waiting[0][0] == me:
            self._mover = me
            self._state = _State.MOVING
            return True
        return False

    def _takes_another(self, kind: Kind, schema: Schema) -> bool:
        if kind is Kind.ALONE or any(waiting is Kind.ALONE for _, waiting in self._waiting):
            return False
        if kind is Kind.WRITE and Kind.WRITE in self._inside.values():
            return False
        return self._version == schema.version and monotonic() - self._opened < NEWCOMERS

    def _open(self, me: int, kind: Kind) -> None:
        with self._condition:
            self._opened = monotonic()
            self._inside[me] = kind
            self._state = _State.CLOSED_OFF if kind is Kind.ALONE else _State.OPEN
            self._mover = None
            self._condition.notify_all()

    def _leave(self, me: int) -> None:
        """Go, and take the file along if nobody else is there. Does nothing when it was done already."""
        with self._condition:
            if me in self._inside:
                self._close_what_was_left(me)
                if len(self._inside) == 1:
                    self._mover = me
                    self._state = _State.MOVING
                del self._inside[me]
                self._condition.notify_all()
            if self._mover != me:
                return
        self._detach()
        self._gate.leave()
        with self._condition:
            self._mover = None
            self._state = _State.FREE
            self._condition.notify_all()

    def _close_what_was_left(self, me: int) -> None:
        """A connection that was not given back may have a transaction open, which would hold the file."""
        connection = self._connections.get(me)
        if connection is not None:
            connection.close()
            del self._connections[me]

    def _busy(self, patience: float) -> WorkspaceBusy:
        mine = self._state is not _State.FREE and self._mover is None
        who = "another thread of this process" if mine else self._gate.holder()
        return WorkspaceBusy(f"{self.path} was in use by {who} for longer than {patience:g} seconds.")

    # Coming and going: done by one thread alone, the mover

    def _arrive(self, kind: Kind, schema: Schema, deadline: float, patience: float) -> None:
        try:
            self._gate.enter(max(0.0, deadline - monotonic()))
            self._prepare(kind, schema, deadline)
        except TimeoutError:
            raise self._busy(patience) from None
        except BaseException as error:
            self._unsound = True
            told = explained(error, str(self.path))
            if told is error:
                raise
            raise told from error

    def _prepare(self, kind: Kind, schema: Schema, deadline: float) -> None:
        self._be_there(schema)
        self.tally.arrive(mark(self.path))
        self._attach(schema, deadline)
        if kind is Kind.ALONE:
            # It was attached to see that it is well and that no other program has it.
            self._detach()

    def _be_there(self, schema: Schema) -> None:
        if self.path.exists():
            self._was_there = True
            return
        if self._was_there:
            raise NotAWorkspace(f"{self.path} has gone since it was opened here.")
        make(self._instance(), self.path, self.side, schema)
        self._was_there = True

    def _attach(self, schema: Schema, deadline: float) -> None:
        self._attach_file(min(deadline, monotonic() + A_DYING_PROCESS))
        version = version_of(self._instance(), self.path)
        if version < schema.version:
            self._detach()
            self.snapshots.back_up_as(self.path.with_name(f"{self.path.name}.v{version}.bak"))
            self._attach_file(deadline)
            upgrade(self._instance(), self.tally, schema, version)
        elif version > schema.version:
            raise NewerWorkspace(
                f"{self.path} was written by a newer wsq (its version is {version}, this one knows "
                f"{schema.version}): update wsq here."
            )
        self._version = schema.version

    def _attach_file(self, deadline: float) -> None:
        while True:
            root = self._instance()
            try:
                self._attached = True
                root.execute(f"ATTACH {instance.quoted(self.path)} AS {instance.ALIAS} (TYPE duckdb)")
            except duckdb.Error as error:
                if "Could not set lock on file" not in str(error) or monotonic() >= deadline:
                    raise
            else:
                return
            sleep(0.005)

    def _instance(self) -> duckdb.DuckDBPyConnection:
        if self._root is None:
            self._root = instance.connect(self._threads)
        return self._root

    def _detach(self) -> None:
        """Give the file back; a checkpoint or a detach that fails costs the instance and nothing else."""
        if not self._attached and not self._unsound:
            return
        root = self._root
        try:
            if root is None or self._unsound:
                self._drop_instance()
            else:
                self._shorten_log(root)
                root.execute(f"DETACH DATABASE IF EXISTS {instance.ALIAS}")
        except BaseException as error:  # noqa: BLE001 - an interrupt is raised again, once all is given back
            self._drop_instance()
            interrupt = explained(error, str(self.path))
            if not isinstance(interrupt, Exception):
                raise interrupt from None
        self._attached = self._unsound = False
        self._note_how_it_is_left()

    def _shorten_log(self, root: duckdb.DuckDBPyConnection) -> None:
        try:
            length = Path(f"{self.path}.wal").stat().st_size
        except OSError:
            return
        if length < LONG_LOG or monotonic() < self._no_checkpoint_before:
            return
        try:
            root.execute(f"CHECKPOINT {instance.ALIAS}")
        except duckdb.Error as error:
            self._no_checkpoint_before = monotonic() + AFTER_A_FAILED_CHECKPOINT
            whoever_writes_is_told = isinstance(explained(error, str(self.path)), WorkspaceUnwritable)
            _log.log(
                logging.INFO if whoever_writes_is_told else logging.WARNING,
                "The log of %s could not be folded into it (%s); nothing is lost, it stays longer.",
                self.path, error, extra={"action": "checkpoint_failed"},
            )  # fmt: skip
            raise

    def _note_how_it_is_left(self) -> None:
        try:
            self.tally.leave(mark(self.path))
        except OSError:
            return  # The next one finds another mark than it left, and raises the counter for nothing.

    def _drop_instance(self) -> None:
        """Close every connection, which ends the instance and closes the file."""
        connections = [*self._idle, *self._connections.values()]
        if self._root is not None:
            connections.append(self._root)
        for connection in connections:
            connection.close()
        self._idle.clear()
        self._connections.clear()
        self._root = None
        self._attached = False

    # The engines on it

    def dispose(self) -> None:
        """Give back what is held in memory and on the disk; whoever is inside finishes first."""
        with self._condition:
            if self._condition.wait_for(lambda: self._state is _State.FREE, timeout=A_LAST_VISIT):
                self._drop_instance()
        self.snapshots.dispose()

    def wait_until_detached(self, seconds: float) -> None:
        """Before a fork: a child could not attach a file that was attached when it was forked off."""
        deadline = monotonic() + seconds
        self._forking = True
        while self._attached and threading.get_ident() not in self._inside and monotonic() < deadline:
            sleep(0.0005)

    def go_on(self) -> None:
        """After a fork, in the parent."""
        self._forking = False

    def forget(self) -> None:
        """After a fork, in the child: DuckDB's threads did not come along, so nothing of it can be used.

        What the parent made is never freed either: taking it down would wait for those threads.
        """
        for connection in (self._root, *self._idle, *self._connections.values()):
            if connection is not None:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        self._gate.forget()
        self.snapshots.forget()
        self._forget_everything()


# The register of this process

_leases: dict[Path, Lease] = {}
_register = threading.RLock()


def lease_on(path: Path, threads: int) -> Lease:
    """The lease of the file at `path`, which is resolved and absolute; `let_go` of it in the end."""
    with _register:
        lease = _leases.get(path)
        if lease is None:
            refuse_what_is_no_database(path)
            lease = _leases[path] = Lease(path, threads)
        lease._engines += 1
        return lease


def let_go(lease: Lease) -> None:
    """One engine less; the last one takes everything down."""
    with _register:
        lease._engines -= 1
        if lease._engines > 0:
            return
        _leases.pop(lease.path, None)
    lease.dispose()


def _wait_for_a_quiet_moment() -> None:
    for lease in list(_leases.values()):
        lease.wait_until_detached(A_LEASE_AT_MOST)


def _go_on() -> None:
    for lease in list(_leases.values()):
        lease.go_on()


def _forget_the_parent() -> None:
    global _register  # noqa: PLW0603 - the parent's may have been held by a thread that is not here
    _register = threading.RLock()
    for lease in _leases.values():
        lease.forget()


def _clean_up() -> None:
    for lease in list(_leases.values()):
        lease.snapshots.dispose()


os.register_at_fork(before=_wait_for_a_quiet_moment, after_in_parent=_go_on, after_in_child=_forget_the_parent)
atexit.register(_clean_up)
