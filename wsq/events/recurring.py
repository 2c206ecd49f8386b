"""What happens to recurring tasks and their executions."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import UNSET, Struct, UnsetType

from wsq.events.base import Amount, Count, Fact


class RecurringTaskCreated(Fact, frozen=True, kw_only=True):
    """A recurring task was made; its grid of slots is anchored.

    ``anchor_local`` is the wall time of an anchor of days, as the task's zone had it then: rules of zones change.
    """

    stored_name: ClassVar[str] = "recurring_task.create"
    recurring_task_id: str
    name: str
    description: str
    prompt: str
    interval_value: Count
    interval_unit: str
    starting: str | None
    anchor: datetime
    timezone: str
    project_id: str | None
    assignees: tuple[str, ...]
    model: str | None
    missed: str
    budget_per_day: Amount | None
    time_limit: Amount
    skip_unchanged: bool
    enabled: bool
    next_execution_at: datetime | None
    notify: tuple[str, ...] = ()
    notify_on: tuple[str, ...] = ("failed", "could_not")
    anchor_local: str | None = None


class RecurringTaskUpdated(Fact, frozen=True, kw_only=True):
    """A recurring task was edited; a new interval, start or zone brings a new anchor and next slot."""

    stored_name: ClassVar[str] = "recurring_task.update"
    recurring_task_id: str
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    interval_value: Count | UnsetType = UNSET
    interval_unit: str | UnsetType = UNSET
    starting: str | UnsetType | None = UNSET
    anchor: datetime | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    project_id: str | UnsetType | None = UNSET
    assignees: tuple[str, ...] | UnsetType = UNSET
    model: str | UnsetType | None = UNSET
    missed: str | UnsetType = UNSET
    budget_per_day: Amount | UnsetType | None = UNSET
    time_limit: Amount | UnsetType = UNSET
    skip_unchanged: bool | UnsetType = UNSET
    next_execution_at: datetime | UnsetType | None = UNSET
    notify: tuple[str, ...] | UnsetType = UNSET
    notify_on: tuple[str, ...] | UnsetType = UNSET
    anchor_local: str | UnsetType | None = UNSET


class RecurringTaskReplanned(Fact, frozen=True, kw_only=True):
    """The rules of a zone have changed, and with them the instant of the next slot, at the same wall time."""

    stored_name: ClassVar[str] = "recurring_task.replan"
    recurring_task_id: str
    next_execution_at: datetime


class RecurringTaskEnabled(Fact, frozen=True, kw_only=True):
    """A recurring task was switched on and goes on with the next point of its grid."""

    stored_name: ClassVar[str] = "recurring_task.enable"
    recurring_task_id: str
    next_execution_at: datetime


class RecurringTaskDisabled(Fact, frozen=True, kw_only=True):
    """A recurring task was switched off, by a person or for a reason."""

    stored_name: ClassVar[str] = "recurring_task.disable"
    recurring_task_id: str
    reason: str | None = None


class RecurringTaskDeleted(Fact, frozen=True, kw_only=True):
    """A recurring task was removed; its executions stay."""

    stored_name: ClassVar[str] = "recurring_task.delete"
    recurring_task_id: str


class ExecutionRequested(Fact, frozen=True, kw_only=True):
    """Someone asked to run a recurring task now."""

    stored_name: ClassVar[str] = "recurring_task.execute"
    recurring_task_id: str
    execution_id: str


class Limits(Struct, frozen=True, kw_only=True):
    """What an execution may use; reaching one of them fails it with that limit's name.

    ``time`` is in seconds of working time. ``tokens`` counts input and output together.
    """

    turns: Count = 12
    calls: Count = 30
    changes: Count = 20
    tokens: Count = 400_000
    time: Amount = 300.0


class ExecutionStarted(Fact, frozen=True, kw_only=True):
    """An execution began, with everything frozen that its conversation depends on.

    ``scheduled_for`` is the newest slot that it settles, ``first_slot`` the oldest, ``slots`` their
    number; a manual one settles none. The hashes name bodies.
    """

    stored_name: ClassVar[str] = "task_execution.start"
    execution_id: str
    recurring_task_id: str
    trigger: str
    scheduled_for: datetime | None
    first_slot: datetime | None
    slots: Count
    next_execution_at: datetime | None
    project_id: str | None
    provider: str
    provider_kind: str
    model: str | None
    system: str
    tools: str
    first_message: str
    limits: Limits


class SettlementCorrected(Fact, frozen=True, kw_only=True):
    """A clock that was ahead had settled slots of the future: those after ``until`` are to be settled again.

    ``claimed`` is the newest slot that the execution had settled until now, ``scheduled_for`` the newest that stays
    settled by it, and ``slots`` the number of those; None and 0 if it is none.
    """

    stored_name: ClassVar[str] = "task_execution.correct"
    execution_id: str
    recurring_task_id: str
    until: datetime
    claimed: datetime
    scheduled_for: datetime | None
    slots: Count


class ModelAnswered(Fact, frozen=True, kw_only=True):
    """The model gave an answer; its message is a body.

    ``estimated``: the service did not say all that was used, and what it left out is estimated.
    """

    stored_name: ClassVar[str] = "task_execution.answer"
    stored_version: ClassVar[int] = 2
    execution_id: str
    epoch: Count
    step: Count
    body: str
    stop_reason: str
    request_id: str | None
    input_tokens: Count
    output_tokens: Count
    cache_read_tokens: Count
    cache_write_tokens: Count
    cost_usd: Amount | None
    estimated: bool = False


class ToolCalled(Fact, frozen=True, kw_only=True):
    """A tool was called, its effect and this in one transaction; its result is a body."""

    stored_name: ClassVar[str] = "task_execution.call"
    stored_version: ClassVar[int] = 2
    execution_id: str
    epoch: Count
    step: Count
    tool: str
    tool_use_id: str
    body: str
    is_error: bool
    changes: Count
    verdict: str | None = None
    summary: str | None = None


class AttemptFailed(Fact, frozen=True, kw_only=True):
    """A call of the model failed and is tried again after a wait in seconds."""

    stored_name: ClassVar[str] = "task_execution.retry"
    stored_version: ClassVar[int] = 2
    execution_id: str
    epoch: Count
    step: Count
    attempt: Count
    error: str
    wait: Amount


class ModelCharged(Fact, frozen=True, kw_only=True):
    """A call of the model that gave no answer took something all the same.

    ``estimated``: what it took is not known. Counted is what was reserved, if its worker was gone, else what came.
    """

    stored_name: ClassVar[str] = "task_execution.charge"
    stored_version: ClassVar[int] = 2
    execution_id: str
    epoch: Count
    cost_usd: Amount | None
    estimated: bool = False
    input_tokens: Count = 0
    output_tokens: Count = 0
    cache_read_tokens: Count = 0
    cache_write_tokens: Count = 0


class ExecutionResumed(Fact, frozen=True, kw_only=True):
    """An execution whose lease had passed was taken over; ``epoch`` is the new holder's.

    ``idle`` is for how many seconds nobody had held its lease: they do not count as working time.
    """

    stored_name: ClassVar[str] = "task_execution.resume"
    execution_id: str
    epoch: Count
    idle: float


class ExecutionCompleted(Fact, frozen=True, kw_only=True):
    """An execution came to its end; the verdict is the agent's own."""

    stored_name: ClassVar[str] = "task_execution.complete"
    execution_id: str
    recurring_task_id: str
    epoch: Count
    verdict: str | None
    output: str


class ExecutionFailed(Fact, frozen=True, kw_only=True):
    """An execution ended without having come to its end; ``reason`` is a stable word."""

    stored_name: ClassVar[str] = "task_execution.fail"
    execution_id: str
    recurring_task_id: str
    epoch: Count
    reason: str
    error: str
    output: str


class ExecutionCancelled(Fact, frozen=True, kw_only=True):
    """A person, or the deletion of its task, ended an execution."""

    stored_name: ClassVar[str] = "task_execution.cancel"
    execution_id: str
    recurring_task_id: str


class ExecutionSkipped(Fact, frozen=True, kw_only=True):
    """Slots were skipped, for a reason that is on record."""

    stored_name: ClassVar[str] = "task_execution.skip"
    execution_id: str
    recurring_task_id: str
    scheduled_for: datetime
    first_slot: datetime
    slots: Count
    next_execution_at: datetime | None
    project_id: str | None
    reason: str


class ConversationPruned(Fact, frozen=True, kw_only=True):
    """The bodies of an old execution's conversation were given up."""

    stored_name: ClassVar[str] = "task_execution.prune"
    execution_id: str
    steps: Count
