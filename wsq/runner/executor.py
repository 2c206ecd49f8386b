"""Runs executions side by side, on one event loop in one thread of the process."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import suppress
from typing import Any, TypeVar

from wsq.agent import loop
from wsq.agent.loop import AlsoReserve
from wsq.agent.providers import Provider
from wsq.clock import Clock
from wsq.commands import executions as commands
from wsq.commands.executions import Started
from wsq.errors import TEMPORARY, InvalidInput, LeaseLost, NotFound, WorkspaceError, WsqError
from wsq.projections import Execution
from wsq.queries import executions as queries
from wsq.queries.executions import DueTask
from wsq.runner import starting
from wsq.runner.lease_watch import LeaseWatch
from wsq.runner.passes import Work
from wsq.runner.progress import LiveProgress, Pace
from wsq.runner.rounds import Round
from wsq.store.log import Log
from wsq.store.transaction import Transaction

logger = logging.getLogger(__name__)

T = TypeVar("T")

Watch = Callable[[str], None]
"""Called with an execution's id, time and again while it runs."""


def unwatched(_execution_id: str) -> None:
    """Nobody watches."""


FOR_A_PLACE = 0.02
"""Real seconds between two checks whether there is room to take over another execution."""

BETWEEN_LOOKS = 0.4
"""Real seconds between two calls of a `Watch`."""

TOGETHER = 256
"""Executions that one transaction starts at the most."""


def outcome(future: Future[T]) -> T:
    """Wait for the result; `WorkspaceError` if the workspace was closed before."""
    try:
        return future.result()
    except CancelledError:
        raise _closed() from None


def _first_of(*futures: Future[Any]) -> None:
    """Wait until one of them is done."""
    wait(futures, return_when=FIRST_COMPLETED)


def _closed() -> WorkspaceError:
    return WorkspaceError("The workspace was closed while something ran; the next pass takes it up.")


class Executor:
    """Starts, resumes and runs executions; at most `most` at the same time.

    `on_ended` is called with each execution that ended here, on the loop's thread: it must not block.
    For a fork, `also_reserve` reserves calls in the store that it was forked from.

    All state belongs to the loop's thread. The blocking methods may be called from any other thread.
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
        also_reserve: AlsoReserve | None = None,
    ) -> None:
        self.log = log
        self.provider = provider
        self.clock = clock
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{log.new_id()[:8]}"
        self._worker = starting.Worker(holder=self.holder, provider=provider, model=model)
        self._on_ended = on_ended
        self._also_reserve = also_reserve
        self._room = most
        self._incoming: list[tuple[DueTask, Round]] = []
        self._waiting: deque[tuple[DueTask, Round]] = deque()
        self._expected: set[str] = set()
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._pace = Pace()
        self._leases = LeaseWatch(log, clock, self.holder, self._running)
        self._watcher: asyncio.Task[None] | None = None
        self._dispatching = False
        self._stopping = False
        self._lock = threading.Lock()
        self._stop_lock = threading.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wsq-executor", daemon=True)
        self._thread.start()

    # From other threads

    def run_now(self, store_id: str, task_id: str, actor: str | None = None, watch: Watch = unwatched) -> Execution:
        """Run a task now and return the ended execution; an interrupt cancels it.

        `watch` is called with the execution's id time and again while it runs, on the caller's thread.
        """
        started: Future[str] = Future()
        ended = self._call(self._run_manually(store_id, task_id, actor, started))
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
        """Cancel an execution as soon as its id is known, unless it has ended."""
        _first_of(started, ended)
        if started.done() and not ended.done():
            with suppress(InvalidInput):  # it has ended just now
                self.log.write(lambda tx: commands.cancel_execution(tx, store_id, started.result()))
            self.look()

    def start_now(self, store_id: str, task_id: str, actor: str | None = None) -> Execution:
        """Start a run of a task and return the running execution."""
        return outcome(self._call(self._start_manually(store_id, task_id, actor)))

    def begin_round(self, work: Work, on_end: Callable[[Execution], None] | None = None) -> Future[Round]:
        """Start what a pass found; the future is done when all of it has ended: see `outcome`."""
        return self._call(self._round(work, on_end))

    def look(self) -> None:
        """Check the leases soon: this process has written something that may have ended an execution."""
        self._leases.check_soon()

    def stop(self, timeout: float = 4.0) -> None:
        """Start nothing new, stop what runs at its next step, release the leases; within `timeout` seconds.

        Stopping twice does nothing; the second caller waits for the first.
        """
        with self._stop_lock:
            if self._loop.is_closed():
                return
            with self._lock:
                self._stopping = True
                stopped = asyncio.run_coroutine_threadsafe(self._stop(), self._loop)
            try:
                stopped.result(timeout=timeout)
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(timeout=1.0)
                if not self._thread.is_alive():
                    self._loop.close()

    def _call(self, what: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if not self._stopping:
                return asyncio.run_coroutine_threadsafe(what, self._loop)
        what.close()
        raise WorkspaceError("The workspace is being closed; nothing new is started.")

    # Manual runs

    async def _start_manually(self, store_id: str, task_id: str, actor: str | None) -> Execution:
        self._watch_leases()
        started = await self._submit(
            lambda tx: starting.start_manually(tx, store_id, task_id, self._worker), [store_id], actor
        )
        self._spawn(started, None)
        return started.execution

    async def _run_manually(self, store_id: str, task_id: str, actor: str | None, started: Future[str]) -> Execution:
        row = await self._start_manually(store_id, task_id, actor)
        started.set_result(row.id)
        await asyncio.wait([self._running[row.id]])
        if self._stopping:
            raise _closed()
        ended = await self._read(row)
        if ended.status == "running":
            raise WorkspaceError(f"Execution {row.id} stopped for want of its workspace; the next pass takes it up.")
        return ended

    # Rounds

    async def _round(self, work: Work, on_end: Callable[[Execution], None] | None) -> Round:
        self._watch_leases()
        this = Round(on_end)
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
        if this.errors:
            raise this.errors[0]
        return this

    async def _take_over(self, each: queries.Abandoned, this: Round) -> None:
        while self._room <= 0:
            await asyncio.sleep(FOR_A_PLACE)
        self._room -= 1  # kept until it is known whether there is something to run
        try:
            row = await self._submit(
                lambda tx: commands.take_over(tx, each.store_id, each.execution_id, self.holder, passed=each.lease),
                [each.store_id],
            )
        except Exception as error:  # noqa: BLE001 - one that cannot be taken over must not hide the others
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
            self._spawn(row, this)
        else:
            self._notify(row)
            this.done(row)

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
        results = await self._settle([task for task, _ in batch], reserved)
        self._room += reserved
        for (task, this), result in zip(batch, results, strict=True):
            if isinstance(result, DueTask):
                self._waiting.append((task, this))
                continue
            self._expected.discard(task.recurring_task_id)
            if isinstance(result, Started):
                self._spawn(result, this)
            elif isinstance(result, Exception):
                this.failed(task.store_id, result)
                this.done()
            else:
                this.done(result)
        self._dispatch()

    async def _settle(self, tasks: list[DueTask], room: int) -> list[starting.Settled | Exception]:
        """Settle together; if that fails one by one, so that only the tasks with errors are left."""
        try:
            stores = {task.store_id for task in tasks}
            return [*await self._submit(lambda tx: starting.settle(tx, tasks, self._worker, room), stores)]
        except Exception as error:  # noqa: BLE001 - each task's error belongs to its own round
            if len(tasks) == 1 or isinstance(error, WorkspaceError):
                return [error] * len(tasks)
        results: list[starting.Settled | Exception] = []
        for task in tasks:
            (result,) = await self._settle([task], room)
            room -= isinstance(result, Started)
            results.append(result)
        return results

    # Running

    def _spawn(self, work: Started | Execution, this: Round | None) -> None:
        row = work.execution if isinstance(work, Started) else work
        self._room -= 1
        self._running[row.id] = self._task(self._run(row, work, this))

    async def _run(self, row: Execution, work: Started | Execution, this: Round | None) -> None:
        ended: Execution | None = None
        working = True

        def release() -> None:
            nonlocal working
            if working:
                working = False
                self._room += 1
                self._dispatch()

        live, lease_left = LiveProgress(self.log.engine, row.id, self._pace), self._leases.begin()
        try:
            ended = await loop.run(
                self.log, self.clock, self.provider, live, work, release, lease_left, self._also_reserve
            )
            self._notify(ended)
        except (LeaseLost, asyncio.CancelledError) as stop:
            ended = await self._stopped(row, this, stop)
        except Exception as error:
            if this is not None:
                this.failed(row.store_id, error)
            if this is None or not isinstance(error, WsqError):
                logger.exception("An execution stopped for want of its workspace.", extra={"action": "stopped"})
        finally:
            live.close()
            self._running.pop(row.id, None)
            self._leases.lost.discard(row.id)
            if this is not None:
                this.done(ended)
            release()

    async def _stopped(self, row: Execution, this: Round | None, stop: BaseException) -> Execution | None:
        """The execution as somebody else left it.

        None if it was stopped since the workspace was upgraded, or if it is gone, as its log was restored.
        """
        if isinstance(stop, LeaseLost) or row.id in self._leases.lost:
            try:
                return await self._read(row)
            except NotFound as gone:
                if this is not None:
                    this.failed(row.store_id, gone)
                return None
        if self._leases.upgraded is None or self._stopping:
            raise stop
        if this is not None:
            this.failed(row.store_id, self._leases.upgraded)
        return None

    def _notify(self, row: Execution) -> None:
        """An execution ended here; an error of the listener must not change that."""
        try:
            if self._on_ended is not None:
                self._on_ended(row)
        except Exception:
            logger.exception("A notification of an ended execution failed.", extra={"action": "not_sent"})

    async def _read(self, row: Execution) -> Execution:
        return await asyncio.to_thread(self.log.read, lambda cursor: queries.execution(cursor, row.store_id, row.id))

    # The loop

    async def _submit(
        self, decide: Callable[[Transaction], T], stores: Iterable[str] | None = None, actor: str | None = None
    ) -> T:
        """Commit a decision that concerns these stores alone; None if it may concern any."""
        scope = None if stores is None else frozenset(stores)
        return await asyncio.wrap_future(self.log.submit(decide, actor=actor, clock=self.clock, scope=scope))

    def _watch_leases(self) -> None:
        if self._watcher is None or self._watcher.done():
            self._watcher = self._task(self._leases.run())

    async def _stop(self) -> None:
        """Cancel everything, also rounds and callers that wait for what will not come any more."""
        others = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for other in others:
            other.cancel()
        if others - {self._watcher}:
            await asyncio.wait(others, timeout=3.0)
            await asyncio.gather(self._release_leases(), self._close_provider())
        else:
            await self._close_provider()

    async def _release_leases(self) -> None:
        try:
            await self._submit(lambda tx: commands.release(tx, self.holder))
        except TEMPORARY as error:
            logger.info("The leases will expire: %s", error, extra={"action": "not_released"})

    async def _close_provider(self) -> None:
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
