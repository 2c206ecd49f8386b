"""The log and its projections on one database: deciding, asking, rebuilding, looking back."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wsq.clock import Clock
from wsq.errors import WorkspaceError
from wsq.ids import Ids
from wsq.projections import TABLES
from wsq.store.engine import Cursor, Engine
from wsq.store.folding import Difference, World, compare, fold, gaps, read_facts, read_log
from wsq.store.transaction import Memory, Transaction, to_row

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")

MOST_AT_ONCE = 256
"""Decisions that share one transaction at the most: a bound on how long the lease is held."""

A_MOMENT = 0.002
"""Real seconds: short beside a commit, long enough for those who were woken by the last one."""


class _Decision(Generic[T]):
    """Something to be decided, and where its outcome goes."""

    def __init__(self, decide: Callable[[Transaction], T], clock: Clock, actor: str, cause: str | None) -> None:
        self.decide = decide
        self.clock = clock
        self.actor = actor
        self.cause = cause
        from concurrent.futures import Future

        self.outcome: Future[T] = Future()


class Log:
    """One workspace's log, used by any number of threads.

    Writes go to one writer thread; those that wait there together share one lease and one transaction,
    and each is acknowledged after the commit. When one of them fails they are done one by one, so that
    only its own caller hears of it. A decision may therefore be asked for more than once and must have
    no effect but through its transaction.
    """

    def __init__(self, engine: Engine, *, clock: Clock, ids: Ids, actor: str, timezone: str) -> None:
        self.engine = engine
        self.clock = clock
        self.actor = actor
        self.timezone = timezone
        self.new_id = ids
        self._waiting: queue.SimpleQueue[_Decision[Any] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._crowded = False
        self._memory = Memory()
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
    ) -> Future[T]:
        """Have `decide` run in a transaction; the future is done when that is committed or refused."""
        decision = _Decision(decide, clock or self.clock, actor or self.actor, cause)
        with self._lock:
            if self._closed:
                raise WorkspaceError(f"The workspace {self.engine.place} has been closed.")
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write, name="wsq-writer", daemon=True)
                self._writer.start()
            self._waiting.put(decision)
        return decision.outcome

    def decide(self, decide: Callable[[Transaction], T], *, actor: str | None = None, cause: str | None = None) -> T:
        """`submit`, and wait for the outcome."""
        return self.submit(decide, actor=actor, cause=cause).result()

    def _write(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            together, last = self._gather(first)
            self._crowded = len(together) > 1
            wanted = [decision for decision in together if decision.outcome.set_running_or_notify_cancel()]
            if wanted:
                self._settle(wanted)
            if last:
                return

    def _gather(self, first: _Decision[Any]) -> tuple[list[_Decision[Any]], bool]:
        """What waits now, and whether the end of the queue was met.

        Where several came together last time, the others of this time are given a moment.
        """
        together = [first]
        if self._crowded:
            sleep(A_MOMENT)
        while len(together) < MOST_AT_ONCE:
            try:
                decision = self._waiting.get_nowait()
            except queue.Empty:
                return together, False
            if decision is None:
                return together, True
            together.append(decision)
        return together, False

    def _settle(self, together: list[_Decision[Any]]) -> None:
        try:
            results = self._transact(together)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the outcome
            if len(together) == 1:
                together[0].outcome.set_exception(error)
                return
            for decision in together:
                self._settle([decision])
            return
        for decision, result in zip(together, results, strict=True):
            decision.outcome.set_result(result)

    def _transact(self, together: list[_Decision[T]]) -> list[T]:
        memory, self._memory = self._memory, Memory()
        with self.engine.write() as cursor:
            if not cursor.undisturbed:
                memory = Memory()
            transaction = Transaction(cursor, self.new_id, self.timezone, memory)
            results = []
            for decision in together:
                transaction.now = decision.clock.now()
                transaction.actor, transaction.cause = decision.actor, decision.cause
                results.append(decision.decide(transaction))
            transaction.flush()
        memory.trim()
        self._memory = memory
        return results

    # Asking

    def ask(self, question: Callable[[Cursor], T]) -> T:
        """Answer a short question from one consistent view."""
        with self.engine.read() as cursor:
            return question(cursor)

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

    def world_at(self, store_id: str, until: int | datetime) -> tuple[World, int]:
        """The rows of one store as of an event's seq (inclusive) or an instant, and the seq it came to.

        An instant means the longest run of events from the first none of which was recorded later.
        """
        with self.engine.read() as cursor:
            seq = until if isinstance(until, int) else _seq_at(cursor, store_id, until)
            events = read_log(cursor, "WHERE store_id = $1 AND seq <= $2", (store_id, seq))
        return fold(events), seq

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
        found = cursor.query(f"SELECT {', '.join(table.columns)} FROM {name}")  # noqa: S608
        rows = (to_row(table, values) for values in found)
        world[name] = {tuple(getattr(row, part) for part in table.key): row for row in rows}
    return world


def _seq_at(cursor: Cursor, store_id: str, instant: datetime) -> int:
    (found,) = cursor.query(
        "SELECT min(seq) FILTER (WHERE recorded_at > $2), max(seq) FROM events WHERE store_id = $1",
        [store_id, instant],
    )
    later, newest = found
    return (newest or 0) if later is None else int(later) - 1
