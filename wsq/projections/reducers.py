"""An event and a row go in, the row as it then is comes out.

`keys` names the rows that an event touches; `reduce` says what becomes of each. Both depend on nothing
but their arguments, so live writing, rebuilding and looking back are one mechanism.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, structs
from msgspec.structs import force_setattr

from wsq.events import boards as b
from wsq.events import recurring as r
from wsq.events import stores as s
from wsq.events.base import Fact, Recorded
from wsq.projections.rows import (
    Claim,
    Contact,
    Document,
    Execution,
    Project,
    RecurringTask,
    Row,
    Running,
    Step,
    StoreRow,
    Task,
    WorkspaceRow,
)
from wsq.vocabulary import UNIT_MINUTES

Key = tuple[Any, ...]
Address = tuple[str, Key]
"""A table's name and a row's key in it."""

Reducer = Callable[[Any, Any, Recorded], Row | None]
Locator = Callable[[Any, Recorded], Key]

R = TypeVar("R", bound=Row)

_rules: dict[type[Fact], list[tuple[str, Locator, Reducer]]] = {}


def rules_of(kind: type[Fact]) -> list[tuple[str, Locator, Reducer]]:
    """Which tables a kind of event touches, how the row is found, and the reducer: for folding many events."""
    return _rules[kind]


def keys(event: Recorded) -> tuple[Address, ...]:
    """The rows that `event` touches, in the order in which they are to be reduced."""
    addresses = [(table, locate(event.fact, event)) for table, locate, _ in _rules[type(event.fact)]]
    if type(event.fact) is r.ConversationPruned:
        addresses += pruned_steps(event.fact)
    return tuple(address for address in addresses if address[1][0] is not None)


def pruned_steps(fact: r.ConversationPruned) -> list[Address]:
    """The rows that go when a conversation is pruned; there are as many as it had steps."""
    return [("execution_steps", (fact.execution_id, n)) for n in range(1, fact.steps + 1)]


def reduce(table: str, row: Row | None, event: Recorded) -> Row | None:
    """What `event` makes of the `table`'s `row`: the row as it then is, None for gone or never there."""
    for name, _, rule in _rules[type(event.fact)]:
        if name == table:
            return rule(row, event.fact, event)
    return None


def _on(kind: type[Fact], table: str, locate: Locator) -> Callable[[Reducer], Reducer]:
    def note(rule: Reducer) -> Reducer:
        _rules.setdefault(kind, []).append((table, locate, rule))
        return rule

    return note


def _field(name: str) -> Locator:
    return lambda fact, _event: (getattr(fact, name),)


def _store(_fact: Any, event: Recorded) -> Key:
    return (event.store_id,)


def _changed(row: R | None, event: Recorded, **changes: Any) -> R | None:
    """The row with what is not UNSET replaced, one version on; None stays None."""
    if row is None:
        return None
    given = {name: value for name, value in changes.items() if value is not UNSET}
    version = row.version + 1  # type: ignore[attr-defined]  # every row that is edited has one
    return structs.replace(row, **given, updated_at=event.recorded_at, version=version)


def _fields(fact: Fact, *without: str) -> dict[str, Any]:
    names, values_of = _taking(type(fact), without)
    return dict(zip(names, values_of(fact), strict=True))


@cache
def _taking(kind: type[Fact], without: tuple[str, ...]) -> tuple[tuple[str, ...], Callable[[Fact], tuple[Any, ...]]]:
    """The names of a fact's fields, and what takes all of them at once."""
    names = _names(kind, without)
    return names, attrgetter(*names) if len(names) > 1 else lambda fact: tuple(getattr(fact, name) for name in names)


@cache
def _names(kind: type[Fact], without: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name not in without)


# Workspace and stores

_rules[s.SessionEnded] = []  # no row: the door of the pages reads the log itself


@_on(s.WorkspaceMarkedAsDemo, "workspace", _store)
def _workspace_marked(row: WorkspaceRow | None, _fact: Any, event: Recorded) -> WorkspaceRow:
    return structs.replace(row or WorkspaceRow(id=event.store_id), demo=True)


@_on(s.ModelFirstUsed, "workspace", _store)
def _model_used(row: WorkspaceRow | None, fact: s.ModelFirstUsed, event: Recorded) -> WorkspaceRow:
    return structs.replace(row or WorkspaceRow(id=event.store_id), model_provider=fact.provider)


@_on(s.WorkspacePaused, "workspace", _store)
def _workspace_paused(row: WorkspaceRow | None, fact: s.WorkspacePaused, event: Recorded) -> WorkspaceRow:
    return structs.replace(row or WorkspaceRow(id=event.store_id), **_pause(fact))


@_on(s.WorkspaceResumed, "workspace", _store)
def _workspace_resumed(row: WorkspaceRow | None, _fact: Any, event: Recorded) -> WorkspaceRow:
    return structs.replace(row or WorkspaceRow(id=event.store_id), **_NO_PAUSE)


def _pause(fact: s.StorePaused | s.WorkspacePaused) -> dict[str, Any]:
    return {"paused_at": fact.since, "paused_until": fact.until, "paused_reason": fact.reason}


_NO_PAUSE: dict[str, Any] = {"paused_at": None, "paused_until": None, "paused_reason": None}


@_on(s.StoreCreated, "stores", _store)
def _store_created(_row: None, fact: s.StoreCreated, event: Recorded) -> StoreRow:
    return StoreRow(id=event.store_id, **_fields(fact), created_at=event.recorded_at, updated_at=event.recorded_at)


@_on(s.StoreUpdated, "stores", _store)
def _store_updated(row: StoreRow | None, fact: s.StoreUpdated, event: Recorded) -> StoreRow | None:
    return _changed(row, event, **_fields(fact))


@_on(s.StoreArchived, "stores", _store)
def _store_archived(row: StoreRow | None, _fact: Any, event: Recorded) -> StoreRow | None:
    return _changed(row, event, archived_at=event.recorded_at)


@_on(s.StorePaused, "stores", _store)
def _store_paused(row: StoreRow | None, fact: s.StorePaused, event: Recorded) -> StoreRow | None:
    return _changed(row, event, **_pause(fact))


@_on(s.StoreResumed, "stores", _store)
def _store_resumed(row: StoreRow | None, _fact: Any, event: Recorded) -> StoreRow | None:
    return _changed(row, event, **_NO_PAUSE)


# Projects, contacts, documents, tasks


@_on(b.ProjectCreated, "projects", _field("project_id"))
def _project_created(_row: None, fact: b.ProjectCreated, event: Recorded) -> Project:
    return Project(
        id=fact.project_id,
        store_id=event.store_id,
        name=fact.name,
        description=fact.description,
        created_at=event.recorded_at,
        updated_at=event.recorded_at,
    )


@_on(b.ContactCreated, "contacts", _field("contact_id"))
def _contact_created(_row: None, fact: b.ContactCreated, event: Recorded) -> Contact:
    return Contact(
        id=fact.contact_id,
        store_id=event.store_id,
        **_fields(fact, "contact_id"),
        created_at=event.recorded_at,
        updated_at=event.recorded_at,
    )


@_on(b.DocumentCreated, "documents", _field("document_id"))
def _document_created(_row: None, fact: b.DocumentCreated, event: Recorded) -> Document:
    return Document(
        id=fact.document_id,
        store_id=event.store_id,
        title=fact.title,
        content=fact.content,
        project_ids=fact.project_ids,
        created_at=event.recorded_at,
        updated_at=event.recorded_at,
        created_by_execution_id=fact.execution_id,
    )


@_on(b.TaskCreated, "tasks", _field("task_id"))
def _task_created(_row: None, fact: b.TaskCreated, event: Recorded) -> Task:
    return Task(
        id=fact.task_id,
        store_id=event.store_id,
        project_id=fact.project_id,
        title=fact.title,
        description=fact.description,
        status=fact.status,
        rank=fact.rank,
        assignees=fact.assignees,
        created_at=event.recorded_at,
        updated_at=event.recorded_at,
        created_by_execution_id=fact.execution_id,
    )


@_on(b.TaskCreated, "task_executions", _field("execution_id"))
def _task_made_by(row: Execution | None, fact: b.TaskCreated, _event: Recorded) -> Execution | None:
    return row and structs.replace(row, created_task_ids=(*row.created_task_ids, fact.task_id))


def _edits(kind: type[Fact], table: str, id_field: str) -> None:
    """An event whose set fields replace the row's.

    Most events are such: the copy is changed before anybody sees it, at three quarters of what
    `replace` costs.
    """
    names = _names(kind, (id_field,))

    @_on(kind, table, _field(id_field))
    def edited(row: Any, fact: Fact, event: Recorded) -> Row | None:
        if row is None:
            return None
        changed: Row = row.__copy__()
        force_setattr(changed, "updated_at", event.recorded_at)
        force_setattr(changed, "version", row.version + 1)
        for name in names:
            if (value := getattr(fact, name)) is not UNSET:
                force_setattr(changed, name, value)
        return changed


def _archives(kind: type[Fact], table: str, id_field: str, *, archived: bool) -> None:
    """An event that puts a row away or takes it out again (with a new rank where it brings one)."""

    @_on(kind, table, _field(id_field))
    def put(row: Row | None, fact: Fact, event: Recorded) -> Row | None:
        at = event.recorded_at if archived else None
        return _changed(row, event, archived_at=at, **_fields(fact, id_field))


def _links(kind: type[Fact], table: str, id_field: str, *, linked: bool) -> None:
    """An event that ties a row to a project or unties it."""

    @_on(kind, table, _field(id_field))
    def tied(row: Contact | Document | None, fact: Any, event: Recorded) -> Row | None:
        if row is None:
            return None
        others = tuple(project for project in row.project_ids if project != fact.project_id)
        projects = (*others, fact.project_id) if linked else others
        return _changed(row, event, project_ids=projects)


_edits(b.ProjectUpdated, "projects", "project_id")
_archives(b.ProjectArchived, "projects", "project_id", archived=True)
_archives(b.ProjectUnarchived, "projects", "project_id", archived=False)
_edits(b.ContactUpdated, "contacts", "contact_id")
_links(b.ContactAddedToProject, "contacts", "contact_id", linked=True)
_links(b.ContactRemovedFromProject, "contacts", "contact_id", linked=False)
_edits(b.DocumentUpdated, "documents", "document_id")
_archives(b.DocumentArchived, "documents", "document_id", archived=True)
_archives(b.DocumentUnarchived, "documents", "document_id", archived=False)
_links(b.DocumentAddedToProject, "documents", "document_id", linked=True)
_links(b.DocumentRemovedFromProject, "documents", "document_id", linked=False)
_edits(b.TaskUpdated, "tasks", "task_id")
_edits(b.TaskMoved, "tasks", "task_id")
_archives(b.TaskArchived, "tasks", "task_id", archived=True)
_archives(b.TaskUnarchived, "tasks", "task_id", archived=False)


@_on(b.ContactForgotten, "contacts", _field("contact_id"))
@_on(b.DocumentForgotten, "documents", _field("document_id"))
def _forgotten(_row: Row | None, _fact: Any, _event: Recorded) -> None:
    return None


@_on(b.ContactDeleted, "contacts", _field("contact_id"))
def _contact_deleted(_row: Contact | None, _fact: Any, _event: Recorded) -> None:
    return None


# Recurring tasks

_HOURS = {unit: minutes / 60 for unit, minutes in UNIT_MINUTES.items()}


@_on(r.RecurringTaskCreated, "recurring_tasks", _field("recurring_task_id"))
def _recurring_created(_row: None, fact: r.RecurringTaskCreated, event: Recorded) -> RecurringTask:
    return RecurringTask(
        id=fact.recurring_task_id,
        store_id=event.store_id,
        **_fields(fact, "recurring_task_id", "time_limit"),
        time_limit=timedelta(seconds=fact.time_limit),
        interval_hours=fact.interval_value * _HOURS[fact.interval_unit],
        created_at=event.recorded_at,
        updated_at=event.recorded_at,
        seq=event.seq,
    )


@_on(r.RecurringTaskUpdated, "recurring_tasks", _field("recurring_task_id"))
def _recurring_updated(
    row: RecurringTask | None, fact: r.RecurringTaskUpdated, event: Recorded
) -> RecurringTask | None:
    if row is None:
        return None
    limit = fact.time_limit
    edited = _changed(
        row,
        event,
        **_fields(fact, "recurring_task_id", "time_limit"),
        time_limit=UNSET if limit is UNSET else timedelta(seconds=limit),
    )
    assert edited is not None
    return structs.replace(edited, interval_hours=edited.interval_value * _HOURS[edited.interval_unit])


@_on(r.RecurringTaskEnabled, "recurring_tasks", _field("recurring_task_id"))
def _recurring_enabled(
    row: RecurringTask | None, fact: r.RecurringTaskEnabled, event: Recorded
) -> RecurringTask | None:
    return _changed(
        row,
        event,
        enabled=True,
        disabled_reason=None,
        failures_in_row=0,
        next_execution_at=fact.next_execution_at,
    )


@_on(r.RecurringTaskDisabled, "recurring_tasks", _field("recurring_task_id"))
def _recurring_disabled(
    row: RecurringTask | None, fact: r.RecurringTaskDisabled, event: Recorded
) -> RecurringTask | None:
    return _changed(row, event, enabled=False, disabled_reason=fact.reason, next_execution_at=None)


@_on(r.RecurringTaskDeleted, "recurring_tasks", _field("recurring_task_id"))
def _recurring_deleted(_row: RecurringTask | None, _fact: Any, _event: Recorded) -> None:
    return None


_rules[r.ExecutionRequested] = []  # who asked, for the record: the start event that follows does the rest


# Executions: how they begin


@_on(r.ExecutionStarted, "task_executions", _field("execution_id"))
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


@_on(r.ExecutionStarted, "running_executions", _field("recurring_task_id"))
def _execution_runs(_row: None, fact: r.ExecutionStarted, event: Recorded) -> Running:
    return Running(recurring_task_id=fact.recurring_task_id, execution_id=fact.execution_id, store_id=event.store_id)


@_on(r.ExecutionStarted, "recurring_tasks", _field("recurring_task_id"))
def _task_begun(row: RecurringTask | None, fact: r.ExecutionStarted, event: Recorded) -> RecurringTask | None:
    if row is None:
        return None
    nxt = row.next_execution_at if fact.scheduled_for is None else fact.next_execution_at
    return structs.replace(row, last_executed_at=event.recorded_at, next_execution_at=nxt)


@_on(r.ExecutionSkipped, "task_executions", _field("execution_id"))
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


@_on(r.ExecutionSkipped, "recurring_tasks", _field("recurring_task_id"))
def _task_skipped(row: RecurringTask | None, fact: r.ExecutionSkipped, _event: Recorded) -> RecurringTask | None:
    return row and structs.replace(row, next_execution_at=fact.next_execution_at)


def _claims(kind: type[Fact]) -> None:
    def slot(fact: Any, event: Recorded) -> Key:
        if fact.scheduled_for is None:
            return (None,)
        return (fact.recurring_task_id, fact.scheduled_for, event.store_id)

    @_on(kind, "processed_task_executions", slot)
    def claimed(_row: None, fact: Any, event: Recorded) -> Claim:
        return Claim(
            task_id=fact.recurring_task_id,
            scheduled_time=fact.scheduled_for,
            store_id=event.store_id,
            processed_at=event.recorded_at,
        )


_claims(r.ExecutionStarted)
_claims(r.ExecutionSkipped)


# Executions: their steps


def _step(fact: Any, _event: Recorded) -> Key:
    return (fact.execution_id, fact.step)


@_on(r.ModelAnswered, "execution_steps", _step)
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
    )


@_on(r.ModelAnswered, "task_executions", _field("execution_id"))
def _answer_counted(row: Execution | None, fact: r.ModelAnswered, _event: Recorded) -> Execution | None:
    return row and _charged(row, fact, steps=fact.step, turns=row.turns + 1)


@_on(r.ModelCharged, "task_executions", _field("execution_id"))
def _charge_counted(row: Execution | None, fact: r.ModelCharged, _event: Recorded) -> Execution | None:
    return row and _charged(row, fact)


@_on(r.ToolCalled, "execution_steps", _step)
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


@_on(r.ToolCalled, "task_executions", _field("execution_id"))
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


@_on(r.AttemptFailed, "execution_steps", _step)
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


@_on(r.AttemptFailed, "task_executions", _field("execution_id"))
def _attempt_counted(row: Execution | None, fact: r.AttemptFailed, _event: Recorded) -> Execution | None:
    return row and structs.replace(row, steps=fact.step, attempts=fact.attempt)


@_on(r.ExecutionResumed, "task_executions", _field("execution_id"))
def _execution_resumed(row: Execution | None, fact: r.ExecutionResumed, _event: Recorded) -> Execution | None:
    return row and structs.replace(
        row,
        epoch=fact.epoch,
        takeovers=row.takeovers + 1,
        idle=row.idle + timedelta(seconds=fact.idle),
    )


# Executions: how they end


def _ended(row: Execution, event: Recorded, **changes: Any) -> Execution:
    return structs.replace(row, **changes, completed_at=event.recorded_at, duration=event.recorded_at - row.started_at)


@_on(r.ExecutionCompleted, "task_executions", _field("execution_id"))
def _completed(row: Execution | None, fact: r.ExecutionCompleted, event: Recorded) -> Execution | None:
    return row and _ended(row, event, status="completed", verdict=fact.verdict, output=fact.output)


@_on(r.ExecutionFailed, "task_executions", _field("execution_id"))
def _failed(row: Execution | None, fact: r.ExecutionFailed, event: Recorded) -> Execution | None:
    return row and _ended(row, event, status="failed", reason=fact.reason, error=fact.error, output=fact.output)


@_on(r.ExecutionCancelled, "task_executions", _field("execution_id"))
def _cancelled(row: Execution | None, _fact: Any, event: Recorded) -> Execution | None:
    return row and _ended(row, event, status="cancelled", reason="cancelled")


@_on(r.ExecutionCompleted, "recurring_tasks", _field("recurring_task_id"))
def _task_succeeded(row: RecurringTask | None, _fact: Any, _event: Recorded) -> RecurringTask | None:
    return row and structs.replace(row, failures_in_row=0)


@_on(r.ExecutionFailed, "recurring_tasks", _field("recurring_task_id"))
def _task_failed(row: RecurringTask | None, _fact: Any, _event: Recorded) -> RecurringTask | None:
    return row and structs.replace(row, failures_in_row=row.failures_in_row + 1)


def _frees(kind: type[Fact]) -> None:
    @_on(kind, "running_executions", _field("recurring_task_id"))
    def freed(_row: Running | None, _fact: Any, _event: Recorded) -> None:
        return None


_frees(r.ExecutionCompleted)
_frees(r.ExecutionFailed)
_frees(r.ExecutionCancelled)


@_on(r.ConversationPruned, "task_executions", _field("execution_id"))
def _pruned(row: Execution | None, _fact: Any, event: Recorded) -> Execution | None:
    return row and structs.replace(row, system=None, tools=None, first_message=None, pruned_at=event.recorded_at)
