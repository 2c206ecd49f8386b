"""Commands on projects, contacts and documents."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from wsq.commands.common import at_version, cleaned, cleared, differing, existing, existing_store
from wsq.commands.recurring import disable_recurring_task
from wsq.errors import InvalidInput
from wsq.events import boards as e
from wsq.projections import Contact, Document, Project
from wsq.queries import boards as queries
from wsq.rules import values
from wsq.store.transaction import Transaction


def project(tx: Transaction, store_id: str, project_id: str) -> Project:
    """The store's project by its id."""
    return existing(tx, Project, "projects", store_id, project_id)


def contact(tx: Transaction, store_id: str, contact_id: str) -> Contact:
    """The store's contact by its id."""
    return existing(tx, Contact, "contacts", store_id, contact_id)


def document(tx: Transaction, store_id: str, document_id: str) -> Document:
    """The store's document by its id."""
    return existing(tx, Document, "documents", store_id, document_id)


# Projects


def create_project(tx: Transaction, store_id: str, name: str, *, description: str = "") -> Project:
    """Begin a project."""
    name, description = values.name(name), values.text(description, "description")
    existing_store(tx, store_id)
    project_id = tx.new_id()
    tx.record(store_id, e.ProjectCreated(project_id=project_id, name=name, description=description))
    return project(tx, store_id, project_id)


def update_project(
    tx: Transaction,
    store_id: str,
    project_id: str,
    *,
    name: Any = UNSET,
    description: Any = UNSET,
    expected_version: int | None = None,
) -> Project:
    """Change what is given."""
    row = project(tx, store_id, project_id)
    at_version(row, expected_version)
    changes = differing(
        row,
        {
            "name": cleaned(name, values.name),
            "description": cleared(description, "", values.text, "description"),
        },
    )
    if changes:
        tx.record(store_id, e.ProjectUpdated(project_id=project_id, **changes))
    return project(tx, store_id, project_id)


def archive_project(tx: Transaction, store_id: str, project_id: str) -> Project:
    """Put a project away; its recurring tasks are disabled with that reason."""
    row = project(tx, store_id, project_id)
    if row.archived_at is None:
        tx.record(store_id, e.ProjectArchived(project_id=project_id))
        reason = f"project {row.name!r} was archived"
        for task_id in queries.enabled_in_project(tx, store_id, project_id):
            disable_recurring_task(tx, store_id, task_id, reason=reason)
    return project(tx, store_id, project_id)


def unarchive_project(tx: Transaction, store_id: str, project_id: str) -> Project:
    """Take a project up again; recurring tasks stay disabled until someone enables them."""
    if project(tx, store_id, project_id).archived_at is not None:
        tx.record(store_id, e.ProjectUnarchived(project_id=project_id))
    return project(tx, store_id, project_id)


# Contacts


def create_contact(
    tx: Transaction,
    store_id: str,
    name: str,
    *,
    email: str | None = None,
    notes: str = "",
    project_id: str | None = None,
) -> Contact:
    """Note a person; an e-mail address belongs to one contact of a store, whatever its case."""
    name, notes = values.name(name), values.text(notes, "notes")
    address, folded = values.email(email) if email is not None else (None, None)
    existing_store(tx, store_id)
    projects = (project(tx, store_id, project_id).id,) if project_id is not None else ()
    _free(tx, store_id, address, folded)
    contact_id = tx.new_id()
    tx.record(
        store_id,
        e.ContactCreated(
            contact_id=contact_id,
            name=name,
            email=address,
            email_folded=folded,
            notes=notes,
            project_ids=projects,
        ),
    )
    return contact(tx, store_id, contact_id)


def update_contact(
    tx: Transaction,
    store_id: str,
    contact_id: str,
    *,
    name: Any = UNSET,
    email: Any = UNSET,
    notes: Any = UNSET,
    expected_version: int | None = None,
) -> Contact:
    """Change what is given; an e-mail of None clears it."""
    row = contact(tx, store_id, contact_id)
    at_version(row, expected_version)
    given: dict[str, Any] = {"name": cleaned(name, values.name), "notes": cleared(notes, "", values.text, "notes")}
    if email is not UNSET:
        given["email"], given["email_folded"] = values.email(email) if email is not None else (None, None)
        if given["email_folded"] != row.email_folded:
            _free(tx, store_id, given["email"], given["email_folded"])
    changes = differing(row, given)
    if changes:
        tx.record(store_id, e.ContactUpdated(contact_id=contact_id, **changes))
    return contact(tx, store_id, contact_id)


def delete_contact(tx: Transaction, store_id: str, contact_id: str) -> Contact:
    """Strike a person from the list; returns the last row."""
    row = contact(tx, store_id, contact_id)
    tx.record(store_id, e.ContactDeleted(contact_id=contact_id))
    return row


def add_contact_to_project(tx: Transaction, store_id: str, contact_id: str, project_id: str) -> Contact:
    """Link a person to a project; linking twice changes nothing."""
    row, to = contact(tx, store_id, contact_id), project(tx, store_id, project_id)
    if to.id not in row.project_ids:
        tx.record(store_id, e.ContactAddedToProject(contact_id=contact_id, project_id=project_id))
    return contact(tx, store_id, contact_id)


def remove_contact_from_project(tx: Transaction, store_id: str, contact_id: str, project_id: str) -> Contact:
    """Take a person's link to a project away; without one nothing changes."""
    row, former = contact(tx, store_id, contact_id), project(tx, store_id, project_id)
    if former.id in row.project_ids:
        tx.record(store_id, e.ContactRemovedFromProject(contact_id=contact_id, project_id=project_id))
    return contact(tx, store_id, contact_id)


def _free(tx: Transaction, store_id: str, address: str | None, folded: str | None) -> None:
    """Say whose an address is; the constraint in the database is what decides between two at once."""
    if folded is None:
        return
    if found := queries.contact_with_email(tx, store_id, folded):
        id_, name = found
        raise InvalidInput(f"{address} is the address of contact {name!r} ({id_}) already.")


# Documents


def create_document(
    tx: Transaction,
    store_id: str,
    title: str,
    content: str = "",
    *,
    project_id: str | None = None,
) -> Document:
    """Create a document."""
    title, content = values.name(title, "title"), values.content(content)
    existing_store(tx, store_id)
    projects = (project(tx, store_id, project_id).id,) if project_id is not None else ()
    document_id = tx.new_id()
    tx.record(
        store_id,
        e.DocumentCreated(
            document_id=document_id,
            title=title,
            content=content,
            project_ids=projects,
            execution_id=tx.execution_id,
        ),
    )
    return document(tx, store_id, document_id)


def update_document(
    tx: Transaction,
    store_id: str,
    document_id: str,
    *,
    title: Any = UNSET,
    content: Any = UNSET,
    expected_version: int | None = None,
) -> Document:
    """Change what is given."""
    row = document(tx, store_id, document_id)
    at_version(row, expected_version)
    changes = differing(
        row,
        {"title": cleaned(title, values.name, "title"), "content": cleared(content, "", values.content)},
    )
    if changes:
        tx.record(store_id, e.DocumentUpdated(document_id=document_id, **changes))
    return document(tx, store_id, document_id)


def archive_document(tx: Transaction, store_id: str, document_id: str) -> Document:
    """Put a document away."""
    if document(tx, store_id, document_id).archived_at is None:
        tx.record(store_id, e.DocumentArchived(document_id=document_id))
    return document(tx, store_id, document_id)


def unarchive_document(tx: Transaction, store_id: str, document_id: str) -> Document:
    """Take a document out again."""
    if document(tx, store_id, document_id).archived_at is not None:
        tx.record(store_id, e.DocumentUnarchived(document_id=document_id))
    return document(tx, store_id, document_id)


def add_document_to_project(tx: Transaction, store_id: str, document_id: str, project_id: str) -> Document:
    """Link a document to a project; linking twice changes nothing."""
    row, to = document(tx, store_id, document_id), project(tx, store_id, project_id)
    if to.id not in row.project_ids:
        tx.record(store_id, e.DocumentAddedToProject(document_id=document_id, project_id=project_id))
    return document(tx, store_id, document_id)


def remove_document_from_project(tx: Transaction, store_id: str, document_id: str, project_id: str) -> Document:
    """Take a document's link to a project away; without one nothing changes."""
    row, former = document(tx, store_id, document_id), project(tx, store_id, project_id)
    if former.id in row.project_ids:
        tx.record(store_id, e.DocumentRemovedFromProject(document_id=document_id, project_id=project_id))
    return document(tx, store_id, document_id)
