"""What executions get to know of the board when they start, read for many recurring tasks at once.

What belongs to a project is keyed by its id; what belongs to a store but to no project by ``*`` and the store's id:
see `home_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from wsq.projections import RecurringTask
from wsq.queries.lanes import ORDER as LANE_ORDER
from wsq.store.engine import Cursor

T = TypeVar("T", bound=msgspec.Struct)


class DocumentText(msgspec.Struct, frozen=True, kw_only=True):
    """A document: the beginning and the end of its text, and how many characters it has."""

    id: str
    title: str
    length: int
    head: str
    tail: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A contact."""

    id: str
    name: str
    email: str | None
    notes: str


class OpenTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that is not done; `description` is its beginning."""

    id: str
    title: str
    status: str
    assignees: Sequence[str]
    description: str


class Last(msgspec.Struct, frozen=True, kw_only=True):
    """How the last execution that was not skipped went."""

    status: str
    verdict: str | None
    reason: str | None
    ended_at: datetime | None
    output: str
    error: str | None


class Part(msgspec.Struct, Generic[T], frozen=True):
    """The first of what belongs somewhere, and how many there are in all."""

    rows: list[T] = []
    total: int = 0


def home_of(task: RecurringTask) -> str:
    """Where a recurring task belongs: its project, or its store apart from all projects."""
    return task.project_id or f"*{task.store_id}"


_DOCUMENTS = """SELECT home, id, title, length(content), left(content, $2::INTEGER), right(content, $2::INTEGER), in_all
    FROM (SELECT *, count(*) OVER (PARTITION BY home) AS in_all,
            row_number() OVER (PARTITION BY home ORDER BY title, id) AS place
        FROM (SELECT unnest(project_ids) AS home, id, title, content FROM documents
            WHERE archived_at IS NULL AND list_has_any(project_ids, $1::VARCHAR[]))
        WHERE home IN (SELECT unnest($1::VARCHAR[])))
    WHERE place <= $3 ORDER BY home, place"""

_PEOPLE = """SELECT home, id, name, email, notes, in_all
    FROM (SELECT *, count(*) OVER (PARTITION BY home) AS in_all,
            row_number() OVER (PARTITION BY home ORDER BY name, id) AS place
        FROM (SELECT unnest(project_ids) AS home, id, name, email, notes FROM contacts
            WHERE list_has_any(project_ids, $1::VARCHAR[]))
        WHERE home IN (SELECT unnest($1::VARCHAR[])))
    WHERE place <= $2 ORDER BY home, place"""

_OPEN_TASKS = f"""SELECT home, id, title, status, assignees, left(description, $2::INTEGER), in_all
    FROM (SELECT *, count(*) OVER (PARTITION BY home) AS in_all,
            row_number() OVER (PARTITION BY home ORDER BY lane, rank, id) AS place
        FROM (SELECT coalesce(project_id, '*' || store_id) AS home, id, title, status, assignees, description, rank,
                {LANE_ORDER} AS lane
            FROM tasks WHERE archived_at IS NULL AND status <> 'done')
        WHERE home IN (SELECT unnest($1::VARCHAR[])))
    WHERE place <= $3 ORDER BY home, place"""  # noqa: S608 - words of our own

_LANES = """SELECT store_id, status, count(*) FROM tasks
    WHERE archived_at IS NULL AND store_id IN (SELECT unnest($1::VARCHAR[])) GROUP BY store_id, status"""

_LAST = """SELECT e.recurring_task_id, e.status, e.verdict, e.reason, e.completed_at, left(e.output, $3::INTEGER),
        left(e.error, $3::INTEGER)
    FROM task_executions e JOIN (SELECT unnest($1::VARCHAR[]) AS id, unnest($2::TIMESTAMPTZ[]) AS started_at) AS wanted
        ON e.recurring_task_id = wanted.id AND e.started_at = wanted.started_at
    WHERE e.status NOT IN ('running', 'skipped') ORDER BY e.seq"""


def documents(cursor: Cursor, project_ids: list[str], *, characters: int, limit: int) -> dict[str, Part[DocumentText]]:
    """The documents of each project by title: `limit` of each, with so many characters of either end."""
    return _by_home(cursor, _DOCUMENTS, project_ids, [characters, limit], DocumentText)


def people(cursor: Cursor, project_ids: list[str], *, limit: int) -> dict[str, Part[Person]]:
    """The contacts of each project by name, `limit` of each."""
    return _by_home(cursor, _PEOPLE, project_ids, [limit], Person)


def open_tasks(cursor: Cursor, homes: list[str], *, characters: int, limit: int) -> dict[str, Part[OpenTask]]:
    """The tasks of each home that are not done, by lane and rank: `limit` of each, descriptions cut."""
    return _by_home(cursor, _OPEN_TASKS, homes, [characters, limit], OpenTask)


def lanes(cursor: Cursor, store_ids: list[str]) -> dict[str, dict[str, int]]:
    """How many tasks stand in each lane of these stores' boards; empty lanes are left out."""
    counts: dict[str, dict[str, int]] = {store_id: {} for store_id in store_ids}
    for store_id, status, count in cursor.query(_LANES, [store_ids]) if store_ids else ():
        counts[store_id][status] = count
    return counts


def last_executions(cursor: Cursor, tasks: Sequence[RecurringTask], *, characters: int) -> dict[str, Last]:
    """How each task's last execution went, by the task's id; output and error cut."""
    ran = [(task.id, task.last_executed_at) for task in tasks if task.last_executed_at is not None]
    if not ran:
        return {}
    found = cursor.query(_LAST, [[id_ for id_, _ in ran], [at for _, at in ran], characters])
    return {
        task_id: Last(status=status, verdict=verdict, reason=reason, ended_at=ended, output=output or "", error=error)
        for task_id, status, verdict, reason, ended, output, error in found
    }


def _by_home(cursor: Cursor, question: str, homes: list[str], given: list[int], kind: type[T]) -> dict[str, Part[T]]:
    """The rows by their first column; the last one is how many there are in all, the others are the kind's fields."""
    fields = kind.__struct_fields__
    found: dict[str, Part[T]] = {}
    for home, *row, total in cursor.query(question, [homes, *given]) if homes else ():
        found.setdefault(home, Part([], total)).rows.append(kind(**dict(zip(fields, row, strict=True))))
    return found
