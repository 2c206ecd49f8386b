"""What events make of the workspace, its stores, and their projects, contacts, documents and tasks."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from wsq.events import boards as b
from wsq.events import stores as s
from wsq.events.base import Recorded
from wsq.projections.reducing import RULES, archives, changed, edits, field, fields, links, on, store
from wsq.projections.rows import (
    Contact,
    Document,
    Execution,
    Project,
    Row,
    StoreRow,
    Task,
    WorkspaceRow,
)

# Workspace and stores

RULES[s.SessionEnded] = []  # no row: the door of the pages reads the log itself
RULES[s.WorkspaceRepaired] = []  # for the record: it changes nothing that the log says


@on(s.WorkspaceMarkedAsDemo, "workspace", store)
def _workspace_marked(row: WorkspaceRow | None, _fact: Any, event: Recorded) -> WorkspaceRow:
    return structs.replace(row or WorkspaceRow(id=event.store_id), demo=True)


@on(s.ModelFirstUsed, "workspace", store)
def _model_used(row: WorkspaceRow | None, fact: s.ModelFirstUsed, event: Recorded) -> WorkspaceRow:
    return structs.replace(row or WorkspaceRow(id=event.store_id), model_provider=fact.provider)


@on(s.WorkspacePaused, "workspace", store)
def _workspace_paused(row: WorkspaceRow | None, fact: s.WorkspacePaused, event: Recorded) -> WorkspaceRow:
    return structs.replace(row or WorkspaceRow(id=event.store_id), **_pause(fact))


@on(s.WorkspaceResumed, "workspace", store)
def _workspace_resumed(row: WorkspaceRow | None, _fact: Any, event: Recorded) -> WorkspaceRow:
    return structs.replace(row or WorkspaceRow(id=event.store_id), **_NO_PAUSE)


def _pause(fact: s.StorePaused | s.WorkspacePaused) -> dict[str, Any]:
    return {"paused_at": fact.since, "paused_until": fact.until, "paused_reason": fact.reason}


_NO_PAUSE: dict[str, Any] = {"paused_at": None, "paused_until": None, "paused_reason": None}


@on(s.StoreCreated, "stores", store)
def _store_created(_row: None, fact: s.StoreCreated, event: Recorded) -> StoreRow:
    return StoreRow(id=event.store_id, **fields(fact), created_at=event.recorded_at, updated_at=event.recorded_at)


@on(s.StoreUpdated, "stores", store)
def _store_updated(row: StoreRow | None, fact: s.StoreUpdated, event: Recorded) -> StoreRow | None:
    return changed(row, event, **fields(fact))


@on(s.StoreArchived, "stores", store)
def _store_archived(row: StoreRow | None, _fact: Any, event: Recorded) -> StoreRow | None:
    return changed(row, event, archived_at=event.recorded_at)


@on(s.StorePaused, "stores", store)
def _store_paused(row: StoreRow | None, fact: s.StorePaused, event: Recorded) -> StoreRow | None:
    return changed(row, event, **_pause(fact))


@on(s.StoreResumed, "stores", store)
def _store_resumed(row: StoreRow | None, _fact: Any, event: Recorded) -> StoreRow | None:
    return changed(row, event, **_NO_PAUSE)


# Projects, contacts, documents, tasks


@on(b.ProjectCreated, "projects", field("project_id"))
def _project_created(_row: None, fact: b.ProjectCreated, event: Recorded) -> Project:
    return Project(
        id=fact.project_id,
        store_id=event.store_id,
        name=fact.name,
        description=fact.description,
        created_at=event.recorded_at,
        updated_at=event.recorded_at,
    )


@on(b.ContactCreated, "contacts", field("contact_id"))
def _contact_created(_row: None, fact: b.ContactCreated, event: Recorded) -> Contact:
    return Contact(
        id=fact.contact_id,
        store_id=event.store_id,
        **fields(fact, "contact_id"),
        created_at=event.recorded_at,
        updated_at=event.recorded_at,
    )


@on(b.DocumentCreated, "documents", field("document_id"))
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


edits(b.ProjectUpdated, "projects", "project_id")
archives(b.ProjectArchived, "projects", "project_id", archived=True)
archives(b.ProjectUnarchived, "projects", "project_id", archived=False)
edits(b.ContactUpdated, "contacts", "contact_id")
links(b.ContactAddedToProject, "contacts", "contact_id", linked=True)
links(b.ContactRemovedFromProject, "contacts", "contact_id", linked=False)
edits(b.DocumentUpdated, "documents", "document_id")
archives(b.DocumentArchived, "documents", "document_id", archived=True)
archives(b.DocumentUnarchived, "documents", "document_id", archived=False)
links(b.DocumentAddedToProject, "documents", "document_id", linked=True)
links(b.DocumentRemovedFromProject, "documents", "document_id", linked=False)
edits(b.TaskUpdated, "tasks", "task_id")
edits(b.TaskMoved, "tasks", "task_id")
archives(b.TaskArchived, "tasks", "task_id", archived=True)
archives(b.TaskUnarchived, "tasks", "task_id", archived=False)


@on(b.ContactForgotten, "contacts", field("contact_id"))
@on(b.DocumentForgotten, "documents", field("document_id"))
def _forgotten(_row: Row | None, _fact: Any, _event: Recorded) -> None:
    return None


@on(b.ContactDeleted, "contacts", field("contact_id"))
def _contact_deleted(_row: Contact | None, _fact: Any, _event: Recorded) -> None:
    return None
