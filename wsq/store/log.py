"""The log and its projections on one database: deciding, asking, rebuilding, looking back."""

from __future__ import annotations

import logging
import queue
import threading
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wsq.clock import Clock
from wsq.errors import InvalidInput, WorkspaceError, WorkspaceLost
from wsq.ids import Ids
from wsq.projections import TABLES
from wsq.store.engine import Cursor, Engine, Scope, Writing
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
"""Decisions that share one transaction at the most: a bound on how long the lease is held."""

A_SHORT_WHILE = 0.025
"""Real seconds: somewhat longer than it takes to give a database back and to have it anew."""

A_GOOD_WHILE = 0.5
"""Real seconds from which on the workspace is given back, even where nobody is seen to wait for it."""

BETWEEN_LOOKS = 0.001
"""Real seconds between two looks at whether somebody waits."""

A_MOMENT = 0.002
"""Real seconds: short beside a commit, long enough for those who were woken by the last one."""

MOST_STORES = 8
"""Stores that are had one by one; of more than that, all."""

MOST_MEMORIES = 16
"""Of so many scopes it is remembered how they were left."""

TRIES = 5
"""How often the same is tried on another connection when one is lost in the midst of it."""

READ_AT_ONCE = 100_000
"""Events that are fetched while the workspace is held, at the most: more are read from a private copy."""

MOST_IN_A_READ = 300_000
"""Executions that are gone through while the workspace is held, at the most: more of them on a private copy.

So many take at most 0.2 s of processor time, of a million statistics take 0.6 s and alerts or the overview 0.4 s;
to copy the 97 MB with that million takes 0.07 s, and nothing while nobody writes.
"""

SOME_MOMENTS = 4
"""How many of them at the most."""


class _Decision(Generic[T]):
    """Something to be decided, and where its outcome goes."""

    def __init__(
        self, decide: Callable[[Transaction], T], clock: Clock, actor: str, cause: str | None, scope: Scope
    ) -> None:
        self.decide = decide
        self.scope = scope
        self.clock = clock
        self.actor = actor
        self.cause = cause
        from concurrent.futures import Future

        self.outcome: Future[T] = Future()


class Log:
    """One workspace's log, used by any number of threads.

    Writes go to one writer thread; those that wait there together share one lease and one transaction,
    and each is acknowledged after the commit. The lease is kept for a short while beyond that, for what
    the acknowledged do next, unless somebody else wants the workspace. When one of them fails they are
    done one by one, so that only its own caller hears of it. A decision may therefore be asked for more
    than once and must have no effect but through its transaction.
    """

    def __init__(self, engine: Engine, *, clock: Clock, ids: Ids, actor: str, timezone: str) -> None:
        self.engine = engine
        self.clock = clock
        self.actor = actor
        self.timezone = timezone
        self.new_id = ids
        self._waiting: queue.SimpleQueue[_Decision[Any] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._crowd = 0
        self._at_end = False
        self._memories: dict[Scope, Memory] = {}
        self._lock = threading.Lock()
        self._closed = False

    # Deciding

    def submit(
        self,
        decide: Callable[[Transaction], T],
        *,
        actor: str | None = None,
        cause: str | None = None,
        clock: Clock | None = None,
        scope: Scope = None,
    ) -> Future[T]:
        """Have `decide` run in a transaction; the future is done when that is committed or refused.

        `scope` are the stores that alone it is thought to write to: those of others are then written to beside it
        on a server. Where it turns out to concern more it is asked again.
        """
        self._refuse_within()
        decision = _Decision(decide, clock or self.clock, actor or self.actor, cause, scope)
        with self._lock:
            if self._closed:
                raise WorkspaceError(f"The workspace {self.engine.place} has been closed.")
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write, name="wsq-writer", daemon=True)
                self._writer.start()
            self._waiting.put(decision)
        return decision.outcome

    def decide(
        self,
        decide: Callable[[Transaction], T],
        *,
        actor: str | None = None,
        cause: str | None = None,
        scope: Scope = None,
    ) -> T:
        """`submit`, and wait for the outcome."""
        return self.submit(decide, actor=actor, cause=cause, scope=scope).result()

    def _write(self) -> None:
        while not self._at_end:
            first = self._taken(None)
            if first is not None:
                self._serve(self._gather(first))

    def _taken(self, timeout: float | None) -> _Decision[Any] | None:
        """The next in the queue; None when there is none within so many seconds, or its end has come."""
        try:
            found = self._waiting.get(timeout=timeout)
        except queue.Empty:
            return None
        self._at_end = found is None
        return found

    def _gather(self, first: _Decision[Any]) -> list[_Decision[Any]]:
        """What waits now and has not been cancelled.

        Where several came together lately, the others of this time are given a moment, and one more as
        long as they come.
        """
        seen, moments = -1, SOME_MOMENTS if self._crowd > 1 else 0
        while moments and (waiting := self._waiting.qsize()) > seen:
            seen, moments = waiting, moments - 1
            sleep(A_MOMENT)
        found: _Decision[Any] | None = first
        together = []
        while found is not None:
            if found.outcome.set_running_or_notify_cancel():
                together.append(found)
            found = self._taken(0) if len(together) < MOST_AT_ONCE and not self._at_end else None
        self._crowd = max(len(together), self._crowd // 2)
        return together

    def _serve(self, together: list[_Decision[Any]]) -> None:
        """Settle these, and what comes while the workspace is ours anyway."""
        had = False
        try:
            with self.engine.writing() as writing:
                had, until = True, monotonic() + A_GOOD_WHILE
                while together:
                    self._settle(writing, together)
                    together = []
                    following = self._following(writing, until)
                    if following is not None:
                        together = self._gather(following)
        except BaseException as error:
            if had and (len(together) > 1 or isinstance(error, WorkspaceLost | BeyondScope)):
                for decision in together:
                    self._settle_alone(decision)
                return
            for decision in together:
                decision.outcome.set_exception(error)
            if not together:
                logger.exception("The workspace could not be given back.", extra={"action": "lease_failed"})

    def _following(self, writing: Writing, until: float) -> _Decision[Any] | None:
        """What comes within a short while, unless somebody else waits for the workspace."""
        until = min(until, monotonic() + A_SHORT_WHILE)
        found = None
        while found is None and not self._at_end and not writing.is_wanted() and (left := until - monotonic()) > 0:
            found = self._taken(min(left, BETWEEN_LOOKS))
        return found

    def _settle(self, writing: Writing, together: list[_Decision[Any]]) -> None:
        results = self._transact(writing, together)
        for decision, result in zip(together, results, strict=True):
            decision.outcome.set_result(result)

    def _settle_alone(self, decision: _Decision[Any]) -> None:
        """Settle one; when its connection is lost, on another, since nothing was written."""
        left = TRIES
        try:
            while True:
                try:
                    with self.engine.writing() as writing:
                        self._settle(writing, [decision])
                    return
                except BeyondScope:
                    if decision.scope is None:
                        raise
                    decision.scope = None
                except WorkspaceLost:
                    left -= 1
                    if not left:
                        raise
                    sleep(A_SHORT_WHILE)  # whoever it yielded to goes first
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the outcome
            if not decision.outcome.done():
                decision.outcome.set_exception(error)

    def _transact(self, writing: Writing, together: list[_Decision[T]]) -> list[T]:
        scope = self._scope_of(together)
        memory = self._memories.pop(scope, None)
        with writing.transaction(scope) as cursor:
            if memory is None or not cursor.undisturbed:
                memory = Memory()
            transaction = Transaction(cursor, self.new_id, self.timezone, memory, scope)
            results = []
            for decision in together:
                transaction.now = decision.clock.now()
                transaction.actor, transaction.cause = decision.actor, decision.cause
                results.append(decision.decide(transaction))
            transaction.flush()
        memory.trim()
        if scope is not None:
            memory.bodies.clear()  # whoever has all stores may give them up
        if len(self._memories) >= MOST_MEMORIES:
            self._memories.clear()
        self._memories[scope] = memory
        return results

    def _scope_of(self, together: list[_Decision[Any]]) -> Scope:
        """What decisions concern together; a file is had whole in any case."""
        scopes = [decision.scope for decision in together]
        if not self.engine.is_server or None in scopes:
            return None
        stores = frozenset[str]().union(*(scope for scope in scopes if scope is not None))
        return stores if len(stores) <= MOST_STORES else None

    # Asking

    def ask(self, question: Callable[[Cursor], T]) -> T:
        """Answer a short question from one consistent view; when its connection is lost, from another."""
        self._refuse_within()
        for _ in range(TRIES - 1):
            try:
                with self.engine.read() as cursor:
                    return question(cursor)
            except WorkspaceLost:
                continue
        with self.engine.read() as cursor:
            return question(cursor)

    def ask_of_all(self, question: Callable[[Cursor], T]) -> T:
        """Like `ask`, for what goes through all executions: where they are many it is asked of a private copy."""
        self._refuse_within()
        with self.engine.read() as cursor:
            ((many,),) = cursor.query("SELECT count(*) FROM task_executions")
            if self.engine.is_server or many <= MOST_IN_A_READ:
                return question(cursor)
        with self.engine.study() as cursor:
            return question(cursor)

    def _refuse_within(self) -> None:
        """Refuse what a decision asks of the log instead of its transaction: the writer would wait for itself."""
        if threading.current_thread() is self._writer:
            raise InvalidInput(
                "Inside a transaction, as in together(), only the store that it gives can be used, for commands and"
                " for questions about now."
            )

    def changes(self) -> int:
        """A number that has risen when anybody has written."""
        return self.engine.changes()

    # The whole

    def rebuild(self) -> int:
        """Fold the log anew and replace every projection; returns the number of events.

        Nobody else can write meanwhile.
        """
        return self.decide(lambda tx: tx.rebuild(lambda cursor: fold(read_facts(cursor))))

    def verify(self) -> list[Difference]:
        """Where the projections are not what the log says; empty when all is well."""
        with self.engine.study() as cursor:
            expected = fold(read_facts(cursor))
            return gaps(cursor) + compare(expected, stored_world(cursor))

    def seq_at(self, store_id: str, until: int | datetime) -> int:
        """The seq of the store's newest event as of a seq (inclusive) or an instant; 0 when there was none yet.

        An instant means the longest run of events from the first none of which was recorded later.

        Raises:
            UnreadableLog: one of the events up to there is of a kind that this wsq does not know.
        """
        self._refuse_within()
        with self.engine.read() as cursor:
            seq = _seq_at(cursor, store_id, until)
            refuse_what_is_unknown(cursor, store_id, seq)
            return seq

    def worlds_at(self, store_id: str, seqs: Sequence[int], tables: Collection[str]) -> list[World]:
        """These tables' rows of one store as they were after the events of these seqs, which rise; from one fold."""
        self._refuse_within()
        reading = self.engine.study if seqs[-1] > READ_AT_ONCE else self.engine.read
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

    def backup(self, target: Path) -> None:
        """Copy the workspace to `target`, which must not be there yet."""
        self.engine.backup(target)

    def close(self) -> None:
        """Finish what was submitted and give the database back; closing twice does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        if self._writer is not None:
            self._writer.join()
        self.engine.close()


def stored_world(cursor: Cursor) -> World:
    """The projections as they stand."""
    world: World = {}
    for name, table in TABLES.items():
        found = cursor.query(f"SELECT {', '.join(table.columns)} FROM {name}")  # noqa: S608 - names of our own schema
        world[name] = by_key(table, to_rows(table, found))
    return world


def _seq_at(cursor: Cursor, store_id: str, until: int | datetime) -> int:
    if isinstance(until, int):
        found = cursor.query("SELECT seq FROM heads WHERE store_id = $1", [store_id])
        return max(0, min(until, int(found[0][0]))) if found else 0
    (row,) = cursor.query(
        "SELECT min(seq) FILTER (WHERE recorded_at > $2), max(seq) FROM events WHERE store_id = $1",
        [store_id, until],
    )
    later, newest = row
    return (newest or 0) if later is None else int(later) - 1
