"""Dry runs: the agent runs a prompt on a fork of the store, and nothing of it is kept but its cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec

from wsq.agent.loop import FIRST_PAUSE, LONGEST_PAUSE, AlsoReserve
from wsq.agent.providers import Provider
from wsq.commands import budgets, recurring
from wsq.commands.common import existing_store
from wsq.commands.executions import LEASE
from wsq.errors import TEMPORARY
from wsq.events.recurring import Limits
from wsq.projections import Execution, Row, Rows, keys
from wsq.projections.changes import THINGS, Change, changes
from wsq.projections.display import as_card, as_lines
from wsq.queries import executions as queries
from wsq.queries import log as log_queries
from wsq.queries.executions import Line
from wsq.rules.budgets import Most
from wsq.runner.executor import Executor
from wsq.store.fork import Fork, forked
from wsq.store.log import Log
from wsq.store.transaction import Transaction

NAME = "New recurring task"
"""The task's name for the agent: it must not know that this is a dry run, lest it act differently."""

ExecutorFactory = Callable[[Log, AlsoReserve], Executor]
"""Makes an executor for a fork's log, whose calls are reserved elsewhere too."""

SETTLES = LEASE
"""How long after its time limit a dry run may take to record what it cost."""

Watching = Callable[[Log, str], Any]
"""Makes a context manager that gives the `Watch` of a store's executions."""


class DryRun(Row, frozen=True, kw_only=True):
    """The result of a prompt on a fork of the store; nothing of it was written to the store.

    `status`, `verdict`, `reason`, `output`, `error` and the figures are those of an execution: tokens are counts,
    `cost_usd` is in US dollars and None if the model has no known price; `cost_estimated` if a part of it is not what
    the service reported. `duration` is from start to end.
    `changes` is what would have changed in projects, contacts, documents and tasks; `transcript` is the
    conversation.
    """

    _plural: ClassVar[str] = "dry runs"
    _columns: ClassVar[tuple[str, ...]] = ("status", "verdict", "reason", "output", "error", "cost_usd")
    _brief: ClassVar[tuple[str, ...]] = ("status", "verdict", "reason")
    _machinery: ClassVar[frozenset[str]] = frozenset(
        ("store_id", "project_id", "prompt", "started_at", "changes", "transcript")
    )

    store_id: str
    project_id: str | None
    prompt: str
    status: str
    verdict: str | None
    reason: str | None
    output: str
    error: str | None
    model: str | None
    provider: str | None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float | None = None
    cost_estimated: bool = False
    started_at: datetime
    duration: timedelta | None
    changes: Rows[Change]
    transcript: Rows[Line]

    def _repr_html_(self) -> str:
        shown = (as_card("Dry run", self._telling()), self.changes._repr_html_(), self.transcript._repr_html_())
        return "\n".join(shown)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 - IPython's protocol
        if len(printer.stack) > 1:
            super()._repr_pretty_(printer, cycle)
            return
        printer.text(
            "\n\n".join([as_lines("Dry run", self._telling()), self.changes.as_text(), self.transcript.as_text()])
        )


class DryRunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to run; the fields are those of a recurring task."""

    store_id: str
    prompt: str
    project_id: str | None
    model: str | None
    time_limit: str | timedelta
    actor: str | None


def dry_run(
    log: Log, provider: Provider, request: DryRunRequest, executor_for: ExecutorFactory, watching: Watching
) -> DryRun:
    """Run a prompt on a fork of the store, which is deleted afterwards.

    The fork has the store's rows, budgets and limits; the agent has the same loop and the same tools. What it costs
    is recorded in the store, also if it fails or is interrupted; nothing else is. The greatest cost of each call is
    reserved there before: if this process is killed, that counts as spent.

    Raises:
        InvalidInput: The prompt, model or time limit is invalid.
        NotFound: There is no such project.
        NotRunnable: The store has spent its budget for today, or is paused.
    """
    with forked(log.engine, request.store_id, log.clock.now()) as engine, _log_on(engine, log) as fork:
        task_id = fork.write(lambda tx: _prepared(tx, request, provider), actor=request.actor)
        before = fork.read(lambda cursor: log_queries.head(cursor, request.store_id))
        executor = executor_for(fork, _reserving_in(log))
        try:
            with watching(fork, request.store_id) as watch:
                ended = executor.run_now(request.store_id, task_id, request.actor, watch)
            return _result(fork, engine, request, ended, before)
        finally:
            try:
                executor.stop()
            finally:
                _count(log, fork, provider, request.store_id, task_id)


@contextmanager
def _log_on(engine: Fork, log: Log) -> Iterator[Log]:
    fork = Log(engine, clock=log.clock, ids=log.new_id, actor=log.actor, timezone=log.timezone)
    try:
        yield fork
    finally:
        fork.close()


def _prepared(tx: Transaction, request: DryRunRequest, provider: Provider) -> str:
    """Create a recurring task for the prompt in the fork, where it is never due; returns its id."""
    existing_store(tx, request.store_id)
    task = recurring.create_recurring_task(
        tx,
        request.store_id,
        NAME,
        request.prompt,
        every="1 day",
        project_id=request.project_id,
        model=request.model,
        time_limit=request.time_limit,
    )
    if not budgets.costs_nothing(provider.kind):
        budgets.refuse_when_used_up(tx, request.store_id)
    return task.id


def _result(fork: Log, engine: Fork, request: DryRunRequest, row: Execution, before: int) -> DryRun:
    transcript, events = fork.read(
        lambda cursor: (
            queries.transcript(cursor, request.store_id, row.id),
            log_queries.events(cursor, request.store_id, before),
        )
    )
    touched = {address for event in events for address in keys(event) if address[0] in THINGS}
    return DryRun(
        store_id=request.store_id,
        project_id=request.project_id,
        prompt=request.prompt,
        changes=changes(engine.rows_before(touched), engine.rows_now(touched), THINGS),
        transcript=transcript,
        **{name: getattr(row, name) for name in DryRun.__struct_fields__ if name in _OF_EXECUTION},
    )


_OF_EXECUTION = frozenset(Execution.__struct_fields__) - {"store_id", "project_id", "changes"}


def _reserving_in(log: Log) -> AlsoReserve:
    """Reserves a fork's calls in the store that it was forked from, where every process sees it."""

    async def also_reserve(row: Execution, most: Most | None) -> budgets.NoRoom | None:
        def decide(tx: Transaction) -> budgets.NoRoom | None:
            if most is None:
                budgets.record_dry_run(tx, row)
                return None
            limit = timedelta(seconds=msgspec.json.decode(row.limits or "{}", type=Limits).time)
            return budgets.reserve_for_dry_run(tx, row, most, row.started_at + limit + SETTLES)

        return await asyncio.wrap_future(log.submit(decide, scope=frozenset({row.store_id})))

    return also_reserve


def _count(log: Log, fork: Log, provider: Provider, store_id: str, task_id: str) -> None:
    """Record what the model cost, as soon as the workspace can be written to; nothing if none was called."""
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

    row = fork.read(lambda cursor: queries.latest(cursor, store_id, task_id))
    if row is None or budgets.costs_nothing(row.provider_kind or ""):
        return
    if row.status == "running" and getattr(provider, "most", None) is not None:
        return  # it was broken off in a call, whose reservation counts as spent
    retrying = Retrying(
        retry=retry_if_exception_type(TEMPORARY),
        wait=wait_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
        stop=stop_after_delay(SETTLES.total_seconds()),
        reraise=True,
    )
    scope = frozenset({store_id})
    retrying(lambda: log.write(lambda tx: budgets.record_dry_run(tx, row), scope=scope))
