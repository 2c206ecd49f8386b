"""The log and its projections in one database: read, write, rebuild, look back."""

from __future__ import annotations

import logging
import queue
import threading
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wsq.clock import AHEAD, Clock
from wsq.errors import InvalidInput, WorkspaceError, WorkspaceLost
from wsq.ids import Ids
from wsq.projections import TABLES
from wsq.store.engine import Cursor, Engine, ReadingCursor, Scope, Writing
from wsq.store.folding import (
    Difference,
    compare,
    fold,
    gaps,
    read_facts,
    read_store,
    refuse_what_is_unknown,
    without_collector,
)
from wsq.store.rows import World, by_key, to_rows
from wsq.store.transaction import BeyondScope, Memory, Transaction

if TYPE_CHECKING:
    from concurrent.futures import Future

logger = logging.getLogger(__name__)

T = TypeVar("T")

MOST_AT_ONCE = 256
"""Maximum writes that share one transaction: limits how long the lease is held."""

LINGER = 0.025
"""Seconds to keep the workspace for further writes: somewhat longer than releasing and acquiring it again."""

MAX_HOLD = 0.5
"""Seconds after which the workspace is released, even if nobody seems to wait for it."""

BETWEEN_LOOKS = 0.001
"""Seconds between two checks whether others are waiting."""

GATHER_PAUSE = 0.002
"""Seconds: short compared to a commit, long enough for threads that the last commit woke."""

MOST_STORES = 8
"""Maximum number of single stores to lock; for more, everything is locked."""

MAX_MEMORIES = 16
"""Number of scopes whose rows are cached."""

TRIES = 5
"""How often an operation is tried on another connection after one was lost."""

READ_AT_ONCE = 100_000
"""Maximum number of events that are read while the workspace is held; more are read from a private copy."""

MOST_IN_A_READ = 300_000
"""Maximum number of executions that are scanned while the workspace is held; more are read from a private copy.

This many take at most 0.2 s of CPU time; for a million, statistics take 0.6 s, and alerts or the overview 0.4 s.
Copying the 97 MB of that million takes 0.07 s, and nothing while nobody writes.
"""

GATHER_PAUSES = 4
"""Maximum number of gather pauses per batch."""


class _Write(Generic[T]):
    """A queued write and the future of its outcome."""

    def __init__(
        self, command: Callable[[Transaction], T], clock: Clock, actor: str, cause: str | None, scope: Scope
    ) -> None:
        self.command = command
        self.scope = scope
        self.clock = clock
        self.actor = actor
        self.cause = cause
        from concurrent.futures import Future

        self.outcome: Future[T] = Future()


class Log:
    """One workspace's log, used by any number of threads.

    One writer thread does all writes. Writes that are queued together share one lease and one transaction, and each is
    acknowledged after the commit. The lease is kept a little longer for follow-up writes, unless another process wants
    the workspace. If one of them fails, they run one by one, so that only its own caller gets the error. A write may
    therefore run more than once, and must have no effect outside its transaction.
    """

    def __init__(self, engine: Engine, *, clock: Clock, ids: Ids, actor: str, timezone: str) -> None:
        self.engine = engine
        self.clock = clock
        self.actor = actor
        self.timezone = timezone
        self.new_id = ids
        self._waiting: queue.SimpleQueue[_Write[Any] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._crowd = 0
        self._at_end = False
        self._memories: dict[Scope, Memory] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._texts = threading.Lock()

    # Writing

    def submit(
        self,
        command: Callable[[Transaction], T],
        *,
        actor: str | None = None,
        cause: str | None = None,
        clock: Clock | None = None,
        scope: Scope = None,
    ) -> Future[T]:
        """Run `command` in a transaction; the future completes when that is committed or refused.

        `scope` limits the stores that are written to, so that on a server others can be written to concurrently. If it
        turns out to be too small, `command` runs again without one.
        """
        self._refuse_within()
        write = _Write(command, clock or self.clock, actor or self.actor, cause, scope)
        with self._lock:
            if self._closed:
                raise WorkspaceError(f"The workspace {self.engine.place} has been closed.")
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._run_writer, name="wsq-writer", daemon=True)
                self._writer.start()
            self._waiting.put(write)
        return write.outcome

    def write(
        self,
        command: Callable[[Transaction], T],
        *,
        actor: str | None = None,
        cause: str | None = None,
        scope: Scope = None,
    ) -> T:
        """`submit`, and wait for the outcome."""
        return self.submit(command, actor=actor, cause=cause, scope=scope).result()

    def _run_writer(self) -> None:
        while not self._at_end:
            first = self._taken(None)
            if first is not None:
                self._serve(self._gather(first))

    def _taken(self, timeout: float | None) -> _Write[Any] | None:
        """Return the next write; None if there is none within `timeout` seconds, or at the end."""
        try:
            found = self._waiting.get(timeout=timeout)
        except queue.Empty:
            return None
        self._at_end = found is None
        return found

    def _gather(self, first: _Write[Any]) -> list[_Write[Any]]:
        """Collect the queued writes that have not been cancelled.

        If several came together lately, pauses briefly for more, as long as they keep coming.
        """
        seen, moments = -1, GATHER_PAUSES if self._crowd > 1 else 0
        while moments and (waiting := self._waiting.qsize()) > seen:
            seen, moments = waiting, moments - 1
            sleep(GATHER_PAUSE)
        found: _Write[Any] | None = first
        together = []
        while found is not None:
            if found.outcome.set_running_or_notify_cancel():
                together.append(found)
            found = self._taken(0) if len(together) < MOST_AT_ONCE and not self._at_end else None
        self._crowd = max(len(together), self._crowd // 2)
        return together

    def _serve(self, together: list[_Write[Any]]) -> None:
        """Run these writes, and those that arrive while the workspace is held."""
        had = False
        try:
            with self.engine.writing() as writing:
                had, until = True, monotonic() + MAX_HOLD
                while together:
                    self._settle(writing, together)
                    together = []
                    following = self._following(writing, until)
                    if following is not None:
                        together = self._gather(following)
        except BaseException as error:
            if had and (len(together) > 1 or isinstance(error, WorkspaceLost | BeyondScope)):
                for write in together:
                    self._settle_alone(write)
                return
            for write in together:
                write.outcome.set_exception(error)
            if not together:
                logger.exception("Releasing the workspace failed.", extra={"action": "lease_failed"})

    def _following(self, writing: Writing, until: float) -> _Write[Any] | None:
        """Return the next write within `LINGER` seconds, unless another process waits for the workspace."""
        until = min(until, monotonic() + LINGER)
        found = None
        while found is None and not self._at_end and not writing.is_wanted() and (left := until - monotonic()) > 0:
            found = self._taken(min(left, BETWEEN_LOOKS))
        return found

    def _settle(self, writing: Writing, together: list[_Write[Any]]) -> None:
        results = self._transact(writing, together)
        for write, result in zip(together, results, strict=True):
            write.outcome.set_result(result)

    def _settle_alone(self, write: _Write[Any]) -> None:
        """Run one write; retries on another connection if one is lost, since nothing was written."""
        left = TRIES
        try:
            while True:
                try:
                    with self.engine.writing() as writing:
                        self._settle(writing, [write])
                    return
                except BeyondScope:
                    if write.scope is None:
                        raise
                    write.scope = None
                except WorkspaceLost:
                    left -= 1
                    if not left:
                        raise
                    sleep(LINGER)  # let the transaction it gave way to finish
        except BaseException as error:  # noqa: BLE001 - passed on to the caller
            if not write.outcome.done():
                write.outcome.set_exception(error)

    def _transact(self, writing: Writing, together: list[_Write[T]]) -> list[T]:
        scope = self._scope_of(together)
        memory = self._memories.pop(scope, None)
        with writing.transaction(scope) as cursor:
            if memory is None or not cursor.undisturbed:
                memory = Memory()
            transaction = Transaction(cursor, self.new_id, self.timezone, memory, scope)
            results = []
            for write in together:
                transaction.now = write.clock.now()
                transaction.actor, transaction.cause = write.actor, write.cause
                results.append(write.command(transaction))
            transaction.flush()
        memory.trim()
        if scope is not None:
            memory.bodies.clear()  # a write without scope may delete bodies
        if len(self._memories) >= MAX_MEMORIES:
            self._memories.clear()
        self._memories[scope] = memory
        return results

    def _scope_of(self, together: list[_Write[Any]]) -> Scope:
        """Return the common scope of several writes; None on a file, which is always locked whole."""
        scopes = [write.scope for write in together]
        if not self.engine.is_server or None in scopes:
            return None
        stores = frozenset[str]().union(*(scope for scope in scopes if scope is not None))
        return stores if len(stores) <= MOST_STORES else None

    # Reading

    def read(self, question: Callable[[Cursor], T]) -> T:
        """Run a short query on a consistent view; retries on another connection if one is lost."""
        self._refuse_within()
        for _ in range(TRIES - 1):
            try:
                with self.engine.read() as cursor:
                    return question(cursor)
            except WorkspaceLost:
                continue
        with self.engine.read() as cursor:
            return question(cursor)

    def read_all(self, question: Callable[[Cursor], T]) -> T:
        """Like `ask`, for queries that scan all executions: if there are many, reads a private copy."""
        self._refuse_within()
        with self.engine.read() as cursor:
            ((many,),) = cursor.query("SELECT count(*) FROM task_executions")
            if self.engine.is_server or many <= MOST_IN_A_READ:
                return question(cursor)
        with self.engine.snapshot() as cursor:
            return question(cursor)

    def read_texts(self, question: Callable[[ReadingCursor], T]) -> T:
        """Like `read`, for queries that scan all texts of a store: on a file, reads a private copy.

        One at a time, as each holds texts of many documents in memory.
        """
        self._refuse_within()
        with self._texts, self.engine.read() if self.engine.is_server else self.engine.snapshot() as cursor:
            return question(cursor)

    def _refuse_within(self) -> None:
        """Raise if called inside a transaction: the writer would wait for itself."""
        if threading.current_thread() is self._writer:
            raise InvalidInput(
                "Inside a transaction, such as together(), use only the store that it provides, for commands and"
                " for questions about the present."
            )

    # The whole log

    def rebuild(self) -> int:
        """Replace every projection with a new fold of the log; returns the number of events.

        Nobody else can write meanwhile.
        """
        return self.write(lambda tx: tx.rebuild(lambda cursor: fold(read_facts(cursor))))

    def verify(self) -> list[Difference]:
        """Return the differences between the projections and the log; empty if there are none."""
        with self.engine.snapshot() as cursor:
            expected = fold(read_facts(cursor))
            return gaps(cursor) + compare(expected, stored_world(cursor))

    def seq_at(self, store_id: str, until: int | datetime) -> int:
        """Return the seq of the store's newest event as of a seq (inclusive) or an instant; 0 if there is none.

        An instant means the longest run of events from the first none of which was recorded later. An event whose
        clock was ahead by more than `AHEAD`, as a later event shows, counts as of that one's time; one that lies in the
        future now, with none after it, counts as not later.

        Raises:
            UnreadableLog: One of these events is of a kind that this wsq does not know.
        """
        self._refuse_within()
        with self.engine.read() as cursor:
            seq = _seq_at(cursor, store_id, until, self.clock.now())
            refuse_what_is_unknown(cursor, store_id, seq)
            return seq

    def worlds_at(self, store_id: str, seqs: Sequence[int], tables: Collection[str]) -> list[World]:
        """Return the rows of these tables of a store after the events of these ascending seqs, from one fold."""
        self._refuse_within()
        reading = self.engine.snapshot if seqs[-1] > READ_AT_ONCE else self.engine.read
        with reading() as cursor:
            events = read_store(cursor, store_id, seqs[-1], tables)
        worlds: list[World] = []
        with without_collector():
            mine, done = list(events), 0
            for seq in seqs:
                upto = bisect_right(mine, seq, key=lambda event: event.seq)
                world = {name: dict(rows) for name, rows in worlds[-1].items()} if worlds else None
                worlds.append(fold(mine[done:upto], tables, world))
                done = upto
        return worlds

    def close(self) -> None:
        """Finish submitted writes and close the database. Closing twice is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        if self._writer is not None:
            self._writer.join()
        self.engine.close()


def stored_world(cursor: Cursor) -> World:
    """Return the stored projections."""
    world: World = {}
    for name, table in TABLES.items():
        found = cursor.query(f"SELECT {', '.join(table.columns)} FROM {name}")  # noqa: S608 - names of wsq's schema
        world[name] = by_key(table, to_rows(table, found))
    return world


def _seq_at(cursor: Cursor, store_id: str, until: int | datetime, now: datetime) -> int:
    if isinstance(until, int):
        found = cursor.query("SELECT seq FROM heads WHERE store_id = $1", [store_id])
        return max(0, min(until, int(found[0][0]))) if found else 0
    (row,) = cursor.query(
        "SELECT min(seq) FILTER (WHERE recorded_at > $2), max(seq) FROM events WHERE store_id = $1",
        [store_id, until],
    )
    later, newest = row
    if later is None:
        return newest or 0
    ((is_so,),) = cursor.query(_IS_LATER, [store_id, later, now])
    if not is_so:
        ((later,),) = cursor.query(_FIRST_LATER, [store_id, later, now, until])
    return int(newest if later is None else later - 1)


_AHEAD = f"INTERVAL '{AHEAD.total_seconds():.0f} seconds'"

_IS_LATER = f"""SELECT min(recorded_at) FILTER (WHERE seq = $2)
        <= least(min(recorded_at) FILTER (WHERE seq > $2), $3::TIMESTAMPTZ) + {_AHEAD}
    FROM events WHERE store_id = $1 AND seq >= $2"""  # noqa: S608
"""Whether an event's clock was not ahead, by the events after it and by the present."""

_FIRST_LATER = f"""SELECT min(seq) FROM (
        SELECT seq, recorded_at, min(recorded_at) OVER (
            ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS followed_at
        FROM events WHERE store_id = $1 AND seq >= $2) AS e
    WHERE CASE WHEN recorded_at <= least(followed_at, $3::TIMESTAMPTZ) + {_AHEAD} THEN recorded_at
        WHEN followed_at <= $3::TIMESTAMPTZ + {_AHEAD} THEN followed_at END > $4"""  # noqa: S608
"""The first event after an instant, where some clocks were ahead; takes a second for a million events."""
