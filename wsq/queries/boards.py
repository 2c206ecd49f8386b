"""What stands on a store's board."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from msgspec import Struct, structs

from wsq.errors import NotFound
from wsq.projections import TABLES, Contact, Document, Project, RecurringTask, Row, Rows, StoreRow, Task, WorkspaceRow
from wsq.queries import lanes
from wsq.rules import naming, searching, values
from wsq.store.engine import Cursor
from wsq.store.rows import to_rows

R = TypeVar("R", bound=Row)

BEGINNING = 200
"""How many characters of a document its line holds."""


class DocumentLine(Struct, frozen=True, kw_only=True):
    """A document in a list: `beginning` is the first `BEGINNING` characters of its text, `length` counts them all."""

    id: str
    title: str
    beginning: str
    length: int
    project_ids: tuple[str, ...]
    updated_at: datetime
    archived_at: datetime | None
    created_by_execution_id: str | None
    version: int


class ProjectCounts(Struct, frozen=True, kw_only=True):
    """How much belongs to a project, archived rows left out; `open_tasks` are those that are not done."""

    open_tasks: int = 0
    recurring_tasks: int = 0
    enabled_recurring_tasks: int = 0
    contacts: int = 0
    documents: int = 0


_POSITION = """CASE WHEN archived_at IS NULL THEN (row_number() OVER (
    PARTITION BY store_id, status, archived_at IS NULL ORDER BY rank, id) - 1) ELSE -1 END"""


def select(cursor: Cursor, table: str, kind: type[R], rest: str, parameters: list[Any]) -> Rows[R]:
    """The table's rows that `rest` (where, order, limit) leaves, as values."""
    spec = TABLES[table]
    found = cursor.query(f"SELECT {', '.join(spec.columns)} FROM {table} {rest}", parameters)  # noqa: S608
    return Rows((row for row in to_rows(spec, found) if isinstance(row, kind)), kind=kind)


def workspace(cursor: Cursor) -> WorkspaceRow:
    """What is known of the workspace as a whole."""
    found = select(cursor, "workspace", WorkspaceRow, "", [])
    return found[0] if found else WorkspaceRow(id="*")


def stores(cursor: Cursor, *, include_archived: bool = False) -> Rows[StoreRow]:
    """The workspace's stores by name."""
    return select(cursor, "stores", StoreRow, f"{_alive(include_archived, 'WHERE')} ORDER BY name, id", [])


def count_stores(cursor: Cursor) -> int:
    """How many stores are not archived."""
    ((count,),) = cursor.query("SELECT count(*) FROM stores WHERE archived_at IS NULL")
    return int(count)


def store(cursor: Cursor, store_id: str) -> StoreRow:
    """The store by its id; `NotFound` names the nearest."""
    found = select(cursor, "stores", StoreRow, "WHERE id = $1", [store_id]) if naming.can_be_an_id(store_id) else []
    if found:
        return found[0]
    raise no_store(cursor, store_id)


def no_store(cursor: Cursor, store_id: str) -> NotFound:
    """That there is no such store, with the nearest that there is."""
    return naming.no_store(store_id, [name for (name,) in cursor.query("SELECT id FROM stores ORDER BY id")])


def projects(cursor: Cursor, store_id: str, *, include_archived: bool = False) -> Rows[Project]:
    """The store's projects by name."""
    rest = f"WHERE store_id = $1 {_alive(include_archived)} ORDER BY name, id"
    return select(cursor, "projects", Project, rest, [store_id])


def contacts(cursor: Cursor, store_id: str, project_id: str | None = None) -> Rows[Contact]:
    """The store's contacts by name, of a project or of all."""
    _known_project(cursor, store_id, project_id)
    rest = "WHERE store_id = $1 AND ($2::VARCHAR IS NULL OR $2 = ANY(project_ids)) ORDER BY name, id"
    return select(cursor, "contacts", Contact, rest, [store_id, project_id])


def documents(
    cursor: Cursor, store_id: str, project_id: str | None = None, *, include_archived: bool = False
) -> Rows[Document]:
    """The store's documents by title, of a project or of all."""
    _known_project(cursor, store_id, project_id)
    alive = _alive(include_archived)
    rest = f"WHERE store_id = $1 AND ($2::VARCHAR IS NULL OR $2 = ANY(project_ids)) {alive} ORDER BY title, id"
    return select(cursor, "documents", Document, rest, [store_id, project_id])


def document_lines(cursor: Cursor, store_id: str, *, include_archived: bool = False) -> list[DocumentLine]:
    """The store's documents by title, without their texts but for the beginning."""
    found = cursor.query(
        f"""SELECT id, title, left(content, {BEGINNING}), length(content), project_ids, updated_at, archived_at,
            created_by_execution_id, version
        FROM documents WHERE store_id = $1 {_alive(include_archived)} ORDER BY title, id""",  # noqa: S608
        [store_id],
    )
    return [_line(row) for row in found]


def _line(row: tuple[Any, ...]) -> DocumentLine:
    fields = dict(zip(DocumentLine.__struct_fields__, row, strict=True))
    return DocumentLine(**(fields | {"project_ids": tuple(fields["project_ids"])}))


def project_counts(cursor: Cursor, store_id: str) -> dict[str, ProjectCounts]:
    """How much belongs to each of the store's projects, by id; those to which nothing does are left out."""
    found = cursor.query(
        """SELECT project_id, kind, count(*) FROM (
            SELECT project_id, 'open_tasks' AS kind FROM tasks
            WHERE store_id = $1 AND archived_at IS NULL AND status <> 'done'
            UNION ALL SELECT project_id, 'recurring_tasks' FROM recurring_tasks WHERE store_id = $1
            UNION ALL SELECT project_id, 'enabled_recurring_tasks' FROM recurring_tasks
            WHERE store_id = $1 AND enabled
            UNION ALL SELECT unnest(project_ids), 'contacts' FROM contacts WHERE store_id = $1
            UNION ALL SELECT unnest(project_ids), 'documents' FROM documents
            WHERE store_id = $1 AND archived_at IS NULL
        ) AS belonging WHERE project_id IS NOT NULL GROUP BY project_id, kind""",
        [store_id],
    )
    counts: dict[str, dict[str, int]] = {}
    for project_id, kind, count in found:
        counts.setdefault(project_id, {})[kind] = int(count)
    return {project_id: ProjectCounts(**each) for project_id, each in counts.items()}


def documents_made_by(cursor: Cursor, store_id: str, execution_id: str) -> Rows[Document]:
    """The documents that an execution made, in the order in which it made them, archived or not."""
    rest = "WHERE store_id = $1 AND created_by_execution_id = $2 ORDER BY created_at, id"
    given = execution_id if naming.can_be_an_id(execution_id) else None
    return select(cursor, "documents", Document, rest, [store_id, given])


def tasks(
    cursor: Cursor,
    store_id: str,
    project_id: str | None = None,
    status: str | None = None,
    *,
    include_archived: bool = False,
) -> Rows[Task]:
    """The store's tasks by lane and place; places are counted in the store's whole lane."""
    _known_project(cursor, store_id, project_id)
    spec = TABLES["tasks"]
    columns = ", ".join(spec.columns)
    found = cursor.query(
        f"""SELECT {columns}, position FROM (
            SELECT {columns}, {_POSITION} AS position FROM tasks WHERE store_id = $1 {_alive(include_archived)}
        ) AS placed
        WHERE ($2::VARCHAR IS NULL OR project_id = $2) AND ($3::VARCHAR IS NULL OR status = $3)
        ORDER BY {lanes.ORDER}, archived_at IS NOT NULL, rank, id""",  # noqa: S608
        [store_id, project_id, status],
    )
    rows = to_rows(spec, found, "position")
    return Rows((row for row in rows if isinstance(row, Task)), kind=Task)


def task(cursor: Cursor, store_id: str, task_id: str) -> Task:
    """The store's task by its id, archived or not."""
    row = one(cursor, "tasks", Task, store_id, task_id)
    if row.archived_at is not None:
        return row
    return structs.replace(row, position=lanes.position(cursor, row))


def archived_tasks(cursor: Cursor, store_id: str, text: str = "", *, limit: int = 50) -> Rows[Task]:
    """The store's archived tasks, the last archived first.

    Args:
        cursor: A view of the workspace.
        store_id: The store.
        text: Only those with all its words in title or description, in any case.
        limit: The most that are returned.

    Raises:
        InvalidInput: `text` has too many words, or `limit` is no number of rows.
    """
    wanted = searching.words(text, "The search") if values.text(text, "text").strip() else []
    most = values.limit(limit)
    rest = "WHERE store_id = $1 AND archived_at IS NOT NULL ORDER BY archived_at DESC, id DESC"
    rows = select(cursor, "tasks", Task, rest if wanted else f"{rest} LIMIT {most}", [store_id])
    found = (row for row in rows if searching.holds(searching.folded(f"{row.title} {row.description}"), wanted))
    return Rows(islice(found, most), kind=Task)


def recurring_tasks(cursor: Cursor, store_id: str, project_id: str | None = None) -> Rows[RecurringTask]:
    """The store's recurring tasks, newest first."""
    _known_project(cursor, store_id, project_id)
    rest = """WHERE store_id = $1 AND ($2::VARCHAR IS NULL OR project_id = $2)
        ORDER BY created_at DESC, seq DESC"""
    return select(cursor, "recurring_tasks", RecurringTask, rest, [store_id, project_id])


def one(cursor: Cursor, table: str, kind: type[R], store_id: str, row_id: str) -> R:
    """The store's row by its id; `NotFound` names the nearest."""
    found = find(cursor, table, kind, store_id, row_id)
    if found is None:
        raise missing(cursor, table, store_id, row_id)
    return found


def find(cursor: Cursor, table: str, kind: type[R], store_id: str, row_id: str) -> R | None:
    """The store's row by its id, None if there is none."""
    if not naming.can_be_an_id(row_id):
        return None
    found = select(cursor, table, kind, "WHERE id = $1 AND store_id = $2", [row_id, store_id])
    return found[0] if found else None


def missing(cursor: Cursor, table: str, store_id: str, row_id: str) -> NotFound:
    """That there is no such row, with the nearest that there is."""
    store(cursor, store_id)
    return no_row(cursor, table, store_id, row_id)


def no_row(cursor: Cursor, table: str, store_id: str, row_id: str) -> NotFound:
    """That the store has no such row, with the nearest of its 500 newest."""
    title, order = naming.TITLES[table]
    sql = f"SELECT id, {title} FROM {table} WHERE store_id = $1 ORDER BY {order} DESC LIMIT 500"  # noqa: S608
    return naming.not_found(table, store_id, row_id, dict(cursor.query(sql, [store_id])))


def contact_with_email(cursor: Cursor, store_id: str, folded: str) -> tuple[str, str] | None:
    """The id and name of the store's contact that has a folded address; None when nobody has."""
    found = cursor.query("SELECT id, name FROM contacts WHERE store_id = $1 AND email_folded = $2", [store_id, folded])
    return found[0] if found else None


def enabled_in_project(cursor: Cursor, store_id: str, project_id: str) -> list[str]:
    """The ids of a project's enabled recurring tasks."""
    found = cursor.query(
        "SELECT id FROM recurring_tasks WHERE store_id = $1 AND project_id = $2 AND enabled ORDER BY id",
        [store_id, project_id],
    )
    return [id_ for (id_,) in found]


def _known_project(cursor: Cursor, store_id: str, project_id: str | None) -> None:
    if project_id is not None:
        one(cursor, "projects", Project, store_id, project_id)


def _alive(include_archived: bool, word: str = "AND") -> str:  # noqa: FBT001 - a private word of SQL
    return "" if include_archived else f"{word} archived_at IS NULL"


def project(cursor: Cursor, store_id: str, project_id: str) -> Project:
    """The store's project by its id."""
    return one(cursor, "projects", Project, store_id, project_id)


def contact(cursor: Cursor, store_id: str, contact_id: str) -> Contact:
    """The store's contact by its id."""
    return one(cursor, "contacts", Contact, store_id, contact_id)


def document(cursor: Cursor, store_id: str, document_id: str) -> Document:
    """The store's document by its id."""
    return one(cursor, "documents", Document, store_id, document_id)


def recurring_task(cursor: Cursor, store_id: str, recurring_task_id: str) -> RecurringTask:
    """The store's recurring task by its id."""
    return one(cursor, "recurring_tasks", RecurringTask, store_id, recurring_task_id)
