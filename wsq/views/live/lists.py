"""The lists of the library: projects, contacts and documents, and archiving that can be undone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from wsq.api import Store
from wsq.projections.display import one_line
from wsq.projections.rows import Contact, Project, RecurringTask
from wsq.queries.boards import DocumentLine, ProjectCounts
from wsq.rules import drafts
from wsq.views.page.cards import Card, instant, shortened

TEXT_SHOWN = 300
"""Maximum characters of a description or of notes in a list."""


def lists(store: Store, *, include_archived: bool, known: str) -> dict[str, Any]:
    """Return the three lists with a `mark` of their content; only the mark if that is `known`.

    A store that does not exist yet has empty lists: its first command creates it.
    """
    made = _lists(store, include_archived)
    mark = hashlib.sha256(msgspec.json.encode(made)).hexdigest()
    return {"mark": mark} if mark == known else made | {"mark": mark}


def archive_project(store: Store, project_id: str) -> tuple[Project, list[str]]:
    """Archive a project; return it with the ids of the recurring tasks that this disabled."""
    enabled = {task.id for task in _tasks_of(store, project_id) if task.enabled}
    row = store.archive_project(project_id)
    return row, [task.id for task in _tasks_of(store, project_id) if task.id in enabled and not task.enabled]


def restore_project(store: Store, project_id: str, enable: Iterable[str]) -> Project:
    """Unarchive a project, and enable those of the recurring tasks that are still in it and disabled."""
    row = store.unarchive_project(project_id)
    wanted = set(enable)
    for task in _tasks_of(store, project_id):
        if task.id in wanted and not task.enabled:
            store.enable_recurring_task(task.id)
    return row


def _tasks_of(store: Store, project_id: str) -> list[RecurringTask]:
    return [task for task in store.recurring_tasks() if task.project_id == project_id]


def _lists(store: Store, include_archived: bool) -> dict[str, list[Card]]:  # noqa: FBT001 - private
    counts = store.project_counts()
    projects = store.projects(include_archived=include_archived)
    return {
        "projects": [_project(each, counts.get(each.id, ProjectCounts())) for each in projects],
        "contacts": [_contact(each) for each in store.contacts()],
        "documents": [_document(each) for each in store.document_lines(include_archived=include_archived)],
    }


def _project(row: Project, counts: ProjectCounts) -> Card:
    return {
        "id": row.id,
        "version": row.version,
        "name": one_line(row.name),
        "text": shortened(row.description, TEXT_SHOWN),
        "counts": msgspec.structs.asdict(counts),
        "archived": row.archived_at is not None,
    }


def _contact(row: Contact) -> Card:
    return {
        "id": row.id,
        "version": row.version,
        "name": one_line(row.name),
        "email": row.email,
        "text": shortened(row.notes, TEXT_SHOWN),
        "projects": list(row.project_ids),
    }


def _document(row: DocumentLine) -> Card:
    beginning = row.beginning
    if row.length > len(beginning):
        beginning = shortened(beginning, len(beginning) - 1)
    return {
        "id": row.id,
        "version": row.version,
        "name": one_line(row.title),
        "text": beginning,
        "length": row.length,
        "changed": instant(row.updated_at),
        "projects": list(row.project_ids),
        "draft": drafts.is_draft(row.title),
        "by_agent": row.created_by_execution_id is not None,
        "archived": row.archived_at is not None,
    }
