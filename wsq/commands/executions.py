"""Commands on executions: judging, skipping and starting what is due; recording steps; ending; taking over.

`wsq.runner.starting` composes `judge`, `skip` and `start` in one transaction. Every write of a worker names the epoch
of its lease; `held` refuses those of a former holder.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from wsq.commands import budgets, pauses, recurring
from wsq.commands.common import existing, existing_store
from wsq.commands.stores import note_model
from wsq.commands.unchanged import nothing_changed
from wsq.errors import AlreadyRunning, InvalidInput, LeaseLost, NotRunnable
from wsq.events import Fact
from wsq.events import recurring as e
from wsq.projections import Execution, RecurringTask, Running, StoreRow
from wsq.queries import executions as queries
from wsq.queries.executions import DueTask
from wsq.rules import schedule, values
from wsq.rules.budgets import Most
from wsq.store import leases
from wsq.store.transaction import Transaction
from wsq.vocabulary import FailureReason, SkipReason

WINDOW = timedelta(minutes=10)
"""How old the newest due slot may be (inclusive) for its run to count as on time."""

LEASE = timedelta(seconds=60)
"""How long a worker's lease on an execution lasts unless it is renewed."""

MOST_TAKEOVERS = 3
"""How often an execution is taken over before it is given up."""

ABANDONED_AFTER = timedelta(hours=1)
"""How long after its lease has expired an execution may still be taken over (inclusive)."""

MOST_FAILURES = 5
"""Failures in a row with which a recurring task is disabled."""

DISABLED_FOR_FAILURES = f"It failed {MOST_FAILURES} times in a row."
"""Why it is then, as its row says."""


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """What starts an execution of `task`: its due `slots`, or a person if there are none.

    `skip_reason` is why the slots are skipped instead, None if the task is to run.
    """

    task: RecurringTask
    slots: schedule.Slots | None = None
    skip_reason: SkipReason | None = None

    @property
    def kind(self) -> str:
        """``automatic`` or ``manual``."""
        return "automatic" if self.slots else "manual"

    @property
    def scheduled_for(self) -> datetime | None:
        """The newest due slot; None for a manual run."""
        return self.slots.newest if self.slots else None


class Preparation(msgspec.Struct, frozen=True, kw_only=True):
    """What is frozen when an execution starts: provider, model, texts and limits.

    `most` is the greatest cost of its first call, None where calls are free.
    """

    execution_id: str
    provider: str
    provider_kind: str
    model: str | None
    system: bytes
    tools: bytes
    first_message: bytes
    limits: e.Limits
    most: Most | None = None


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """An execution that has started; `cost_reserved` if the cost of its first call is reserved already."""

    execution: Execution
    task: RecurringTask
    preparation: Preparation
    cost_reserved: bool


def execution(tx: Transaction, store_id: str, execution_id: str) -> Execution:
    """The store's execution by its id."""
    return existing(tx, Execution, "task_executions", store_id, execution_id)


# Starting


def judge(tx: Transaction, due: DueTask) -> Trigger | None:
    """Whether a due task runs or is skipped, and why; None if its slots have been settled in the meantime."""
    task = tx.row("recurring_tasks", due.recurring_task_id)
    if not isinstance(task, RecurringTask) or _is_archived(tx, task.store_id):
        return None
    slots = recurring.owed(task, due.seen_at)
    if slots is None:
        return None
    return Trigger(task=task, slots=slots, skip_reason=_reason_to_skip(tx, task, slots, due.seen_at))


def request(tx: Transaction, store_id: str, task_id: str) -> Trigger:
    """A person's request to run a task now: it settles no slot and moves no grid.

    Raises:
        NotRunnable: The task is disabled, its zone is not known here, its store is paused, or a budget is used up.
        AlreadyRunning: It is running; the error has the execution's id.
    """
    task = recurring.recurring_task(tx, store_id, task_id)
    existing_store(tx, store_id)
    if not task.enabled:
        why = f" ({task.disabled_reason})" if task.disabled_reason else ""
        raise NotRunnable(f"{task.name!r} is disabled{why}; enable it to run it.")
    if pause := pauses.pause_of(tx, store_id, tx.now):
        raise NotRunnable(f"{pause}; resume it to run {task.name!r}.")
    if unknown := values.unknown_zone(repr(task.name), task.timezone):
        raise NotRunnable(unknown)
    other = _running(tx, task_id)
    if other is not None:
        raise AlreadyRunning(f"{task.name!r} is already running, as run {other}.", execution_id=other)
    if over := budgets.used_up(tx, task):
        raise NotRunnable(f"{over} Give it a larger budget, or wait until tomorrow.")
    return Trigger(task=task)


def skip(tx: Transaction, trigger: Trigger) -> Execution:
    """Settle due slots as one skipped execution and advance the task."""
    assert trigger.slots is not None
    assert trigger.skip_reason is not None
    skipped = recurring.record_skip(tx, trigger.task, trigger.slots, trigger.skip_reason, nxt=trigger.slots.next)
    return _row(tx, skipped)


def start(tx: Transaction, trigger: Trigger, prepared: Preparation, holder: str) -> Started:
    """Start an execution under a lease of the holder's: settle the slots, advance the task, reserve the first call.

    Where a budget does not cover that call nothing is reserved; the execution starts all the same.
    """
    task, slots, execution_id = trigger.task, trigger.slots, prepared.execution_id
    note_model(tx, prepared.provider, prepared.provider_kind)
    if slots is None:
        tx.record(task.store_id, e.ExecutionRequested(recurring_task_id=task.id, execution_id=execution_id))
    tx.record(
        task.store_id,
        e.ExecutionStarted(
            execution_id=execution_id,
            recurring_task_id=task.id,
            trigger=trigger.kind,
            scheduled_for=trigger.scheduled_for,
            first_slot=slots.first if slots else None,
            slots=slots.count if slots else 0,
            next_execution_at=slots.next if slots else None,
            project_id=task.project_id,
            provider=prepared.provider,
            provider_kind=prepared.provider_kind,
            model=prepared.model,
            system=tx.keep(prepared.system),
            tools=tx.keep(prepared.tools),
            first_message=tx.keep(prepared.first_message),
            limits=prepared.limits,
        ),
    )
    row = _row(tx, execution_id)
    leases.begin(tx, task.store_id, execution_id, holder, tx.now + LEASE)
    reserved = prepared.most is not None and budgets.reserve(tx, row, prepared.most) is None
    return Started(execution=row, task=task, preparation=prepared, cost_reserved=reserved)


def _is_archived(tx: Transaction, store_id: str) -> bool:
    store = tx.row("stores", store_id)
    return isinstance(store, StoreRow) and store.archived_at is not None


def _reason_to_skip(
    tx: Transaction, task: RecurringTask, slots: schedule.Slots, seen_at: datetime
) -> SkipReason | None:
    if _running(tx, task.id) is not None:
        return "still_running"
    if pauses.pause_of(tx, task.store_id, tx.now) or pauses.pause_of(tx, task.store_id, slots.newest):
        return "paused"
    if slots.newest < seen_at - WINDOW and task.missed == "skip":
        return "missed"
    if budgets.used_up(tx, task):
        return "over_budget"
    if task.skip_unchanged and nothing_changed(tx, task):
        return "unchanged"
    return None


def _running(tx: Transaction, task_id: str) -> str | None:
    """The id of the task's running execution, None when there is none."""
    row = tx.row("running_executions", task_id)
    return row.execution_id if isinstance(row, Running) else None


def _row(tx: Transaction, execution_id: str) -> Execution:
    row = tx.row("task_executions", execution_id)
    assert isinstance(row, Execution)
    return row


# Leases


def renew(tx: Transaction, execution_ids: Iterable[str], holder: str) -> set[str]:
    """Extend the holder's leases on these executions; returns those that it still holds."""
    return leases.renew(tx, execution_ids, holder, tx.now + LEASE)


def release(tx: Transaction, holder: str) -> None:
    """Let all of the holder's leases expire now, so that another worker can go on at once."""
    leases.expire(tx, holder, tx.now)


def take_over(
    tx: Transaction, store_id: str, execution_id: str, holder: str, *, passed: tuple[int, datetime] | None = None
) -> Execution | None:
    """Take over an execution whose lease has expired: running under a new epoch, or failed as abandoned.

    A lease with the epoch and the end that `passed` names has expired, though that end may be in the future. None when
    it is no longer to be had: it has ended, or another worker holds it.
    """
    row = tx.row("task_executions", execution_id)
    lease = leases.lease(tx, execution_id)
    if not isinstance(row, Execution) or row.status != "running" or lease is None:
        return None
    is_ahead = lease.expires_at > tx.now
    if is_ahead and passed != (lease.epoch, lease.expires_at):
        return None
    # By a clock that was ahead all the time it worked from its start to its lease's end, as by one that is right.
    idle = timedelta() if is_ahead and row.started_at <= tx.now else tx.now - lease.expires_at
    budgets.charge_reserved(tx, row)
    row = _row(tx, execution_id)
    if row.takeovers >= MOST_TAKEOVERS:
        return fail(tx, row, "abandoned", f"It was taken over {MOST_TAKEOVERS} times and never came to an end.")
    if idle > ABANDONED_AFTER:
        hours = ABANDONED_AFTER.total_seconds() / 3600
        return fail(tx, row, "abandoned", f"Its worker was gone for more than {hours:g} hour.")
    epoch = row.epoch + 1
    tx.record(store_id, e.ExecutionResumed(execution_id=execution_id, epoch=epoch, idle=idle.total_seconds()))
    leases.take_over(tx, execution_id, holder, epoch, tx.now + LEASE)
    return _row(tx, execution_id)


def held(tx: Transaction, execution_id: str, epoch: int) -> Execution:
    """The execution, if it still runs under this epoch; else `LeaseLost`."""
    row = tx.row("task_executions", execution_id)
    if not isinstance(row, Execution) or row.status != "running":
        ended = row.status if isinstance(row, Execution) else "gone"
        raise LeaseLost(f"Execution {execution_id} is {ended}; nothing more is written for it.")
    if row.epoch != epoch:
        raise LeaseLost(f"Execution {execution_id} was taken over: its epoch is {row.epoch}, not {epoch}.")
    return row


# Steps


def record_answer(tx: Transaction, row: Execution, *, message: bytes, **figures: Any) -> None:
    """Record a model's answer as the execution's next step."""
    _record_step(tx, row, e.ModelAnswered, body=tx.keep(message), **figures)
    budgets.spent(tx, row)
    if row.model is not None:
        budgets.release(tx, row)


def record_call(tx: Transaction, row: Execution, *, tool: str, tool_use_id: str, result: bytes, **outcome: Any) -> None:
    """Record a tool's call and its result, in the transaction of its effect."""
    _record_step(tx, row, e.ToolCalled, tool=tool, tool_use_id=tool_use_id, body=tx.keep(result), **outcome)


def record_failed_attempt(tx: Transaction, row: Execution, *, error: str, wait: float) -> None:
    """Record that a call of the model failed and is tried again after `wait` seconds."""
    _record_step(tx, row, e.AttemptFailed, attempt=row.attempts + 1, error=error, wait=wait)


def _record_step(tx: Transaction, row: Execution, kind: type[Fact], **fields: Any) -> None:
    tx.record(row.store_id, kind(execution_id=row.id, epoch=row.epoch, step=row.steps + 1, **fields))


# Ending


def complete(tx: Transaction, row: Execution, verdict: str | None, output: str) -> Execution:
    """End an execution successfully."""
    return _end(tx, row, e.ExecutionCompleted, verdict=verdict, output=output)


def fail(tx: Transaction, row: Execution, reason: FailureReason, error: str, output: str | None = None) -> Execution:
    """End an execution that failed; with too many failures in a row its task is disabled."""
    said = row.output if output is None else output
    ended = _end(tx, row, e.ExecutionFailed, reason=reason, error=error, output=said)
    task = tx.row("recurring_tasks", row.recurring_task_id)
    if isinstance(task, RecurringTask) and task.enabled and task.failures_in_row >= MOST_FAILURES:
        recurring.disable_recurring_task(tx, row.store_id, task.id, reason=DISABLED_FOR_FAILURES)
    return ended


def cancel_execution(tx: Transaction, store_id: str, execution_id: str) -> Execution:
    """Cancel a running execution: it has ended when this returns, and its worker stops within a second.

    Raises:
        InvalidInput: It has ended already.
    """
    row = execution(tx, store_id, execution_id)
    if row.status != "running":
        raise InvalidInput(f"Execution {execution_id} has ended already: it is {row.status}.")
    recurring.cancel(tx, store_id, execution_id, row.recurring_task_id)
    return execution(tx, store_id, execution_id)


def prune(tx: Transaction, store_id: str, execution_ids: Iterable[str]) -> int:
    """Delete the conversations of these executions if they have ended; returns how many were deleted.

    An execution's outcome, figures and times stay.
    """
    pruned = [
        row
        for execution_id in execution_ids
        if (row := execution(tx, store_id, execution_id)).status != "running" and row.first_message is not None
    ]
    said = queries.bodies_of_steps(tx, [row.id for row in pruned])
    for row in pruned:
        tx.record(store_id, e.ConversationPruned(execution_id=row.id, steps=row.steps))
    begun = [name for row in pruned for name in (row.system, row.tools, row.first_message) if name]
    tx.give_up([*begun, *said])
    return len(pruned)


def _end(tx: Transaction, row: Execution, kind: type[Fact], **fields: Any) -> Execution:
    fact = kind(execution_id=row.id, recurring_task_id=row.recurring_task_id, epoch=row.epoch, **fields)
    tx.record(row.store_id, fact)
    leases.end(tx, row.id)
    budgets.release(tx, row, ended=True)
    return _row(tx, row.id)
