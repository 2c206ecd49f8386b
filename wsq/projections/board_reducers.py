"""What events make of the workspace, its stores, and their projects, contacts, documents and tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

from wsq.events import boards as b
from wsq.events import stores as s
from wsq.events.base import Fact, Recorded
from wsq.projections.reducing import RULES, archives, changes, creates, deletes, edits, field, fields, links, on, store
from wsq.projections.rows import Contact, Document, Execution, Project, StoreRow, Task, WorkspaceRow

# Workspace and stores

RULES[s.SessionEnded] = []  # no row: the login of the pages reads the log itself
RULES[s.WorkspaceRepaired] = []  # for the record: it changes nothing that the log says


def _whole(kind: type[Fact], of: Callable[[Any], dict[str, Any]]) -> None:
    """An event that changes the workspace's row as `of` says; the first one makes it."""

    @on(kind, "workspace", store)
    def changed_so(row: WorkspaceRow | None, fact: Any, event: Recorded) -> WorkspaceRow:
        return structs.replace(row or WorkspaceRow(id=event.store_id), **of(fact))


def _pause(fact: s.StorePaused | s.WorkspacePaused) -> dict[str, Any]:
    return {"paused_at": fact.since, "paused_until": fact.until, "paused_reason": fact.reason}


_NO_PAUSE: dict[str, Any] = {"paused_at": None, "paused_until": None, "paused_reason": None}

_whole(s.WorkspaceMarkedAsDemo, lambda _fact: {"demo": True})
_whole(s.ModelFirstUsed, lambda fact: {"model_provider": fact.provider})
_whole(s.WorkspacePaused, _pause)
_whole(s.WorkspaceResumed, lambda _fact: _NO_PAUSE)


@on(s.StoreCreated, "stores", store)
def _store_created(_row: None, fact: s.StoreCreated, event: Recorded) -> StoreRow:
    return StoreRow(id=event.store_id, **fields(fact), created_at=event.recorded_at, updated_at=event.recorded_at)


changes(s.StoreUpdated, "stores", store, lambda fact, _event: fields(fact))
changes(s.StoreArchived, "stores", store, lambda _fact, event: {"archived_at": event.recorded_at})
changes(s.StoreUnarchived, "stores", store, lambda _fact, _event: {"archived_at": None})
changes(s.StorePaused, "stores", store, lambda fact, _event: _pause(fact))
changes(s.StoreResumed, "stores", store, lambda _fact, _event: _NO_PAUSE)


# Projects, contacts, documents, tasks


@on(b.TaskCreated, "tasks", field("task_id"))
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


@on(b.TaskCreated, "task_executions", field("execution_id"))
def _task_made_by(row: Execution | None, fact: b.TaskCreated, _event: Recorded) -> Execution | None:
    return row and structs.replace(row, created_task_ids=(*row.created_task_ids, fact.task_id))


creates(b.ProjectCreated, "projects", Project, "project_id")
edits(b.ProjectUpdated, "projects", "project_id")
archives(b.ProjectArchived, "projects", "project_id", archived=True)
archives(b.ProjectUnarchived, "projects", "project_id", archived=False)
creates(b.ContactCreated, "contacts", Contact, "contact_id")
edits(b.ContactUpdated, "contacts", "contact_id")
links(b.ContactAddedToProject, "contacts", "contact_id", linked=True)
links(b.ContactRemovedFromProject, "contacts", "contact_id", linked=False)
deletes(b.ContactDeleted, "contacts", "contact_id")
deletes(b.ContactForgotten, "contacts", "contact_id")
creates(b.DocumentCreated, "documents", Document, "document_id", execution_id="created_by_execution_id")
edits(b.DocumentUpdated, "documents", "document_id")
archives(b.DocumentArchived, "documents", "document_id", archived=True)
archives(b.DocumentUnarchived, "documents", "document_id", archived=False)
links(b.DocumentAddedToProject, "documents", "document_id", linked=True)
links(b.DocumentRemovedFromProject, "documents", "document_id", linked=False)
deletes(b.DocumentForgotten, "documents", "document_id")
edits(b.TaskUpdated, "tasks", "task_id")
edits(b.TaskMoved, "tasks", "task_id")
archives(b.TaskArchived, "tasks", "task_id", archived=True)
archives(b.TaskUnarchived, "tasks", "task_id", archived=False)
