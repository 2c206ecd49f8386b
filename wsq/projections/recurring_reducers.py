"""What events make of recurring tasks and their executions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from msgspec import UNSET, structs

from wsq.events import recurring as r
from wsq.events.base import Fact, Recorded
from wsq.projections.reducing import RULES, Key, changed, changes, deletes, field, fields, on
from wsq.projections.rows import Claim, Execution, RecurringTask, Running, Step
from wsq.vocabulary import UNIT_MINUTES

# Recurring tasks

_HOURS = {unit: minutes / 60 for unit, minutes in UNIT_MINUTES.items()}


@on(r.RecurringTaskCreated, "recurring_tasks", field("recurring_task_id"))
def _recurring_created(_row: None, fact: r.RecurringTaskCreated, event: Recorded) -> RecurringTask:
    return RecurringTask(
        id=fact.recurring_task_id,
        store_id=event.store_id,
        **fields(fact, "recurring_task_id", "time_limit"),
        time_limit=timedelta(seconds=fact.time_limit),
        interval_hours=fact.interval_value * _HOURS[fact.interval_unit],
        created_at=event.recorded_at,
        updated_at=event.recorded_at,
        seq=event.seq,
    )


@on(r.RecurringTaskUpdated, "recurring_tasks", field("recurring_task_id"))
def _recurring_updated(
    row: RecurringTask | None, fact: r.RecurringTaskUpdated, event: Recorded
) -> RecurringTask | None:
    if row is None:
        return None
    limit = fact.time_limit
    edited = changed(
        row,
        event,
        **fields(fact, "recurring_task_id", "time_limit", "anchor_local"),
        anchor_local=None if fact.anchor is not UNSET and fact.anchor_local is UNSET else fact.anchor_local,
        time_limit=UNSET if limit is UNSET else timedelta(seconds=limit),
    )
    assert edited is not None
    return structs.replace(edited, interval_hours=edited.interval_value * _HOURS[edited.interval_unit])


@on(r.RecurringTaskReplanned, "recurring_tasks", field("recurring_task_id"))
def _replanned(row: RecurringTask | None, fact: r.RecurringTaskReplanned, _event: Recorded) -> RecurringTask | None:
    return row and structs.replace(row, next_execution_at=fact.next_execution_at)


_NO_TROUBLE: dict[str, Any] = {"disabled_reason": None, "failures_in_row": 0}

changes(
    r.RecurringTaskEnabled,
    "recurring_tasks",
    field("recurring_task_id"),
    lambda fact, _event: _NO_TROUBLE | {"enabled": True, "next_execution_at": fact.next_execution_at},
)
changes(
    r.RecurringTaskDisabled,
    "recurring_tasks",
    field("recurring_task_id"),
    lambda fact, _event: {"enabled": False, "disabled_reason": fact.reason, "next_execution_at": None},
)
deletes(r.RecurringTaskDeleted, "recurring_tasks", "recurring_task_id")

RULES[r.ExecutionRequested] = []  # who asked, for the record: the start event that follows does the rest


# Executions: how they begin


@on(r.ExecutionStarted, "task_executions", field("execution_id"))
def _execution_started(_row: None, fact: r.ExecutionStarted, event: Recorded) -> Execution:
    return Execution(
        id=fact.execution_id,
        store_id=event.store_id,
        recurring_task_id=fact.recurring_task_id,
        project_id=fact.project_id,
        status="running",
        trigger=fact.trigger,
        scheduled_for=fact.scheduled_for,
        first_slot=fact.first_slot,
        slots=fact.slots,
        started_at=event.recorded_at,
        model=fact.model,
        provider=fact.provider,
        provider_kind=fact.provider_kind,
        system=fact.system,
        tools=fact.tools,
        first_message=fact.first_message,
        limits=msgspec.json.encode(fact.limits).decode(),
        seq=event.seq,
    )


@on(r.ExecutionStarted, "running_executions", field("recurring_task_id"))
def _execution_runs(_row: None, fact: r.ExecutionStarted, event: Recorded) -> Running:
    return Running(recurring_task_id=fact.recurring_task_id, execution_id=fact.execution_id, store_id=event.store_id)


@on(r.ExecutionStarted, "recurring_tasks", field("recurring_task_id"))
def _task_begun(row: RecurringTask | None, fact: r.ExecutionStarted, event: Recorded) -> RecurringTask | None:
    if row is None:
        return None
    nxt = row.next_execution_at if fact.scheduled_for is None else fact.next_execution_at
    return structs.replace(row, last_executed_at=event.recorded_at, next_execution_at=nxt)


@on(r.ExecutionSkipped, "task_executions", field("execution_id"))
def _execution_skipped(_row: None, fact: r.ExecutionSkipped, event: Recorded) -> Execution:
    return Execution(
        id=fact.execution_id,
        store_id=event.store_id,
        recurring_task_id=fact.recurring_task_id,
        project_id=fact.project_id,
        status="skipped",
        trigger="automatic",
        scheduled_for=fact.scheduled_for,
        first_slot=fact.first_slot,
        slots=fact.slots,
        started_at=event.recorded_at,
        completed_at=event.recorded_at,
        duration=timedelta(),
        attempts=0,
        reason=fact.reason,
        seq=event.seq,
    )


@on(r.ExecutionSkipped, "recurring_tasks", field("recurring_task_id"))
def _task_skipped(row: RecurringTask | None, fact: r.ExecutionSkipped, _event: Recorded) -> RecurringTask | None:
    return row and structs.replace(row, next_execution_at=fact.next_execution_at)


def _claims(kind: type[Fact]) -> None:
    def slot(fact: Any, event: Recorded) -> Key:
        if fact.scheduled_for is None:
            return (None,)
        return (fact.recurring_task_id, fact.scheduled_for, event.store_id)

    @on(kind, "processed_task_executions", slot)
    def claimed(_row: None, fact: Any, event: Recorded) -> Claim:
        return Claim(
            task_id=fact.recurring_task_id,
            scheduled_time=fact.scheduled_for,
            store_id=event.store_id,
            processed_at=event.recorded_at,
        )


_claims(r.ExecutionStarted)
_claims(r.ExecutionSkipped)


@on(r.SettlementCorrected, "task_executions", field("execution_id"))
def _settles_less(row: Execution | None, fact: r.SettlementCorrected, _event: Recorded) -> Execution | None:
    first = row.first_slot if row and fact.slots else None
    return row and structs.replace(row, first_slot=first, scheduled_for=fact.scheduled_for, slots=fact.slots)


@on(
    r.SettlementCorrected,
    "processed_task_executions",
    lambda fact, event: (fact.recurring_task_id, fact.claimed, event.store_id),
)
def _claim_released(_row: Claim | None, _fact: Any, _event: Recorded) -> None:
    """The slots that stay settled lie before the task's next one, and so need no claim."""


# Executions: their steps


def _step(fact: Any, _event: Recorded) -> Key:
    return (fact.execution_id, fact.step)


@on(r.ModelAnswered, "execution_steps", _step)
def _answer_noted(_row: None, fact: r.ModelAnswered, event: Recorded) -> Step:
    return Step(
        execution_id=fact.execution_id,
        step=fact.step,
        store_id=event.store_id,
        kind="answer",
        at_instant=event.recorded_at,
        body=fact.body,
        stop_reason=fact.stop_reason,
        request_id=fact.request_id,
        input_tokens=fact.input_tokens,
        output_tokens=fact.output_tokens,
    )


def _charged(row: Execution, fact: r.ModelAnswered | r.ModelCharged, **changes: Any) -> Execution:
    cost = row.cost_usd
    if fact.cost_usd is not None:
        cost = (cost or 0.0) + fact.cost_usd
    return structs.replace(
        row,
        **changes,
        input_tokens=row.input_tokens + fact.input_tokens,
        output_tokens=row.output_tokens + fact.output_tokens,
        cache_read_tokens=row.cache_read_tokens + fact.cache_read_tokens,
        cache_write_tokens=row.cache_write_tokens + fact.cache_write_tokens,
        cost_usd=cost,
        cost_estimated=row.cost_estimated or fact.estimated,
    )


@on(r.ModelAnswered, "task_executions", field("execution_id"))
def _answer_counted(row: Execution | None, fact: r.ModelAnswered, _event: Recorded) -> Execution | None:
    return row and _charged(row, fact, steps=fact.step, turns=row.turns + 1)


@on(r.ModelCharged, "task_executions", field("execution_id"))
def _charge_counted(row: Execution | None, fact: r.ModelCharged, _event: Recorded) -> Execution | None:
    return row and _charged(row, fact)


@on(r.ToolCalled, "execution_steps", _step)
def _call_noted(_row: None, fact: r.ToolCalled, event: Recorded) -> Step:
    return Step(
        execution_id=fact.execution_id,
        step=fact.step,
        store_id=event.store_id,
        kind="call",
        at_instant=event.recorded_at,
        body=fact.body,
        tool=fact.tool,
        tool_use_id=fact.tool_use_id,
        is_error=fact.is_error,
    )


@on(r.ToolCalled, "task_executions", field("execution_id"))
def _call_counted(row: Execution | None, fact: r.ToolCalled, _event: Recorded) -> Execution | None:
    if row is None:
        return None
    return structs.replace(
        row,
        steps=fact.step,
        calls=row.calls + 1,
        changes=row.changes + fact.changes,
        verdict=fact.verdict or row.verdict,
        output=row.output if fact.summary is None else fact.summary,
    )


@on(r.AttemptFailed, "execution_steps", _step)
def _attempt_noted(_row: None, fact: r.AttemptFailed, event: Recorded) -> Step:
    return Step(
        execution_id=fact.execution_id,
        step=fact.step,
        store_id=event.store_id,
        kind="retry",
        at_instant=event.recorded_at,
        error=fact.error,
        wait=fact.wait,
    )


@on(r.AttemptFailed, "task_executions", field("execution_id"))
def _attempt_counted(row: Execution | None, fact: r.AttemptFailed, _event: Recorded) -> Execution | None:
    return row and structs.replace(row, steps=fact.step, attempts=fact.attempt)


@on(r.ExecutionResumed, "task_executions", field("execution_id"))
def _execution_resumed(row: Execution | None, fact: r.ExecutionResumed, _event: Recorded) -> Execution | None:
    return row and structs.replace(
        row,
        epoch=fact.epoch,
        takeovers=row.takeovers + 1,
        idle=row.idle + timedelta(seconds=fact.idle),
    )


# Executions: how they end


def _ended(row: Execution, event: Recorded, **changes: Any) -> Execution:
    took = max(event.recorded_at - row.started_at, timedelta())  # a clock may have been put back
    return structs.replace(row, **changes, completed_at=event.recorded_at, duration=took)


@on(r.ExecutionCompleted, "task_executions", field("execution_id"))
def _completed(row: Execution | None, fact: r.ExecutionCompleted, event: Recorded) -> Execution | None:
    return row and _ended(row, event, status="completed", verdict=fact.verdict, output=fact.output)


@on(r.ExecutionFailed, "task_executions", field("execution_id"))
def _failed(row: Execution | None, fact: r.ExecutionFailed, event: Recorded) -> Execution | None:
    return row and _ended(row, event, status="failed", reason=fact.reason, error=fact.error, output=fact.output)


@on(r.ExecutionCancelled, "task_executions", field("execution_id"))
def _cancelled(row: Execution | None, _fact: Any, event: Recorded) -> Execution | None:
    return row and _ended(row, event, status="cancelled", reason="cancelled")


@on(r.ExecutionCompleted, "recurring_tasks", field("recurring_task_id"))
def _task_succeeded(row: RecurringTask | None, _fact: Any, _event: Recorded) -> RecurringTask | None:
    return row and structs.replace(row, failures_in_row=0)


@on(r.ExecutionFailed, "recurring_tasks", field("recurring_task_id"))
def _task_failed(row: RecurringTask | None, _fact: Any, _event: Recorded) -> RecurringTask | None:
    return row and structs.replace(row, failures_in_row=row.failures_in_row + 1)


for _end in (r.ExecutionCompleted, r.ExecutionFailed, r.ExecutionCancelled):
    deletes(_end, "running_executions", "recurring_task_id")


@on(r.ConversationPruned, "task_executions", field("execution_id"))
def _pruned(row: Execution | None, _fact: Any, event: Recorded) -> Execution | None:
    return row and structs.replace(row, system=None, tools=None, first_message=None, pruned_at=event.recorded_at)
