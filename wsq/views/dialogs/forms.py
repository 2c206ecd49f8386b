# ruff: noqa: D102 - what the methods of a form do, `Form` says
"""The forms of the rows that people edit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import param

from wsq.api import Store
from wsq.projections.rows import Contact, Document, Project, Task
from wsq.rules import drafts, values
from wsq.views.dialogs.form import LONG, VERBATIM, Form, Refused
from wsq.views.dialogs.layout import Beside, Field, Remark
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

    _kind = "task"
    _archived = "This task is archived; it is not on the board."
    _layout = (
        Field("title", attributes=LONG),
        Field("description", "multiline", attributes={"rows": "7"}),
        Beside((Field("status"), Field("project_id", "project"))),
        Field("assignees", hint="Names, comma-separated."),
    )

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

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Any:
        lane = meant.pop("status", None)
        saved = super()._update(store, row_id, version, meant)
        return store.move_task(row_id, status=lane) if lane is not None else saved


class ProjectForm(Form):
    """A project."""

    name = param.String(default="", label="Name", constant=False, doc="What it is called.")
    description = param.String(default="", doc="What it is for.")

    _kind = "project"
    _archived = "This project is archived: the agent does not see it."
    _hint = "What it is for. The agent gets it in every run of the project."
    _layout = (Field("name", attributes=LONG), Field("description", "multiline", _hint, {"rows": "8"}))

    _meanings: ClassVar = {
        "name": lambda form: values.name(form.name, "Name"),
        "description": lambda form: values.text(form.description, "Description"),
    }

    @classmethod
    def of(cls, row: Project) -> Self:
        return cls(name=row.name, description=row.description)


class LinkedForm(Form):
    """The form of a row that belongs to any number of projects, its `project_ids`."""

    __abstract = True

    def _create(self, store: Store, meant: dict[str, Any]) -> Any:
        first, *rest = meant.pop("project_ids") or (None,)
        made = super()._create(store, meant | {"project_id": first})
        return self._linked(store, made, [(project_id, True) for project_id in rest])

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Any:
        linked = meant.pop("project_ids", None)
        row = super()._update(store, row_id, version, meant)
        return self._linked(store, row, _relinked(row.project_ids, linked))

    def _linked(self, store: Store, row: Any, links: Iterable[tuple[str, bool]]) -> Any:
        for project_id, add in links:
            change = f"add_{self._kind}_to_project" if add else f"remove_{self._kind}_from_project"
            row = getattr(store, change)(row.id, project_id)
        return row


def _address(form: ContactForm) -> str | None:
    text = form.email.strip()
    return values.email(text, "E-mail")[0] if text else None


class ContactForm(LinkedForm):
    """A person, and the projects that they belong to."""

    name = param.String(default="", label="Name", constant=False, doc="What they are called.")
    email = param.String(default="", label="E-mail", doc="Their address; nothing when it is not known.")
    notes = param.String(default="", doc="What there is to know of them.")
    project_ids = param.List(default=[], label="Projects", item_type=str, doc="Their projects.")

    _kind = "contact"
    _layout = (
        Beside((Field("name", attributes=LONG), Field("email", attributes=LONG | VERBATIM | {"inputmode": "email"}))),
        Field("notes", "multiline", "What there is to know of them; the agent reads this.", {"rows": "6"}),
        Field("project_ids", "projects", "In a project, the agent sees only its contacts."),
    )

    _meanings: ClassVar = {
        "name": lambda form: values.name(form.name, "Name"),
        "email": _address,
        "notes": lambda form: values.text(form.notes, "Notes"),
        "project_ids": lambda form: tuple(dict.fromkeys(form.project_ids)),
    }

    @classmethod
    def of(cls, row: Contact) -> Self:
        return cls(name=row.name, email=row.email or "", notes=row.notes, project_ids=list(row.project_ids))


class DocumentForm(LinkedForm):
    """A document, and the projects that it belongs to."""

    title = param.String(default="", doc="What it is called.")
    content = param.String(default="", label="Text", doc="Its text, in Markdown.")
    project_ids = param.List(default=[], label="Projects", item_type=str, doc="Its projects.")

    _kind = "document"
    _css = "document-form"
    _head = (Remark("mail_link"),)
    _archived = "This document is archived: the agent does not see it."
    _hint = "Markdown; the agent reads it as it is written here."
    _layout = (
        Field("title", attributes=LONG),
        Field("content", "markdown", _hint, {"rows": "18"}, more={"limit": markdown.LIMIT}),
        Field("project_ids", "projects", "In a project, the agent sees only its documents."),
    )

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
