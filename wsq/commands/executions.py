"""Commands on executions: claiming slots, recording steps, ending, taking over.

Every write of a worker names the epoch of its lease; `held` refuses those of a former holder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from wsq.commands import budgets, pauses, recurring
from wsq.commands.common import existing, existing_store
from wsq.commands.stores import note_model
from wsq.commands.unchanged import nothing_changed
from wsq.errors import AlreadyRunning, InvalidInput, LeaseLost, NotRunnable
from wsq.events import recurring as e
from wsq.projections import Execution, RecurringTask, Row, Running, StoreRow
from wsq.rules import schedule
from wsq.rules.budgets import Most
from wsq.store.transaction import Transaction

WINDOW = timedelta(minutes=10)
"""How old the newest due slot may be (inclusive) to be carried out as if it were on time."""

LEASE = timedelta(seconds=60)
"""How long a worker's hold on an execution lasts unless it is renewed."""

MOST_TAKEOVERS = 3
"""How often an execution is taken over before it is given up."""

ABANDONED_AFTER = timedelta(hours=1)
"""How long after its lease has passed an execution may still be taken over (inclusive)."""


MOST_FAILURES = 5
"""Failures in a row with which a recurring task is disabled."""

DISABLED_FOR_FAILURES = f"It failed {MOST_FAILURES} times in a row."
"""Why it is then, as its row says."""


class Preparation(msgspec.Struct, frozen=True, kw_only=True):
    """What is frozen when an execution starts: provider, model, texts and limits.

    `most` is what its first call may come to, None where nothing is paid for.
    """

    provider: str
    provider_kind: str
    model: str | None
    system: bytes
    tools: bytes
    first_message: bytes
    limits: e.Limits
    most: Most | None = None


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Why and when an execution starts; `scheduled_for` is None for a manual one."""

    execution_id: str
    trigger: str
    scheduled_for: datetime | None
    now: datetime


Begin = Callable[[RecurringTask, Occasion], Preparation]
"""Freezes what an execution of a task starts with."""

Prepare = Callable[[Transaction, Sequence[RecurringTask]], Begin]
"""Looks at all that executions of these tasks start with, before anything is written."""


class DueTask(msgspec.Struct, frozen=True, kw_only=True):
    """A recurring task with a slot that was due when a pass looked at `seen_at`."""

    store_id: str
    recurring_task_id: str
    seen_at: datetime


def execution(tx: Transaction, store_id: str, execution_id: str) -> Execution:
    """The store's execution by its id."""
    return existing(tx, Execution, "task_executions", store_id, execution_id)


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of due tasks: executions that were skipped or now run, and tasks left for want of room.

    For those `with_means` the most that their first call may come to is set aside already.
    """

    executions: list[Execution]
    left: list[DueTask]
    with_means: frozenset[str] = frozenset()


# Beginning


def settle(tx: Transaction, due: Sequence[DueTask], holder: str, prepare: Prepare, room: int) -> Settled:
    """Settle the due slots of these tasks: each is skipped and why, or begins to run, at most `room` of them.

    A task whose slots somebody else has settled meanwhile yields nothing.
    """
    tx.fetch("recurring_tasks", [(task.recurring_task_id,) for task in due])
    tx.fetch("running_executions", [(task.recurring_task_id,) for task in due])
    judged, left = _judge(tx, due, room)
    begin = prepare(tx, [row for row, _, reason in judged if reason is None])
    settled: list[str] = []
    with_means: set[str] = set()
    for row, slots, reason in judged:
        if reason is not None:
            settled.append(recurring.record_skip(tx, row, slots, reason, nxt=slots.next))
            continue
        execution_id, has_means = _start(tx, row, slots, begin, holder)
        settled.append(execution_id)
        if has_means:
            with_means.add(execution_id)
    executions = [_there(tx.row("task_executions", each)) for each in settled]
    return Settled(executions=executions, left=left, with_means=frozenset(with_means))


Judged = tuple[RecurringTask, schedule.Slots, str | None]
"""A task, its due slots, and why they are skipped; None when they are carried out."""


def _judge(tx: Transaction, due: Sequence[DueTask], room: int) -> tuple[list[Judged], list[DueTask]]:
    """What becomes of each task, and those left for want of room; nothing is written yet."""
    purse = budgets.Purse(tx)
    judged: list[Judged] = []
    left: list[DueTask] = []
    for task in due:
        row = tx.row("recurring_tasks", task.recurring_task_id)
        if not isinstance(row, RecurringTask) or _put_away(tx, row.store_id):
            continue
        slots = recurring.owed(row, task.seen_at)
        if slots is None:
            continue
        reason = _reason_to_skip(tx, row, slots, task.seen_at, purse)
        if reason is None and room == 0:
            left.append(task)
            continue
        room -= reason is None
        judged.append((row, slots, reason))
    return judged, left


def start_manually(tx: Transaction, store_id: str, task_id: str, holder: str, prepare: Prepare) -> Settled:
    """Begin an execution on somebody's wish; it settles no slot and moves no grid."""
    row = recurring.recurring_task(tx, store_id, task_id)
    existing_store(tx, store_id)
    if not row.enabled:
        why = f" ({row.disabled_reason})" if row.disabled_reason else ""
        raise NotRunnable(f"{row.name!r} is disabled{why}; enable it to run it.")
    if pause := pauses.pause_of(tx, store_id, tx.now):
        raise NotRunnable(f"{pause}; resume it to run {row.name!r}.")
    other = _running(tx, task_id)
    if other is not None:
        raise AlreadyRunning(f"{row.name!r} is running already, as execution {other}.", execution_id=other)
    if over := budgets.Purse(tx).used_up(row):
        raise NotRunnable(f"{over} Give it a larger budget, or wait until tomorrow.")
    execution_id, has_means = _start(tx, row, None, prepare(tx, [row]), holder)
    execution = _there(tx.row("task_executions", execution_id))
    return Settled(executions=[execution], left=[], with_means=frozenset({execution_id} if has_means else ()))


def _put_away(tx: Transaction, store_id: str) -> bool:
    store = tx.row("stores", store_id)
    return isinstance(store, StoreRow) and store.archived_at is not None


def _reason_to_skip(
    tx: Transaction, row: RecurringTask, slots: schedule.Slots, seen_at: datetime, purse: budgets.Purse
) -> str | None:
    if _running(tx, row.id) is not None:
        return "still_running"
    if pauses.pause_of(tx, row.store_id, tx.now) or pauses.pause_of(tx, row.store_id, slots.newest):
        return "paused"
    if slots.newest < seen_at - WINDOW and row.missed == "skip":
        return "missed"
    if purse.used_up(row):
        return "over_budget"
    if row.skip_unchanged and nothing_changed(tx, row):
        return "unchanged"
    return None


def _start(
    tx: Transaction, row: RecurringTask, slots: schedule.Slots | None, begin: Begin, holder: str
) -> tuple[str, bool]:
    """Begin an execution under a lease of the holder's; its id, and whether its first call's cost is set aside."""
    execution_id = tx.new_id()
    occasion = Occasion(
        execution_id=execution_id,
        trigger="automatic" if slots else "manual",
        scheduled_for=slots.newest if slots else None,
        now=tx.now,
    )
    ready = begin(row, occasion)
    note_model(tx, ready.provider, ready.provider_kind)
    if slots is None:
        tx.record(row.store_id, e.ExecutionRequested(recurring_task_id=row.id, execution_id=execution_id))
    tx.record(
        row.store_id,
        e.ExecutionStarted(
            execution_id=execution_id,
            recurring_task_id=row.id,
            trigger=occasion.trigger,
            scheduled_for=occasion.scheduled_for,
            first_slot=slots.first if slots else None,
            slots=slots.count if slots else 0,
            next_execution_at=slots.next if slots else None,
            project_id=row.project_id,
            provider=ready.provider,
            provider_kind=ready.provider_kind,
            model=ready.model,
            system=tx.keep(ready.system),
            tools=tx.keep(ready.tools),
            first_message=tx.keep(ready.first_message),
            limits=ready.limits,
        ),
    )
    execution = _there(tx.row("task_executions", execution_id))
    tx.after(_BEGIN_LEASE, execution_id, row.store_id, holder, tx.now + LEASE)
    most = ready.most
    return execution_id, most is not None and budgets.reserve(tx, execution, most) is None


def _running(tx: Transaction, task_id: str) -> str | None:
    """The id of the task's running execution, None when there is none."""
    row = tx.row("running_executions", task_id)
    return row.execution_id if isinstance(row, Running) else None


def _there(row: Row | None) -> Execution:
    assert isinstance(row, Execution)
    return row


# Leases


_BEGIN_LEASE = (
    "INSERT INTO leases (execution_id, store_id, holder, epoch, expires_at) SELECT unnest($1::VARCHAR[]),"
    " unnest($2::VARCHAR[]), unnest($3::VARCHAR[]), 1, unnest($4::TIMESTAMPTZ[])"
)


def renew(tx: Transaction, execution_ids: Iterable[str], holder: str) -> set[str]:
    """Prolong the holder's leases on these executions; returns those that are still its own."""
    wanted = list(execution_ids)
    own = "holder = $1 AND execution_id IN (SELECT unnest($2::VARCHAR[]))"
    tx.query(f"UPDATE leases SET expires_at = $3 WHERE {own}", [holder, wanted, tx.now + LEASE])  # noqa: S608
    found = tx.query(f"SELECT execution_id FROM leases WHERE {own}", [holder, wanted])  # noqa: S608
    return {execution_id for (execution_id,) in found}


def release(tx: Transaction, holder: str) -> None:
    """Let all of the holder's leases pass now, so that another may go on at once."""
    tx.query("UPDATE leases SET expires_at = $2 WHERE holder = $1 AND expires_at > $2", [holder, tx.now])


def take_over(tx: Transaction, store_id: str, execution_id: str, holder: str) -> Execution | None:
    """Take up an execution whose lease has passed: running under a new epoch, or failed as abandoned.

    None when it is no longer to be had: it has ended, or somebody else holds it.
    """
    row = tx.row("task_executions", execution_id)
    lease = tx.query("SELECT expires_at FROM leases WHERE execution_id = $1", [execution_id])
    if not isinstance(row, Execution) or row.status != "running" or not lease or lease[0][0] > tx.now:
        return None
    idle = tx.now - lease[0][0]
    budgets.charge_reserved(tx, row)
    row = _there(tx.row("task_executions", execution_id))
    if row.takeovers >= MOST_TAKEOVERS or idle > ABANDONED_AFTER:
        hours = ABANDONED_AFTER.total_seconds() / 3600
        error = (
            f"It was taken over {MOST_TAKEOVERS} times and never came to an end."
            if row.takeovers >= MOST_TAKEOVERS
            else f"Its worker was gone for more than {hours:g} hour."
        )
        return fail(tx, row, "abandoned", error)
    epoch = row.epoch + 1
    tx.record(store_id, e.ExecutionResumed(execution_id=execution_id, epoch=epoch, idle=idle.total_seconds()))
    tx.query(
        "UPDATE leases SET holder = $2, epoch = $3, expires_at = $4, reserved_usd = 0, reserved_tokens = 0"
        " WHERE execution_id = $1",
        [execution_id, holder, epoch, tx.now + LEASE],
    )
    return _there(tx.row("task_executions", execution_id))


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
    """Put a model's answer on record as the execution's next step."""
    tx.record(
        row.store_id,
        e.ModelAnswered(execution_id=row.id, epoch=row.epoch, step=row.steps + 1, body=tx.keep(message), **figures),
    )
    budgets.spent(tx, row)
    if row.model is not None:
        budgets.release(tx, row)


def record_call(tx: Transaction, row: Execution, *, tool: str, tool_use_id: str, result: bytes, **outcome: Any) -> None:
    """Put a tool's call and its result on record, in the transaction of its effect."""
    tx.record(
        row.store_id,
        e.ToolCalled(
            execution_id=row.id,
            epoch=row.epoch,
            step=row.steps + 1,
            tool=tool,
            tool_use_id=tool_use_id,
            body=tx.keep(result),
            **outcome,
        ),
    )


def record_failed_attempt(tx: Transaction, row: Execution, *, error: str, wait: float) -> None:
    """Put on record that a call of the model failed and is tried again after `wait` seconds."""
    tx.record(
        row.store_id,
        e.AttemptFailed(
            execution_id=row.id,
            epoch=row.epoch,
            step=row.steps + 1,
            attempt=row.attempts + 1,
            error=error,
            wait=wait,
        ),
    )


# Ending


def complete(tx: Transaction, row: Execution, verdict: str | None, output: str) -> Execution:
    """End an execution that came to its end."""
    fact = e.ExecutionCompleted(
        execution_id=row.id,
        recurring_task_id=row.recurring_task_id,
        epoch=row.epoch,
        verdict=verdict,
        output=output,
    )
    return _end(tx, row, fact)


def fail(tx: Transaction, row: Execution, reason: str, error: str, output: str | None = None) -> Execution:
    """End an execution that did not come to its end."""
    fact = e.ExecutionFailed(
        execution_id=row.id,
        recurring_task_id=row.recurring_task_id,
        epoch=row.epoch,
        reason=reason,
        error=error,
        output=row.output if output is None else output,
    )
    ended = _end(tx, row, fact)
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
    """Give up the conversations of these ended executions; returns how many there were to give up.

    What an execution came to, its figures and its times stay.
    """
    pruned = [
        row
        for execution_id in execution_ids
        if (row := execution(tx, store_id, execution_id)).status != "running" and row.first_message is not None
    ]
    said = tx.query(
        "SELECT DISTINCT body FROM execution_steps"
        " WHERE body IS NOT NULL AND execution_id IN (SELECT unnest($1::VARCHAR[]))",
        [[row.id for row in pruned]],
    )
    for row in pruned:
        tx.record(store_id, e.ConversationPruned(execution_id=row.id, steps=row.steps))
    begun = [name for row in pruned for name in (row.system, row.tools, row.first_message) if name]
    tx.give_up([*begun, *(name for (name,) in said)])
    return len(pruned)


def _end(tx: Transaction, row: Execution, fact: e.ExecutionCompleted | e.ExecutionFailed) -> Execution:
    tx.record(row.store_id, fact)
    tx.after(recurring.END_LEASE, row.id)
    budgets.release(tx, row, ended=True)
    return _there(tx.row("task_executions", row.id))
