"""What happens to projects, contacts, documents and tasks."""

from __future__ import annotations

from typing import ClassVar

from msgspec import UNSET, UnsetType

from wsq.events.base import Count, Fact


class ProjectCreated(Fact, frozen=True, kw_only=True):
    """A project was begun."""

    stored_name: ClassVar[str] = "project.create"
    project_id: str
    name: str
    description: str


class ProjectUpdated(Fact, frozen=True, kw_only=True):
    """A project's name or description was changed."""

    stored_name: ClassVar[str] = "project.update"
    project_id: str
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class ProjectArchived(Fact, frozen=True, kw_only=True):
    """A project was put away."""

    stored_name: ClassVar[str] = "project.archive"
    project_id: str


class ProjectUnarchived(Fact, frozen=True, kw_only=True):
    """A project was taken up again."""

    stored_name: ClassVar[str] = "project.unarchive"
    project_id: str


class ContactCreated(Fact, frozen=True, kw_only=True):
    """A person was noted."""

    stored_name: ClassVar[str] = "contact.create"
    contact_id: str
    name: str
    email: str | None
    email_folded: str | None
    notes: str
    project_ids: tuple[str, ...]


class ContactUpdated(Fact, frozen=True, kw_only=True):
    """What is known of a person was changed."""

    stored_name: ClassVar[str] = "contact.update"
    contact_id: str
    name: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    email_folded: str | UnsetType | None = UNSET
    notes: str | UnsetType = UNSET


class ContactDeleted(Fact, frozen=True, kw_only=True):
    """A person was struck from the list."""

    stored_name: ClassVar[str] = "contact.delete"
    contact_id: str


class ContactForgotten(Fact, frozen=True, kw_only=True):
    """What the record held of a person gave way to a mark, in so many past events and whole conversations.

    The one change of what was written before; there is nothing of them left that could be brought back.
    """

    stored_name: ClassVar[str] = "contact.forget"
    contact_id: str
    events: Count
    conversations: Count


class ContactAddedToProject(Fact, frozen=True, kw_only=True):
    """A person was linked to a project."""

    stored_name: ClassVar[str] = "contact.add_to_project"
    contact_id: str
    project_id: str


class ContactRemovedFromProject(Fact, frozen=True, kw_only=True):
    """A person's link to a project was taken away."""

    stored_name: ClassVar[str] = "contact.remove_from_project"
    contact_id: str
    project_id: str


class DocumentCreated(Fact, frozen=True, kw_only=True):
    """A document was written."""

    stored_name: ClassVar[str] = "document.create"
    document_id: str
    title: str
    content: str
    project_ids: tuple[str, ...]
    execution_id: str | None = None


class DocumentUpdated(Fact, frozen=True, kw_only=True):
    """A document's title or content was changed."""

    stored_name: ClassVar[str] = "document.update"
    document_id: str
    title: str | UnsetType = UNSET
    content: str | UnsetType = UNSET


class DocumentArchived(Fact, frozen=True, kw_only=True):
    """A document was put away."""

    stored_name: ClassVar[str] = "document.archive"
    document_id: str


class DocumentUnarchived(Fact, frozen=True, kw_only=True):
    """A document was taken out again."""

    stored_name: ClassVar[str] = "document.unarchive"
    document_id: str


class DocumentForgotten(Fact, frozen=True, kw_only=True):
    """What the record held of a document gave way to a mark, in so many past events and whole conversations."""

    stored_name: ClassVar[str] = "document.forget"
    document_id: str
    events: Count
    conversations: Count


class DocumentAddedToProject(Fact, frozen=True, kw_only=True):
    """A document was linked to a project."""

    stored_name: ClassVar[str] = "document.add_to_project"
    document_id: str
    project_id: str


class DocumentRemovedFromProject(Fact, frozen=True, kw_only=True):
    """A document's link to a project was taken away."""

    stored_name: ClassVar[str] = "document.remove_from_project"
    document_id: str
    project_id: str


class TaskCreated(Fact, frozen=True, kw_only=True):
    """A task was put on the board, by a person or by an execution."""

    stored_name: ClassVar[str] = "task.create"
    task_id: str
    title: str
    description: str
    status: str
    rank: str
    assignees: tuple[str, ...]
    project_id: str | None = None
    execution_id: str | None = None


class TaskUpdated(Fact, frozen=True, kw_only=True):
    """A task's text or its assignees were changed."""

    stored_name: ClassVar[str] = "task.update"
    task_id: str
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    assignees: tuple[str, ...] | UnsetType = UNSET
    project_id: str | UnsetType | None = UNSET


class TaskMoved(Fact, frozen=True, kw_only=True):
    """A task was moved to another lane, another place or another project."""

    stored_name: ClassVar[str] = "task.move"
    task_id: str
    status: str | UnsetType = UNSET
    rank: str | UnsetType = UNSET
    project_id: str | UnsetType | None = UNSET


class TaskArchived(Fact, frozen=True, kw_only=True):
    """A task was taken off the board."""

    stored_name: ClassVar[str] = "task.archive"
    task_id: str


class TaskUnarchived(Fact, frozen=True, kw_only=True):
    """A task was put back at the end of its lane."""

    stored_name: ClassVar[str] = "task.unarchive"
    task_id: str
    rank: str
