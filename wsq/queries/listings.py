"""Tasks, contacts and projects as an agent lists them: the first of a store or project, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import TypeVar

import msgspec

from wsq.queries.lanes import ORDER as LANE_ORDER
from wsq.queries.situations import Part, Person
from wsq.rules.searching import holds
from wsq.store.engine import Cursor, Parameters, ReadingCursor

T = TypeVar("T", bound=msgspec.Struct)

AT_ONCE = 256
"""Contacts that a search reads at once; notes have at most 20,000 characters."""


class TaskLine(msgspec.Struct, frozen=True, kw_only=True):
    """A task in a list, without its description."""

    id: str
    title: str
    status: str
    assignees: Sequence[str]
    project_id: str | None


class ProjectLine(msgspec.Struct, frozen=True, kw_only=True):
    """A project in a list."""

    id: str
    name: str
    description: str


_TASKS = """tasks WHERE store_id = $1 AND archived_at IS NULL AND ($2::VARCHAR IS NULL OR project_id = $2)
    AND ($3::VARCHAR IS NULL OR status = $3)"""
_CONTACTS = "contacts WHERE store_id = $1 AND ($2::VARCHAR IS NULL OR list_contains(project_ids, $2))"
_PROJECTS = "projects WHERE store_id = $1 AND archived_at IS NULL"


def tasks(
    cursor: Cursor, store_id: str, project_id: str | None, status: str | None, *, offset: int, limit: int
) -> Part[TaskLine]:
    """At most `limit` tasks from the 0-based `offset` on, by lane and place."""
    order, given = f"{LANE_ORDER}, rank, id", [store_id, project_id, status]
    return _part(cursor, TaskLine, _TASKS, order, given, limit, offset)


def contacts(cursor: Cursor, store_id: str, project_id: str | None, *, limit: int) -> Part[Person]:
    """At most `limit` contacts by name."""
    return _part(cursor, Person, _CONTACTS, "name, id", [store_id, project_id], limit)


def projects(cursor: Cursor, store_id: str, *, limit: int) -> Part[ProjectLine]:
    """At most `limit` projects by name."""
    return _part(cursor, ProjectLine, _PROJECTS, "name, id", [store_id], limit)


def search_contacts(
    cursor: ReadingCursor, store_id: str, project_id: str | None, words: Sequence[str], *, limit: int
) -> Part[Person]:
    """At most `limit` contacts by name that have every case-folded word in name, address or notes."""
    batches = cursor.batches(f"SELECT id, name, email, notes FROM {_CONTACTS}", AT_ONCE, [store_id, project_id])  # noqa: S608
    count = 0

    def matching() -> Iterator[Person]:
        nonlocal count
        for rows in batches:
            for id_, name, email, notes in rows:
                if holds(f"{name} {email or ''} {notes}".casefold(), words):
                    count += 1
                    yield Person(id=id_, name=name, email=email, notes=notes)

    first = nsmallest(limit, matching(), key=lambda each: (each.name, each.id))
    return Part(first, count)


def _part(
    cursor: Cursor, kind: type[T], source: str, order: str, given: Parameters, limit: int, offset: int = 0
) -> Part[T]:
    """The rows in question. They are counted apart: a window would hold the texts of all in memory."""
    fields, n = kind.__struct_fields__, len(given)
    sql = f"""SELECT {", ".join(fields)}, (SELECT count(*) FROM {source}) FROM {source}
        ORDER BY {order} LIMIT ${n + 1} OFFSET ${n + 2}"""  # noqa: S608 - words of our own
    found = cursor.query(sql, [*given, limit, offset])
    rows = [kind(**dict(zip(fields, row, strict=False))) for row in found]
    return Part(rows, found[0][-1] if found else 0)
