# ruff: noqa: D102 - what the methods of a form do, `Form` says
"""The forms of the rows that people edit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import param

from wsq.api import Store
from wsq.projections.rows import Contact, Document, Project, Task
from wsq.rules import drafts, values
from wsq.views.dialogs.form import LONG, VERBATIM, Form, Refused
from wsq.views.dialogs.layout import Beside, Field, Item, Remark
from wsq.views.dialogs.recurring_form import RecurringTaskForm
from wsq.views.page import markdown
from wsq.vocabulary import LANE_LABELS, LANES

__all__ = ["FORMS", "ContactForm", "DocumentForm", "ProjectForm", "RecurringTaskForm", "Refused", "TaskForm"]


class TaskForm(Form):
    """A card on the board."""

    title = param.String(default="", doc="What it is called.")
    description = param.String(default="", doc="What is to be done.")
    assignees = param.List(default=[], item_type=str, doc="Who does it.")
    project_id = param.String(default=None, label="Project", allow_None=True, doc="The project that it belongs to.")
    status = param.Selector(
        default=LANES[0],
        objects={label: lane for lane, label in LANE_LABELS.items()},
        label="Lane",
        doc="The lane of the board.",
    )

    _what = "task"
    _archived = "This task is archived; it is not on the board."

    _meanings: ClassVar = {
        "title": lambda form: values.name(form.title, "Title"),
        "description": lambda form: values.text(form.description, "Description"),
        "assignees": lambda form: values.assignees(form.assignees, "Assignees"),
        "project_id": lambda form: form.project_id or None,
        "status": lambda form: form.status,
    }

    @classmethod
    def of(cls, row: Task) -> Self:
        return cls(
            title=row.title,
            description=row.description,
            assignees=list(row.assignees),
            project_id=row.project_id,
            status=row.status,
        )

    def layout(self, store: Store) -> Sequence[Item]:
        del store
        return (
            Field("title", attributes=LONG),
            Field("description", "multiline", attributes={"rows": "7"}),
            Beside((Field("status"), Field("project_id", "project"))),
            Field("assignees", hint="Names, comma-separated."),
        )

    @classmethod
    def row(cls, store: Store, row_id: str) -> Task:
        return store.task(row_id)

    def _create(self, store: Store, meant: dict[str, Any]) -> Task:
        return store.create_task(meant.pop("title"), **meant)

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Task:
        lane = meant.pop("status", None)
        saved = store.update_task(row_id, expected_version=version, **meant)
        return store.move_task(row_id, status=lane) if lane is not None else saved


class ProjectForm(Form):
    """A project."""

    name = param.String(default="", label="Name", constant=False, doc="What it is called.")
    description = param.String(default="", doc="What it is for.")

    _what = "project"
    _archived = "This project is archived: the agent does not see it."

    _meanings: ClassVar = {
        "name": lambda form: values.name(form.name, "Name"),
        "description": lambda form: values.text(form.description, "Description"),
    }

    @classmethod
    def of(cls, row: Project) -> Self:
        return cls(name=row.name, description=row.description)

    def layout(self, store: Store) -> Sequence[Item]:
        del store
        hint = "What it is for. The agent gets it in every run of the project."
        return (Field("name", attributes=LONG), Field("description", "multiline", hint, {"rows": "8"}))

    @classmethod
    def row(cls, store: Store, row_id: str) -> Project:
        return store.project(row_id)

    def _create(self, store: Store, meant: dict[str, Any]) -> Project:
        return store.create_project(meant["name"], description=meant["description"])

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Project:
        return store.update_project(row_id, expected_version=version, **meant)


def _address(form: ContactForm) -> str | None:
    text = form.email.strip()
    return values.email(text, "E-mail")[0] if text else None


class ContactForm(Form):
    """A person, and the projects that they belong to."""

    name = param.String(default="", label="Name", constant=False, doc="What they are called.")
    email = param.String(default="", label="E-mail", doc="Their address; nothing when it is not known.")
    notes = param.String(default="", doc="What there is to know of them.")
    project_ids = param.List(default=[], label="Projects", item_type=str, doc="Their projects.")

    _what = "contact"

    _meanings: ClassVar = {
        "name": lambda form: values.name(form.name, "Name"),
        "email": _address,
        "notes": lambda form: values.text(form.notes, "Notes"),
        "project_ids": lambda form: tuple(dict.fromkeys(form.project_ids)),
    }

    @classmethod
    def of(cls, row: Contact) -> Self:
        return cls(name=row.name, email=row.email or "", notes=row.notes, project_ids=list(row.project_ids))

    def layout(self, store: Store) -> Sequence[Item]:
        del store
        address = LONG | VERBATIM | {"inputmode": "email"}
        return (
            Beside((Field("name", attributes=LONG), Field("email", attributes=address))),
            Field("notes", "multiline", "What there is to know of them; the agent reads this.", {"rows": "6"}),
            Field("project_ids", "projects", "In a project, the agent sees only its contacts."),
        )

    @classmethod
    def row(cls, store: Store, row_id: str) -> Contact:
        return store.contact(row_id)

    def _create(self, store: Store, meant: dict[str, Any]) -> Contact:
        first, *rest = meant["project_ids"] or (None,)
        made = store.create_contact(meant["name"], email=meant["email"], notes=meant["notes"], project_id=first)
        for project_id in rest:
            made = store.add_contact_to_project(made.id, project_id)
        return made

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Contact:
        linked = meant.pop("project_ids", None)
        row = store.update_contact(row_id, expected_version=version, **meant)
        for project_id, add in _relinked(row.project_ids, linked):
            change = store.add_contact_to_project if add else store.remove_contact_from_project
            row = change(row_id, project_id)
        return row


class DocumentForm(Form):
    """A document, and the projects that it belongs to."""

    title = param.String(default="", doc="What it is called.")
    content = param.String(default="", label="Text", doc="Its text, in Markdown.")
    project_ids = param.List(default=[], label="Projects", item_type=str, doc="Its projects.")

    _what = "document"
    _css = "document-form"
    _head = (Remark("mail_link"),)
    _archived = "This document is archived: the agent does not see it."

    _meanings: ClassVar = {
        "title": lambda form: values.name(form.title, "Title"),
        "content": lambda form: values.content(form.content, "Text"),
        "project_ids": lambda form: tuple(dict.fromkeys(form.project_ids)),
    }

    def remarks(self, store: Store, row_id: str | None) -> dict[str, Any]:
        """The link that opens the draft of an e-mail in a mail program; None of any other document."""
        del store, row_id
        return {"mailto": drafts.mailto(self.content) if drafts.is_draft(self.title) else None}

    @classmethod
    def of(cls, row: Document) -> Self:
        return cls(title=row.title, content=row.content, project_ids=list(row.project_ids))

    def layout(self, store: Store) -> Sequence[Item]:
        del store
        hint = "Markdown; the agent reads it as it is written here."
        return (
            Field("title", attributes=LONG),
            Field("content", "markdown", hint, {"rows": "18"}, more={"limit": markdown.LIMIT}),
            Field("project_ids", "projects", "In a project, the agent sees only its documents."),
        )

    @classmethod
    def row(cls, store: Store, row_id: str) -> Document:
        return store.document(row_id)

    def _create(self, store: Store, meant: dict[str, Any]) -> Document:
        first, *rest = meant["project_ids"] or (None,)
        made = store.create_document(meant["title"], meant["content"], project_id=first)
        for project_id in rest:
            made = store.add_document_to_project(made.id, project_id)
        return made

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Document:
        linked = meant.pop("project_ids", None)
        row = store.update_document(row_id, expected_version=version, **meant)
        for project_id, add in _relinked(row.project_ids, linked):
            change = store.add_document_to_project if add else store.remove_document_from_project
            row = change(row_id, project_id)
        return row


def _relinked(before: Iterable[str], after: Iterable[str] | None) -> list[tuple[str, bool]]:
    """Which links to projects are to be taken away (False) and which to be made (True)."""
    if after is None:
        return []
    old, new = set(before), list(after)
    return [(each, False) for each in sorted(old - set(new))] + [(each, True) for each in new if each not in old]


FORMS: Mapping[str, type[Form]] = {
    "recurring_task": RecurringTaskForm,
    "task": TaskForm,
    "project": ProjectForm,
    "contact": ContactForm,
    "document": DocumentForm,
}
"""Every form by the kind of row that it edits."""
