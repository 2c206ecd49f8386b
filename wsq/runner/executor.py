"""Carries executions out side by side, on one event loop in one thread of the process."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from wsq.agent import context, loop
from wsq.agent.providers import Provider
from wsq.clock import Clock
from wsq.commands import executions as commands
from wsq.commands.executions import Begin, DueTask, Occasion, Preparation
from wsq.errors import InvalidInput, LeaseLost, NewerWorkspace, WorkspaceError, WsqError
from wsq.projections import Execution, RecurringTask
from wsq.queries import boards
from wsq.queries import executions as queries
from wsq.runner.passes import Work
from wsq.runner.progress import LiveProgress
from wsq.store.engine import Cursor
from wsq.store.log import Log
from wsq.store.transaction import Transaction

logger = logging.getLogger(__name__)

T = TypeVar("T")

Ready = tuple[Preparation, RecurringTask]
"""What an execution starts with, and its task."""

Prepared = dict[str, Ready]
"""By execution."""

Watch = Callable[[str], None]
"""Is told an execution's id while that goes on."""


def unwatched(_execution_id: str) -> None:
    """Nobody watches."""


TICK = 0.2
"""Real seconds between two looks at whether the leases still stand: a cancelled one stops within a second."""

FOR_A_PLACE = 0.02
"""Real seconds between two looks at whether another execution may be taken over."""

BETWEEN_LOOKS = 0.4
"""Real seconds between two calls of whoever watches an execution."""

TOGETHER = 256
"""Executions that one transaction starts at the most."""


class Round:
    """What one pass set going; it is over when all of it has ended."""

    def __init__(self) -> None:
        self.ended: list[Execution] = []
        self.resumed = 0
        self.open = 0
        self.trouble: list[BaseException] = []
        self.unserved: dict[str, str] = {}
        self.over = asyncio.Event()
        self.on_end: Callable[[Execution], None] | None = None

    def began(self, count: int = 1) -> None:
        """Something more is under way."""
        self.open += count

    def done(self, row: Execution | None = None) -> None:
        """Something under way has come to its end."""
        self.open -= 1
        if row is not None:
            self.ended.append(row)
            if self.on_end is not None:
                try:
                    self.on_end(row)
                except Exception as error:  # noqa: BLE001 - whoever waits for the round is told
                    self.trouble.append(error)
        if self.open == 0:
            self.over.set()

    def failed(self, store_id: str, error: BaseException) -> None:
        """Something could not be done: that store is told of, but what is wrong with the workspace is raised."""
        if isinstance(error, WsqError) and not isinstance(error, WorkspaceError):
            self.unserved.setdefault(store_id, f"Store {store_id!r} could not be served: {error}")
        else:
            self.trouble.append(error)


class Desk:
    """The log as an execution sees it: told by the executor's clock."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self.log = log
        self.clock = clock

    def submit(
        self,
        decide: Callable[[Transaction], T],
        *,
        actor: str | None = None,
        cause: str | None = None,
        stores: Iterable[str] | None = None,
    ) -> Future[T]:
        """Have a decision committed, that concerns these stores alone; None when it may concern any."""
        scope = None if stores is None else frozenset(stores)
        return self.log.submit(decide, actor=actor, cause=cause, clock=self.clock, scope=scope)

    def ask(self, question: Callable[[Cursor], T]) -> T:
        """Answer a short question; blocks."""
        return self.log.ask(question)


def outcome(future: Future[T]) -> T:
    """What came of something set going; blocks. `WorkspaceError` when the workspace was closed before its end."""
    try:
        return future.result()
    except CancelledError:
        raise _closed() from None


def _first_of(*futures: Future[Any]) -> None:
    """Wait for one of them to be done."""
    wait(futures, return_when=FIRST_COMPLETED)


def _closed() -> WorkspaceError:
    return WorkspaceError("The workspace was closed while something ran; the next pass takes it up.")


class Executor:
    """Starts, resumes and carries out executions; at most `most` at the same time.

    `on_ended` is told each that this one ended, on the loop's thread: it must not wait.

    All of its state belongs to its loop's thread. The blocking methods may be called from any other.
    """

    def __init__(
        self,
        log: Log,
        provider: Provider,
        *,
        clock: Clock,
        model: str | None,
        most: int,
        on_ended: Callable[[Execution], None] | None = None,
    ) -> None:
        self.desk = Desk(log, clock)
        self.log = log
        self.provider = provider
        self.clock = clock
        self.model = model
        self._on_ended = on_ended
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{log.new_id()[:8]}"
        self._room = most
        self._incoming: list[tuple[DueTask, Round]] = []
        self._waiting: deque[tuple[DueTask, Round]] = deque()
        self._expected: set[str] = set()
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._lost: set[str] = set()
        self._upgraded: NewerWorkspace | None = None
        self._dispatching = False
        self._stopping = False
        self._door = threading.Lock()
        self._stopper = threading.Lock()
        self._renew_at: datetime | None = None
        self._is_told = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._watcher: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="wsq-executor", daemon=True)
        self._thread.start()

    # From other threads

    def run_now(self, store_id: str, task_id: str, actor: str | None = None, watch: Watch = unwatched) -> Execution:
        """Carry a task out now and return the ended execution; an interrupt cancels it.

        `watch` is told the execution's id time and again as long as it goes on, on the caller's thread.
        """
        started: Future[str] = Future()
        ended = self._call(self._manual(store_id, task_id, actor, started))
        try:
            return self._watched(started, ended, watch)
        except KeyboardInterrupt:
            self._cancel(store_id, started, ended)
            raise

    def _watched(self, started: Future[str], ended: Future[Execution], watch: Watch) -> Execution:
        if watch is not unwatched:
            _first_of(started, ended)
            while started.done() and not wait([ended], timeout=BETWEEN_LOOKS).done:
                watch(started.result())
        return outcome(ended)

    def _cancel(self, store_id: str, started: Future[str], ended: Future[Execution]) -> None:
        """Cancel what was set going, as soon as it is known what that is; nothing when it has come to its end."""
        _first_of(started, ended)
        if started.done() and not ended.done():
            with suppress(InvalidInput):  # it has ended just now
                self.log.decide(lambda tx: commands.cancel_execution(tx, store_id, started.result()))
            self.look()

    def start_now(self, store_id: str, task_id: str, actor: str | None = None) -> Execution:
        """Begin to carry a task out and return the running execution."""
        return outcome(self._call(self._begin_manually(store_id, task_id, actor)))

    def begin_round(self, work: Work, on_end: Callable[[Execution], None] | None = None) -> Future[Round]:
        """Set going what a pass found; the future is done when all of it has ended: ask for its `outcome`."""
        return self._call(self._round(work, on_end))

    def look(self) -> None:
        """Look soon whether the leases still stand: somebody in this process has written."""
        self._is_told = True

    def stop(self, patience: float = 4.0) -> None:
        """Start nothing new, stop what runs at its next step, release the leases; within `patience` seconds.

        Stopping twice does nothing, whoever comes second waits for the first.
        """
        with self._stopper:
            if self._loop.is_closed():
                return
            with self._door:
                self._stopping = True
                stopped = asyncio.run_coroutine_threadsafe(self._stop(), self._loop)
            try:
                stopped.result(timeout=patience)
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(timeout=1.0)
                if not self._thread.is_alive():
                    self._loop.close()

    def _call(self, what: Coroutine[Any, Any, T]) -> Future[T]:
        with self._door:
            if not self._stopping:
                return asyncio.run_coroutine_threadsafe(what, self._loop)
        what.close()
        raise WorkspaceError("The workspace is being closed; nothing new is started.")

    # Manual

    async def _begin_manually(self, store_id: str, task_id: str, actor: str | None) -> Execution:
        self._watch()
        ready: Prepared = {}

        def decide(tx: Transaction) -> commands.Settled:
            return commands.start_manually(tx, store_id, task_id, self.holder, self._preparing(ready))

        settled = await asyncio.wrap_future(self.desk.submit(decide, actor=actor, stores=[store_id]))
        (row,) = settled.executions
        self._spawn(row, None, ready.get(row.id), with_means=row.id in settled.with_means)
        return row

    async def _manual(self, store_id: str, task_id: str, actor: str | None, started: Future[str]) -> Execution:
        row = await self._begin_manually(store_id, task_id, actor)
        started.set_result(row.id)
        await asyncio.wait([self._running[row.id]])
        if self._stopping:
            raise _closed()
        ended = await self._row(row)
        if ended.status == "running":
            raise WorkspaceError(f"Execution {row.id} stopped for want of its workspace; the next pass takes it up.")
        return ended

    # Rounds

    async def _round(self, work: Work, on_end: Callable[[Execution], None] | None) -> Round:
        self._watch()
        this = Round()
        this.on_end = on_end
        this.began()
        for each in work.abandoned:
            if each.execution_id not in self._running:
                this.began()
                self._task(self._take_over(each, this))
        fresh = [task for task in work.due if task.recurring_task_id not in self._expected]
        self._expected.update(task.recurring_task_id for task in fresh)
        this.began(len(fresh))
        self._incoming.extend((task, this) for task in fresh)
        self._dispatch()
        this.done()
        await this.over.wait()
        if self._stopping:
            raise _closed()
        if this.trouble:
            raise this.trouble[0]
        return this

    async def _take_over(self, each: queries.Abandoned, this: Round) -> None:
        def decide(tx: Transaction) -> Execution | None:
            return commands.take_over(tx, each.store_id, each.execution_id, self.holder)

        while self._room <= 0:
            await asyncio.sleep(FOR_A_PLACE)
        self._room -= 1  # kept until it is known whether there is something to carry out
        try:
            row = await asyncio.wrap_future(self.desk.submit(decide, stores=[each.store_id]))
        except Exception as error:  # noqa: BLE001 - one that cannot be taken up must not hide the others
            this.failed(each.store_id, error)
            this.done()
            return
        finally:
            self._room += 1
            self._dispatch()
        if row is None:
            this.done()
            return
        this.resumed += 1
        if row.status == "running":
            self._spawn(row, this, None)
        else:
            self._tell(row)
            this.done(row)

    def _tell(self, row: Execution) -> None:
        """An execution was ended here and by nobody else; who hears of it must not make us wait."""
        try:
            if self._on_ended is not None:
                self._on_ended(row)
        except Exception:  # it has ended all the same
            logger.exception("An end could not be told.", extra={"action": "not_told"})

    def _dispatch(self) -> None:
        """Start what waits as far as there is room, soon: ends that come together are answered together."""
        wanted = self._incoming or (self._waiting and self._room > 0)
        if wanted and not self._dispatching and not self._stopping:
            self._dispatching = True
            self._loop.call_soon(lambda: self._task(self._start_waiting()))

    async def _start_waiting(self) -> None:
        self._dispatching = False
        room = max(0, min(self._room, TOGETHER))
        batch = [self._waiting.popleft() for _ in range(min(room, len(self._waiting)))] + self._incoming
        self._incoming.clear()
        reserved = min(room, len(batch))
        self._room -= reserved
        rounds = {task.recurring_task_id: this for task, this in batch}
        ready: Prepared = {}
        given_up: set[str] = set()
        settled = await self._settle([task for task, _ in batch], rounds, reserved, ready, given_up)
        self._room += reserved
        left = {task.recurring_task_id for task in settled.left}
        self._waiting.extend((task, rounds[task.recurring_task_id]) for task in settled.left)
        by_task = {row.recurring_task_id: row for row in settled.executions}
        for task_id, this in rounds.items():
            if task_id in left or task_id in given_up:
                continue
            self._expected.discard(task_id)
            row = by_task.get(task_id)
            if row is not None and row.status == "running":
                self._spawn(row, this, ready.get(row.id), with_means=row.id in settled.with_means)
            else:
                this.done(row)
        self._dispatch()

    async def _settle(
        self, tasks: list[DueTask], rounds: dict[str, Round], room: int, ready: Prepared, given_up: set[str]
    ) -> commands.Settled:
        """Settle together; when that fails, one by one, so that only the troubled one stays behind."""
        try:
            return await asyncio.wrap_future(
                self.desk.submit(
                    lambda tx: commands.settle(tx, tasks, self.holder, self._preparing(ready), room),
                    stores={task.store_id for task in tasks},
                )
            )
        except Exception as error:  # noqa: BLE001 - each task's trouble is told by its own round
            if len(tasks) == 1 or isinstance(error, WorkspaceError):
                for task in tasks:
                    given_up.add(task.recurring_task_id)
                    self._give_up(task, rounds[task.recurring_task_id], error)
                return commands.Settled(executions=[], left=[])
        executions: list[Execution] = []
        left: list[DueTask] = []
        with_means: frozenset[str] = frozenset()
        for task in tasks:
            running = sum(row.status == "running" for row in executions)
            alone = await self._settle([task], rounds, room - running, ready, given_up)
            executions += alone.executions
            left += alone.left
            with_means |= alone.with_means
        return commands.Settled(executions=executions, left=left, with_means=with_means)

    def _give_up(self, task: DueTask, this: Round, error: Exception) -> None:
        self._expected.discard(task.recurring_task_id)
        this.failed(task.store_id, error)
        this.done()

    # Carrying out

    def _preparing(self, ready: Prepared) -> commands.Prepare:
        """Prepares executions and lays what they start with into `ready`, to be had when they are spawned."""

        def prepare(tx: Transaction, tasks: Sequence[RecurringTask]) -> Begin:
            freeze = context.preparing(
                tx, tasks, provider=self.provider.name, kind=self.provider.kind, model=self.model
            )

            def begin(task: RecurringTask, occasion: Occasion) -> Preparation:
                preparation = freeze(task, occasion)
                most = loop.first_cost(self.provider, occasion.execution_id, preparation)
                preparation = msgspec.structs.replace(preparation, most=most)
                ready[occasion.execution_id] = (preparation, task)
                return preparation

            return begin

        return prepare

    def _spawn(self, row: Execution, this: Round | None, ready: Ready | None, *, with_means: bool = False) -> None:
        self._room -= 1
        self._running[row.id] = self._task(self._carry_out(row, this, ready, with_means=with_means))

    async def _carry_out(self, row: Execution, this: Round | None, ready: Ready | None, *, with_means: bool) -> None:
        ended: Execution | None = None
        working = True

        def leave() -> None:
            nonlocal working
            if working:
                working = False
                self._room += 1
                self._dispatch()

        live = LiveProgress(self.log.engine, row.id)
        try:
            preparation, task = ready or (None, None)
            if preparation is None:
                task = await asyncio.to_thread(self._task_of, row)
            ended = await loop.carry_out(
                self.desk, row, task, self.provider, live, preparation, leave, with_means=with_means
            )
            self._tell(ended)
        except (LeaseLost, asyncio.CancelledError) as stop:
            if isinstance(stop, asyncio.CancelledError) and row.id not in self._lost:
                if self._upgraded is None or self._stopping:
                    raise
                if this is not None:
                    this.failed(row.store_id, self._upgraded)
            else:
                ended = await self._row(row)
        except Exception as error:
            if this is not None:
                this.failed(row.store_id, error)
            if this is None or not isinstance(error, WsqError):
                logger.exception("An execution stopped for want of its workspace.", extra={"action": "stopped"})
        finally:
            live.close()
            self._running.pop(row.id, None)
            self._lost.discard(row.id)
            if this is not None:
                this.done(ended)
            leave()

    def _task_of(self, row: Execution) -> RecurringTask | None:
        try:
            return self.log.ask(
                lambda cursor: boards.one(cursor, "recurring_tasks", RecurringTask, row.store_id, row.recurring_task_id)
            )
        except WsqError:
            return None

    async def _row(self, row: Execution) -> Execution:
        return await asyncio.to_thread(self.log.ask, lambda cursor: queries.execution(cursor, row.store_id, row.id))

    # Watching

    def _watch(self) -> None:
        if self._watcher is None or self._watcher.done():
            self._watcher = self._task(self._keep_watch())

    async def _keep_watch(self) -> None:
        """Renew the leases, and stop what was cancelled or taken over, as long as something runs.

        What this executor writes itself gives no reason to look.
        """
        seen = self.log.engine.written_by_others()
        self._renew_at = self.clock.now() + commands.LEASE / 2
        while not self._stopping:
            await asyncio.sleep(TICK)
            if not self._running:
                continue
            try:
                now, others = self.clock.now(), self.log.engine.written_by_others()
                if now >= self._renew_at:
                    await self._renew()
                    self._renew_at = now + commands.LEASE / 2
                elif self._is_told or others != seen:
                    self._is_told = False
                    running = set(self._running)
                    held = await asyncio.to_thread(self.log.ask, self._held)
                    self._stop_lost(running - held)
                    seen = others
            except NewerWorkspace as error:
                self._stop_old(error)
                return
            except Exception:
                self._is_told = True  # what went wrong is tried again
                logger.exception("The leases could not be looked at.", extra={"action": "watch_failed"})
                await asyncio.sleep(1.0)

    def _held(self, cursor: Cursor) -> set[str]:
        return queries.held_by(cursor, self.holder)

    async def _renew(self) -> None:
        wanted = set(self._running)
        kept = await asyncio.wrap_future(self.desk.submit(lambda tx: commands.renew(tx, wanted, self.holder)))
        self._stop_lost(wanted - kept)

    def _stop_lost(self, lost: set[str]) -> None:
        """Stop what runs here without a lease."""
        for execution_id in lost & self._running.keys() - self._lost:
            self._lost.add(execution_id)
            self._running[execution_id].cancel()

    def _stop_old(self, error: NewerWorkspace) -> None:
        """Stop all that runs here: whatever its model answers, this process can write nothing of it."""
        self._upgraded = error
        for task in self._running.values():
            task.cancel()

    async def _stop(self) -> None:
        """Cancel all that goes on here, also rounds and callers that wait for what will not come any more."""
        others = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for other in others:
            other.cancel()
        if others - {self._watcher}:
            await asyncio.wait(others, timeout=3.0)
            await asyncio.wrap_future(self.desk.submit(lambda tx: commands.release(tx, self.holder)))
        await self._give_connections_back()

    async def _give_connections_back(self) -> None:
        close = getattr(self.provider, "aclose", None)
        if close is not None:
            try:
                async with asyncio.timeout(1.0):
                    await close()
            except Exception:
                logger.exception("Connections could not be given back.", extra={"action": "not_given_back"})

    def _task(self, what: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
