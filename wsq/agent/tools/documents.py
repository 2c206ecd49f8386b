"""Tools for documents: reading them a part at a time, and writing them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from wsq.agent.tools.base import MOST_LISTED, Arguments, Nothing, Read, Scope, Tool
from wsq.commands import boards
from wsq.errors import InvalidInput, NotFound
from wsq.projections import Document
from wsq.queries import documents
from wsq.queries.documents import Found
from wsq.rules import naming, searching
from wsq.store.engine import ReadingCursor
from wsq.store.transaction import Transaction

PART = 8_000
"""Characters that one call of read_document returns."""

FOUND = 20
"""Documents that a search returns."""

AROUND = 150
"""Characters on each side of what a search found."""


class SearchDocuments(Arguments):
    """Find documents by words."""

    query: str = Field(
        description=f"At most {searching.MOST_WORDS} words that must all stand in the title or text, "
        "whatever their case."
    )


class ReadDocument(Arguments):
    """Read a part of a document."""

    document_id: str = Field(description="The document's id, as list_documents gives it.")
    offset: int = Field(default=0, ge=0, description="The 0-based character to begin with.")


class CreateDocument(Arguments):
    """Write a new document."""

    title: str = Field(description="Its title, at most 200 characters.")
    content: str = Field(description="Its text, as plain text or Markdown.")


class CreateDocumentAnywhere(CreateDocument):
    """Write a new document."""

    project_id: str | None = Field(default=None, description="The project that it belongs to, if any.")


class UpdateDocument(Arguments):
    """Change a document; what is left out stays as it is."""

    document_id: str = Field(description="The document's id, as list_documents gives it.")
    title: str | None = Field(default=None, description="A new title.")
    content: str | None = Field(default=None, description="A whole new text, replacing the old.")


def _list_documents(tx: Transaction, scope: Scope, _given: Nothing) -> Any:
    part = documents.listed(tx, scope.store_id, scope.project_id, MOST_LISTED)
    result: dict[str, Any] = {
        "documents": [
            {"id": each.id, "title": each.title, "characters": each.length, "updated_at": each.updated_at}
            for each in part.rows
        ]
    }
    left = part.total - len(part.rows)
    return result | ({"left_out": left, "hint": "search_documents finds the others."} if left else {})


def _search_documents(read: Read, scope: Scope, given: SearchDocuments) -> Any:
    words = searching.words(given.query, "query")

    def asked(cursor: ReadingCursor) -> list[Found]:
        return documents.search(cursor, scope.store_id, scope.project_id, words, margin=AROUND, limit=FOUND + 1)

    found = read(asked)
    result: dict[str, Any] = {
        "documents": [
            {"id": each.id, "title": each.title, "characters": each.length}
            | ({} if each.around is None else {"found": each.around})
            for each in found[:FOUND]
        ]
    }
    return result | ({"hint": "There are more; search for more words."} if len(found) > FOUND else {})


def _read_document(tx: Transaction, scope: Scope, given: ReadDocument) -> Any:
    document = _within(tx, scope, given.document_id)
    total = len(document.content)
    if given.offset > total:
        raise InvalidInput(f"offset is {given.offset}, expected at most {total}, which is the document's length.")
    end = given.offset + PART
    return {
        "id": document.id,
        "title": document.title,
        "text": document.content[given.offset : end],
        "offset": given.offset,
        "total": total,
        "next_offset": end if end < total else None,
    }


def _create_document(tx: Transaction, scope: Scope, given: CreateDocument) -> Any:
    document = boards.create_document(
        tx,
        scope.store_id,
        given.title,
        given.content,
        project_id=given.project_id if isinstance(given, CreateDocumentAnywhere) else scope.project_id,
    )
    return {"document": _brief(document)}


def _update_document(tx: Transaction, scope: Scope, given: UpdateDocument) -> Any:
    changes = given.model_dump(exclude={"document_id"}, exclude_none=True)
    document_id = _within(tx, scope, given.document_id).id
    return {"document": _brief(boards.update_document(tx, scope.store_id, document_id, **changes))}


def _within(tx: Transaction, scope: Scope, document_id: str) -> Document:
    """The document, if the execution may touch it."""
    row = tx.row("documents", document_id) if naming.can_be_an_id(document_id) else None
    mine = isinstance(row, Document) and row.store_id == scope.store_id and row.archived_at is None
    if not isinstance(row, Document) or not mine or (scope.project_id and scope.project_id not in row.project_ids):
        where = "store" if scope.project_id is None else "project"
        raise NotFound(f"There is no document {document_id!r} in this {where}; list_documents shows what there is.")
    return row


def _brief(document: Document) -> dict[str, Any]:
    return {"id": document.id, "title": document.title, "characters": len(document.content)}


def tools(*, in_project: bool) -> list[Tool]:
    """The tools of this family."""
    return [
        Tool(
            name="list_documents",
            description="List the documents by title, with their lengths in characters.",
            arguments=Nothing,
            run=_list_documents,
            only_looks=True,
        ),
        Tool(
            name="search_documents",
            description="Find the documents in which all the words stand, with the text around the first of them.",
            arguments=SearchDocuments,
            search=_search_documents,
            only_looks=True,
        ),
        Tool(
            name="read_document",
            description=f"Read a document, {PART:,} characters at a time; next_offset is where the rest begins.",
            arguments=ReadDocument,
            run=_read_document,
            only_looks=True,
        ),
        Tool(
            name="create_document",
            description="Write a new document. An e-mail becomes a document too, with the title 'Draft: …' and a text "
            "that begins with the lines 'To: …' and 'Subject: …' and an empty line; a person sends it.",
            arguments=CreateDocument if in_project else CreateDocumentAnywhere,
            run=_create_document,
        ),
        Tool(
            name="update_document",
            description="Change a document's title, or replace its whole text.",
            arguments=UpdateDocument,
            run=_update_document,
        ),
    ]
